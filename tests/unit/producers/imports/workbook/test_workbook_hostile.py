"""Whatever is called a workbook ends in rows or in a clear error, within bounded memory, and writes nothing."""

import io
import random
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from simpul_producers.errors import TableError
from simpul_producers.imports import workbook_guard
from simpul_producers.imports.workbook import ALL, FIRST, SheetHead, read_cells

_MIB = 1 << 20
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_MANIFEST = (
    b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    b'<manifest:file-entry manifest:full-path="/" manifest:media-type="' + _ODS + b'"/></manifest:manifest>'
)


def plain() -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["a", 1])
    book.save(stream)
    return stream.getvalue()


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def changed(**parts: bytes | None) -> bytes:
    """Return a plain workbook with some members exchanged; a name's slashes are written as two underscores."""
    whole = members(plain())
    for key, content in parts.items():
        name = next((name for name in whole if name.replace("/", "__").replace(".", "_") == key), key)
        whole.pop(name, None)
        if content is not None:
            whole[name] = content
    return packed(whole)


def sheet(rows: str, head: str = "") -> bytes:
    return changed(
        xl__worksheets__sheet1_xml=f"{head}<worksheet {_MAIN}><sheetData>{rows}</sheetData></worksheet>".encode()
    )


def shared(count: int, size: int, cells: str) -> bytes:
    texts = f"<si><t>{'x' * size}</t></si>" * count
    return packed(
        members(sheet(cells)) | {"xl/sharedStrings.xml": f"<sst {_MAIN} count='{count}'>{texts}</sst>".encode()}
    )


def with_member(name: str, content: bytes) -> bytes:
    return packed(members(plain()) | {name: content})


def lying(size: int) -> bytes:
    """Return a workbook whose sheet is said to have another size than it unpacks to, at both places."""
    big = f"<worksheet {_MAIN}><sheetData/></worksheet>".encode() + b" " * (40 * _MIB)
    data = bytearray(packed(members(plain()) | {"xl/worksheets/sheet1.xml": big}))
    true, false = len(big).to_bytes(4, "little"), size.to_bytes(4, "little")
    assert data.count(true) == 2
    return bytes(data.replace(true, false))


def twice() -> bytes:
    stream = io.BytesIO(plain())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<worksheet/>")
    return stream.getvalue()


def flagged_as_encrypted() -> bytes:
    data = bytearray(plain())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def flipped(seed: int) -> bytes:
    data, dice = bytearray(plain()), random.Random(seed)
    for _ in range(20):
        data[dice.randrange(30, len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    return stream.getvalue()


def ods(table: str) -> bytes:
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    content = f"<office:document-content {_ODS_SPACES}>{body}</office:document-content>"
    return packed({"mimetype": _ODS, "META-INF/manifest.xml": _MANIFEST, "content.xml": content.encode()})


def ods_cells(rows: int, columns: int, text: str = "x") -> bytes:
    cell = (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{columns}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )
    row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
    return ods(f'<table:table table:name="T">{row}</table:table>')


_LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
_CELL = '<row r="1"><c r="A1" t="{}"><v>{}</v></c></row>'
_VALUE = '<c r="{}"><v>1</v></c>'

#: Each must be refused.
REFUSED: dict[str, Callable[[], bytes]] = {
    "empty file": lambda: b"",
    "CSV named xlsx": lambda: b"provinsi,jumlah\n53,1\n",
    "HTML named xlsx": lambda: b"<html><table><tr><td>1</td></tr></table></html>",
    "PDF named xlsx": lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "tar.gz named xlsx": tar,
    "random bytes": lambda: random.Random(1).randbytes(10_000),
    "only a magic number": lambda: b"PK\x03\x04",
    "empty archive": lambda: packed({"a.txt": b"x"}),
    "archive in an archive": lambda: packed({"isi.xlsx": plain()}),
    "cut in the middle": lambda: plain()[: len(plain()) // 2],
    "without its directory": lambda: plain()[:-30],
    "encrypted by Office": lambda: _OLE + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(4096),
    "OLE with macros": lambda: _OLE + bytes(504) + "_VBA_PROJECT".encode("utf-16-le") + bytes(4096),
    "OLE of zeros": lambda: _OLE + bytes(8192),
    "OLE of noise": lambda: _OLE + random.Random(2).randbytes(20_000),
    "OLE cut short": lambda: _OLE,
    "macros (xlsm)": lambda: with_member("xl/vbaProject.bin", b"\xcc\x61"),
    "binary workbook (xlsb)": lambda: packed({"xl/workbook.bin": b"\x83\x01\x00"}),
    "flag of encryption": flagged_as_encrypted,
    "other compression": lambda: packed(members(plain()), zipfile.ZIP_LZMA),
    "over a thousand members": lambda: packed(members(plain()) | {f"x/{n}": b"" for n in range(1001)}),
    "a member twice": twice,
    "bomb in a picture": lambda: with_member("xl/media/a.png", bytes(200 * _MIB)),
    "bomb in a sheet": lambda: sheet("", " " * (150 * _MIB)),
    "many small bombs": lambda: packed(members(plain()) | {f"x/{n}": bytes(10 * _MIB) for n in range(15)}),
    "size told too small": lambda: lying(1000),
    "size told too large": lambda: lying(50 * _MIB),
    "sixteen thousand columns": lambda: sheet(f'<row r="1">{_VALUE.format("XFD1")}</row>'),
    "one cell at the far end": lambda: sheet(_VALUE.format("A1") + _VALUE.format("XFD1048576")),
    "a million rows": lambda: sheet(f'<row r="1048576">{_VALUE.format("A1048576")}</row>'),
    "row of many digits": lambda: sheet('<row r="99999999999999999999"><c><v>1</v></c></row>'),
    "row that is no number": lambda: sheet('<row r="satu"><c><v>1</v></c></row>'),
    "cells without a place, too many": lambda: sheet(f"<row>{'<c><v>1</v></c>' * 600}</row>"),
    "a rectangle of a million cells": lambda: sheet(_VALUE.format("A1") + _VALUE.format("SA90000")),
    "entities without end": lambda: sheet(_CELL.format("str", "&a9;"), f'<!DOCTYPE w [<!ENTITY a0 "x">{_LAUGHS}]>'),
    "entity of a file": lambda: sheet(
        _CELL.format("str", "&f;"), '<!DOCTYPE w [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    ),
    "XML ten thousand deep": lambda: sheet("<a>" * 10_000 + "</a>" * 10_000),
    "XML cut short": lambda: changed(xl__worksheets__sheet1_xml=f"<worksheet {_MAIN}><sheetData><row".encode()),
    "XML that is no UTF-8": lambda: changed(xl__worksheets__sheet1_xml=b"<worksheet>\xff\xfe</worksheet>"),
    "text over a megabyte": lambda: shared(1, _MIB, _CELL.format("s", 0)),
    "inline text over a megabyte": lambda: sheet(f'<row r="1"><c t="inlineStr"><is><t>{"x" * _MIB}</t></is></c></row>'),
    "one text in thousands of cells": lambda: shared(
        1, 32_000, "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 5000))
    ),
    "shared text that is no number": lambda: shared(1, 1, _CELL.format("s", "satu")),
    "no list of sheets": lambda: changed(xl__workbook_xml=f"<workbook {_MAIN}/>".encode()),
    "no relations": lambda: changed(xl___rels__workbook_xml_rels=None),
    "sheet that is not there": lambda: changed(xl__worksheets__sheet1_xml=None),
    "workbook that is no XML": lambda: changed(xl__workbook_xml=b"\x00\x01\x02"),
    "ODS without content": lambda: packed({"mimetype": _ODS}),
    "ODS of a million filled rows": lambda: ods_cells(1_048_576, 1),
    "ODS of sixteen thousand columns": lambda: ods_cells(1, 16_384),
    "ODS of a long text in many cells": lambda: ods_cells(1000, 100, "x" * 30_000),
    "ODS with a negative repeat": lambda: ods_cells(-5, 1),
}
#: Strange, and of no harm: rows or a refusal, and nothing else.
STRANGE: dict[str, Callable[[], bytes]] = {
    "path out of the folder": lambda: with_member("../../keluar.txt", b"keluar"),
    "absolute path": lambda: with_member("/tmp/keluar.txt", b"keluar"),
    "path with a drive": lambda: with_member("C:\\keluar.txt", b"keluar"),
    "shared text that is not there": lambda: shared(1, 1, _CELL.format("s", 7)),
    "number that is none": lambda: sheet(_CELL.format("n", "NaN")),
    "number without end": lambda: sheet(_CELL.format("n", "1e999")),
    "day of no calendar": lambda: sheet('<row r="1"><c r="A1" s="0" t="d"><v>2024-99-99</v></c></row>'),
    "cell beyond the last letter": lambda: sheet(_VALUE.format("ZZZZ1")),
    "unknown type of cell": lambda: sheet(_CELL.format("zzz", "1")),
    "UTF-16": lambda: changed(
        xl__worksheets__sheet1_xml=f"<worksheet {_MAIN}><sheetData/></worksheet>".encode("utf-16")
    ),
    "ODS with a million empty rows": lambda: ods(
        '<table:table table:name="T"><table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
    ),
    **{f"bits flipped {seed}": (lambda seed=seed: flipped(seed)) for seed in range(12)},
}


def read(path: Path, which: str = ALL) -> str:
    """Return what a file ends in: `rows`, or the message of its error."""
    try:
        for _ in read_cells(path, which):
            pass
    except TableError as error:
        said = error
    else:
        return "rows"
    assert path.name in said.message_id
    assert path.name in said.message_en
    return said.message_id


#: A new program begins with the high-water mark of the one that started it, so a small one starts and measures it.
_MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(os.wait4(process.pid, 0)[2].ru_maxrss)
"""


def most_memory(path: Path) -> int:
    """Return the bytes that the reading process took at most."""
    command = [sys.executable, "-m", "simpul_producers.imports.workbook_process", str(path), ALL]
    measured = subprocess.run([sys.executable, "-c", _MEASURE, *command], capture_output=True, check=True, text=True)
    return int(measured.stdout) * 1024


@pytest.mark.parametrize("what", REFUSED)
def test_a_hostile_file_is_refused_within_256_mib(tmp_path: Path, what: str) -> None:
    path = tmp_path / "isian.xlsx"
    path.write_bytes(REFUSED[what]())
    assert read(path) != "rows"
    assert most_memory(path) < 256 * _MIB
    assert sorted(tmp_path.iterdir()) == [path]


def test_strange_files_end_in_rows_or_a_clear_error_and_write_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "dalam" / "folder"
    folder.mkdir(parents=True)
    for what, make in STRANGE.items():
        path = folder / "isian.xlsx"
        path.write_bytes(make())
        assert read(path), what
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == [folder / "isian.xlsx"]
    assert not Path("/tmp/keluar.txt").exists()


def test_the_sheet_and_cell_at_fault_are_named(tmp_path: Path) -> None:
    path = tmp_path / "isian.xlsx"
    path.write_bytes(REFUSED["inline text over a megabyte"]())
    assert "Sheet!A1" in read(path)
    path.write_bytes(REFUSED["one cell at the far end"]())
    assert "Sheet!XFD1048576" in read(path)


def test_an_ods_is_read_like_a_workbook_of_excel(tmp_path: Path) -> None:
    path = tmp_path / "isian.ods"
    path.write_bytes(ods_cells(2, 3))
    assert list(read_cells(path)) == [SheetHead("T", visible=True), (1, ["x"] * 3), (2, ["x"] * 3)]


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.xlsx").mkdir()
    assert "tidak dapat dibuka" in read(tmp_path / "tiada.xlsx")
    assert "tidak dapat dibuka" in read(tmp_path / "folder.xlsx")


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "besar.xlsx"
    with path.open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.truncate(workbook_guard.MAX_FILE_BYTES + 1)
    assert "32 MB" in read(path)


def test_a_workbook_whose_sheets_are_all_hidden_has_none_to_import(tmp_path: Path) -> None:
    path = tmp_path / "tersembunyi.xlsx"
    whole = members(plain())
    whole["xl/workbook.xml"] = whole["xl/workbook.xml"].replace(b'state="visible"', b'state="hidden"')
    path.write_bytes(packed(whole))
    assert "tidak punya lembar yang tampak" in read(path, FIRST)


def test_the_folder_one_stands_in_is_no_place_to_take_code_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('kode asing')")
    path = tmp_path / "isian.xlsx"
    path.write_bytes(plain())
    monkeypatch.chdir(tmp_path)
    assert read(path) == "rows"
