"""Cells of CSV that a spreadsheet program shows as they are: a text that it would take for a formula is made safe.

Reasons and names come from outside the bus, and a cell `=HYPERLINK(...)` would run on the desk of whoever opens the
file. One helper for `simpul subscribe` and the portal.
"""

import csv
from collections.abc import Sequence
from typing import Any, TextIO

#: What a formula begins with, in half and full width; a blank before it does not help.
_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001  # full width is what is meant
#: Characters that some programs cut off, or take for the beginning of another cell.
_CONTROL = tuple("\t\r\n")


def safe_cell(value: Any) -> Any:  # noqa: ANN401  # any cell
    """Return a cell with an apostrophe before what would be a formula; numbers, and a lone `-`, stay what they are."""
    if not isinstance(value, str) or value in {"-", "+"}:
        return value
    if value.startswith(_CONTROL) or value.strip().startswith(_FORMULA):
        return f"'{value}"
    return value


def write_rows(to: TextIO, rows: Sequence[Sequence[Any]], line_end: str = "\r\n") -> None:
    """Write rows of safe cells as RFC 4180 has them, None as an empty cell; the stream must leave line ends alone."""
    csv.writer(to, lineterminator=line_end).writerows([safe_cell(cell) for cell in row] for row in rows)
