"""What can be read in one way only is read; everything else is refused by a code that says why."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simpul_producers.imports.cells import CellFault, read_cell, read_region
from simpul_producers.imports.form_facts import FACTS
from simpul_producers.imports.forms import Column, form_of
from simpul_producers.imports.workbook import Cell, Unreadable
from simpul_schemas.catalogue.codes import OTHER_CODES

ZONE = ZoneInfo("Asia/Makassar")


def column(event_type: str, name: str) -> Column:
    found = form_of(event_type).column(name)
    assert found is not None
    return found


MONEY, COUNT = column("aid_handover", "total_value_sen"), column("incident", "killed")
QUANTITY, DAY = column("aid_handover", "items.quantity_thousandths"), column("aid_handover", "handover_date")
MOMENT, TEXT = column("incident", "occurred_at"), column("incident", "issue")
LONGITUDE, LIST = column("incident", "longitude"), column("incident", "agencies")


def read(at: Column, cell: Cell, *, is_key: bool = False) -> Any:
    try:
        return read_cell(at, cell, ZONE, is_key=is_key)
    except CellFault as fault:
        return OTHER_CODES[fault.code] and fault.code


@given(st.integers(0, 10**13 - 1), st.integers(0, 99))
@example(0, 1)
def test_money_is_exact_as_a_number_and_as_an_indonesian_text(rupiah: int, sen: int) -> None:
    expected = rupiah * 100 + sen
    assert read(MONEY, float(f"{rupiah}.{sen:02}")) == expected
    grouped = f"{rupiah:,}".replace(",", ".")
    assert read(MONEY, f"Rp {grouped},{sen:02}") == expected


@pytest.mark.parametrize(
    ("at", "cell", "value"),
    [
        (COUNT, "12", 12),
        (COUNT, "1.250.000", 1_250_000),
        (COUNT, "1.250", "import.not_a_number"),
        (COUNT, "1,250", "import.not_a_number"),
        (COUNT, "1e3", "import.not_a_number"),
        (COUNT, "٣", "import.not_a_number"),
        (COUNT, True, "import.not_a_number"),
        (COUNT, date(2024, 5, 17), "import.not_a_number"),
        (COUNT, 2.0, 2),
        (COUNT, 2**31, "import.number_too_large"),
        (COUNT, "9" * 30, "import.not_a_number"),
        (COUNT, Unreadable("e", "#REF!"), "cell.error"),
        (COUNT, Unreadable("f", "A1"), "cell.formula_without_value"),
        (QUANTITY, 2.5, 2500),
        (QUANTITY, 0.0005, "cell.number_too_fine"),
        (MONEY, "12,5", 1250),
        (MONEY, "12.5", 1250),
        (MONEY, "1.250,5", 125_050),
        (MONEY, 0.001, "cell.number_too_fine"),
        (LONGITUDE, "0,5", 0.5),
        (DAY, date(2024, 5, 17), "2024-05-17"),
        (DAY, datetime(2024, 5, 17), "2024-05-17"),  # noqa: DTZ001  # a cell has no zone
        (DAY, datetime(2024, 5, 17, 9), "cell.date_unreadable"),  # noqa: DTZ001  # as above
        (DAY, "17/5/2024", "2024-05-17"),
        (DAY, "17 Agustus 2024", "2024-08-17"),
        (DAY, "17 Nopember 2024", "2024-11-17"),
        (DAY, "05/17/2024", "cell.date_unreadable"),
        (DAY, "17/05/24", "cell.date_unreadable"),
        (DAY, "17 May 2024", "cell.date_unreadable"),
        (DAY, 45429.0, "cell.date_unreadable"),
        (DAY, time(9, 5), "cell.date_unreadable"),
        (DAY, timedelta(hours=3), "cell.date_unreadable"),
        (MOMENT, "17/05/2024", datetime(2024, 5, 17, tzinfo=ZONE)),
        (MOMENT, "17/05/2024 10.30", datetime(2024, 5, 17, 10, 30, tzinfo=ZONE)),
        (MOMENT, "2024-05-17T10:30:05", datetime(2024, 5, 17, 10, 30, 5, tzinfo=ZONE)),
        (MOMENT, "17/05/2024 25:00", "cell.date_unreadable"),
        (MOMENT, "17/05/2024 pagi", "cell.date_unreadable"),
        (TEXT, 12.0, "12"),
        (TEXT, 12.5, "cell.number_not_text"),
        (TEXT, 1e15, "cell.number_not_text"),
        (TEXT, "  =1+1 ", "=1+1"),
        (LIST, "a; b ;;c", ["a", "b", "c"]),
    ],
)
def test_a_cell_is_read_or_refused(at: Column, cell: Cell, value: object) -> None:
    assert read(at, cell) == value


def test_a_number_is_no_code_since_its_zeros_may_be_lost() -> None:
    assert read(TEXT, 1.0, is_key=True) == "cell.number_not_text"


def test_a_choice_is_known_by_its_label_and_by_its_symbol_in_any_case() -> None:
    for name in FACTS:
        for each in form_of(name).columns:
            for choice in each.choices:
                words = (choice.label, choice.symbol, choice.label.upper(), choice.symbol.lower())
                assert {read(each, word) for word in words} == {choice.symbol}


@pytest.mark.parametrize(
    ("cell", "scope", "code"),
    [
        ("73.71.01", "", "73.71.01"),
        ("73.71.01 Mariso", "73.71", "73.71.01"),
        ("  73.71.01   mariso ", "73", "73.71.01"),
        ("Mariso", "73.71", "73.71.01"),
        ("Kota Makassar", "73.71", "73.71"),
        ("Mariso", "", "cell.region_unreadable"),
        ("Mariso", "53.13", "cell.region_unreadable"),
        ("73.71.01 Mamajang", "", "cell.region_unreadable"),
        ("7371", "", "cell.region_unreadable"),
        ("73.71.01", "53.13", "cell.region_outside_template"),
        ("73", "73.71", "cell.region_outside_template"),
        (73.71, "", "cell.number_not_text"),
        (date(2024, 5, 17), "", "cell.region_unreadable"),
        (Unreadable("e", "#N/A"), "", "cell.error"),
    ],
)
def test_a_region_is_one_code_or_a_reason_why_not(cell: Cell, scope: str, code: str) -> None:
    try:
        found = read_region(cell, scope)
    except CellFault as fault:
        found = fault.code
    assert found == code
