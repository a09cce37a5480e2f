"""Local days and working days of whole columns of moments, the same as `simpul_schemas.calendars` counts for one."""

import polars as pl

from simpul_schemas.calendars import utc_offset_hours
from simpul_schemas.regions import load_regions

_DAY_MICROS, _HOUR_MICROS = 86_400_000_000, 3_600_000_000
#: Days from the Monday of 1969-12-29 to the epoch, a Thursday, so that weeks begin where they should.
_EPOCH_WEEKDAY = 3


def local_day(moment: str) -> pl.Expr:
    """Return the day of a moment, as days since the epoch, in the zone of the province of column `region`."""
    hours = {province: utc_offset_hours(province) for province in load_regions().provinces()}
    offset = pl.col("region").str.head(2).replace_strict(hours, default=utc_offset_hours(""), return_dtype=pl.Int64)
    return (pl.col(moment) + offset * _HOUR_MICROS).floordiv(_DAY_MICROS)


def working_days(start: str, end: str) -> pl.Expr:
    """Return the working days from one moment to another, no holidays known; null where one of them is unknown."""
    days = _weekdays_until(local_day(end)) - _weekdays_until(local_day(start))
    return days.clip(lower_bound=0)


def _weekdays_until(day: pl.Expr) -> pl.Expr:
    """Return the weekdays up to a day, that day included, from the Monday of the week of the epoch."""
    since = day + _EPOCH_WEEKDAY + 1
    return since.floordiv(7) * 5 + pl.min_horizontal(since.mod(7), pl.lit(5, pl.Int64))
