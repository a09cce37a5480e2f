"""A filled template becomes the events that were typed, once; and of a mended one only what was mended."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from simpul_producers.errors import TableError
from simpul_producers.imports.filled import Fate, read_filled
from simpul_producers.outbox import OutboxRow, State
from simpul_schemas.catalogue.examples import accepted_examples
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.rows import decode

SUBJECTS = {
    "report": "laporan:kesbangpol.73.71:2026-03",
    "incident": "kejadian:kesbangpol-kota-makassar.73.71:2026-0014",
    "aid_handover": "bast:73.71.bpbd-kota-makassar:591/BAST/4.11/3/2026",
    "aspiration": "aspirasi:73.71:20260309-0007",
    "prevention": "temuan:fkdm-kota-makassar.73.71:2026-0031",
    "participation": "tps:pilpres-2024:73.71.01.1001:001".replace("1001:", "1001."),
    "budget": ("anggaran:73.71:2026:8.01.0.00.0.00.01.0000:8.01.06.2.01.0003:5.1.02.01.01.0024:1.1.01:2026-03"),
}
#: What an envelope says that nobody typed, or that a form says by a day where the example has an hour.
MADE = {"event_id", "subject", "revision", "recorded_at", "published_at", "source", "mode"}


def taken(desk: Any) -> list[OutboxRow]:
    return [pending.row for pending in desk.outbox.pending(1000)]


def record_of(row: OutboxRow) -> dict[str, Any]:
    return decode(json.loads(row.schema), row.body)


def by_key(items: Any) -> Any:
    """Return a list of claims in an order of its own, since a form has one column for each."""
    return sorted(items, key=lambda item: item["event_type"]) if items and "event_type" in items[0] else items


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_event_is_what_was_typed(desk: Any, typed: Any, event_type: str) -> None:
    result = desk.take(desk.fill(event_type, typed(event_type)))
    assert [(document.findings, fate) for document, fate in result.fates] == [([], Fate.TAKEN)]
    (row,) = taken(desk)
    record, example = record_of(row), accepted_examples()[event_type].event.to_record()
    assert row.subject == record["subject"] == SUBJECTS[event_type]
    assert record["source"] == "excel.73.71"
    assert (record["mode"], record["action"]) == ("ACTUAL", "SUBMIT")
    left_out = MADE | ({"occurred_at"} if event_type == "aid_handover" else set())
    for name in record.keys() - left_out:
        value, expected = record[name], example[name]
        if isinstance(value, list) and name == "claims":
            value, expected = by_key(value), by_key(expected)
        assert value == expected, name


def test_a_day_of_handover_is_midnight_in_the_region(desk: Any, typed: Any) -> None:
    desk.take(desk.fill("aid_handover", typed("aid_handover")))
    # 2026-03-17 00:00 WITA is 16 hours of the day before in UTC.
    assert record_of(taken(desk)[0])["occurred_at"] == 1_773_676_800_000_000


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_importing_again_adds_nothing(desk: Any, typed: Any, event_type: str) -> None:
    path = desk.fill(event_type, typed(event_type))
    desk.take(path)
    desk.now += 3_600_000_000
    again = desk.take(path)
    assert [fate for _, fate in again.fates] == [Fate.UNCHANGED]
    assert len(taken(desk)) == 1


def test_a_changed_row_is_a_correction_above_the_first(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident"))
    desk.take(path)
    desk.edit(path, {3: {"injured": 3}})
    # The clock went back an hour; the revision does not.
    desk.now -= 3_600_000_000
    desk.take(path)
    first, second = taken(desk)
    assert first.subject == second.subject
    assert second.revision > first.revision
    assert record_of(second)["injured"] == 3


def test_a_killed_import_goes_on_where_it_was(desk: Any, typed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**typed("incident")[0], "_number": f"2026-{number:04}"} for number in range(450)]
    path = desk.fill("incident", rows)
    add, calls = desk.outbox.add, []

    def killed_at_the_second(*arguments: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return add(*arguments)

    monkeypatch.setattr(desk.outbox, "add", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        desk.take(path)
    assert 0 < len(taken(desk)) < 450
    result = desk.take(path)
    assert len({row.subject for row in taken(desk)}) == len(taken(desk)) == 450
    assert {fate for _, fate in result.fates} == {Fate.TAKEN, Fate.UNCHANGED}


def test_a_dry_run_takes_nothing(desk: Any, typed: Any) -> None:
    result = desk.take(desk.fill("incident", typed("incident")), dry_run=True)
    assert [fate for _, fate in result.fates] == [Fate.ACCEPTABLE]
    assert not taken(desk)


def test_items_may_repeat_their_document_or_leave_it_empty(desk: Any, typed: Any) -> None:
    rows = typed("aid_handover")
    rows[1] |= {name: rows[0][name] for name in ("bast_number", "first_party_agency", "handover_date")}
    second = typed("aid_handover", bast_number="592/BAST/4.11/3/2026")
    desk.take(desk.fill("aid_handover", [*rows, *second]))
    records = [record_of(row) for row in taken(desk)]
    assert [record["bast_number"] for record in records] == ["591/BAST/4.11/3/2026", "592/BAST/4.11/3/2026"]
    assert [[item["name"] for item in record["items"]] for record in records] == [["Beras", "Selimut"]] * 2


def test_two_registers_with_the_same_number_stay_two_incidents(desk: Any, typed: Any) -> None:
    desk.take(desk.fill("incident", [*typed("incident"), *typed("incident", _agency="BPBD Kota Makassar")]))
    assert len({row.subject for row in taken(desk)}) == 2


def test_a_year_is_part_of_a_bast_number_that_has_none(desk: Any, typed: Any) -> None:
    one = typed("aid_handover", bast_number="12/BAST")
    other = typed("aid_handover", bast_number="12/BAST", handover_date=date(2025, 3, 17), legal_basis_date=None)
    desk.take(desk.fill("aid_handover", [*one, *other]))
    assert {row.subject for row in taken(desk)} == {
        "bast:73.71.bpbd-kota-makassar:12/BAST/2026",
        "bast:73.71.bpbd-kota-makassar:12/BAST/2025",
    }


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://contoh.invalid")', "+62811", "-", "@nama", "=cmd|' /C calc'!A0"]
)
def test_a_text_that_looks_like_a_formula_is_a_text(desk: Any, typed: Any, text: str) -> None:
    path = desk.fill("incident", typed("incident"))
    book = openpyxl.load_workbook(path)
    sheet = book["Data"]
    cell = next(sheet.cell(3, at.column) for at in sheet[2] if at.value == "issue")
    cell.value, cell.data_type = text, "s"
    book.save(path)
    desk.take(path)
    assert record_of(taken(desk)[0])["issue"] == text


def test_columns_of_the_users_own_and_moved_columns_do_no_harm(desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident"))
    book = openpyxl.load_workbook(path)
    book["Data"].insert_cols(1)
    book["Data"]["A1"], book["Data"]["A3"] = "Catatan saya", "telepon camat"
    book.create_sheet("Coretan")["B2"] = 42
    book.save(path)
    assert [fate for _, fate in desk.take(path).fates] == [Fate.TAKEN]


def test_a_workbook_that_is_no_template_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lain.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(TableError, match="simpul import template"):
        read_filled(path)


@pytest.mark.parametrize("change", ["sheet renamed", "names deleted", "name twice", "newer template", "name unknown"])
def test_a_template_whose_frame_was_broken_is_refused_whole(desk: Any, typed: Any, change: str) -> None:
    path = desk.fill("incident", typed("incident"))
    book = openpyxl.load_workbook(path)
    sheet = book["Data"]
    if change == "sheet renamed":
        sheet.title = "Isian"
    elif change == "names deleted":
        sheet.delete_rows(2)
    elif change == "name twice":
        sheet["A2"] = sheet["B2"].value
    elif change == "name unknown":
        sheet.cell(2, sheet.max_column + 1).value = "isian_baru"
    else:
        book["_simpul"]["B1"] = "2"
    book.save(path)
    with pytest.raises(TableError):
        desk.take(path)
    assert not list(desk.outbox.event_ids(State.PENDING))
