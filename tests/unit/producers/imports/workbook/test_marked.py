"""The answer to a bad template, read by another library: the right cells are marked, nothing of the user's is lost."""

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from simpul_producers.errors import WorkbookNotWritable
from simpul_producers.imports.filled import Fate, FilledResult, read_filled
from simpul_producers.imports.marked import answer_path, write_answer
from simpul_schemas.catalogue.codes import OTHER_CODES
from simpul_schemas.contract import EVENT_TYPES

RED, YELLOW, GREEN = "FFFFC7CE", "FFFFEB9C", "FFC6EFCE"


class Answer:
    """An answer as the other library sees it, by the names of the columns."""

    def __init__(self, path: Path) -> None:
        self.book = openpyxl.load_workbook(path)
        self.sheet = self.book["Data"]
        self.names = {cell.column: cell.value for cell in self.sheet[2] if cell.value}

    def marks(self) -> dict[tuple[int, str], str]:
        """Return the note of each marked cell, which is also coloured."""
        found = {}
        for row in self.sheet.iter_rows(min_row=3):
            for cell in row:
                if cell.comment is not None:
                    assert cell.fill.start_color.rgb in {RED, YELLOW}
                    found[cell.row, self.names[cell.column]] = cell.comment.text
        return found

    def value(self, row: int, name: str) -> Any:
        return self.sheet.cell(row, next(at for at, known in self.names.items() if known == name)).value

    def colour(self, row: int, name: str) -> str:
        cell = self.sheet.cell(row, next(at for at, known in self.names.items() if known == name))
        return str(cell.fill.start_color.rgb)


#: What is done to a good form, and the cells that must be marked for it, with their codes.
ERRORS: list[tuple[str, dict[str, object], dict[str, str]]] = [
    ("report", {"region": "73.99 Tidak Ada"}, {"region": "cell.region_unreadable"}),
    ("report", {"region": "53.13"}, {"region": "cell.region_outside_template"}),
    ("report", {"claims@incident": "empat"}, {"claims@incident": "import.not_a_number"}),
    ("report", {"claims@incident": -1}, {"claims@incident": "report.claim_negative"}),
    ("report", {"unit": None}, {"unit": "import.value_missing"}),
    ("report", {"period": "2026-13"}, dict.fromkeys(("period", "period_kind"), "report.period_malformed")),
    ("report", {"period": "2027-01"}, {"period": "envelope.occurred_in_future"}),
    ("report", {"approved_at": "05/05/2026"}, {"approved_at": "report.approved_at_in_future"}),
    ("report", {"period_kind": "Kadang-kadang"}, {"period_kind": "import.not_a_choice"}),
    ("incident", {"occurred_at": "31/12/2026", "resolved_at": None}, {"occurred_at": "envelope.occurred_in_future"}),
    ("incident", {"occurred_at": "31/02/2026"}, {"occurred_at": "cell.date_unreadable"}),
    ("incident", {"occurred_at": 46109}, {"occurred_at": "cell.date_unreadable"}),
    ("incident", {"region": "Mariso Barat"}, {"region": "cell.region_unreadable"}),
    ("incident", {"region": "73.71.01 Mamajang"}, {"region": "cell.region_unreadable"}),
    ("incident", {"region": 73.71}, {"region": "cell.number_not_text"}),
    ("incident", {"killed": "tidak ada"}, {"killed": "import.not_a_number"}),
    ("incident", {"killed": 1.5}, {"killed": "import.not_a_number"}),
    ("incident", {"killed": 3_000_000_000}, {"killed": "import.number_too_large"}),
    ("incident", {"killed": -1}, {"killed": "incident.count_negative"}),
    ("incident", {"loss_idr": "7.500"}, {"loss_idr": "import.not_a_number"}),
    ("incident", {"latitude": 91}, {"latitude": "incident.position_outside_earth"}),
    ("incident", {"kind": None}, {"kind": "import.value_missing"}),
    ("incident", {"_number": 14}, {"_number": "cell.number_not_text"}),
    ("incident", {"injured": "=1+1"}, {"injured": "cell.formula_without_value"}),
    ("incident", {"injured": "#N/A"}, {"injured": "cell.error"}),
    ("aid_handover", {"second_party_nik": "737101410180"}, {"second_party_nik": "aid_handover.nik_malformed"}),
    ("aid_handover", {"second_party_nik": 7371014101800001}, {"second_party_nik": "cell.number_not_text"}),
    ("aid_handover", {"witness_nip": "1979"}, {"witness_nip": "aid_handover.nip_malformed"}),
    (
        "aid_handover",
        {"in_words": "satu rupiah"},
        dict.fromkeys(("in_words", "total_value_sen"), "aid_handover.words_disagree"),
    ),
    ("aid_handover", {"handover_date": None}, {"handover_date": "import.value_missing"}),
    ("aid_handover", {"legal_basis_date": "kemarin"}, {"legal_basis_date": "cell.date_unreadable"}),
    ("aid_handover", {"total_value_sen": 7025000.123}, {"total_value_sen": "cell.number_too_fine"}),
    ("aid_handover", {"items.name": None}, {"items.name": "import.value_missing"}),
    ("aid_handover", {"attachments#1.kind": None}, {"attachments#1.kind": "import.value_missing"}),
    ("aspiration", {"identity": "Anonim"}, {"identity": "aspiration.anonymous_but_named"}),
    ("aspiration", {"region": "64.71"}, {"region": "cell.region_outside_template"}),
    ("aspiration", {"closed_at": "09/03/2026 08:00"}, {"closed_at": "aspiration.dates_out_of_order"}),
    (
        "aspiration",
        {"attachments#1.size_bytes": 3_000_000},
        {"attachments#1.size_bytes": "aspiration.attachment_size_out_of_range"},
    ),
    ("aspiration", {"tracking_id": None}, {"tracking_id": "import.value_missing"}),
    (
        "prevention",
        {"responded_at": "01/03/2026"},
        dict.fromkeys(("occurred_at", "responded_at"), "prevention.dates_out_of_order"),
    ),
    ("prevention", {"sphere": "Cuaca"}, {"sphere": "import.not_a_choice"}),
    ("prevention", {"information": None}, {"information": "import.value_missing"}),
    (
        "participation",
        {"valid": 100},
        dict.fromkeys(("valid", "invalid", "votes_total"), "participation.votes_do_not_sum"),
    ),
    ("participation", {"registered": 2000}, {"registered": "participation.registered_above_limit"}),
    ("participation", {"station": 1}, {"station": "cell.number_not_text"}),
    ("participation", {"candidates@02": "banyak"}, {"candidates@02": "import.not_a_number"}),
    ("budget", {"period": None}, {"period": "budget.realisation_without_period"}),
    ("budget", {"period": "2025-03"}, dict.fromkeys(("period", "budget_year"), "budget.period_outside_year")),
    ("budget", {"physical_basis_points": 101}, {"physical_basis_points": "budget.physical_out_of_range"}),
    (
        "budget",
        {"account_code": "5.1.2"},
        dict.fromkeys(("account_code", "account_level"), "budget.account_code_malformed"),
    ),
    ("budget", {"ceiling_sen": 1e15}, {"ceiling_sen": "import.number_too_large"}),
]
#: What makes a document another one, so that many fit into one sheet.
KEYS = {
    "report": "unit",
    "incident": "_number",
    "aid_handover": "bast_number",
    "aspiration": "tracking_id",
    "prevention": "_number",
    "participation": "station",
    "budget": "fund_code",
}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_cells_at_fault_are_marked_with_reason_and_remedy(desk: Any, typed: Any, event_type: str) -> None:
    rows: list[dict[str, object]] = []
    expected: dict[int, dict[str, str]] = {}
    for number, (kind, changes, codes) in enumerate(ERRORS):
        if kind == event_type:
            expected[len(rows) + 3] = codes
            first, *others = typed(event_type, **{KEYS[event_type]: f"{number:04}"})
            rows += [first | changes, *others]
    answer = Answer(desk.answer(desk.fill(event_type, rows)))
    marks = answer.marks()
    for row, codes in expected.items():
        red = {name: note for (at, name), note in marks.items() if at == row and answer.colour(at, name) == RED}
        assert red.keys() == codes.keys(), row
        result = answer.value(row, "_hasil")
        for name, code in codes.items():
            rule = next((rule for rule in EVENT_TYPES[event_type].rules.rules if rule.code == code), None)
            known = rule or OTHER_CODES[code]
            assert f"{known.message.indonesian} {known.remedy.indonesian} [{code}]" in red[name]
            assert f"{known.message.indonesian} {known.remedy.indonesian} [{code}]" in result
        assert result.startswith("Ditolak\n")
        assert answer.colour(row, "_hasil") == RED
    assert not desk.outbox.pending(10)


def test_sums_that_do_not_agree_mark_every_cell_that_is_part_of_them(desk: Any, typed: Any) -> None:
    rows = typed("aid_handover", total_value_sen=8_000_000, in_words=None)
    marks = Answer(desk.answer(desk.fill("aid_handover", rows))).marks()
    sums = {(3, "total_value_sen")} | {
        (row, f"items.{name}") for row in (3, 4) for name in ("quantity_thousandths", "unit_value_sen")
    }
    assert {cell for cell, note in marks.items() if "[aid_handover.items_do_not_sum]" in note} == sums


def test_good_rows_are_said_to_be_taken_and_warned_ones_are_yellow(desk: Any, typed: Any) -> None:
    rows = [*typed("incident"), *typed("incident", _number="2026-0015", village="abc")]
    answer = Answer(desk.answer(desk.fill("incident", rows)))
    assert (answer.value(3, "_hasil"), answer.colour(3, "_hasil")) == ("Diterima", GREEN)
    assert answer.value(4, "_hasil").startswith("Diterima\nPeringatan: ")
    assert (answer.colour(4, "_hasil"), answer.colour(4, "village")) == (YELLOW, YELLOW)
    assert set(answer.marks()) == {(4, "village")}


def test_a_document_that_is_there_twice_is_refused_the_second_time(desk: Any, typed: Any) -> None:
    answer = Answer(desk.answer(desk.fill("incident", [*typed("incident"), *typed("incident")])))
    assert answer.value(3, "_hasil") == "Diterima"
    assert {cell for cell, note in answer.marks().items() if "[cell.document_twice]" in note} == {
        (4, "region"),
        (4, "_agency"),
        (4, "_number"),
    }


def test_what_a_later_row_says_otherwise_of_its_document_is_marked_there(desk: Any, typed: Any) -> None:
    rows = typed("aid_handover")
    rows[1] |= {"bast_number": rows[0]["bast_number"], "place": "Kantor lain"}
    marks = Answer(desk.answer(desk.fill("aid_handover", rows))).marks()
    assert [cell for cell, note in marks.items() if "[cell.rows_differ]" in note] == [(4, "place")]


def test_a_step_that_the_lifecycle_does_not_know_is_marked(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident"))
    desk.take(path)
    desk.edit(path, {3: {"verification": "Belum diverifikasi"}})
    marks = Answer(desk.answer(path)).marks()
    assert "[incident.verification_taken_back]" in marks[3, "verification"]


def test_no_cell_of_the_user_is_lost(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident", killed="tidak ada", injured="=1+1", issue="@nama"))
    book = openpyxl.load_workbook(path)
    sheet = book["Data"]
    last = sheet.max_column
    sheet.cell(1, last + 2).value, sheet.cell(3, last + 2).value = "Catatan saya", "telepon camat"
    sheet.cell(9, last + 3).value = 3.25
    mine = book.create_sheet("Coretan")
    mine["B2"], mine["C3"], mine["D4"] = 42, date(2026, 1, 2), "=jumlah"
    book.create_sheet("Ringkasan")["A1"] = "ringkasan saya sendiri"
    hidden = book.create_sheet("Sembunyi")
    hidden["A1"], hidden.sheet_state = "rahasia", "hidden"
    book.save(path)
    answer = Answer(desk.answer(path))
    before = openpyxl.load_workbook(path)
    for name in ("Data", "Coretan", "Ringkasan", "Sembunyi"):
        for row in before[name].iter_rows():
            for cell in row:
                if cell.value is not None:
                    again = answer.book[name][cell.coordinate].value
                    assert again == cell.value, (name, cell.coordinate)
    assert answer.book["Sembunyi"].sheet_state == "hidden"
    assert "Ringkasan 2" in answer.book.sheetnames


def test_no_cell_of_an_answer_is_a_formula(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident", injured="=1+1", form="=HYPERLINK(1)"))
    book = openpyxl.load_workbook(path)
    cell = next(book["Data"].cell(3, at.column) for at in book["Data"][2] if at.value == "issue")
    cell.value, cell.data_type = "=cmd|' /C calc'!A0", "s"
    book.save(path)
    answer = Answer(desk.answer(path))
    kinds = {cell.data_type for sheet in answer.book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_mended_answer_takes_just_the_mended_rows(desk: Any, typed: Any, event_type: str) -> None:
    good = typed(event_type)
    other = typed(event_type, **{KEYS[event_type]: "9999"})
    wrong = {"region": "di mana-mana"}
    rows = [*good, {**other[0], **wrong}, *other[1:]]
    answer = desk.answer(desk.fill(event_type, rows))
    assert len(desk.outbox.pending(10)) == 1
    marked = len(good) + 3
    assert set(Answer(answer).marks()) == {(marked, "region")}
    desk.edit(answer, {marked: {"region": good[0]["region"]}})
    desk.now += 60_000_000
    result = desk.take(answer)
    assert [fate for _, fate in result.fates] == [Fate.UNCHANGED, Fate.TAKEN]
    assert len({pending.row.subject for pending in desk.outbox.pending(10)}) == 2
    assert len(desk.outbox.pending(10)) == 2


def test_the_summary_counts_documents_and_codes(desk: Any, typed: Any) -> None:
    rows = [*typed("incident"), *typed("incident", _number="2", killed=-1), *typed("incident", _number="3", killed="x")]
    sheet = Answer(desk.answer(desk.fill("incident", rows))).book["Ringkasan"]
    lines = {row[0].value: row[1].value for row in sheet.iter_rows() if row[0].value}
    assert lines["Dokumen dibaca / documents read"] == 3
    assert lines["Diterima / taken"] == 1
    assert lines["Ditolak / refused"] == 2
    assert lines["incident.count_negative"] == lines["import.not_a_number"] == 1


def test_an_answer_never_takes_the_place_of_a_file_that_is_there(tmp_path: Path) -> None:
    assert answer_path(tmp_path / "bast.xlsx").name == "bast.hasil.xlsx"
    (tmp_path / "bast.hasil.xlsx").touch()
    assert answer_path(tmp_path / "bast.xlsx").name == "bast.hasil-2.xlsx"
    assert answer_path(tmp_path / "bast.hasil.xlsx").name == "bast.hasil-2.xlsx"


def test_a_place_that_cannot_be_written_is_named(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident"))
    (desk.folder / "berkas").write_text("")
    with pytest.raises(WorkbookNotWritable, match="berkas"):
        write_answer(desk.folder / "berkas" / "jawaban.xlsx", read_filled(path), FilledResult())
