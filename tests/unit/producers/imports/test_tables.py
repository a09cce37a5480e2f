"""Reading of tables: what is read, what is one bad row, and what is no table at all."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from simpul_producers.errors import TableError
from simpul_producers.imports.mapping import TableSpec
from simpul_producers.imports.tables import MalformedRow, open_table


def read(path: Path, **spec: object) -> tuple[list[str], list[tuple[int, object]]]:
    with open_table(path, TableSpec.model_validate(spec)) as table:
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
        (gzip.compress("a,b\nKab. Siák,2\n".encode(), mtime=0), {}),
    ],
)
def test_encodings_delimiters_and_gzip_are_understood(tmp_path: Path, content: bytes, spec: dict[str, str]) -> None:
    assert read(write(tmp_path, content), **spec) == (["a", "b"], [(2, ["Kab. Siák", "2"])])


def test_a_bad_row_is_handed_on_and_the_next_is_read(tmp_path: Path) -> None:
    content = b'a,b\n1\n1,2,3\n\xff,2\n1,\0\n"x"y,2\n7,8\n'
    _, rows = read(write(tmp_path, content), encoding="utf-8")
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
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-12], "cannot be read"),
        ("t.csv", b"PK\x03\x04workbook", "archive is damaged"),
        ("t.csv", b"\x89PNG\0\0\0\rIHDR", "not text"),
        ("t.csv", "a,b\n".encode("utf-16"), "UTF-16"),
        ("t.csv", b"\xff\xfaa,b\n1,2\n", "header cannot be read"),
        ("t.csv", b"a" * (2 << 20), "over 1 MB"),
    ],
)
def test_what_is_no_table_is_said_in_words(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words) as caught:
        read(write(tmp_path, content, name), encoding="utf-8")
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be opened"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(TableError):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        ("a;b\nSiák;2\n".encode("windows-1252"), "windows-1252", ";"),
        ("a|b\nSiák\u0081|2\n".encode("latin-1"), "latin-1", "|"),
        ("a\tb\nSiák\t2\n".encode("utf-16"), "utf-16", "\t"),
        ("a\tb\nSiak\t2\n".encode("utf-16-le"), "utf-16-le", "\t"),
        ("a,b\nSiák,2\n".encode(), "utf-8-sig", ","),
        (b'a;b\n"x,y,z";2\n"x,y,z";2\n', "utf-8-sig", ";"),
    ],
)
def test_what_a_file_is_written_in_is_found_out_and_told(
    tmp_path: Path, content: bytes, encoding: str, delimiter: str
) -> None:
    with open_table(write(tmp_path, content), TableSpec()) as table:
        assert table.header == ["a", "b"]
        assert table.facts == {"format": "csv", "encoding": encoding, "delimiter": delimiter}
        assert all(isinstance(row, list) and len(row) == 2 for _, row in table.rows())


def test_a_damaged_byte_does_not_make_another_encoding_of_a_file(tmp_path: Path) -> None:
    header, rows = read(write(tmp_path, "a,b\nSiák,é\n".encode() + b"\xff,2\nx,y\n"))
    assert header == ["a", "b"]
    assert [isinstance(row, MalformedRow) for _, row in rows] == [False, True, False]


def test_several_rows_of_a_header_become_one_name_a_column(tmp_path: Path) -> None:
    content = b"Laporan,,\nRumah,,Jiwa\nrusak,hilang,\n1,2,3\n#tag,,\n"
    header, rows = read(write(tmp_path, content), preamble_rows=1, header_rows=2)
    assert header == ["Rumah / rusak", "Rumah / hilang", "Jiwa"]
    assert rows[0] == (4, ["1", "2", "3"])


def test_a_tag_row_is_passed_over_and_columns_may_be_named_by_the_mapping(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"x,y\n#a,#b\n1,2\n"), tag_rows=1, columns=["a", "b"]) == (
        ["a", "b"],
        [(3, ["1", "2"])],
    )
    with pytest.raises(TableError, match="2 columns, the mapping names 1"):
        read(write(tmp_path, b"x,y\n1,2\n"), columns=["a"])


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


def test_the_only_table_of_a_zip_archive_is_read(tmp_path: Path) -> None:
    content = zipped(t_csv=b"a,b\n1,2\n", readme_md=b"words")
    assert read(write(tmp_path, content, "t.zip"))[1] == [(2, ["1", "2"])]
    several = write(tmp_path, zipped(t_csv=b"a,b\n1,2\n", u_csv=b"a,b\n3,4\n"), "t.zip")
    assert read(several, member="u.*")[1] == [(2, ["3", "4"])]
    with pytest.raises(TableError, match="holds 2 tables instead of one"):
        read(several)


@pytest.mark.parametrize("name", ["bom.zip", "bom.csv.gz"])
def test_what_unpacks_without_end_is_refused(tmp_path: Path, name: str) -> None:
    zeros = b"a,b\n" + b"1,2\n" * (16 << 20)
    path = write(tmp_path, zipped(t_csv=zeros) if name.endswith("zip") else gzip.compress(zeros), name)
    with pytest.raises(TableError, match="unpacks to more than"):
        read(path)


def test_records_of_json_become_rows_with_numbers_as_written(tmp_path: Path) -> None:
    content = b'{"features": [{"p": {"n": 1.50, "tags": ["x", 2], "gone": null, "yes": true}}, {"p": {"n": {}}}]}'
    paths = {"n": "p.n", "tags": "p.tags", "gone": "p.gone", "yes": "p.yes", "first": "p.tags.0"}
    header, rows = read(write(tmp_path, content, "t.geojson"), records="features", paths=paths)
    assert header == list(paths)
    assert rows[0] == (1, ["1.50", "x\n2", "", "true", "x"])
    assert isinstance(rows[1][1], MalformedRow)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[" * 100_000, b'{"a": 1}', b'[{"a": 1, "a": 2}]', b"\xff\xfe\x00"],
)
def test_what_is_no_json_with_records_is_said(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TableError):
        read(write(tmp_path, content, "t.json"))
