"""Cells come as they were typed, as values for a form and as texts for a mapping."""

import gzip
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.errors import TableError
from simpul_producers.imports.mapping import TableSpec, parse_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.imports.tables import MalformedRow, open_table
from simpul_producers.imports.workbook import (
    ALL,
    SheetHead,
    Unreadable,
    cell_text,
    column_letters,
    number_text,
    read_cells,
)
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.rows import decode

MOMENT = datetime(2024, 5, 17, 10, 30)  # noqa: DTZ001  # a cell has no zone
TYPED = ["teks", 7, 0.1 + 0.2, True, date(2024, 5, 17), MOMENT, time(9, 5), timedelta(hours=30), " spasi ", "=1+1"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Return a workbook with a hidden sheet before the shown ones, a gap, a merged cell and an error."""
    path, made = tmp_path / "isian.xlsx", openpyxl.Workbook()
    made.active.title, made.active["A1"] = "Sembunyi", "rahasia"
    made.active.sheet_state = "hidden"
    shown = made.create_sheet("TPS")
    shown.append(TYPED)
    shown["B4"], shown["D5"] = "gabung", "#N/A"
    shown.merge_cells("B4:C5")
    made.create_sheet("Lain")["C2"] = "jauh"
    made.active = 1
    made.save(path)
    return path


def test_cells_keep_their_kind_and_rows_their_number(book: Path) -> None:
    head, first, *rest = list(read_cells(book))
    assert head == SheetHead("TPS", visible=True)
    assert first == (1, [*TYPED[:2], 0.3, *TYPED[3:-1], Unreadable("f", "1+1")])
    assert rest == [(4, ["", "gabung"]), (5, ["", "", "", Unreadable("e", "#N/A")])]


def test_a_hidden_sheet_is_passed_over_unless_all_are_asked_for(book: Path) -> None:
    heads = [row for row in read_cells(book, ALL) if isinstance(row, SheetHead)]
    assert [(head.name, head.visible) for head in heads] == [("Sembunyi", False), ("TPS", True), ("Lain", True)]


def test_a_sheet_is_found_by_its_name_and_a_wrong_name_tells_those_there_are(book: Path) -> None:
    assert list(read_cells(book, "Lain"))[1:] == [(2, ["", "", "jauh"])]
    with pytest.raises(TableError, match=r"TPS, Lain"):
        list(read_cells(book, "Tps"))


def test_a_cell_as_text_has_no_noise_and_dates_are_iso(book: Path) -> None:
    cells = list(read_cells(book))[1][1]
    assert [cell_text(cell) for cell in cells] == [
        "teks",
        "7",
        "0.3",
        "TRUE",
        "2024-05-17",
        "2024-05-17 10:30:00",
        "09:05:00",
        "1.25",
        " spasi ",
        "=1+1",
    ]


def test_a_formula_is_its_stored_result_and_is_not_computed(tmp_path: Path) -> None:
    path = tmp_path / "rumus.xlsx"
    with xlsxwriter.Workbook(str(path)) as made:
        sheet = made.add_worksheet()
        sheet.write_formula(0, 0, "=1+1", None, 3)
        sheet.write_formula(0, 1, '="a"&"b"', None, "cd")
    assert list(read_cells(path))[1] == (1, [3, "cd"])


@given(st.integers(-(10**17), 10**17), st.integers(0, 4))
def test_what_was_typed_with_15_digits_comes_back_exactly(digits: int, point: int) -> None:
    whole = digits % 10**15
    text = f"{whole // 10**point}.{whole % 10**point:0{point}}" if point else str(whole)
    typed = text.rstrip("0").rstrip(".") if point else text
    assert number_text(float(text)) == typed


@pytest.mark.parametrize(("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")])
def test_columns_are_called_as_in_a_spreadsheet(number: int, letters: str) -> None:
    assert column_letters(number) == letters


def test_a_table_from_a_workbook_has_the_port_of_any_table(book: Path) -> None:
    with open_table(book, TableSpec(sheet="TPS")) as table:
        assert table.header[:3] == ["teks", "7", "0.3"]
        rows = list(table.rows())
        assert table.fraction_read == 1.0
    assert rows[0] == (4, ["", "gabung", *[""] * 8])
    number, malformed = rows[1]
    assert number == 5
    assert isinstance(malformed, MalformedRow)
    assert "TPS!D5" in malformed.detail.indonesian
    assert "#N/A" in malformed.detail.english


def test_a_cell_outside_the_header_is_named(tmp_path: Path) -> None:
    path, made = tmp_path / "lebar.xlsx", openpyxl.Workbook()
    made.active.append(["a", "b"])
    made.active["D2"] = "di luar"
    made.save(path)
    with open_table(path, TableSpec()) as table:
        ((_, row),) = table.rows()
    assert isinstance(row, MalformedRow)
    assert "D2" in row.detail.indonesian


def test_an_empty_sheet_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "kosong.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(TableError, match="'Sheet' kosong"), open_table(path, TableSpec()):
        pass


_MAPPING = """
event_type: incident
table: {sheet: Kejadian}
times: {day: {column: tanggal, format: '%Y-%m-%d', timezone: Asia/Makassar}}
fields:
  subject: {template: 'kejadian:{nomor}'}
  revision: {time: day}
  region: {column: wilayah}
  occurred_at: {time: day}
  recorded_at: {time: day}
  source: {constant: uji}
  kind: {constant: DISASTER}
  category: {column: kategori}
  severity: {constant: UNKNOWN}
  verification: {constant: UNVERIFIED}
  time_precision: {constant: DAY}
  killed: {column: meninggal}
"""


def test_a_mapping_imports_a_workbook_as_it_does_a_csv(tmp_path: Path) -> None:
    path, made = tmp_path / "kejadian.xlsx", openpyxl.Workbook()
    sheet = made.create_sheet("Kejadian")
    sheet.append(["nomor", "tanggal", "wilayah", "kategori", "meninggal"])
    sheet.append(["1", date(2024, 5, 17), "73.71.01", "banjir", 2])
    sheet.append([2, date(2024, 5, 18), "73.71.01", "=1+1", None])
    made.save(path)
    outbox, report, result = InMemoryOutbox(), RefusalReport(None), ImportResult()
    Importer(parse_mapping(_MAPPING, "uji"), "uji", outbox, report, lambda: 1_775_000_000_000_000).run(path, result)
    (pending,) = outbox.pending(10)
    record: dict[str, Any] = decode(json.loads(pending.row.schema), pending.row.body)
    assert (record["subject"], record["killed"], record["occurred_at"]) == ("kejadian:1", 2, 1_715_875_200_000_000)
    assert dict(report.by_code) == {"import.row_malformed": 1}


def test_a_csv_named_csv_is_still_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "tps.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with open_table(path, TableSpec()) as table:
        assert list(table.rows()) == [(2, ["1", "2"])]
