"""The state of completeness: what reports say, what the roster expects, and the sums of both for every place.

Layout in the store, all of it JSON:

| space | key | document |
|---|---|---|
| entities | `s/` lane and subject | revision, event id, what it says now, and when each unit-period was said first |
| entities | `u/` unit-period | the statements of its subjects, and what it has added |
| groups | place | sums, names, touches, newest time |
| names | `r/` bucket | the roster, by key |
| names | `i/` event type and region | last roster change that touched it, and its periods |
| names | `k/` event type, unit, kind | the periods that reports have named |
| names | `now` | highest append time read |

A place's revision is a function of what is in it, never of who computed it or in what order the topics were read: see
`_revision`. So two workers that have read different parts of different topics cannot make an older state win.
"""

import bisect
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simpul_processors.completeness import COUNTS, NOTHING, Contribution, Roster, Statement, UnitPeriod, begun, judge
from simpul_processors.overlay import Document, Overlay, digest
from simpul_processors.store import Snapshot, Space, Transaction
from simpul_schemas.coverage import NAMES_AT_MOST, ROSTER_SHIFT, Place, chain, places
from simpul_schemas.periods import Period, containing
from simpul_schemas.regions import NATION, Level, level_of
from simpul_schemas.roster import Held, RosterAction, RosterEntry, held_of

_BUCKETS = tuple(f"r/{number:02x}" for number in range(256))
_EXPECTED, _OPEN = COUNTS.index("expected"), COUNTS.index("open")
#: Where reports that nobody expects are told.
_TOLD_LEVELS = frozenset({Level.PROVINCE.value, Level.NATION.value})
_period = lru_cache(1 << 14)(Period.read)


@dataclass(frozen=True, slots=True)
class Said:
    """What an accepted report says: `claims` by event type; `counts` is False when it is withdrawn or not actual."""

    lane: str
    subject: str
    revision: int
    event_id: str
    counts: bool
    region: str
    unit: str
    period_kind: str
    period: str
    claims: Mapping[str, int]
    at: int

    def covered(self) -> Iterator[tuple[str, int, bool]]:
        """Give the event types that it covers, the number claimed of each, and whether it names the type itself."""
        yield from ((event_type, count, True) for event_type, count in self.claims.items())
        if "report" not in self.claims:
            yield "report", 1, not self.claims


def load_roster(snapshot: Snapshot) -> dict[str, Held]:
    """Read the roster out of a store."""
    overlay = Overlay(snapshot)
    overlay.fetch(Space.NAMES, _BUCKETS)
    records = (record for bucket in _BUCKETS for record in (overlay.get(Space.NAMES, bucket) or {}).values())
    found = (held_of(record) for record in records)
    return {held.entry.key: held for held in found if held is not None}


def log_time(snapshot: Snapshot) -> int:
    """Return the highest append time that a store has read; 0 for an empty one."""
    return Overlay(snapshot).get(Space.NAMES, "now") or 0


class Book:
    """One batch of changes to the state; `close` writes them, and notes which places must be published."""

    def __init__(self, transaction: Transaction, roster: Roster, held: dict[str, Held]) -> None:
        self._transaction = transaction
        self._store = Overlay(transaction)
        self._roster = roster
        self._held = held
        self._before = log_time(transaction)
        self._now = self._before
        self._entries: list[RosterEntry] = []
        self._touched: set[UnitPeriod] = set()
        self._dirty: set[Place] = set()

    def pass_time(self, at: int) -> int:
        """Note the append time of a record, and return the time of the log."""
        self._now = max(self._now, at)
        return self._now

    def enter(self, held: Held, offset: int, at: int) -> bool:
        """Take in a record of the roster, in the order of its log; True for a key never seen before."""
        key = held.entry.key
        before = self._held.get(key)
        if before is not None and held.revision <= before.revision:
            return False
        self._held[key] = held
        self._roster.put(before, held)
        bucket = f"r/{hashlib.blake2b(key.encode(), digest_size=1).hexdigest()}"
        action = RosterAction.SUBMIT if held.stands else RosterAction.WITHDRAW
        documents = self._store.get(Space.NAMES, bucket) or {}
        self._store.put(Space.NAMES, bucket, documents | {key: held.entry.to_record(action, held.revision)})
        # An entry can take the place of another one of its unit, in another region.
        concerned = {held.entry, *self._roster.entries_like(held.entry), *([before.entry] if before else [])}
        self._entries += concerned
        for region in {region for entry in concerned for region in chain(entry.region)}:
            self._mark_region(held.entry.event_type, region, offset + 1, at)
        return before is None

    def expect_subjects(self, said: Iterable[Said]) -> None:
        """Read the subjects of many reports at once."""
        self._store.fetch(Space.ENTITIES, [_subject_key(one) for one in said])

    def report(self, said: Said) -> bool:
        """Take in an accepted report, in the order of its lane; True for a subject never seen before."""
        key = _subject_key(said)
        old = self._store.get(Space.ENTITIES, key)
        firsts = {} if old is None else old["first"]
        if said.counts:
            first = firsts.setdefault(digest([said.unit, said.period_kind, said.period]), {})
            for event_type, _, _ in said.covered():
                first[event_type] = min(said.at, first.get(event_type, said.at))
        if old is not None and (said.revision, said.event_id) <= (old["revision"], old["id"]):
            self._store.put(Space.ENTITIES, key, old | {"first": firsts})
            return False
        said_before = old["said"] if old else None
        new = [said.region, said.unit, said.period_kind, said.period, [list(one) for one in said.covered()]]
        says = new if said.counts else None
        document = {"revision": said.revision, "id": said.event_id, "said": says, "first": firsts}
        self._store.put(Space.ENTITIES, key, document)
        self._state(key, said_before, None, document)
        self._state(key, says, firsts, document)
        self._touch([one for one in (said_before, says) if one], said.at)
        return old is None

    def _state(self, subject: str, said: Document, firsts: Document, document: Document) -> None:
        """Put the statements of a subject to its unit-periods; without `firsts` take them away."""
        if said is None:
            return
        region, unit, kind, period, covered = said
        for event_type, count, told in covered:
            unit_period = UnitPeriod(event_type, unit, kind, period)
            known = self._unit_period(unit_period)
            statements = dict(known["says"])
            statements.pop(subject, None)
            if firsts is not None:
                first = firsts[digest([unit, kind, period])][event_type]
                statements[subject] = list(Statement(document["revision"], document["id"], first, region, count, told))
            self._store.put(Space.ENTITIES, _unit_key(unit_period), known | {"says": statements})
            self._know(unit_period)
            self._touched.add(unit_period)

    def _touch(self, saids: Iterable[Document], at: int) -> None:
        """Count a report in every place that it can change, whatever the roster says now."""
        reached: dict[Place, bool] = {}
        for region, _, kind, period, covered in saids:
            for event_type, _, told in covered:
                for place in places(event_type, region, kind, period):
                    # Another worker may have published here what this one has never seen: a report that was
                    # unexpected for a moment. So it is said that there is nothing, too.
                    can_be_strange = told and place.level in _TOLD_LEVELS
                    reached[place] = reached.get(place, False) or can_be_strange
        for place, shown in reached.items():
            document = self._place(place)
            changed = {"touched": document["touched"] + 1, "as_of": max(document["as_of"], at)}
            self._put_place(place, document | changed | {"shown": document["shown"] or shown})

    def close(self) -> None:
        """Judge what was touched, by records or by time, and write it all."""
        if self._before:
            self._touched.update(self._roster.moved_by_time(self._before, self._now))
        for entry in self._entries:
            for unit_period in begun(entry, self._now):
                self._touched.add(unit_period)
                self._show(entry.region, unit_period)
            kind = entry.period_kind.value
            known = self._store.get(Space.NAMES, _known_key(entry.event_type, entry.unit, kind)) or []
            self._touched.update(UnitPeriod(entry.event_type, entry.unit, kind, period) for period in known)
        touched = sorted(self._touched)
        self._store.fetch(Space.ENTITIES, [_unit_key(unit_period) for unit_period in touched])
        for unit_period in touched:
            self._judge(unit_period)
        self._store.put(Space.NAMES, "now", self._now)
        self._store.flush(self._transaction)
        if self._dirty:
            places_due = json.dumps(sorted(self._dirty), ensure_ascii=False, separators=(",", ":"))
            self._transaction.append(Space.DIRTY, places_due.encode())

    def _show(self, region: str, unit_period: UnitPeriod) -> None:
        """Say what stands in the places of an entry, though it be nothing: another worker may have said more."""
        event_type, _, kind, period = unit_period
        for place in places(event_type, region, kind, period):
            document = self._place(place)
            direct = document["direct"] or (place.region == region and place.period_kind == kind)
            if not document["shown"] or direct != document["direct"]:
                self._put_place(place, document | {"shown": True, "direct": direct})

    def _judge(self, unit_period: UnitPeriod) -> None:
        known = self._unit_period(unit_period)
        period = _period(unit_period.period_kind, unit_period.period)
        statements = [Statement(*one) for one in known["says"].values()]
        entry = self._roster.entry_of(unit_period, period)
        new = judge(period, entry, statements, self._now)
        old = Contribution(*known["adds"]) if known["adds"] else NOTHING
        if new == old._replace(counts=tuple(old.counts)):
            return
        self._store.put(Space.ENTITIES, _unit_key(unit_period), known | {"adds": list(new)})
        if new.region:
            self._show(new.region, unit_period)
        self._add(unit_period, old, -1)
        self._add(unit_period, new, 1)

    def _add(self, unit_period: UnitPeriod, adds: Contribution, sign: int) -> None:
        event_type, _, kind, period = unit_period
        counts = dict(zip(COUNTS, adds.counts, strict=True))
        marks = (counts["expected"] - counts["reported"], counts["silent"], counts["late"])
        for place in places(event_type, adds.region, kind, period) if adds.region else ():
            document = self._place(place)
            document["sums"] = [
                total + sign * count for total, count in zip(document["sums"], adds.counts, strict=True)
            ]
            document["as_of"] = max(document["as_of"], adds.as_of)
            if any(marks):
                # In place: a place may name every unit of the country, and each of them comes by here.
                names = document["names"]
                before = names.pop(adds.name, (0, 0, 0))
                marked = [total + sign * mark for total, mark in zip(before, marks, strict=True)]
                if any(marked):
                    names[adds.name] = marked
            self._put_place(place, document)
        for province, count in adds.unexpected.items():
            for region in (province, NATION):
                for longer_kind, longer in containing(kind, period):
                    place = Place(event_type, level_of(region).value, region, longer_kind, longer)
                    document = self._place(place)
                    self._put_place(place, document | {"unexpected": document["unexpected"] + sign * count})

    def _unit_period(self, unit_period: UnitPeriod) -> Document:
        return self._store.get(Space.ENTITIES, _unit_key(unit_period)) or {"says": {}, "adds": None}

    def _know(self, unit_period: UnitPeriod) -> None:
        """Keep the periods that reports have named, for the day the roster changes."""
        key = _known_key(*unit_period[:3])
        known = self._store.get(Space.NAMES, key) or []
        if unit_period.period not in known:
            self._store.put(Space.NAMES, key, sorted([*known, unit_period.period]))

    def _place(self, place: Place) -> Document:
        found = self._store.get(Space.GROUPS, place.key)
        if found is not None:
            return found
        region = self._region(place.event_type, place.region)
        bisect.insort(region["periods"], [place.period_kind, place.period])
        self._store.put(Space.NAMES, _region_key(place.event_type, place.region), region)
        return {
            "sums": [0] * len(COUNTS),
            "unexpected": 0,
            "touched": 0,
            "as_of": 0,
            "names": {},
            "shown": False,
            "direct": False,
        }

    def _put_place(self, place: Place, document: Document) -> None:
        shown = document["shown"] or any(document["sums"]) or document["unexpected"] > 0
        self._store.put(Space.GROUPS, place.key, document | {"shown": shown})
        self._dirty.add(place)

    def _region(self, event_type: str, region: str) -> Document:
        return _region_of(self._store, event_type, region)

    def _mark_region(self, event_type: str, region: str, position: int, at: int) -> None:
        """Note that the roster has changed what is expected in a region: all its places get a new revision."""
        document = self._region(event_type, region)
        document |= {"changed": position, "at": max(document["at"], at)}
        self._store.put(Space.NAMES, _region_key(event_type, region), document)
        level = level_of(region).value
        self._dirty.update(Place(event_type, level, region, kind, period) for kind, period in document["periods"])


def rows_due(snapshot: Snapshot) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return the rows of the places that changed and were not published since, and the entries that say so."""
    entries = snapshot.items(Space.DIRTY)
    due = sorted({Place(*one) for _, value in entries for one in json.loads(value)})
    store = Overlay(snapshot)
    store.fetch(Space.GROUPS, [place.key for place in due])
    store.fetch(Space.NAMES, [_region_key(place.event_type, place.region) for place in due])
    rows = (_row(store, place) for place in due)
    return [row for row in rows if row is not None], [key for key, _ in entries]


def _row(store: Overlay, place: Place) -> dict[str, Any] | None:
    """Return the row of a place as readers see it; None for one that never said anything."""
    document = store.get(Space.GROUPS, place.key)
    if not document["shown"]:
        return None
    region = _region_of(store, place.event_type, place.region)
    counts = dict(zip(COUNTS, document["sums"], strict=True))
    names = sorted(document["names"].items())
    still_open = counts.pop("open")
    return {
        **place._asdict(),
        **counts,
        "revision": _revision(region["changed"], document),
        "unexpected": document["unexpected"],
        "direct": document["direct"],
        "closed": not still_open and counts["expected"] > 0,
        "missing": [name for name, (missing, _, _) in names if missing][:NAMES_AT_MOST],
        "silent_units": [name for name, (_, silent, _) in names if silent][:NAMES_AT_MOST],
        "late_units": [name for name, (_, _, late) in names if late][:NAMES_AT_MOST],
        "as_of": max(document["as_of"], region["at"]),
    }


def _region_of(store: Overlay, event_type: str, region: str) -> Document:
    found = store.get(Space.NAMES, _region_key(event_type, region))
    return found if found is not None else {"changed": 0, "at": 0, "periods": []}


def _revision(roster_position: int, document: Document) -> int:
    """Return the revision of a place: it grows with every change, and is the same for whoever has read the same.

    The last roster change in the region comes first. While the roster stands still, reports are only added to those
    that touched the place, unit-periods only begin (2 for being expected, less 1 while open) and only fall due.
    """
    expected, still_open = document["sums"][_EXPECTED], document["sums"][_OPEN]
    changed: int = document["touched"] + 2 * expected - still_open
    return (roster_position << ROSTER_SHIFT) + changed


def _subject_key(said: Said) -> str:
    return f"s/{said.lane}/{said.subject}"


def _unit_key(unit_period: UnitPeriod) -> str:
    return f"u/{digest(unit_period)}"


def _known_key(event_type: str, unit: str, period_kind: str) -> str:
    return f"k/{digest([event_type, unit, period_kind])}"


def _region_key(event_type: str, region: str) -> str:
    return f"i/{event_type}/{region}"
