"""Reading of tables: what is read, what is one bad row, and what is no table at all."""

import gzip
from pathlib import Path

import pytest

from simpul_producers.errors import TableError
from simpul_producers.imports.mapping import TableSpec
from simpul_producers.imports.tables import MalformedRow, open_table


def read(path: Path, **spec: str) -> tuple[list[str], list[tuple[int, object]]]:
    with open_table(path, TableSpec(**spec)) as table:
        return table.header, list(table.rows())


def write(tmp_path: Path, content: bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    header, rows = read(write(tmp_path, b"a,b\n1,2\n\n3,4\n"))
    assert header == ["a", "b"]
    assert rows == [(2, ["1", "2"]), (4, ["3", "4"])]


@pytest.mark.parametrize(
    ("content", "spec"),
    [
        (b"a;b\r\nKab. Si\xe1k;2\r\n", {"encoding": "windows-1252", "delimiter": ";"}),
        (b"\xef\xbb\xbfa\tb\nKab. Si\xc3\xa1k\t2", {"delimiter": "\t"}),
        ("a,b\nKab. Siák,2\n".encode("utf-16"), {"encoding": "utf-16"}),
        (gzip.compress("a,b\nKab. Siák,2\n".encode()), {}),
    ],
)
def test_encodings_delimiters_and_gzip_are_understood(tmp_path: Path, content: bytes, spec: dict[str, str]) -> None:
    assert read(write(tmp_path, content), **spec) == (["a", "b"], [(2, ["Kab. Siák", "2"])])


def test_a_bad_row_is_handed_on_and_the_next_is_read(tmp_path: Path) -> None:
    content = b'a,b\n1\n1,2,3\n\xff,2\n1,\0\n"x"y,2\n7,8\n'
    _, rows = read(write(tmp_path, content))
    assert [isinstance(row, MalformedRow) for _, row in rows] == [True, True, True, True, True, False]
    assert rows[-1] == (7, ["7", "8"])


def test_an_unclosed_quote_says_which_lines_it_swallowed(tmp_path: Path) -> None:
    _, rows = read(write(tmp_path, b'a,b\n1,2\n"x,2\n3,4\n5,6\n'))
    number, row = rows[-1]
    assert number == 3
    assert isinstance(row, MalformedRow)
    assert "lines 3-5" in row.detail.english


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", "it is empty"),
        ("t.csv.gz", b"a,b\n1,2\n", "is not gzip"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-12], "cannot be read"),
        ("t.csv", b"PK\x03\x04workbook", "Excel workbook"),
        ("t.csv", b"\x89PNG\0\0\0\rIHDR", "not text"),
        ("t.csv", "a,b\n".encode("utf-16"), "UTF-16"),
        ("t.csv", b"\xff\xfaa,b\n1,2\n", "header cannot be read"),
        ("t.csv", b"a" * (2 << 20), "over 1 MB"),
    ],
)
def test_what_is_no_table_is_said_in_words(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words) as caught:
        read(write(tmp_path, content, name))
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be opened"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(TableError):
        read(tmp_path)
