"""Lifecycles: which state of a subject may follow which, and the clocks that run between its moments.

Each lifecycle is a table. What is said again in the same state is a correction and always allowed; a state that is not
known on one side cannot be judged. The tables follow the order that law and practice name; the full texts of the
regulations were not verified, so a transition may be added, and none is a claim of legal compliance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from simpul_schemas.rules import Text


@dataclass(frozen=True)
class Lifecycle:
    """The states of one field of an event type, and for each those that may follow it.

    `initial` are the states that a subject may begin in. `code` is what a forbidden transition is counted under.
    """

    event_type: str
    field: str
    code: str
    initial: frozenset[str]
    transitions: Mapping[str, frozenset[str]]
    message: Text
    remedy: Text

    @property
    def states(self) -> tuple[str, ...]:
        """Every state."""
        return tuple(self.transitions)

    def allows(self, before: str | None, after: str | None) -> bool | None:
        """Return whether a state may follow another; None where one is unknown, or none of this lifecycle."""
        if before is None or after is None or {before, after} - set(self.transitions):
            return None
        return before == after or after in self.transitions[before]


def judge_transition(event_type: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Lifecycle, ...]:
    """Return the lifecycles of an event type that the step from one record of a subject to the next one breaks.

    `before` is the record that counted so far, `after` the one with the higher revision. A withdrawal ends all
    lifecycles and begins none, so a step from or to one breaks nothing.
    """
    if "WITHDRAW" in {before.get("action"), after.get("action")}:
        return ()
    return tuple(
        lifecycle
        for lifecycle in LIFECYCLES
        if lifecycle.event_type == event_type
        and lifecycle.allows(before.get(lifecycle.field), after.get(lifecycle.field)) is False
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """At most so many working days from one moment to another; `code` is the warning where it took longer."""

    event_type: str
    code: str
    start: str
    end: str
    working_days: int


def _table(**transitions: str) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({state: frozenset(following.split()) for state, following in transitions.items()})


#: Phases of a social conflict (UU 7/2012): a conflict flares up anew out of recovery, and recovery leads to prevention.
CONFLICT_PHASE = Lifecycle(
    event_type="incident",
    field="phase",
    code="incident.phase_out_of_order",
    # A conflict is often first reported when it has to be stopped, or only when it is over.
    initial=frozenset({"PENCEGAHAN", "PENGHENTIAN", "PEMULIHAN"}),
    transitions=_table(
        PENCEGAHAN="PENGHENTIAN",
        PENGHENTIAN="PEMULIHAN",
        PEMULIHAN="PENGHENTIAN PENCEGAHAN",
    ),
    message=Text("Tahap konflik melompati urutannya.", "The phase of the conflict jumps its order."),
    remedy=Text(
        "Pencegahan, penghentian, pemulihan; laporkan tahap yang terlewat.",
        "Prevention, cessation, recovery; report the phase between.",
    ),
)

#: What was verified is not unverified again; a mistake is corrected by withdrawing the subject.
INCIDENT_VERIFICATION = Lifecycle(
    event_type="incident",
    field="verification",
    code="incident.verification_taken_back",
    initial=frozenset({"UNVERIFIED", "VERIFIED"}),
    transitions=_table(UNVERIFIED="VERIFIED", VERIFIED=""),
    message=Text("Kejadian yang sudah diverifikasi menjadi belum.", "A verified incident becomes unverified."),
    remedy=Text("Tarik kejadian itu bila tidak benar.", "Withdraw the incident if it is not true."),
)

#: BAST: planned, handed over, verified.
HANDOVER = Lifecycle(
    event_type="aid_handover",
    field="status",
    code="aid_handover.status_out_of_order",
    # A handover that nobody announced is reported when it has taken place.
    initial=frozenset({"PLANNED", "HANDED_OVER"}),
    transitions=_table(PLANNED="HANDED_OVER", HANDED_OVER="VERIFIED", VERIFIED=""),
    message=Text("Status serah terima melompati urutannya.", "The status of the handover jumps its order."),
    remedy=Text(
        "Direncanakan, diserahterimakan, diverifikasi.", "Planned, handed over, verified; each is an event of its own."
    ),
)

#: What an administrator does with an aspiration; a closed one stays closed, an archived one can be taken up again.
ASPIRATION = Lifecycle(
    event_type="aspiration",
    field="status",
    code="aspiration.status_out_of_order",
    initial=frozenset({"DITERIMA"}),
    transitions=_table(
        DITERIMA="DIVERIFIKASI DITUNDA BUKAN_WEWENANG DIARSIPKAN",
        DIVERIFIKASI="DIDISPOSISI DITUNDA BUKAN_WEWENANG DIARSIPKAN",
        DITUNDA="DIVERIFIKASI BUKAN_WEWENANG DIARSIPKAN",
        # The agency that it was forwarded to may be the wrong one.
        DIDISPOSISI="DITINDAKLANJUTI BUKAN_WEWENANG DITUNDA",
        DITINDAKLANJUTI="DITUTUP DIDISPOSISI",
        BUKAN_WEWENANG="DIDISPOSISI DIARSIPKAN DITUTUP",
        DIARSIPKAN="DIVERIFIKASI",
        DITUTUP="",
    ),
    message=Text("Status aspirasi melompati urutannya.", "The status of the aspiration jumps its order."),
    remedy=Text(
        "Diterima, diverifikasi, didisposisi, ditindaklanjuti, ditutup.",
        "Received, verified, forwarded, acted on, closed.",
    ),
)

LIFECYCLES = (CONFLICT_PHASE, INCIDENT_VERIFICATION, HANDOVER, ASPIRATION)

#: SP4N-LAPOR!: 3 working days to verify and forward, 5 for the agency's first answer, closed 10 after the last reply.
CLOCKS = (
    Clock("aspiration", "aspiration.verified_late", "submitted_at", "verified_at", 3),
    Clock("aspiration", "aspiration.answered_late", "forwarded_at", "first_answered_at", 5),
    Clock("aspiration", "aspiration.closed_late", "last_replied_at", "closed_at", 10),
)
