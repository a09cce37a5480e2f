"""A template says everything that the contract says, read by another library."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from simpul_producers.errors import RegionNotForTemplate, WorkbookNotWritable
from simpul_producers.imports.form_facts import FACTS
from simpul_producers.imports.forms import Form, choices_by_word, form_of
from simpul_producers.imports.template import write_template
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import UnknownEventType
from simpul_schemas.events.envelope import Event
from simpul_schemas.regions import load_regions


@pytest.fixture(params=EVENT_TYPES)
def form(request: pytest.FixtureRequest) -> Form:
    return form_of(request.param)


@pytest.fixture
def made(form: Form, tmp_path: Path) -> Any:
    path = tmp_path / "templat.xlsx"
    write_template(path, form.event_type.name, "53.13")
    return openpyxl.load_workbook(path)


def validations(made: Any) -> dict[str, Any]:
    """Return the validation of each column, by its letters."""
    found = made["Data"].data_validations.dataValidation
    return {str(each.sqref).partition("3")[0]: each for each in found}


def test_every_event_type_has_a_form() -> None:
    assert FACTS.keys() == EVENT_TYPES.keys()


def test_every_field_that_the_contract_asks_of_a_clerk_has_a_column(form: Form) -> None:
    kinds = form.event_type.rules.kinds
    asked = {path for path, kind in kinds.items() if path not in Event.model_fields and not path.startswith("_")}
    lists = {path for path in asked if kinds[path] == "array" and any(other.startswith(f"{path}.") for other in asked)}
    keys = {f"{name}.{form.item_fields(name)[0]}" for name in form.facts.keyed}
    covered = {column.field for column in form.columns}
    assert asked - lists - keys == covered - {"region", "occurred_at", "_agency", "_number"}


def test_titles_and_the_words_of_a_dropdown_are_each_one_thing(form: Form) -> None:
    titles = [column.title for column in form.columns]
    assert len(set(titles)) == len(titles)
    for column in form.columns:
        # A label must not be another symbol's own word.
        words = choices_by_word(column)
        assert all(words[one.symbol.casefold()] == one.symbol for one in column.choices)
        assert all(words[one.label.casefold()] == one.symbol for one in column.choices)


def test_the_columns_that_name_a_document_and_its_time_exist(form: Form) -> None:
    names = {column.name for column in form.columns}
    assert set(form.facts.key) | {form.facts.occurred} <= names


def test_the_header_names_each_column_and_hides_its_technical_name(form: Form, made: Any) -> None:
    sheet = made["Data"]
    assert [cell.value for cell in sheet[1]] == [column.title for column in form.columns]
    assert [cell.value for cell in sheet[2]] == [column.name for column in form.columns]
    assert sheet.row_dimensions[2].hidden
    assert sheet.max_row == 2
    required = {cell.value for cell in sheet[1] if cell.fill.start_color.rgb == "FFF8CBAD"}
    assert required == {column.title for column in form.columns if column.required}


def test_each_column_is_checked_while_it_is_typed_with_a_message_in_indonesian(form: Form, made: Any) -> None:
    found = validations(made)
    sheet = made["Data"]
    kinds = {"choice": "list", "region": "list", "whole": "whole", "scaled": "decimal", "day": "date", "moment": "date"}
    for at, column in enumerate(form.columns, 1):
        check = found[openpyxl.utils.get_column_letter(at)]
        if column.kind in kinds:
            assert check.type == kinds[column.kind]
        assert check.prompt
        assert check.error
        if column.kind in {"text", "choice", "region"}:
            assert sheet.column_dimensions[openpyxl.utils.get_column_letter(at)].width
    assert made["_daftar"].sheet_state == "hidden"
    assert made["_simpul"].sheet_state == "veryHidden"


def test_the_dropdowns_offer_the_words_and_the_kecamatan_of_the_area(form: Form, made: Any) -> None:
    lists, found = made["_daftar"], validations(made)
    for at, column in enumerate(form.columns, 1):
        if column.kind not in {"choice", "region"}:
            continue
        source = found[openpyxl.utils.get_column_letter(at)].formula1.rpartition("!")[2].replace("$", "")
        offered = [cell.value for (cell,) in lists[source]]
        if column.kind == "choice":
            assert offered == [one.label for one in column.choices]
        else:
            inside = load_regions().children("53.13")
            assert len(inside) > 3
            assert offered == [
                f"{code} {load_regions().name(code)}" for code in ["53.13", *(one.code for one in inside)]
            ]


def test_the_guide_explains_every_column_in_both_languages_with_its_rules(form: Form, made: Any) -> None:
    rows = {row[0]: row for row in made["Panduan"].iter_rows(values_only=True) if row[0]}
    explained = "\n".join(str(row[7]) for row in rows.values())
    for column in form.columns:
        row = rows[column.title]
        assert row[2]
        assert row[3]
        assert bool(row[1]) == column.required
        for rule in form.rules_of(column):
            assert f"[{rule.code}]" in row[7]
            assert rule.remedy.indonesian in row[7]
    # The key of a claim is its column, so nobody can type it wrong.
    given = {"event_id", "source", "revision", *(f"{name}.{form.item_fields(name)[0]}" for name in form.facts.keyed)}
    asked = {rule.code for rule in form.event_type.rules.rules if not set(rule.fields) <= given}
    assert {code for code in asked if f"[{code}]" in explained} == asked


def test_a_region_that_is_none_or_too_small_is_refused(tmp_path: Path) -> None:
    for region in ("53.99", "53.13.01", "Lembata", "5313"):
        with pytest.raises(RegionNotForTemplate, match=region):
            write_template(tmp_path / "t.xlsx", "incident", region)
    assert not list(tmp_path.iterdir())


def test_an_unknown_type_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownEventType, match="aid_handover"):
        write_template(tmp_path / "t.xlsx", "bast", "")


def test_without_a_region_the_list_only_helps(tmp_path: Path) -> None:
    write_template(tmp_path / "t.xlsx", "incident", "")
    made = openpyxl.load_workbook(tmp_path / "t.xlsx")
    at = next(cell.column_letter for cell in made["Data"][2] if cell.value == "region")
    assert validations(made)[at].errorStyle == "information"


def test_a_folder_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "berkas").write_text("")
    with pytest.raises(WorkbookNotWritable, match="berkas"):
        write_template(tmp_path / "berkas" / "t.xlsx", "incident", "")
