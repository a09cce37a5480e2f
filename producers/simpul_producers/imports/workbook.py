"""Reading of workbooks (XLSX, and XLS or ODS) as tables: the cells as somebody typed them, or as texts.

The bytes are read by a process of their own (`workbook_process`), which says what it saw line by line; this side never
holds more than a row, and turns every way in which that process can end into a `TableError`. A formula is never
computed: its stored result is what counts. A text that begins with = + - or @ is a text.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TypeAlias

from simpul_producers.errors import TableError
from simpul_producers.imports import workbook_guard
from simpul_producers.imports.model import TableSpec
from simpul_producers.imports.workbook_guard import column_letters
from simpul_producers.imports.workbook_process import ALL, FIRST
from simpul_schemas.rules import Text

SUFFIXES = (".xlsx", ".xlsm", ".xltx", ".xlsb", ".xls", ".ods")
#: How long one file may take; the largest that is allowed takes some seconds.
_TIMEOUT_SECONDS = 120.0
#: Excel keeps 15 digits of a number; what is behind them is noise, or lost.
_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell without a value: an error such as #N/A, or a formula whose result the file does not hold."""

    kind: str
    text: str


Cell: TypeAlias = str | float | date | time | timedelta | Unreadable


@dataclass(frozen=True, slots=True)
class SheetHead:
    """The beginning of a sheet; its rows follow."""

    name: str
    visible: bool


NumberedRow: TypeAlias = tuple[int, list[Cell]]

_MIB = 1 << 20
_SAVE_AS = Text("simpan sebagai .xlsx biasa, lalu impor lagi.", "save it as a plain .xlsx, then import again.")
_REASONS: Mapping[str, Text] = MappingProxyType(
    {
        "empty": Text("kosong.", "it is empty."),
        "unopenable": Text("tidak dapat dibuka; periksa nama dan hak akses.", "it cannot be opened; check its name."),
        "broken": Text(
            f"rusak atau bukan buku kerja; buka di Excel, {_SAVE_AS.indonesian}",
            f"it is damaged, or no workbook; open it in Excel, {_SAVE_AS.english}",
        ),
        "no_workbook": Text(
            f"bukan buku kerja Excel walaupun namanya begitu; buka di Excel, {_SAVE_AS.indonesian}",
            f"it is no Excel workbook, although it is named so; open it in Excel, {_SAVE_AS.english}",
        ),
        "encrypted": Text(
            f"memakai kata sandi; hapus kata sandinya, {_SAVE_AS.indonesian}",
            f"it has a password; remove that, {_SAVE_AS.english}",
        ),
        "macros": Text(f"berisi makro; {_SAVE_AS.indonesian}", f"it holds macros; {_SAVE_AS.english}"),
        "binary_workbook": Text(
            f"dalam bentuk biner (.xlsb); {_SAVE_AS.indonesian}", f"it is a binary workbook (.xlsb); {_SAVE_AS.english}"
        ),
        "no_sheet": Text("tidak punya lembar yang tampak.", "it has no visible sheet."),
        "sheet_unknown": Text(
            "tidak punya lembar dengan nama itu; periksa nama lembar.", "it has no sheet of that name; check the name."
        ),
        "file_too_large": Text(
            f"lebih dari {workbook_guard.MAX_FILE_BYTES // _MIB} MB; bagi menjadi beberapa berkas.",
            f"it is over {workbook_guard.MAX_FILE_BYTES // _MIB} MB; divide it into several files.",
        ),
        "unpacks_too_large": Text(
            f"isinya lebih dari {workbook_guard.MAX_UNPACKED_BYTES // _MIB} MB setelah dibuka; bagi berkasnya.",
            f"it unpacks to over {workbook_guard.MAX_UNPACKED_BYTES // _MIB} MB; divide it.",
        ),
        "too_many_members": Text(
            f"terlalu banyak bagian; {_SAVE_AS.indonesian}", f"too many parts; {_SAVE_AS.english}"
        ),
        "sheet_too_large": Text(
            f"lembarnya melebihi {workbook_guard.MAX_ROWS:,} baris, {workbook_guard.MAX_COLUMNS} kolom, atau "
            f"{workbook_guard.MAX_CELLS:,} sel; hapus baris dan kolom kosong di ujung, atau bagi berkasnya.",
            f"a sheet has over {workbook_guard.MAX_ROWS:,} rows, {workbook_guard.MAX_COLUMNS} columns or "
            f"{workbook_guard.MAX_CELLS:,} cells; delete empty rows and columns at its ends, or divide it.",
        ),
        "text_too_large": Text(
            "teks di dalamnya terlalu banyak; bagi berkasnya.", "it holds too much text; divide it."
        ),
        "cell_too_long": Text(
            f"ada sel lebih dari {workbook_guard.MAX_CELL_CHARACTERS:,} huruf; pendekkan.",
            f"a cell has over {workbook_guard.MAX_CELL_CHARACTERS:,} characters; shorten it.",
        ),
        "too_much_memory": Text(
            f"rusak atau terlalu besar untuk dibaca dengan aman; bagi berkasnya, atau {_SAVE_AS.indonesian}",
            f"it is damaged, or too large to be read safely; divide it, or {_SAVE_AS.english}",
        ),
        "too_slow": Text("terlalu lama dibaca; bagi berkasnya.", "it takes too long to read; divide it."),
    }
)


_READERS: Mapping[str, Callable[[Any], Cell]] = MappingProxyType(
    {
        "d": date.fromisoformat,
        "m": datetime.fromisoformat,
        "t": time.fromisoformat,
        "s": lambda seconds: timedelta(seconds=seconds),
    }
)


def is_workbook(path: Path) -> bool:
    """Return whether a file is named as a workbook."""
    return path.suffix.casefold() in SUFFIXES


def read_cells(path: Path, which: str = FIRST) -> Generator[SheetHead | NumberedRow, None, None]:
    """Yield the sheets of a workbook, each followed by its rows that are not empty, or raise `TableError`.

    `which` is the name of a sheet, `FIRST` for the first that is visible, `ALL` for all, also hidden ones. Rows have
    the number that the spreadsheet shows. Cells that are blank or covered by a merged one are empty texts.
    """
    command = [sys.executable, "-P", "-m", "simpul_producers.imports.workbook_process", str(path.absolute()), which]
    ended = False
    with _process(command) as (output, timed_out):
        for line in output:
            said = _parse(line)
            if said is None:
                break
            if isinstance(said, list):
                yield said[0], [_cell(value) for value in said[1]]
            elif "sheet" in said:
                yield SheetHead(said["sheet"], said["visible"])
            elif "refused" in said:
                raise _error(path, said["refused"], said["detail"])
            else:
                ended = bool(said.get("end"))
        if not ended:
            raise _error(path, "too_slow" if timed_out.is_set() else "too_much_memory", "")


@contextmanager
def _process(command: list[str]) -> Iterator[tuple[IO[bytes], threading.Event]]:
    # Whatever it says on stderr (a panic of the reader) is not for the user; that it ended is all that counts.
    process = subprocess.Popen(  # noqa: S603  # our own module, and the file's name is an argument of its own
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    timed_out = threading.Event()

    def stop() -> None:
        timed_out.set()
        process.kill()

    timer = threading.Timer(_TIMEOUT_SECONDS, stop)
    timer.start()
    try:
        if process.stdout is not None:
            yield process.stdout, timed_out
    finally:
        timer.cancel()
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()


def _parse(line: bytes) -> Any:  # noqa: ANN401  # a JSON value, made by our own process
    try:
        return json.loads(line)
    except ValueError:
        # The process was killed in the middle of a line.
        return None


def _error(path: Path, reason: str, detail: str) -> TableError:
    text = _REASONS[reason]
    seen = f" ({detail})" if detail else ""
    return TableError(path.name, f"{text.indonesian}{seen}", f"{text.english}{seen}")


def _cell(value: Any) -> Cell:  # noqa: ANN401  # a JSON value, made by our own process
    if not isinstance(value, dict):
        cell: Cell = value
        return cell
    ((kind, inner),) = value.items()
    read = _READERS.get(kind)
    return read(inner) if read is not None else Unreadable(kind, inner)


def number_text(number: float) -> str:
    """Return a number as Excel shows it: 15 digits and no exponent, so 0.30000000000000004 is 0.3."""
    text = format(Decimal(format(number, f".{_DIGITS}g")), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell_text(cell: Cell) -> str:
    """Return a cell as text: numbers without noise, days and moments in ISO 8601, TRUE and FALSE; an error as it is."""
    match cell:
        case str():
            text = cell
        case bool():
            text = "TRUE" if cell else "FALSE"
        case int() | float():
            text = number_text(cell)
        case datetime():
            text = cell.isoformat(" ")
        case date() | time():
            text = cell.isoformat()
        case timedelta():
            # A duration is kept as days, like every time in a workbook.
            text = number_text(cell.total_seconds() / 86_400)
        case Unreadable():
            text = f"={cell.text}" if cell.kind == "f" else cell.text
    return text


class WorkbookTable:
    """An open sheet as a table: header and rows of texts, like `tables.Table`.

    A row with an error, or with a formula whose result is not stored, is handed on as one that cannot be read.
    """

    def __init__(
        self,
        file: str,
        rows: Iterator[SheetHead | NumberedRow],
        malformed: type[Any],
        spec: TableSpec,
        join_header: Callable[[Sequence[list[str]]], list[str]],
    ) -> None:
        self._rows = rows
        self._malformed = malformed
        self._trim = spec.trim
        self.sheet = ""
        #: How the file is written, as far as it was found out.
        self.facts: dict[str, str] = {"format": "workbook"}
        self.fraction_read = 0.0
        names = join_header(self._head(spec))
        if spec.columns is not None:
            if names and len(names) != len(spec.columns):
                raise TableError(
                    file,
                    f"judul punya {len(names)} kolom, pemetaan menyebut {len(spec.columns)}.",
                    f"the header has {len(names)} columns, the mapping names {len(spec.columns)}.",
                )
            names = list(spec.columns)
        self.header = names
        if not self.header:
            raise TableError(file, f"lembar '{self.sheet}' kosong.", f"the sheet '{self.sheet}' is empty.")

    def _head(self, spec: TableSpec) -> list[list[str]]:
        """Read up to the last row before the data, and return the rows of the header.

        Rows are counted as the sheet numbers them; without a preamble the header begins at the first row that is not
        empty.
        """
        lines: list[list[str]] = []
        first = spec.preamble_rows + 1 if spec.preamble_rows else None
        for row in self._rows:
            if isinstance(row, SheetHead):
                self.sheet = self.facts["sheet"] = row.name
                continue
            number, cells = row
            first = first or number
            if number >= first + spec.header_rows + spec.tag_rows:
                self._rows = chain([row], self._rows)
                break
            if first <= number < first + spec.header_rows:
                lines.append([cell_text(cell).strip() for cell in cells])
        return lines

    def rows(self) -> Iterator[tuple[int, Any]]:
        """Yield each row below the header with its number; empty rows are not yielded."""
        width = len(self.header)
        for row in self._rows:
            if isinstance(row, SheetHead):
                continue
            number, cells = row
            place = self._fault(number, cells)
            if place is not None:
                yield number, self._malformed(place)
                continue
            texts = [cell_text(cell) for cell in cells]
            if self._trim:
                texts = [text.strip() for text in texts]
            if len(texts) > width:
                yield (
                    number,
                    self._malformed(
                        Text(
                            f"Sel {column_letters(len(texts))}{number} di luar kolom yang berjudul.",
                            f"Cell {column_letters(len(texts))}{number} lies outside the columns of the header.",
                        )
                    ),
                )
            else:
                yield number, texts + [""] * (width - len(texts))
        self.fraction_read = 1.0

    def _fault(self, number: int, cells: list[Cell]) -> Text | None:
        for column, cell in enumerate(cells, 1):
            if isinstance(cell, Unreadable):
                place = f"{self.sheet}!{column_letters(column)}{number}"
                if cell.kind == "e":
                    return Text(f"Sel {place} berisi galat {cell.text}.", f"Cell {place} holds the error {cell.text}.")
                return Text(
                    f"Rumus di sel {place} tanpa hasil; buka dan simpan di Excel.",
                    f"The formula in cell {place} has no stored result; open and save it in Excel.",
                )
        return None


__all__ = [
    "ALL",
    "FIRST",
    "Cell",
    "NumberedRow",
    "SheetHead",
    "Unreadable",
    "WorkbookTable",
    "cell_text",
    "column_letters",
    "is_workbook",
    "number_text",
    "read_cells",
]
