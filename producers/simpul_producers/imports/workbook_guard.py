"""What a workbook would unpack to, found out before anything is unpacked into memory.

A workbook is a zip archive of XML. A small one can claim billions of cells, so each member is first inflated piece by
piece into nothing (what the archive says about sizes may be a lie), and each XML is walked without building a tree. An
XML with a document type is refused, since entities are how XML grows; no office program writes one. No name of a
member is ever used as a path.

The walk also brings what a reader of values does not tell: cells that hold an error, and formulas whose result was
never stored. To take these for empty cells would be to lose them in silence.
"""

import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.parsers import expat

MAX_FILE_BYTES = 32 << 20
MAX_UNPACKED_BYTES = 128 << 20
MAX_MEMBERS = 1000
MAX_ROWS = 100_000
MAX_COLUMNS = 512
#: Of the rectangle around all filled cells, since that is what a reader allocates.
MAX_CELLS = 1_000_000
#: Of all cells together: many cells may refer to one text.
MAX_TEXT_BYTES = 32 << 20
#: The most that Excel itself puts into a cell.
MAX_CELL_CHARACTERS = 32_767

_MAX_DEPTH = 64
_PIECE = 1 << 16
_LOCAL_HEADER_BYTES = 30
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class Refused(Exception):
    """The file is not read; `reason` is one of the words that `workbook` has a sentence for, `detail` what was seen."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Extent:
    """How far the filled cells of a sheet reach (counted from 1), and its cells without a value to read."""

    rows: int = 0
    columns: int = 0
    text_bytes: int = 0
    #: By (row, column), counted from 1: `e` an error, `f` a formula without a result, and its text.
    unreadable: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)

    def reach(self, row: int, column: int) -> None:
        """Note a filled cell, or raise `Refused` where the sheet grows too large."""
        self.rows, self.columns = max(self.rows, row), max(self.columns, column)
        if self.rows > MAX_ROWS or self.columns > MAX_COLUMNS or self.rows * self.columns > MAX_CELLS:
            raise Refused("sheet_too_large", f"{self.rows} x {self.columns}")

    def add_text(self, size: int) -> None:
        """Note the size of a text, or raise `Refused`."""
        self.text_bytes += size
        if self.text_bytes > MAX_TEXT_BYTES:
            raise Refused("text_too_large")


def guard_zip(path: Path) -> dict[str, Extent]:
    """Return the extent of each sheet of an XLSX by its name, or raise `Refused`; of an ODS nothing is returned."""
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
            names = _check_members(archive, raw)
            if "mimetype" in names and "content.xml" in names:
                _walk(archive, "content.xml", _OdsWalk())
                return {}
            return _guard_xlsx(archive, names)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise Refused("broken", str(error)[:80]) from error
    except expat.ExpatError as error:
        raise Refused("broken", f"XML: {error}"[:80]) from error


def _check_members(archive: zipfile.ZipFile, raw: IO[bytes]) -> set[str]:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Refused("too_many_members", str(len(members)))
    names = {member.filename.casefold() for member in members}
    if len(names) != len(members):
        raise Refused("broken", "two members of one name")
    if any(member.flag_bits & 1 for member in members) or "encryptedpackage" in names:
        raise Refused("encrypted")
    if any(name.endswith("vbaproject.bin") for name in names) or "basic/script-lc.xml" in names:
        raise Refused("macros")
    if "xl/workbook.bin" in names:
        raise Refused("binary_workbook")
    if not names & {"xl/workbook.xml", "content.xml"}:
        raise Refused("no_workbook")
    left = MAX_UNPACKED_BYTES
    for member in members:
        left -= _inflated_size(raw, member, left)
    return {member.filename for member in members}


def _inflated_size(raw: IO[bytes], member: zipfile.ZipInfo, limit: int) -> int:
    """Inflate a member into nothing and return its true size; what the archive says of it must be the same."""
    raw.seek(member.header_offset)
    head = raw.read(_LOCAL_HEADER_BYTES)
    raw.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Refused("broken", f"compression {member.compress_type}")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
    size, packed = 0, member.compress_size
    while packed > 0 and (piece := raw.read(min(_PIECE, packed))):
        packed -= len(piece)
        while piece:
            size += len(inflate.decompress(piece, _PIECE)) if inflate else len(piece)
            if size > limit:
                raise Refused("unpacks_too_large")
            piece = inflate.unconsumed_tail if inflate else b""
    if inflate:
        size += len(inflate.flush())
    if size != member.file_size:
        raise Refused("broken", f"{member.filename[:40]}: {size} bytes, not {member.file_size}")
    return size


def _guard_xlsx(archive: zipfile.ZipFile, names: set[str]) -> dict[str, Extent]:
    sheets = {member: sheet for sheet, member in _sheet_members(archive)}
    lengths: array[int] = array("I")
    by_member: dict[str, Extent] = {}
    # Shared texts first: what a cell costs depends on them. Any member may be a sheet, whatever it is called.
    for name in sorted(names, key=lambda name: "sharedstrings" not in name.casefold()):
        if name.casefold().endswith((".xml", ".rels", ".vml")) or _looks_like_xml(archive, name):
            walk, member = _XlsxWalk(lengths), name.lstrip("/").casefold()
            try:
                _walk(archive, name, walk)
            except Refused as refused:
                where = f"{sheets.get(member, name)[:40]}!{walk.place}" if walk.root == "worksheet" else ""
                raise Refused(refused.reason, ", ".join(filter(None, (where, refused.detail)))) from refused
            if walk.root == "worksheet":
                by_member[member] = walk.extent
    return {sheet: by_member[member] for member, sheet in sheets.items() if member in by_member}


def _looks_like_xml(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _sheet_members(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield each sheet's name and the member that holds it."""
    sheets, targets = _Attributes({"sheet"}), _Attributes({"Relationship"})
    _walk(archive, "xl/workbook.xml", sheets)
    _walk(archive, "xl/_rels/workbook.xml.rels", targets)
    by_id = {found.get("Id", ""): found.get("Target", "") for found in targets.found}
    for sheet in sheets.found:
        number = next((value for key, value in sheet.items() if key.rpartition(":")[2] == "id"), "")
        target = by_id.get(number, "")
        yield sheet.get("name", ""), (target.lstrip("/") if target.startswith("/") else f"xl/{target}").casefold()


class _Walk:
    """Sees each element of an XML once; names come without their prefix."""

    def __init__(self) -> None:
        self.root = ""
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See the beginning of an element."""

    def text(self, data: str) -> None:
        """See a piece of text."""

    def end(self, name: str) -> None:
        """See the end of an element."""

    def on_start(self, name: str, attributes: dict[str, str]) -> None:
        """Check the depth, then hand on."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Refused("broken", "XML nested too deep")
        local = name.rpartition(":")[2]
        self.root = self.root or local
        self.start(local, attributes)

    def on_end(self, name: str) -> None:
        """Hand on."""
        self._depth -= 1
        self.end(name.rpartition(":")[2])


def _walk(archive: zipfile.ZipFile, name: str, walk: _Walk) -> None:
    try:
        stream = archive.open(name)
    except KeyError as error:
        raise Refused("broken", f"no {name}") from error
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = walk.on_start
    parser.EndElementHandler = walk.on_end
    parser.CharacterDataHandler = walk.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with stream:
        while piece := stream.read(_PIECE):
            parser.Parse(piece)
        parser.Parse(b"", True)  # noqa: FBT003  # expat takes no keyword


def _refuse_doctype(*_: object) -> None:
    raise Refused("broken", "XML with a document type")


class _Attributes(_Walk):
    """Keeps the attributes of some elements."""

    def __init__(self, wanted: set[str]) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self._wanted = wanted

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in self._wanted:
            self.found.append(attributes)


class _XlsxWalk(_Walk):
    """Walks a member of an XLSX: a sheet, the shared texts, or anything else."""

    def __init__(self, lengths: "array[int]") -> None:
        super().__init__()
        self.extent = Extent()
        self._lengths = lengths
        self._row = self._column = 0
        self._kind = ""
        self._open = ""
        self._size = 0
        self._value: list[str] = []
        self._formula: list[str] | None = None

    @property
    def place(self) -> str:
        """The cell that is being walked, as a spreadsheet calls it."""
        return f"{column_letters(self._column)}{self._row}"

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.root == "worksheet":
            self._start_in_sheet(name, attributes)
        elif self.root == "sst" and name == "si":
            self._size = 0
        self._open = name

    def _start_in_sheet(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif name == "c":
            match = _REFERENCE.fullmatch(attributes.get("r", ""))
            if match:
                self._column, self._row = _column_number(match[1]), int(match[2])
            else:
                self._column += 1
            self._kind, self._size = attributes.get("t", "n"), 0
            self._value, self._formula = [], None
        elif name == "f":
            self._formula = []

    def text(self, data: str) -> None:
        if self.root == "sst":
            self._size += len(data) if self._open == "t" else 0
        elif self.root == "worksheet":
            if self._open in {"v", "t"}:
                self._value.append(data)
            elif self._open == "f" and self._formula is not None:
                self._formula.append(data)

    def end(self, name: str) -> None:
        self._open = ""
        if self.root == "sst" and name == "si":
            if self._size > MAX_CELL_CHARACTERS:
                raise Refused("cell_too_long", str(self._size))
            self._lengths.append(self._size)
        elif self.root == "worksheet" and name == "c":
            self._end_cell("".join(self._value))

    def _end_cell(self, value: str) -> None:
        extent, formula = self.extent, self._formula
        if not value and formula is None:
            return
        extent.reach(self._row, self._column)
        size = len(value)
        if self._kind == "s":
            number = int(value or 0)
            size = self._lengths[number] if 0 <= number < len(self._lengths) else 0
        if size > MAX_CELL_CHARACTERS:
            raise Refused("cell_too_long", str(size))
        extent.add_text(size)
        if self._kind == "e":
            extent.unreadable[self._row, self._column] = ("e", value)
        elif formula is not None and not value and self._kind != "str":
            text = "".join(formula)[:MAX_CELL_CHARACTERS]
            extent.add_text(len(text))
            extent.unreadable[self._row, self._column] = ("f", text)


class _OdsWalk(_Walk):
    """Walks the content of an ODS, where one element may stand for a million rows or cells."""

    def __init__(self) -> None:
        super().__init__()
        self._extent = Extent()
        self._row = self._column = 0
        self._rows = self._columns = 1
        self._filled = False
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._extent, self._row = Extent(), 0
        elif name == "table-row":
            self._rows, self._column = _times(attributes, "rows"), 0
        elif name in {"table-cell", "covered-table-cell"}:
            self._columns = _times(attributes, "columns")
            self._filled = any(key.endswith("value-type") for key in attributes)
            self._size = 0

    def text(self, data: str) -> None:
        self._size += len(data)

    def end(self, name: str) -> None:
        if name == "table-row":
            self._row += self._rows
        elif name in {"table-cell", "covered-table-cell"}:
            self._column += self._columns
            if self._filled:
                self._extent.reach(self._row + self._rows, self._column)
                if self._size > MAX_CELL_CHARACTERS:
                    raise Refused("cell_too_long", str(self._size))
                self._extent.add_text(self._size * self._rows * self._columns)


def _times(attributes: dict[str, str], what: str) -> int:
    times = int(next((value for key, value in attributes.items() if key.endswith(f"number-{what}-repeated")), 1))
    if times < 1:
        raise Refused("broken", f"repeated {times} times")
    return times


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(column: int) -> str:
    """Return the letters of a column, counted from 1: 27 is AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
