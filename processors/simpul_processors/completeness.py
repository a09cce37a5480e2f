"""Who was expected to report, who did, and when: the pure part.

The unit of counting is the unit-period: one unit, one event type, one period of the roster. It counts 1 as expected and
0 or 1 as reported, in its own region and period and in all that contain them, so that no rate can pass 100 %. A unit
that splits, closes or opens changes both numbers at once, also for periods in the past.

The time is that of the log: the highest broker append time of what was read. Nothing here knows another clock.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from simpul_schemas.calendars import PeriodKind, utc_offset_hours
from simpul_schemas.periods import Period, day_of, periods_between
from simpul_schemas.regions import province_of
from simpul_schemas.roster import Held, RosterEntry

#: What is counted for a unit-period and summed up for a place, in this order. `open` are those not due yet.
COUNTS = ("expected", "reported", "on_time", "late", "silent", "nil", "claimed", "open")
_DAY_MICROS = 86_400_000_000
#: Ahead of UTC in WIB, WITA and WIT, and so when a local day begins.
_OFFSETS = (7, 8, 9)


class UnitPeriod(NamedTuple):
    """One report that may be expected."""

    event_type: str
    unit: str
    period_kind: str
    period: str


class Statement(NamedTuple):
    """What the newest accepted event of one subject says of a unit-period.

    `first_at` is the broker's append time of the first accepted submit of the subject for this unit-period;
    `told` says whether the report names the event type among its claims, or covers it only by being a report.
    """

    revision: int
    event_id: str
    first_at: int
    region: str
    claimed: int
    told: bool


class Contribution(NamedTuple):
    """What a unit-period adds.

    `counts` (see `COUNTS`) go to `region` and all above it, under the name of the unit; `unexpected` are reports of
    units that nobody expects, by province. `as_of` is the last moment at which time alone has changed it; 0 for none.
    """

    region: str
    name: str
    counts: tuple[int, ...]
    unexpected: Mapping[str, int]
    as_of: int


NOTHING = Contribution("", "", (0,) * len(COUNTS), {}, 0)


@dataclass(frozen=True, slots=True)
class Term:
    """When a period of an entry begins, and when its report is due, in microseconds since the epoch.

    Both are local midnights; a report that the broker appended before `due` is on time.
    """

    begins: int
    due: int


def term(period: Period, offset_hours: int, days_allowed: int) -> Term:
    """Return the term of a period in a time zone."""
    return Term(period.first_instant(offset_hours), period.last_instant(offset_hours) + 1 + days_allowed * _DAY_MICROS)


def judge(period: Period, entry: RosterEntry | None, statements: Iterable[Statement], now: int) -> Contribution:
    """Return what a unit-period adds, at a time of the log.

    Args:
        period: Of the unit-period.
        entry: The roster's entry that expects it; None where there is none.
        statements: Of all subjects that report it and stand.
        now: Highest append time that was read.
    """
    mine = [one for one in statements if entry is not None and _within(one.region, entry.region)]
    strange = [one for one in statements if one.told and not (entry is not None and _within(one.region, entry.region))]
    unexpected: dict[str, int] = {}
    for one in strange:
        unexpected[province_of(one.region)] = unexpected.get(province_of(one.region), 0) + 1
    if entry is None:
        return NOTHING._replace(unexpected=unexpected)
    when = term(period, utc_offset_hours(entry.region), entry.days_allowed)
    if when.begins > now:
        return NOTHING._replace(unexpected=unexpected)
    is_open = now < when.due
    counts = dict.fromkeys(COUNTS, 0) | {"expected": 1, "open": int(is_open)}
    if mine:
        newest = max(mine)  # by (revision, event id), the law of the bus
        in_time = min(one.first_at for one in mine) < when.due
        counts |= {
            "reported": 1,
            "on_time": int(in_time),
            "late": int(not in_time),
            "nil": int(newest.claimed == 0),
            "claimed": newest.claimed,
        }
    elif not is_open:
        counts["silent"] = 1
    passed = when.begins if is_open else when.due
    return Contribution(entry.region, entry.name, tuple(counts[name] for name in COUNTS), unexpected, passed)


def _within(region: str, outer: str) -> bool:
    return region == outer or region.startswith(f"{outer}.")


class Roster:
    """The entries that stand, by what they expect."""

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self._by_unit: dict[tuple[str, str, str], list[RosterEntry]] = {}
        for one in held:
            self.put(None, one)

    def put(self, before: Held | None, after: Held) -> None:
        """Replace what a key said."""
        for held, stands in ((before, False), (after, True)):
            if held is None or not held.stands:
                continue
            entry = held.entry
            entries = self._by_unit.setdefault((entry.event_type, entry.unit, entry.period_kind.value), [])
            if stands:
                entries.append(entry)
                entries.sort(key=lambda one: one.valid_from)
            else:
                entries.remove(entry)

    def entries_like(self, entry: RosterEntry) -> Sequence[RosterEntry]:
        """Return the entries that stand for the unit, event type and period kind of one."""
        return self._by_unit.get((entry.event_type, entry.unit, entry.period_kind.value), ())

    def entry_of(self, unit_period: UnitPeriod, period: Period) -> RosterEntry | None:
        """Return the entry that expects a unit-period; where two do, the one that is valid since the later day."""
        entries = self._by_unit.get(unit_period[:3], ())
        return next((entry for entry in reversed(entries) if entry.expects(period)), None)

    def moved_by_time(self, before: int, now: int) -> Iterator[UnitPeriod]:
        """Give the unit-periods that begin or fall due after one time of the log and up to another."""
        if _midnights(before) == _midnights(now):
            return
        cache: dict[tuple[PeriodKind, int, int], Sequence[Period]] = {}
        for (event_type, unit, kind), entries in self._by_unit.items():
            for entry in entries:
                like = (entry.period_kind, utc_offset_hours(entry.region), entry.days_allowed)
                if like not in cache:
                    cache[like] = list(_turning(*like, before, now))
                for period in cache[like]:
                    if entry.expects(period):
                        yield UnitPeriod(event_type, unit, kind, period.text)


def begun(entry: RosterEntry, now: int) -> Iterator[UnitPeriod]:
    """Give the unit-periods of an entry that have begun."""
    offset = utc_offset_hours(entry.region)
    end = day_of(now, offset)
    for period in periods_between(entry.period_kind, entry.valid_from, end):
        if entry.expects(period):
            yield UnitPeriod(entry.event_type, entry.unit, entry.period_kind.value, period.text)


def last_midnight(now: int) -> int:
    """Return the last moment, up to a given one, at which a day began in one of the three time zones."""
    return max(_midnight(now, offset) for offset in _OFFSETS)


def _midnights(now: int) -> tuple[int, ...]:
    return tuple(_midnight(now, offset) for offset in _OFFSETS)


def _midnight(now: int, offset: int) -> int:
    shift = offset * 3_600_000_000
    return (now + shift) // _DAY_MICROS * _DAY_MICROS - shift


def _turning(kind: PeriodKind, offset: int, days_allowed: int, before: int, now: int) -> Iterator[Period]:
    """Give the periods that begin or fall due in a stretch of time."""
    start = date.fromordinal(day_of(before, offset).toordinal() - days_allowed - 1)
    for period in periods_between(kind, start, day_of(now, offset)):
        when = term(period, offset, days_allowed)
        if before < when.begins <= now or before < when.due <= now:
            yield period
