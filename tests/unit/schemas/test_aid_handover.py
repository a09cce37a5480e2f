"""BAST: sums, words, numbers of persons, dates."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.contract import event_type
from simpul_schemas.words import write_rupiah

TYPE = event_type("aid_handover")
MOMENT = 1_716_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "bast:73.71:591/BAST/4.11/5/2024",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "status": "HANDED_OVER",
    "aid_kind": "CASH",
    "bast_number": "591/BAST/4.11/5/2024",
    "handover_date": "2024-05-17",
    "second_party_organisation": "Kelompok Tani Maju",
}


def item(quantity: int | None, value: int | None, name: str = "beras") -> dict[str, Any]:
    return {"name": name, "quantity_thousandths": quantity, "unit_value_sen": value}


def codes(**changes: Any) -> tuple[str, ...]:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    return tuple(code.removeprefix("aid_handover.") for code in found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        # 2.5 kg at 10,000 rupiah and 1 parcel at 500 rupiah are 25,500 rupiah.
        ({"items": [item(2500, 1_000_000), item(1000, 50_000)], "total_value_sen": 2_550_000}, ()),
        ({"items": [item(2500, 1_000_000)], "total_value_sen": 2_500_099}, ()),
        ({"items": [item(2500, 1_000_000)], "total_value_sen": 2_500_100}, ("items_do_not_sum",)),
        ({"items": [item(2500, 1_000_000)], "total_value_sen": 2_499_900}, ("items_do_not_sum",)),
        ({"items": [item(2500, 1_000_000)], "total_value_sen": 2_499_901}, ()),
        ({"items": [item(2500, None)], "total_value_sen": 1}, ()),
        ({"items": [item(None, 1), item(1, 1)], "total_value_sen": 10**9}, ()),
        ({"items": [], "total_value_sen": 10**9}, ()),
        ({"items": [item(2500, 1_000_000)], "total_value_sen": None}, ()),
        ({"items": [item(-1, 1)], "total_value_sen": 0}, ("amount_out_of_range",)),
        ({"items": [item(10**12, 10**16)] * 40, "total_value_sen": 5}, ("items_do_not_sum",)),
        ({"items": [item(10**12 + 1, 0)], "total_value_sen": 0}, ("amount_out_of_range",)),
        ({"items": [item(1, 10**16 + 1)], "total_value_sen": 0}, ("amount_out_of_range",)),
        ({"total_value_sen": 10**17 + 1}, ("amount_out_of_range",)),
        ({"total_value_sen": -1}, ("amount_out_of_range",)),
        ({"items": [item(1, 1, "")]}, ("item_unnamed",)),
        ({"in_words": "dua puluh lima ribu rupiah", "total_value_sen": 2_500_000}, ()),
        ({"in_words": "DUA PULUH LIMA  RIBU", "total_value_sen": 2_500_000}, ()),
        ({"in_words": "dua puluh lima ribu rupiah", "total_value_sen": 2_500_001}, ("words_disagree",)),
        ({"in_words": "dua puluh lima ribu rupiah", "total_value_sen": None}, ()),
        ({"in_words": "banyak sekali", "total_value_sen": 2_500_000}, ("words_unreadable",)),
        ({"bast_number": None}, ("number_missing",)),
        ({"bast_number": ""}, ("number_missing",)),
        ({"bast_number": None, "status": "PLANNED"}, ()),
        ({"handover_date": None}, ("date_missing",)),
        ({"handover_date": None, "status": "PLANNED"}, ()),
        ({"handover_date": "2024-02-30"}, ("date_malformed",)),
        ({"legal_basis_date": "17-5-2024"}, ("date_malformed",)),
        ({"legal_basis_date": "2024-05-17", "verified_on": "2024-05-17"}, ()),
        ({"legal_basis_date": "2024-05-18"}, ("dates_out_of_order",)),
        ({"verified_on": "2024-05-16"}, ("dates_out_of_order",)),
        ({"first_party_nip": "198001012005011001"}, ()),
        ({"first_party_nip": "19800101200501100"}, ("nip_malformed",)),
        ({"witness_nip": "198013012005011001"}, ("nip_doubtful",)),
        ({"second_party_nik": "7371014101800001"}, ()),
        ({"second_party_nik": "737101410180000"}, ("nik_malformed",)),
        ({"second_party_nik": "9971014101800001"}, ("nik_doubtful",)),
        ({"aid_kind": "GOODS"}, ("items_missing",)),
        ({"aid_kind": "GOODS", "items": []}, ("items_missing",)),
        ({"aid_kind": "GOODS", "status": "PLANNED"}, ()),
        ({"second_party_organisation": None}, ("receiver_missing",)),
        ({"second_party_organisation": None, "second_party_name": "A"}, ()),
        ({"recipient_count": -1}, ("count_negative",)),
        ({"village": "4001"}, ("village_malformed",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9)), min_size=1, max_size=5), st.integers(-300, 300)
)
def test_lines_must_sum_to_the_total_to_less_than_a_rupiah(lines: list[tuple[int, int]], off: int) -> None:
    exact = sum(quantity * value for quantity, value in lines)
    total = max(exact // 1000 + off, 0)
    apart = abs(exact - total * 1000)
    broken = "items_do_not_sum" in codes(items=[item(*line) for line in lines], total_value_sen=total)
    assert broken == (apart >= 100_000)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_words_must_say_the_total(total: int, said: int) -> None:
    assert ("words_disagree" in codes(total_value_sen=total, in_words=write_rupiah(said))) == (total != said)
