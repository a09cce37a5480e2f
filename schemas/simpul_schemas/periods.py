"""Periods as values: which one a day lies in, which ones contain another, when one begins and ends, what comes next.

A period is its kind and its text (`calendars` says how each is written). Every kind is a run of whole days, so all of
it is counted in days of the calendar; moments come in only with a zone's offset.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from simpul_schemas.calendars import EPOCH_ORDINAL, PERIOD_SHAPES, PeriodKind, period_is_missing

#: Kind and text of a figure that is of no period, as of an election, which has its day in its own name.
NO_KIND, NO_PERIOD = "NONE", "-"
#: What a figure's period can be, in the order of its schema.
FIGURE_KINDS = (*(kind.value for kind in PeriodKind), NO_KIND)

_DAY_MICROS, _HOUR_MICROS = 86_400_000_000, 3_600_000_000
_LAST = date.max.toordinal()
_WEEK_DAYS = 7
_SHAPES = {kind: re.compile(shape) for kind, shape in PERIOD_SHAPES.items()}
#: Months of each kind that is made of months, and the letter before its number in the year.
_MONTHS = {
    PeriodKind.MONTH: (1, ""),
    PeriodKind.QUARTER: (3, "Q"),
    PeriodKind.CATURWULAN: (4, "C"),
    PeriodKind.SEMESTER: (6, "S"),
    PeriodKind.YEAR: (12, ""),
}
#: Which longer periods a figure of a kind is added to. Weeks cut months, so a week is in none of them; quarters and
#: semesters exist only where a report names one, since beside months and caturwulan nobody asked for them.
LONGER: dict[PeriodKind, tuple[PeriodKind, ...]] = {
    PeriodKind.DAY: (PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.CATURWULAN, PeriodKind.YEAR),
    PeriodKind.WEEK: (),
    PeriodKind.MONTH: (PeriodKind.CATURWULAN, PeriodKind.YEAR),
    PeriodKind.QUARTER: (PeriodKind.YEAR,),
    PeriodKind.CATURWULAN: (PeriodKind.YEAR,),
    PeriodKind.SEMESTER: (PeriodKind.YEAR,),
    PeriodKind.YEAR: (),
}


@dataclass(frozen=True, slots=True)
class Period:
    """One period; `first` is its first day. Made by `of`, from a day in it, or by `read`, from its text.

    `next`, `previous` and the week of the very last days of the year 9999 raise `ValueError` where the calendar ends.
    """

    kind: PeriodKind
    first: date

    @classmethod
    def of(cls, kind: PeriodKind, day: date) -> "Period":
        """Return the period of a kind that a day lies in."""
        if kind is PeriodKind.DAY:
            return cls(kind, day)
        if kind is PeriodKind.WEEK:
            return cls(kind, date.fromordinal(day.toordinal() - day.weekday()))
        months, _ = _MONTHS[kind]
        return cls(kind, date(day.year, (day.month - 1) // months * months + 1, 1))

    @classmethod
    def read(cls, kind: str, text: str) -> "Period":
        """Return the period of a text, or raise `ValueError` where the calendar has none such."""
        found = PeriodKind(kind)
        if not _is_written(found, text):
            message = f"no period of the kind {kind}: {text!r}"
            raise ValueError(message)
        if found is PeriodKind.DAY:
            return cls(found, date.fromisoformat(text))
        if found is PeriodKind.WEEK:
            return cls(found, date.fromisocalendar(int(text[:4]), int(text[6:]), 1))
        months, letter = _MONTHS[found]
        number = int(text[5:].removeprefix(letter)) if found is not PeriodKind.YEAR else 1
        return cls(found, date(int(text[:4]), (number - 1) * months + 1, 1))

    @property
    def text(self) -> str:
        """The period as it is written."""
        if self.kind is PeriodKind.DAY:
            return self.first.isoformat()
        if self.kind is PeriodKind.WEEK:
            year, week, _ = self.first.isocalendar()
            return f"{year:04d}-W{week:02d}"
        months, letter = _MONTHS[self.kind]
        if self.kind is PeriodKind.YEAR:
            return f"{self.first.year:04d}"
        number = (self.first.month - 1) // months + 1
        return f"{self.first.year:04d}-{letter}{number}" if letter else f"{self.first.year:04d}-{number:02d}"

    @property
    def days(self) -> int:
        """How many days it has."""
        if self.kind is PeriodKind.DAY:
            return 1
        if self.kind is PeriodKind.WEEK:
            return _WEEK_DAYS
        months, _ = _MONTHS[self.kind]
        return sum(_days_in_month(self.first.year, self.first.month + month) for month in range(months))

    def first_instant(self, offset_hours: int) -> int:
        """Return its first moment in a zone, in microseconds since the epoch; see `calendars.utc_offset_hours`."""
        return (self.first.toordinal() - EPOCH_ORDINAL) * _DAY_MICROS - offset_hours * _HOUR_MICROS

    def last_instant(self, offset_hours: int) -> int:
        """Return its last microsecond in a zone; the next period of its kind begins with the one after."""
        return self.first_instant(offset_hours) + self.days * _DAY_MICROS - 1

    def next(self) -> "Period":
        """Return the period of its kind that follows."""
        return Period.of(self.kind, _day(self.first.toordinal() + self.days))

    def previous(self) -> "Period":
        """Return the period of its kind before."""
        return Period.of(self.kind, _day(self.first.toordinal() - 1))

    def longer(self) -> tuple["Period", ...]:
        """Return the longer periods that a figure of it is added to, see `LONGER`."""
        return tuple(Period.of(kind, self.first) for kind in LONGER[self.kind])


def periods_between(kind: PeriodKind, start: date, end: date) -> Iterator[Period]:
    """List the periods of a kind that have a day from `start` up to and including `end`, in order."""
    if end < start:
        return
    found = Period.of(kind, start)
    while found.first <= end:
        yield found
        try:
            found = found.next()
        except ValueError:  # the calendar ends
            return


def day_of(moment_micros: int, offset_hours: int) -> date:
    """Return the local day of a moment; `ValueError` outside the years 1 to 9999."""
    return _day((moment_micros + offset_hours * _HOUR_MICROS) // _DAY_MICROS + EPOCH_ORDINAL)


@lru_cache(maxsize=1 << 16)
def containing(kind: str, period: str) -> tuple[tuple[str, str], ...]:
    """Return kind and text of a period and of the longer ones that its figures are added to; no period is in itself.

    Raises `ValueError` for a text that is no period of its kind.
    """
    if kind == NO_KIND:
        return ((NO_KIND, NO_PERIOD),)
    found = Period.read(kind, period)
    return tuple((each.kind.value, each.text) for each in (found, *found.longer()))


def _is_written(kind: PeriodKind, text: str) -> bool:
    return _SHAPES[kind].fullmatch(text) is not None and not period_is_missing(kind, text)


def _day(ordinal: int) -> date:
    if not 1 <= ordinal <= _LAST:
        message = "outside the years 1 to 9999"
        raise ValueError(message)
    return date.fromordinal(ordinal)


def _days_in_month(year: int, month: int) -> int:
    if month == 12:  # December, whose end may be that of the calendar
        return 31
    return (date(year, month + 1, 1) - date(year, month, 1)).days
