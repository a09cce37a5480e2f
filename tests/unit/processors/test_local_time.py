"""Days and working days of columns are those that the contract counts one by one."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from simpul_processors.local_time import local_day, working_days
from simpul_schemas.calendars import utc_offset_hours, working_days_between
from simpul_schemas.periods import day_of
from simpul_schemas.regions import load_regions

REGIONS = st.sampled_from(["17.01.01", "31", "73.71", "94.01.01", "64.02", "99", "", *load_regions().provinces()])
#: Year 2 to 9998, in microseconds.
MOMENTS = st.integers(-62_000_000_000_000_000, 253_300_000_000_000_000)
ROWS = st.lists(st.tuples(REGIONS, MOMENTS, MOMENTS | st.none()), max_size=30)


def frame(rows: list[tuple[str, int, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"region": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row")


@given(ROWS)
def test_the_day_of_a_moment_is_that_of_the_provinces_zone(rows: list[tuple[str, int, int | None]]) -> None:
    days = frame(rows).select(local_day("start").cast(pl.Date))["start"].to_list()
    assert days == [day_of(start, utc_offset_hours(region)) for region, start, _ in rows]


@given(ROWS)
def test_working_days_of_a_column_are_those_of_each_row(rows: list[tuple[str, int, int | None]]) -> None:
    days = frame(rows).select(days=working_days("start", "end"))["days"].to_list()
    assert days == [None if end is None else working_days_between(region, start, end) for region, start, end in rows]
