"""Early warning, pure: day figures, coverage and known alerts in, changed alerts out; the clock is passed in.

What stands follows from what was taken in and from the day alone, in whatever order it came: a figure is an entity of
which the highest revision wins, and an alert stands where the window that ends today is too full. Its id names the
first day of the first such window without a gap, so whoever judges the same figures on the same day raises the same
alerts. What is known from the topic of alerts only serves to say nothing twice, and to clear what no longer stands.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, TypeAlias

from simpul_processors.alert_rules import AlertRule
from simpul_schemas.alerts import EVIDENCE_AT_MOST, Alert, AlertState, Evidence, revision_of
from simpul_schemas.calendars import utc_offset_hours
from simpul_schemas.periods import day_of
from simpul_schemas.regions import NATION, level_of, load_regions

#: A day begins in the nation when it has begun in Papua.
_NATION_OFFSET_HOURS = 9


class DayFigure(NamedTuple):
    """One measure of one group of a view on one day; `key` is the figure's own key."""

    rule: str
    region: str
    day: int
    key: str
    revision: int
    value: int


class Coverage(NamedTuple):
    """Who reported in one region and period; `first_day` is an ordinal, `missing` names units."""

    event_type: str
    region: str
    period_kind: str
    first_day: int
    revision: int
    expected: int
    reported: int
    silent: int
    missing: tuple[str, ...]


class _Place(NamedTuple):
    rule: str
    region: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a rule finds in a region today: since when, how much, on which grounds."""

    since: int
    count: int
    evidence: tuple[Evidence, ...]


_Days: TypeAlias = dict[int, dict[str, tuple[int, int]]]


class AlertEngine:
    """Holds what the rules need to know, and judges what was touched, or everything when a day has passed."""

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        self.rules: Mapping[str, AlertRule] = {rule.name: rule for rule in rules}
        self._figures: defaultdict[_Place, _Days] = defaultdict(dict)
        self._coverage: defaultdict[_Place, dict[int, Coverage]] = defaultdict(dict)
        self._known: defaultdict[_Place, dict[str, Alert]] = defaultdict(dict)
        self._touched: set[_Place] = set()
        self._days: dict[int, int] = {}

    def take_figure(self, figure: DayFigure) -> None:
        """Take in a figure that a rule watches; an older revision than the one held changes nothing."""
        place = _Place(figure.rule, figure.region)
        day = self._figures[place].setdefault(figure.day, {})
        if figure.revision >= day.get(figure.key, (-1, 0))[0]:
            day[figure.key] = (figure.revision, figure.value)
            self._touched.add(place)

    def take_coverage(self, row: Coverage) -> None:
        """Take in who reported; see `take_figure`."""
        for rule in self.rules.values():
            silence = rule.silence
            if silence is None or (silence.event_type, silence.period_kind) != (row.event_type, row.period_kind):
                continue
            if level_of(row.region) is not rule.level or not rule.watches(row.region):
                continue
            place = _Place(rule.name, row.region)
            held = self._coverage[place].get(row.first_day)
            if held is None or row.revision >= held.revision:
                self._coverage[place][row.first_day] = row
                self._touched.add(place)

    def take_alert(self, alert: Alert) -> None:
        """Take in what stands on the topic of alerts; the highest revision wins, the first one of equals."""
        place = _Place(alert.rule, alert.region)
        held = self._known[place].get(alert.id)
        if held is None or alert.revision > held.revision:
            self._known[place][alert.id] = alert
            self._touched.add(place)

    def judge(self, now_micros: int, positions: Mapping[str, int]) -> list[Alert]:
        """Return every alert that changed; `positions` gives for each rule how far its input topic was read.

        What is returned counts as known from then on: it must be sent, or the engine be thrown away.
        """
        if self._day_passed(now_micros):
            self._touched |= {*self._figures, *self._coverage, *self._known}
        changed = [
            alert
            for place in sorted(self._touched)
            for alert in self._judge(place, now_micros, positions.get(place.rule, 0))
        ]
        self._touched = set()
        return changed

    def _judge(self, place: _Place, now_micros: int, position: int) -> Iterable[Alert]:
        rule = self.rules.get(place.rule)
        today = day_of(now_micros, _offset(place.region)).toordinal()
        standing = self._standing(rule, place, today) if rule else None
        wanted = [] if rule is None or standing is None else [_raised(rule, place.region, today, standing)]
        ids = {alert.id for alert in wanted}
        gone = [alert for alert in self._known[place].values() if alert.id not in ids]
        wanted += [_cleared(alert, today) for alert in gone if alert.state is AlertState.RAISED]
        for alert in wanted:
            held = self._known[place].get(alert.id)
            if held is not None and held.says_the_same(alert):
                continue
            # One above what stands, where that was judged by a clock or a reader further on than ours.
            revision = max(revision_of(today, position), held.revision + 1 if held else 0)
            fresh = replace(alert, revision=revision)
            self._known[place][fresh.id] = fresh
            yield fresh

    def _standing(self, rule: AlertRule, place: _Place, today: int) -> _Standing | None:
        if rule.figures is not None:
            return _too_many(rule, self._figures.get(place, {}), today)
        return _silent(rule, self._coverage.get(place, {}), today)

    def _day_passed(self, now_micros: int) -> bool:
        """Return whether a day has begun anywhere since this was asked before."""
        days = {offset: day_of(now_micros, offset).toordinal() for offset in (7, 8, 9)}
        passed = days != self._days
        self._days = days
        return passed


def _too_many(rule: AlertRule, days: _Days, today: int) -> _Standing | None:
    """Return what stands where the window that ends today holds enough."""
    sums = {day: sum(value for _, value in groups.values()) for day, groups in days.items()}
    count = sum(sums.get(day, 0) for day in range(today - rule.within_days + 1, today + 1))
    if count < rule.at_least:
        return None
    # Back to the first window of those that hold enough without a gap.
    last, full = today, count
    while full >= rule.at_least:
        full += sums.get(last - rule.within_days, 0) - sums.get(last, 0)
        last -= 1
    window = range(today - rule.within_days + 1, today + 1)
    found = [
        Evidence(key, value)
        for day in reversed(window)
        for key, (_, value) in sorted(days.get(day, {}).items())
        if value
    ]
    return _Standing(last + 1 - rule.within_days + 1, count, tuple(found[:EVIDENCE_AT_MOST]))


def _silent(rule: AlertRule, rows: Mapping[int, Coverage], today: int) -> _Standing | None:
    """Return what stands where nothing came in the newest periods that are due, for long enough.

    A period that is not due yet says nothing; one that expected nobody, neither.
    """
    first: int | None = None
    missing: tuple[str, ...] = ()
    for day in sorted(rows, reverse=True):
        row = rows[day]
        if row.expected == 0 or (row.reported == 0 and row.silent == 0):
            continue
        if row.reported or row.silent < row.expected:
            break
        first, missing = day, missing or row.missing
    if first is None or today - first < rule.at_least_days:
        return None
    return _Standing(first, today - first, tuple(Evidence(name, 1) for name in missing[:EVIDENCE_AT_MOST]))


def _raised(rule: AlertRule, region: str, today: int, standing: _Standing) -> Alert:
    name = load_regions().name(region)
    if rule.figures is not None:
        threshold, within = rule.at_least, rule.within_days
        said_id = f"{standing.count} dalam {within} hari (ambang {threshold})"
        said_en = f"{standing.count} within {within} days (threshold {threshold})"
    else:
        threshold, within = rule.at_least_days, rule.at_least_days
        said_id = f"{standing.count} hari tanpa laporan (ambang {threshold})"
        said_en = f"{standing.count} days without a report (threshold {threshold})"
    return Alert(
        rule=rule.name,
        region=region,
        since=date.fromordinal(standing.since).isoformat(),
        level=rule.level.value,
        state=AlertState.RAISED,
        day=date.fromordinal(today).isoformat(),
        count=standing.count,
        threshold=threshold,
        within_days=within,
        evidence=standing.evidence,
        text_id=f"{rule.text.id}: {name}, {said_id}.",
        text_en=f"{rule.text.en}: {name}, {said_en}.",
    )


def _cleared(alert: Alert, today: int) -> Alert:
    """Return an alert that no longer stands; evidence and count stay, as what it was raised for."""
    day = date.fromordinal(today).isoformat()
    return replace(
        alert,
        state=AlertState.CLEARED,
        day=day,
        text_id=f"Selesai {day}. {alert.text_id}",
        text_en=f"Cleared {day}. {alert.text_en}",
    )


def _offset(region: str) -> int:
    return _NATION_OFFSET_HOURS if region == NATION else utc_offset_hours(region)
