"""Days, periods and working days, against the calendar of the standard library."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.calendars import (
    PERIOD_SHAPES,
    PeriodKind,
    date_is_missing,
    period_is_missing,
    utc_offset_hours,
    working_days,
    working_days_between,
)
from simpul_schemas.events.envelope import to_micros

LONG = st.integers(-(2**63), 2**63 - 1)
DAYS = st.dates(date(2020, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("kind", "period", "missing"),
    [
        ("DAY", "2024-02-29", False),
        ("DAY", "2024-02-30", True),
        ("DAY", "2023-02-29", True),
        ("DAY", "2024-04-31", True),
        ("WEEK", "2024-W52", False),
        ("WEEK", "2024-W53", True),
        ("WEEK", "2020-W53", False),
        ("WEEK", "2026-W53", False),
        ("MONTH", "2024-12", False),
        ("MONTH", "0000-12", True),
        ("QUARTER", "2024-Q4", False),
        ("CATURWULAN", "2024-C3", False),
        ("SEMESTER", "2024-S2", False),
        ("YEAR", "0000", True),
        # Another shape is the business of another rule.
        ("DAY", "2024-02", False),
        ("DAY", "20240230", False),
        ("WEEK", "2024-W54", False),
        ("DECADE", "2020", False),
    ],
)
def test_a_period_that_the_calendar_lacks_is_found(kind: str, period: str, missing: bool) -> None:
    assert period_is_missing(kind, period) is missing


@given(st.dates())
def test_every_day_and_its_week_exist(day: date) -> None:
    year, week, _ = day.isocalendar()
    assert not date_is_missing(day.isoformat())
    assert year > 9999 or not period_is_missing("WEEK", f"{year:04d}-W{week:02d}")


@given(st.sampled_from(list(PeriodKind)), st.text(max_size=12))
def test_no_text_makes_the_calendar_fail(kind: PeriodKind, text: str) -> None:
    assert period_is_missing(kind, text) in {True, False}
    assert kind in PERIOD_SHAPES


@given(DAYS, st.integers(0, 60), st.sets(DAYS, max_size=5))
def test_working_days_are_those_one_counts_on_fingers(start: date, length: int, holidays: set[date]) -> None:
    after = [start + timedelta(days) for days in range(1, length + 1)]
    expected = sum(day.weekday() < 5 and day not in holidays for day in after)
    assert working_days(start, start + timedelta(length), holidays) == expected


def test_from_a_friday_to_the_next_monday_is_one_working_day() -> None:
    assert working_days(date(2024, 5, 17), date(2024, 5, 20)) == 1


def test_the_day_is_that_of_the_regions_own_time_zone() -> None:
    # 16:30 UTC on a Monday is Monday in Jakarta (23:30) and Tuesday in Jayapura (01:30).
    start = to_micros(datetime(2024, 5, 20, 3, 0, tzinfo=UTC))
    end = to_micros(datetime(2024, 5, 20, 16, 30, tzinfo=UTC))
    assert working_days_between("31.71", start, end) == 0
    assert working_days_between("94", start, end) == 1
    assert [utc_offset_hours(code) for code in ("31", "73.71", "94", "", "99")] == [7, 8, 9, 7, 7]


@given(st.text(max_size=3), LONG, LONG)
def test_no_moment_of_64_bits_makes_the_count_fail(region: str, start: int, end: int) -> None:
    days = working_days_between(region, start, end)
    assert days >= 0
    assert end > start or days == 0
