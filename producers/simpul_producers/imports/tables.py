"""Reading of tables: CSV as spreadsheets and other systems write it, plain or gzipped, one row at a time.

A row that cannot be read is handed on as `MalformedRow`, and the next one is read; only what makes the whole file
unreadable is a `TableError`.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from simpul_producers.errors import TableError
from simpul_producers.imports.mapping import TableSpec
from simpul_producers.imports.workbook import WorkbookTable, is_workbook, read_cells
from simpul_schemas.rules import Text

#: A line longer than this is no line of a table.
_LINE_LIMIT = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_HEAD_BYTES = 4096
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that cannot be cut into the cells that the header promises."""

    detail: Text


Row: TypeAlias = list[str] | MalformedRow


class Table:
    """An open table: its header, and its rows with the number that a spreadsheet shows (the header is row 1)."""

    def __init__(self, file: str, lines: "_Lines", delimiter: str, raw: BinaryIO, size: int) -> None:
        self._file = file
        self._lines = lines
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._raw = raw
        self._size = size
        self._number = 0
        self.header = self._read_header()

    @property
    def fraction_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return min(self._raw.tell() / self._size, 1.0) if self._size else 1.0

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield each row below the header; empty lines are counted but not yielded."""
        width = len(self.header)
        while (row := self._next()) is not None:
            if isinstance(row, list) and len(row) != width:
                if not row:
                    continue
                row = MalformedRow(
                    Text(f"{len(row)} sel, seharusnya {width}.", f"{len(row)} cells instead of {width}.")
                )
            yield self._number, row

    def _read_header(self) -> list[str]:
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
        first_line = self._reader.line_num + 1
        self._lines.fault = None
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
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            raise TableError(
                self._file,
                f"putus setelah baris {self._number} ({error}); ambil ulang berkasnya, lalu impor lagi.",
                f"it breaks off after row {self._number} ({error}); get the file anew, then import again.",
            ) from error
        self._number += 1
        return MalformedRow(self._lines.fault) if self._lines.fault else row


class _Lines(Iterator[str]):
    """The lines of a text, with the last fault that was seen in one."""

    def __init__(self, file: str, text: io.TextIOWrapper, encoding: str) -> None:
        self._file = file
        self._text = text
        self._encoding = encoding
        self.fault: Text | None = None

    def __next__(self) -> str:
        line = self._text.readline(_LINE_LIMIT)
        if not line:
            raise StopIteration
        if len(line) == _LINE_LIMIT:
            raise TableError(self._file, "ada baris lebih dari 1 MB; bukan tabel CSV.", "a line is over 1 MB; no CSV.")
        if "\0" in line:
            self.fault = Text("Ada bita NUL di dalam baris.", "There is a NUL byte in the row.")
        elif not line.isascii() and _is_undecoded(line):
            self.fault = Text(
                f"Ada bita yang bukan {self._encoding}.", f"There are bytes that are not {self._encoding}."
            )
        return line


def _is_undecoded(line: str) -> bool:
    """Return whether bytes were carried over undecoded (PEP 383) because they are not of the encoding."""
    return any("\udc80" <= character <= "\udcff" for character in line)


@contextmanager
def open_table(path: Path, spec: TableSpec) -> Iterator[Table | WorkbookTable]:
    """Open a table, or raise `TableError` that says what the file is instead."""
    file = path.name
    if is_workbook(path):
        with closing(read_cells(path, spec.sheet)) as cells:
            yield WorkbookTable(file, cells, MalformedRow)
        return
    try:
        raw = path.open("rb")
    except OSError as error:
        detail = error.strerror or str(error)
        raise TableError(str(path), f"tidak dapat dibuka ({detail}).", f"cannot be opened ({detail}).") from error
    with raw:
        data = _unpacked(path, raw)
        _check_text(file, data, spec)
        encoding = "utf-8-sig" if codecs.lookup(spec.encoding).name == "utf-8" else spec.encoding
        text = io.TextIOWrapper(data, encoding=encoding, errors="surrogateescape", newline="")
        lines = _Lines(file, text, spec.encoding)
        yield Table(file, lines, spec.delimiter, raw, path.stat().st_size)


def _unpacked(path: Path, raw: BinaryIO) -> io.BufferedReader:
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        # Typed as a file of any mode; opened for reading it is a buffered reader in all but name.
        return cast("io.BufferedReader", gzip.GzipFile(fileobj=raw, mode="rb"))
    if path.suffix == ".gz":
        raise TableError(path.name, "bernama .gz tetapi bukan gzip.", "it is named .gz, but is not gzip.")
    if magic == _ZIP_MAGIC:
        raise TableError(
            path.name,
            "adalah buku kerja Excel atau arsip zip; beri nama .xlsx, atau simpan sebagai CSV UTF-8 dulu.",
            "it is an Excel workbook or a zip archive; name it .xlsx, or save it as CSV UTF-8 first.",
        )
    return cast("io.BufferedReader", raw)


def _check_text(file: str, data: io.BufferedReader, spec: TableSpec) -> None:
    try:
        head = data.read(_HEAD_BYTES)
        data.seek(0)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(file, f"tidak dapat dibaca ({error}).", f"cannot be read ({error}).") from error
    wide = codecs.lookup(spec.encoding).name.startswith(("utf-16", "utf-32"))
    if not wide and head.startswith(_UTF_16_MARKS):
        raise TableError(
            file,
            f"ditulis dalam UTF-16, sedangkan pemetaan berkata {spec.encoding}; simpan ulang sebagai UTF-8.",
            f"it is written in UTF-16, while the mapping says {spec.encoding}; save it again as UTF-8.",
        )
    first_line = head.partition(b"\n")[0]
    if not wide and b"\0" in first_line:
        raise TableError(file, "bukan teks; yang dibaca hanya CSV.", "it is not text; only CSV is read.")
