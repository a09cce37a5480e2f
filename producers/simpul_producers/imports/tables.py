"""Reading of tables: CSV as spreadsheets and other systems write it, and JSON; plain, gzipped or zipped; row by row.

A row that cannot be read is handed on as `MalformedRow`, and the next one is read; only what makes the whole file
unreadable is a `TableError`. Every kind of file is one `Table`: a header, and numbered rows of as many texts.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from simpul_producers.errors import TableError
from simpul_producers.imports.detect import EncodingGuess, guess_delimiter
from simpul_producers.imports.model import AUTO, TableSpec
from simpul_producers.imports.unpack import UNPACK_ERRORS, open_bytes
from simpul_producers.imports.workbook import WorkbookTable, is_workbook, read_cells
from simpul_schemas.rules import Text

#: A line longer than this is no line of a table.
_LINE_LIMIT = 1 << 20
_HEAD_BYTES = 4096
_SAMPLE_LINES = 50
_PIECE_BYTES = 1 << 20
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSON_SUFFIXES = (".json", ".geojson")
#: Between the names of a header of several rows.
_HEADER_JOIN = " / "


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that cannot be cut into the cells that the header promises."""

    detail: Text


Row: TypeAlias = list[str] | MalformedRow


class Table(Protocol):
    """An open table: its header, and its rows with the number that a spreadsheet shows (the first line is row 1)."""

    @property
    def header(self) -> list[str]:
        """The names of the columns."""

    @property
    def fraction_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""

    @property
    def facts(self) -> dict[str, str]:
        """How the file is written, as far as it was found out: `encoding`, `delimiter`, `format`."""

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield each row below the header; empty lines are counted but not yielded."""


class CsvTable:
    """A table of lines and delimiters."""

    def __init__(self, file: str, lines: "_Lines", spec: TableSpec, delimiter: str, on_disk: "_OnDisk") -> None:
        self._file = file
        self._lines = lines
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._on_disk = on_disk
        self._number = 0
        self._spec = spec
        self.facts = {"format": "csv", "encoding": lines.encoding, "delimiter": delimiter}
        self.header = self._read_header()

    @property
    def fraction_read(self) -> float:
        """See `Table`."""
        return self._on_disk.fraction

    def rows(self) -> Iterator[tuple[int, Row]]:
        """See `Table`."""
        width = len(self.header)
        trim = self._spec.trim
        while (row := self._next()) is not None:
            if isinstance(row, list):
                if len(row) != width:
                    if not row:
                        continue
                    row = _wrong_width(row, width)
                elif trim:
                    row = [cell.strip() for cell in row]
            yield self._number, row

    def _read_header(self) -> list[str]:
        spec = self._spec
        for _ in range(spec.preamble_rows):
            self._next()
        lines = [self._header_row() for _ in range(spec.header_rows)]
        for _ in range(spec.tag_rows):
            self._next()
        names = join_header(lines)
        if spec.columns is None:
            return names
        if lines and len(spec.columns) != len(names):
            raise TableError(
                self._file,
                f"judul punya {len(names)} kolom, pemetaan menyebut {len(spec.columns)}.",
                f"the header has {len(names)} columns, the mapping names {len(spec.columns)}.",
            )
        return list(spec.columns)

    def _header_row(self) -> list[str]:
        row = self._next()
        if row is None:
            raise TableError(self._file, "kosong.", "it is empty.")
        if isinstance(row, MalformedRow):
            raise TableError(
                self._file,
                f"baris judul tidak terbaca: {row.detail.indonesian}",
                f"the header cannot be read: {row.detail.english}",
            )
        return [name.strip() for name in row]

    def _next(self) -> Row | None:
        """Return the next row, or None at the end; a row that spans a broken quote swallows lines, and says which."""
        self._lines.fault = None
        first_line = self._reader.line_num + 1
        try:
            row: Row = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            lines = f"{first_line}-{self._reader.line_num}"
            row = MalformedRow(
                Text(
                    f"Tanda kutip rusak di baris berkas {lines} ({error}).", f"Broken quotes, lines {lines} ({error})."
                )
            )
        except (*UNPACK_ERRORS, UnicodeError) as error:
            raise TableError(
                self._file,
                f"putus setelah baris {self._number} ({error}); ambil ulang berkasnya, lalu impor lagi.",
                f"it breaks off after row {self._number} ({error}); get the file anew, then import again.",
            ) from error
        self._number += 1
        return MalformedRow(self._lines.fault) if self._lines.fault else row


def _wrong_width(row: list[str], width: int) -> MalformedRow:
    return MalformedRow(Text(f"{len(row)} sel, seharusnya {width}.", f"{len(row)} cells instead of {width}."))


def join_header(lines: Sequence[list[str]]) -> list[str]:
    """Return the names of the columns out of one or several rows of a header.

    In all rows but the last an empty cell continues the name at its left, since it was merged with it.
    """
    if len(lines) < 2:
        return list(lines[0]) if lines else []
    width = max(len(line) for line in lines)
    columns: list[list[str]] = [[] for _ in range(width)]
    for depth, line in enumerate(lines):
        above = ""
        for place in range(width):
            cell = line[place] if place < len(line) else ""
            above = cell or (above if depth < len(lines) - 1 else "")
            if above:
                columns[place].append(above)
    return [_HEADER_JOIN.join(column) for column in columns]


class _Lines(Iterator[str]):
    """The lines of a text, with the last fault that was seen in one."""

    def __init__(self, file: str, text: io.TextIOWrapper, encoding: str) -> None:
        self._file = file
        self._read = text.readline
        self.encoding = encoding
        self.fault: Text | None = None

    def __next__(self) -> str:
        line = self._read(_LINE_LIMIT)
        if not line:
            raise StopIteration
        if len(line) == _LINE_LIMIT:
            raise TableError(self._file, "ada baris lebih dari 1 MB; bukan tabel CSV.", "a line is over 1 MB; no CSV.")
        if "\0" in line:
            self.fault = Text("Ada bita NUL di dalam baris.", "There is a NUL byte in the row.")
        elif not line.isascii() and _is_undecoded(line):
            self.fault = Text(f"Ada bita yang bukan {self.encoding}.", f"There are bytes that are not {self.encoding}.")
        return line


def _is_undecoded(line: str) -> bool:
    """Return whether bytes were carried over undecoded (PEP 383) because they are not of the encoding."""
    return any("\udc80" <= character <= "\udcff" for character in line)


@dataclass(frozen=True, slots=True)
class _OnDisk:
    raw: BinaryIO
    size: int

    @property
    def fraction(self) -> float:
        return min(self.raw.tell() / self.size, 1.0) if self.size else 1.0


@contextmanager
def open_table(path: Path, spec: TableSpec) -> Iterator[Table | WorkbookTable]:
    """Open a table, or raise `TableError` that says what the file is instead."""
    if is_workbook(path):
        with closing(read_cells(path, spec.sheet)) as cells:
            yield WorkbookTable(path.name, cells, MalformedRow, spec, join_header)
        return
    encoding = _encoding(path, spec)
    with open_bytes(path, spec.member) as (data, raw, name):
        if is_json(name, spec):
            from simpul_producers.imports.records import JsonTable  # noqa: PLC0415  # it builds on this module

            yield JsonTable(path.name, data, encoding, spec)
            return
        text = io.TextIOWrapper(data, encoding=encoding, errors="surrogateescape", newline="")
        delimiter = _delimiter(path, spec, encoding) if spec.delimiter == AUTO else spec.delimiter
        yield CsvTable(path.name, _Lines(path.name, text, encoding), spec, delimiter, _OnDisk(raw, path.stat().st_size))


def is_json(name: str, spec: TableSpec) -> bool:
    """Return whether a file is read as JSON."""
    return spec.format == "json" or (spec.format == AUTO and name.lower().endswith(_JSON_SUFFIXES))


def _encoding(path: Path, spec: TableSpec) -> str:
    with open_bytes(path, spec.member) as (data, _, _):
        try:
            head = data.peek(_HEAD_BYTES)
            if spec.encoding == AUTO:
                guess = EncodingGuess()
                while piece := data.read(_PIECE_BYTES):
                    guess.feed(piece)
        except UNPACK_ERRORS as error:
            raise TableError(path.name, f"tidak dapat dibaca ({error}).", f"cannot be read ({error}).") from error
    encoding = guess.finish() if spec.encoding == AUTO else spec.encoding
    _check_text(path.name, head, encoding)
    # A mark at the beginning of UTF-8 is no part of the first name.
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _check_text(file: str, head: bytes, encoding: str) -> None:
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        return
    if head.startswith(_UTF_16_MARKS):
        raise TableError(
            file,
            f"ditulis dalam UTF-16, sedangkan pemetaan berkata {encoding}; tulis encoding: auto.",
            f"it is written in UTF-16, while the mapping says {encoding}; write encoding: auto.",
        )
    if b"\0" in head.partition(b"\n")[0]:
        raise TableError(
            file, "bukan teks; yang dibaca hanya CSV dan JSON.", "it is not text; only CSV and JSON are read."
        )


def _delimiter(path: Path, spec: TableSpec, encoding: str) -> str:
    """Find the delimiter out from the first lines, in a reading of its own, since some streams cannot go back."""
    with open_bytes(path, spec.member) as (data, _, _):
        text = io.TextIOWrapper(data, encoding=encoding, errors="surrogateescape", newline="")
        try:
            lines = [text.readline(_LINE_LIMIT) for _ in range(spec.preamble_rows + _SAMPLE_LINES)]
        except (*UNPACK_ERRORS, UnicodeError) as error:
            raise TableError(path.name, f"tidak dapat dibaca ({error}).", f"cannot be read ({error}).") from error
    return guess_delimiter([line for line in lines[spec.preamble_rows :] if line.strip()])
