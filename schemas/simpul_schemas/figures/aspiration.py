"""What citizens asked for or complained of, and how long they waited."""

from dataclasses import dataclass
from types import MappingProxyType

from simpul_schemas.figures.spec import Named, ViewSpec
from simpul_schemas.lifecycles import CLOCKS

#: Working days that SP4N-LAPOR! allows from one moment to another.
_LIMITS = {(clock.start, clock.end): clock.working_days for clock in CLOCKS}


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch between two moments of an aspiration, in working days; what the public holidays were is not known.

    `called` says in Indonesian and English what happened to an aspiration at its end.
    """

    name: str
    start: str
    end: str
    called: tuple[str, str]

    @property
    def limit(self) -> int | None:
        """How many working days it may take, None where no clock runs."""
        return _LIMITS.get((self.start, self.end))


WAITS = (
    Wait("response", "submitted_at", "first_answered_at", ("dijawab sejak dikirim", "answered since they came")),
    Wait("verification", "submitted_at", "verified_at", ("diverifikasi sejak dikirim", "verified since they came")),
    Wait("answer", "forwarded_at", "first_answered_at", ("dijawab instansi", "answered since they were forwarded")),
    Wait("closing", "last_replied_at", "closed_at", ("ditutup", "closed since the last reply")),
)


def _measures(wait: Wait) -> tuple[Named, ...]:
    indonesian, english = wait.called
    found = (
        Named(f"{wait.name}_count", f"Aspirasi yang {indonesian}. Aspirations that were {english}, both times known."),
        Named(f"{wait.name}_working_days", "Hari kerja untuk itu. Working days that these took in all."),
    )
    if wait.limit is None:
        return found
    late = Named(f"{wait.name}_late", f"Lebih dari {wait.limit} hari kerja. Of these, over {wait.limit} working days.")
    return (*found, late)


ASPIRATION = ViewSpec(
    name="aspiration",
    event_type="aspiration",
    doc="Aspirasi dan pengaduan. Aspirations by class and status, with time to answer.",
    dimensions=(
        Named("classification", "Klasifikasi. ASPIRASI, PENGADUAN, PERMINTAAN_INFORMASI and others."),
        Named("status", "Status. What was done last, from DITERIMA to DITUTUP."),
    ),
    measures=(
        Named("aspirations", "Aspirasi. Aspirations."),
        *(measure for wait in WAITS for measure in _measures(wait)),
    ),
    coverage=("response_count", "aspirations"),
    fields=frozenset({"classification", "status", *(name for wait in WAITS for name in (wait.start, wait.end))}),
    rates=MappingProxyType(
        {f"mean_{wait.name}_working_days": (f"{wait.name}_working_days", f"{wait.name}_count") for wait in WAITS}
    ),
)
