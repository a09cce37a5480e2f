"""One cell of a form into one value: what can be read in one way only is read, everything else is a `CellFault`.

Numbers are exact: what Excel shows is what was typed, and it becomes whole sen or thousandths, or is refused. A text
may hold a number in Indonesian form (1.250.000,50); 1.250 alone is refused, since it is 1250 to one and 1.25 to the
other. Days in texts are day first (17/05/2024) or ISO 8601.
"""

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simpul_producers.imports.forms import Column, choices_by_word
from simpul_producers.imports.workbook import Cell, Unreadable, cell_text, number_text
from simpul_schemas.regions import load_regions

#: Excel keeps 15 digits; a longer number has lost its last ones.
_EXACT_LIMIT = 10**15
_CODE = re.compile(r"([0-9]{2}(?:\.[0-9]{2}){0,2})(?:\s+(.+))?")
_PLAIN = re.compile(r"-?[0-9]{1,19}")
_GROUPED = re.compile(r"-?[0-9]{1,3}(\.[0-9]{3}){2,6}(,[0-9]+)?|-?[0-9]{1,3}\.[0-9]{3},[0-9]+")
#: Three digits behind a comma might be a thousand in English.
_COMMA = re.compile(r"-?(0,[0-9]{1,15}|[0-9]{1,15},([0-9]{1,2}|[0-9]{4,15}))")
_POINT = re.compile(r"-?(0\.[0-9]{1,15}|[0-9]{1,15}\.([0-9]{1,2}|[0-9]{4,15}))")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_NAMED_MONTH = re.compile(r"([0-9]{1,2}) ([a-z]+) ([0-9]{4})")
_CLOCK = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})(?::([0-9]{2}))?")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januari jan",
            "februari pebruari feb",
            "maret mar",
            "april apr",
            "mei",
            "juni jun",
            "juli jul",
            "agustus agu",
            "september sep",
            "oktober okt",
            "november nopember nov",
            "desember des",
        ),
        1,
    )
    for name in names.split()
}


class CellFault(Exception):
    """A cell cannot be read; `code` says why. Control flow inside this package, never shown."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def is_blank(cell: Cell) -> bool:
    """Return whether nothing was typed."""
    return isinstance(cell, str) and not cell.strip()


def read_cell(column: Column, cell: Cell, zone: ZoneInfo, *, is_key: bool) -> Any:  # noqa: ANN401  # by the column's kind
    """Return the value of a cell that is not blank, or raise `CellFault`.

    A moment carries its zone, a day is a text in ISO 8601. `is_key` asks for a text where a number would be taken.
    """
    if isinstance(cell, Unreadable):
        raise _no_value(cell)
    if column.kind in {"whole", "scaled", "number"}:
        return _number(column, cell)
    if column.kind in {"day", "moment"}:
        return _moment(column, cell, zone)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        _check_code(cell, is_key=is_key)
    text = cell_text(cell).strip()
    if column.kind == "choice":
        return _choice(column, text)
    if column.kind == "list":
        return [part.strip() for part in text.split(";") if part.strip()]
    return text


def read_region(cell: Cell, scope: str) -> str:
    """Return the code of a region: `73.71.01`, the same with its name, or a name inside the scope; or `CellFault`."""
    if isinstance(cell, Unreadable):
        raise _no_value(cell)
    if not isinstance(cell, str):
        # 53.10 as a number is 53.1: nobody knows what was typed.
        raise CellFault("cell.number_not_text" if isinstance(cell, int | float) else "cell.region_unreadable")
    table, text = load_regions(), " ".join(cell.split())
    match = _CODE.fullmatch(text)
    if match:
        region = table.get(match[1])
        if region is None or (match[2] and match[2].casefold() != region.name.casefold()):
            raise CellFault("cell.region_unreadable")
        code = region.code
    else:
        near = [each for each in (*table.children(scope), table.get(scope)) if each is not None]
        found = [each.code for each in near if each.name.casefold() == text.casefold()] if scope else []
        if len(found) != 1:
            raise CellFault("cell.region_unreadable")
        code = found[0]
    if scope and code != scope and not code.startswith(f"{scope}."):
        raise CellFault("cell.region_outside_template")
    return code


def _no_value(cell: Unreadable) -> CellFault:
    return CellFault("cell.error" if cell.kind == "e" else "cell.formula_without_value")


def _check_code(number: float, *, is_key: bool) -> None:
    if is_key or abs(number) >= _EXACT_LIMIT or number != int(number):
        raise CellFault("cell.number_not_text")


def _choice(column: Column, text: str) -> str:
    symbol = choices_by_word(column).get(text.casefold())
    if symbol is None:
        raise CellFault("import.not_a_choice")
    return symbol


def _number(column: Column, cell: Cell) -> int | float:
    scaled = _decimal(cell) * column.scale
    if column.kind == "number":
        return float(scaled)
    if scaled != scaled.to_integral_value():
        raise CellFault("cell.number_too_fine" if column.scale > 1 else "import.not_a_number")
    number = int(scaled)
    if not -column.limit <= number < column.limit:
        raise CellFault("import.number_too_large")
    return number


def _decimal(cell: Cell) -> Decimal:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if abs(cell) >= _EXACT_LIMIT:
            raise CellFault("import.number_too_large")
        return Decimal(number_text(cell))
    if not isinstance(cell, str):
        raise CellFault("import.not_a_number")
    text = re.sub(r"^rp\.? *", "", cell.strip(), flags=re.IGNORECASE)
    if _GROUPED.fullmatch(text) or _COMMA.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _PLAIN.fullmatch(text) or _POINT.fullmatch(text):
        return Decimal(text)
    raise CellFault("import.not_a_number")


def _moment(column: Column, cell: Cell, zone: ZoneInfo) -> str | datetime:
    day, clock = _day_and_clock(cell)
    if column.kind == "day":
        if clock not in {None, time()}:
            raise CellFault("cell.date_unreadable")
        return day.isoformat()
    return datetime.combine(day, clock or time(), zone)


def _day_and_clock(cell: Cell) -> tuple[date, time | None]:
    if isinstance(cell, datetime):
        return cell.date(), cell.time()
    if isinstance(cell, date):
        return cell, None
    if not isinstance(cell, str):
        # A bare number may be a day of either of Excel's two calendars.
        raise CellFault("cell.date_unreadable")
    words = cell.strip().casefold().replace("t", " ") if _ISO_DAY.match(cell.strip()) else cell.strip().casefold()
    try:
        return _written_day(words)
    except ValueError as error:
        raise CellFault("cell.date_unreadable") from error


def _written_day(text: str) -> tuple[date, time | None]:
    """Read a day with or without a time of day behind it; raises ValueError."""
    for shape in (_DAY_FIRST, _NAMED_MONTH, _ISO_DAY):
        match = shape.match(text)
        if match:
            break
    else:
        message = "no day"
        raise ValueError(message)
    one, two, three = match.groups()
    if shape is _ISO_DAY:
        day = date(int(one), int(two), int(three))
    else:
        month = _MONTHS.get(two, 0) if shape is _NAMED_MONTH else int(two)
        day = date(int(three), month, int(one))
    rest = text[match.end() :].strip(" ,")
    if not rest:
        return day, None
    clock = _CLOCK.fullmatch(rest)
    if clock is None:
        message = "no time of day"
        raise ValueError(message)
    return day, time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
