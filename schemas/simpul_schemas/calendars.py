"""Days, periods and working days, as the contract counts them.

A day is written 2024-05-17, a period 2024-05-17, 2024-W20 (ISO 8601 week), 2024-05, 2024-Q2 (triwulan), 2024-C2
(caturwulan, four months), 2024-S1 (semester) or 2024. Working days are Monday to Friday without the holidays that are
passed in: the contract carries no table of holidays, which a joint decree sets anew each year.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from simpul_schemas.regions import load_regions, province_of


class PeriodKind(StrEnum):
    """How long a period is; CATURWULAN is a term of four months."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    CATURWULAN = "CATURWULAN"
    SEMESTER = "SEMESTER"
    YEAR = "YEAR"


DATE_SHAPE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
#: How a period of each kind is written; whether it exists is another question.
PERIOD_SHAPES: Mapping[PeriodKind, str] = MappingProxyType(
    {
        PeriodKind.DAY: DATE_SHAPE,
        PeriodKind.WEEK: "[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])",
        PeriodKind.MONTH: "[0-9]{4}-(0[1-9]|1[0-2])",
        PeriodKind.QUARTER: "[0-9]{4}-Q[1-4]",
        PeriodKind.CATURWULAN: "[0-9]{4}-C[1-3]",
        PeriodKind.SEMESTER: "[0-9]{4}-S[12]",
        PeriodKind.YEAR: "[0-9]{4}",
    }
)
_SHAPES = {kind.value: re.compile(shape) for kind, shape in PERIOD_SHAPES.items()}
_DAY_MICROS, _HOUR_MICROS = 86_400_000_000, 3_600_000_000
#: What `date.toordinal` gives for the day from which the broker and Arrow count.
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
#: Hours ahead of UTC; Indonesia has no summer time.
_HOURS = {"Asia/Jakarta": 7, "Asia/Pontianak": 7, "Asia/Makassar": 8, "Asia/Jayapura": 9}


def date_is_missing(text: str) -> bool:
    """Return whether a text of the shape of a day is none that the calendar has; False for another shape."""
    return period_is_missing(PeriodKind.DAY, text)


def period_is_missing(kind: str, period: str) -> bool:
    """Return whether a period of the shape of its kind is none that the calendar has; False for another shape."""
    shape = _SHAPES.get(kind)
    if shape is None or shape.fullmatch(period) is None:
        return False
    year = int(period[:4])
    try:
        if kind == PeriodKind.DAY:
            date(year, int(period[5:7]), int(period[8:]))
        elif kind == PeriodKind.WEEK:
            date.fromisocalendar(year, int(period[6:]), 1)
    except ValueError:
        return True
    return year == 0


def working_days(start: date, end: date, holidays: Collection[date] = ()) -> int:
    """Return the working days after `start` up to and including `end`: from a Friday to the next Monday is one."""
    days = _working_days(start.toordinal(), end.toordinal())
    return days - sum(start < day <= end and day.weekday() < 5 for day in holidays)


def working_days_between(region: str, start_micros: int, end_micros: int) -> int:
    """Return the working days from one moment to another, in the days of the region's time zone; no holidays known."""
    offset = utc_offset_hours(region) * _HOUR_MICROS
    start, end = ((moment + offset) // _DAY_MICROS + EPOCH_ORDINAL for moment in (start_micros, end_micros))
    return _working_days(start, end)


def _working_days(start: int, end: int) -> int:
    """Count by ordinals, which no moment of 64 bits can leave; ordinal 1 is a Monday."""
    return max(_weekdays_until(end) - _weekdays_until(start), 0)


def _weekdays_until(ordinal: int) -> int:
    weeks, rest = divmod(ordinal, 7)
    return 5 * weeks + min(rest, 5)


def utc_offset_hours(region: str) -> int:
    """Return the hours that a region is ahead of UTC (7 WIB, 8 WITA, 9 WIT); WIB for a region that is none."""
    return _offsets().get(province_of(region), _HOURS["Asia/Jakarta"])


@cache
def _offsets() -> Mapping[str, int]:
    table = load_regions()
    regions = {province: table.get(province) for province in table.provinces()}
    return MappingProxyType({code: _HOURS[region.timezone] for code, region in regions.items() if region})
