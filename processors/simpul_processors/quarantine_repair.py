"""How a refused event is mended: changed by hand or by a script, judged by the door, and made ready to be sent again.

Three things follow from the law and are decided here, not by who mends:

- **event_id** comes from the refusal's origin alone, so that a second redrive is a copy of the first, and copies do
  nothing.
- **revision** stays the event's own: had the statement been right, it would have stood in this place among the others
  of its subject, so a newer one that came since still wins and an older one is replaced. Only where the revision itself
  was wrong another is given: above zero it must be, so what has none gets the microseconds of `published_at`, as the
  SDK would have given; and what conflicts with another of the same revision goes one above it, because whoever redrives
  it says that this one is right.
- **subject** stays, unless it was what was wrong: another subject would be another thing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from simpul_processors.errors import RepairRefused
from simpul_processors.quarantine_events import Decoded, Plain, from_plain, is_masked, to_plain, tree_of
from simpul_schemas import door
from simpul_schemas.contract import EventType, event_type
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.quarantine import Refusal
from simpul_schemas.regions import province_of
from simpul_schemas.rules import Rule
from simpul_schemas.times import iso_utc, read_iso
from simpul_schemas.topics import event_topic

#: Mends an event; None leaves the refusal as it is.
Mend: TypeAlias = Callable[[Plain], Plain | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What whoever redrives wants beside the mended event: why, and whether it may leave its topic."""

    reason: str
    move: bool = False


@dataclass(frozen=True, slots=True)
class Repaired:
    """An event that the door let in, ready to be sent."""

    refusal: Refusal
    kind: EventType
    topic: str
    record: Mapping[str, Any]
    before: Plain | None
    after: Plain
    warnings: Sequence[Rule]

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """Every field that differs: name, value before, value after."""
        before = self.before or {}
        names = [*before, *(name for name in self.after if name not in before)]
        return [
            (name, before.get(name), self.after.get(name))
            for name in names
            if before.get(name) != self.after.get(name) or (name in before) != (name in self.after)
        ]


def repair(refusal: Refusal, decoded: Decoded | None, mended: Plain, wish: Wish, now_micros: int) -> Repaired:
    """Judge a mended event as the topic that it goes to would, or raise `RepairRefused` that names the refusal."""
    before = decoded.event if decoded else None
    kind = _kind(refusal, decoded, wish)
    _check(refusal, before, mended)
    region = mended.get("region")
    moved = wish.move and isinstance(region, str)
    province = province_of(str(region)) if moved else refusal.origin.province
    event = mended | {
        "event_id": refusal.event_id,
        "revision": _revision(refusal, before, mended),
        "reason": _reason(refusal, mended, wish.reason),
    }
    if "published_at" not in event and refusal.appended_at is not None:
        event["published_at"] = iso_utc(refusal.appended_at)
    tree = tree_of(kind.name)
    try:
        admitted = door.admit(kind, from_plain(tree, event), now_micros, province)
    except InvalidEvent as error:
        raise _refused(refusal, error) from error
    return Repaired(
        refusal,
        kind,
        event_topic(province, kind.name),
        admitted.record,
        before,
        to_plain(tree, admitted.record),
        admitted.warnings,
    )


def _kind(refusal: Refusal, decoded: Decoded | None, wish: Wish) -> EventType:
    """Return the type that the event is sent as: its topic's, or its own where it lay on a wrong one and may move."""
    if wish.move and decoded and decoded.kind and "record.wrong_type" in refusal.codes:
        return decoded.kind
    return event_type(refusal.origin.event_type)


def _check(refusal: Refusal, before: Plain | None, mended: Plain) -> None:
    if is_masked(mended):
        raise RepairRefused(
            (),
            f"{refusal.origin.id}: ada nilai yang disamarkan; ambil peristiwa dengan 'quarantine show --unmask'.",
            f"{refusal.origin.id}: a value is masked; take the event from 'quarantine show --unmask'.",
        )
    subject_was_wrong = before is None or "envelope.subject_malformed" in refusal.codes
    if not subject_was_wrong and before is not None and mended.get("subject") != before.get("subject"):
        raise RepairRefused(
            (),
            f"{refusal.origin.id}: subjek berubah; subjek lain adalah hal lain, kirim sebagai peristiwa baru.",
            f"{refusal.origin.id}: the subject changed; another subject is another thing, publish it as a new event.",
        )


def _revision(refusal: Refusal, before: Plain | None, mended: Plain) -> object:
    given = mended.get("revision")
    if before is None:
        return refusal.appended_at if given is None else given
    if given != before.get("revision") or not isinstance(given, int):
        return given
    if "subject.conflict" in refusal.codes:
        return given + 1
    if given < 1:
        return read_iso(str(mended.get("published_at"))) or given
    return given


def _reason(refusal: Refusal, mended: Plain, why: str) -> str:
    said = f"diperbaiki dari karantina / repaired from quarantine {refusal.origin.id}: {why}"
    own = mended.get("reason")
    return f"{own}; {said}" if own else said


def _refused(refusal: Refusal, error: InvalidEvent) -> RepairRefused:
    hint_id, hint_en = "", ""
    if "region.outside_province" in error.codes:
        hint_id = " Bila memang milik provinsi itu, ulangi dengan --move."
        hint_en = " If it does belong to that province, say --move."
    name = refusal.origin.id
    return RepairRefused(
        error.codes,
        f"{name}: {', '.join(error.codes)}: {error.message_id}{hint_id}",
        f"{name}: {', '.join(error.codes)}: {error.message_en}{hint_en}",
    )
