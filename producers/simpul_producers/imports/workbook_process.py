"""Reads one workbook and prints its cells: the process that `workbook` starts for a file that it does not trust.

    python -m simpul_producers.imports.workbook_process FILE WHICH

WHICH is the name of a sheet, empty for the first that is visible, or `*` for all. Each line printed is a JSON value:
a sheet is `{"sheet": name, "visible": bool}`, a row `[number, [cells]]`, the end `{"end": true}`, a refusal
`{"refused": reason, "detail": text}`. A cell is a text, a number, a truth value, or an object with one key: `d` day,
`m` moment, `t` time of day, `s` duration in seconds, `e` error, `f` formula without a stored result.

It is a process of its own because a reader that runs out of memory ends the process it is in, and must not end the
import. Where the system can limit memory, it is limited before the first byte is read.
"""

import json
import math
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from simpul_producers.imports import workbook_guard
from simpul_producers.imports.workbook_guard import Extent, Refused

#: Address space, which is more than what is used; it bounds what a file can make this process take.
_MEMORY_BYTES = 384 << 20
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP_MAGIC = b"PK\x03\x04"
ALL, FIRST = "*", ""


def main(arguments: list[str]) -> int:
    """Print a workbook; returns 0 also where it was refused, since that was said."""
    name, which = arguments
    _limit_memory()
    try:
        _print_workbook(Path(name), which)
    except Refused as refused:
        _say({"refused": refused.reason, "detail": refused.detail})
    except MemoryError:
        _say({"refused": "too_much_memory", "detail": ""})
    return 0


def _limit_memory() -> None:
    try:
        import resource  # noqa: PLC0415  # only POSIX has it; elsewhere the guard's own limits must do
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _print_workbook(path: Path, which: str) -> None:
    extents = _guard(path)
    import python_calamine  # noqa: PLC0415  # loaded only for what has passed the guard

    try:
        book = python_calamine.load_workbook(str(path))
    except python_calamine.PasswordError as error:
        raise Refused("encrypted") from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise Refused("broken", str(error)[:80]) from error
    wanted = _wanted(book.sheets_metadata, which)
    for sheet in book.sheets_metadata:
        if sheet.name in wanted:
            _say({"sheet": sheet.name, "visible": _is_visible(sheet)})
            _print_rows(book, sheet.name, extents.get(sheet.name, Extent()))
    _say({"end": True})


def _guard(path: Path) -> dict[str, Extent]:
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(8)
            if size > workbook_guard.MAX_FILE_BYTES:
                raise Refused("file_too_large", str(size))
            rest = stream.read() if head == _OLE_MAGIC else b""
    except OSError as error:
        raise Refused("unopenable", error.strerror or str(error)) from error
    if not size:
        raise Refused("empty")
    if head.startswith(_ZIP_MAGIC):
        return workbook_guard.guard_zip(path)
    if head != _OLE_MAGIC:
        raise Refused("no_workbook")
    if "EncryptedPackage".encode("utf-16-le") in rest:
        raise Refused("encrypted")
    if "_VBA_PROJECT".encode("utf-16-le") in rest:
        raise Refused("macros")
    return {}


def _is_visible(sheet: Any) -> bool:  # noqa: ANN401  # calamine's metadata, a type that only its stub has
    return str(sheet.visible).rpartition(".")[2] == "Visible"


def _wanted(sheets: list[Any], which: str) -> set[str]:
    tables = [sheet for sheet in sheets if str(sheet.typ).rpartition(".")[2] == "WorkSheet"]
    shown = [sheet.name for sheet in tables if _is_visible(sheet)]
    if not shown:
        raise Refused("no_sheet")
    if which == ALL:
        return {sheet.name for sheet in tables}
    if which == FIRST:
        return {shown[0]}
    if which not in {sheet.name for sheet in tables}:
        raise Refused("sheet_unknown", f"{which} ({', '.join(shown)})"[:200])
    return {which}


def _print_rows(book: Any, name: str, extent: Extent) -> None:  # noqa: ANN401  # calamine's workbook
    import python_calamine  # noqa: PLC0415  # as above

    try:
        sheet = book.get_sheet_by_name(name)
    except (python_calamine.CalamineError, ValueError) as error:
        raise Refused("broken", str(error)[:80]) from error
    # Rows come from the first of the sheet on, but columns only from the first that is filled.
    offset = [""] * (sheet.start[1] if sheet.start else 0)
    if sheet.end is not None:
        Extent().reach(sheet.end[0] + 1, sheet.end[1] + 1)
    last_filled = max((row for row, _ in extent.unreadable), default=0)
    number = 0
    for number, values in enumerate(sheet.iter_rows(), 1):
        _print_row(number, offset + [_plain(value) for value in values], extent)
    for row in range(number + 1, last_filled + 1):
        _print_row(row, [], extent)


def _print_row(number: int, cells: list[Any], extent: Extent) -> None:
    if extent.unreadable:
        for column in range(1, extent.columns + 1):
            found = extent.unreadable.get((number, column))
            if found is not None:
                cells.extend([""] * (column - len(cells)))
                cells[column - 1] = {found[0]: found[1]}
    while cells and cells[-1] == "":
        cells.pop()
    if cells:
        _say([number, cells])


def _plain(value: object) -> Any:  # noqa: ANN401  # a JSON value
    if isinstance(value, str):
        if len(value) > workbook_guard.MAX_CELL_CHARACTERS:
            raise Refused("cell_too_long", str(len(value)))
        return value
    if isinstance(value, bool | int | float):
        # No spreadsheet holds these; somebody wrote the file by hand.
        return value if math.isfinite(value) else {"e": "#NUM!"}
    if isinstance(value, datetime):
        return {"m": _to_second(value).isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, time):
        return {"t": value.isoformat("seconds")}
    return {"s": value.total_seconds()} if isinstance(value, timedelta) else ""


def _to_second(moment: datetime) -> datetime:
    """Round to the second: a spreadsheet keeps a fraction of a day, and 10:30 comes back as 10:29:59.9999."""
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
