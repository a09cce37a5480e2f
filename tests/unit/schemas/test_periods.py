"""Periods against the calendar of the standard library: they tile time, and the longer ones contain the shorter."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.calendars import PERIOD_SHAPES, PeriodKind, period_is_missing
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.periods import FIGURE_KINDS, LONGER, NO_KIND, NO_PERIOD, Period, containing, day_of, periods_between

KINDS = st.sampled_from(PeriodKind)
DAYS = st.dates(date(1, 1, 8), date(9998, 12, 31))
OFFSETS = st.sampled_from([7, 8, 9])


@given(KINDS, DAYS)
def test_what_is_written_is_read_as_the_same_period_and_the_contract_knows_it(kind: PeriodKind, day: date) -> None:
    period = Period.of(kind, day)
    assert Period.read(kind, period.text) == period
    assert not period_is_missing(kind, period.text)
    assert period.first <= day < period.first + timedelta(period.days)


@given(KINDS, DAYS)
def test_periods_of_a_kind_follow_each_other_without_gap_or_overlap(kind: PeriodKind, day: date) -> None:
    period = Period.of(kind, day)
    following = period.next()
    assert following.first == period.first + timedelta(period.days)
    assert following.previous() == period
    assert following.text > period.text


@given(KINDS, DAYS, OFFSETS)
def test_the_instants_of_a_period_are_local_midnights_and_tile_time(kind: PeriodKind, day: date, hours: int) -> None:
    period = Period.of(kind, day)
    midnight = datetime(*period.first.timetuple()[:3], tzinfo=timezone(timedelta(hours=hours)))
    assert period.first_instant(hours) == to_micros(midnight)
    assert period.last_instant(hours) + 1 == period.next().first_instant(hours)
    for moment in (period.first_instant(hours), period.last_instant(hours)):
        assert Period.of(kind, day_of(moment, hours)) == period
    assert Period.of(kind, day_of(period.first_instant(hours) - 1, hours)) == period.previous()


@given(KINDS, DAYS)
def test_a_figure_is_added_to_periods_that_contain_its_own_whole(kind: PeriodKind, day: date) -> None:
    period = Period.of(kind, day)
    for longer in period.longer():
        assert longer.first <= period.first
        assert period.first + timedelta(period.days) <= longer.first + timedelta(longer.days)
    found = containing(kind, period.text)
    assert found[0] == (kind, period.text)
    assert [name for name, _ in found] == [kind, *LONGER[kind]]


@given(DAYS)
def test_weeks_are_those_of_iso_8601(day: date) -> None:
    year, week, _ = day.isocalendar()
    assert Period.of(PeriodKind.WEEK, day).text == f"{year:04d}-W{week:02d}"


@pytest.mark.parametrize(
    ("kind", "period", "expected"),
    [
        ("DAY", "2021-01-03", "2021-01-03 2020-W53 2021-01 2021-C1 2021"),
        ("DAY", "2024-12-30", "2024-12-30 2025-W01 2024-12 2024-C3 2024"),
        ("WEEK", "2024-W07", "2024-W07"),
        ("MONTH", "2024-05", "2024-05 2024-C2 2024"),
        ("QUARTER", "2024-Q2", "2024-Q2 2024"),
        ("CATURWULAN", "2024-C1", "2024-C1 2024"),
        ("SEMESTER", "2024-S2", "2024-S2 2024"),
        ("YEAR", "2024", "2024"),
        (NO_KIND, NO_PERIOD, NO_PERIOD),
        ("YEAR", "9999", "9999"),
        ("DAY", "9999-12-31", "9999-12-31 9999-W52 9999-12 9999-C3 9999"),
    ],
)
def test_the_longer_periods_of_a_period_by_hand(kind: str, period: str, expected: str) -> None:
    assert " ".join(text for _, text in containing(kind, period)) == expected


@given(KINDS, DAYS, st.integers(-3, 400))
def test_the_list_between_two_days_has_each_period_that_has_a_day_there(
    kind: PeriodKind, start: date, length: int
) -> None:
    start = min(start, date(9990, 1, 1))
    days = [start + timedelta(number) for number in range(length + 1)]
    listed = list(periods_between(kind, start, start + timedelta(length)))
    assert listed == list(dict.fromkeys(Period.of(kind, day) for day in days))


def test_the_list_ends_where_the_calendar_does() -> None:
    assert [found.text for found in periods_between(PeriodKind.MONTH, date(9999, 11, 5), date.max)] == [
        "9999-11",
        "9999-12",
    ]
    last = Period.read("WEEK", "9999-W52")
    assert last.last_instant(7) - last.first_instant(7) == 7 * 86_400_000_000 - 1
    with pytest.raises(ValueError, match="outside the years"):
        last.next()
    with pytest.raises(ValueError, match="outside the years"):
        Period.read("YEAR", "0001").previous()


@given(st.sampled_from([*PeriodKind, "DECADE"]), st.text(max_size=10) | st.from_regex("|".join(PERIOD_SHAPES.values())))
def test_what_is_no_period_of_its_kind_is_refused_and_nothing_else(kind: str, text: str) -> None:
    try:
        found = Period.read(kind, text)
    except ValueError:
        shaped = kind in PERIOD_SHAPES and any(
            Period.of(PeriodKind(kind), day).text == text for day in (date(2024, 2, 14), date(1999, 12, 31))
        )
        assert not shaped
    else:
        assert found.text == text


def test_a_moment_lies_in_the_day_of_its_zone() -> None:
    late = to_micros(datetime(2024, 5, 20, 16, 30, tzinfo=UTC))
    assert [day_of(late, hours).day for hours in (7, 8, 9)] == [20, 21, 21]
    with pytest.raises(ValueError, match="outside the years"):
        day_of(2**62, 7)


def test_a_figure_can_be_of_every_kind_of_period_or_of_none() -> None:
    assert (*PeriodKind, NO_KIND) == FIGURE_KINDS
    assert LONGER.keys() == set(PeriodKind)
