"""Budget: account codes by level, months, and realisation against the ceiling."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type

TYPE = event_type("budget")
MOMENT = 1_716_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "anggaran:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "budget_year": 2024,
    "period": "2024-05",
    "skpd_code": "8.01.0.00.0.00.01.0000",
    "account_level": "JENIS",
    "account_code": "5.1.01",
}
LEVELS = ("AKUN", "KELOMPOK", "JENIS", "OBJEK", "RINCIAN_OBJEK", "SUB_RINCIAN_OBJEK")
CODES = ("5", "5.1", "5.1.01", "5.1.01.01", "5.1.01.01.01", "5.1.01.01.01.001")


def codes(**changes: Any) -> tuple[str, ...]:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    return tuple(code.removeprefix("budget.") for code in found)


def account(level: str, code: str) -> dict[str, Any]:
    return {"account_level": level, "account_code": code}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("code", CODES)
def test_an_account_code_has_as_many_parts_as_its_level(level: str, code: str) -> None:
    fits = LEVELS.index(level) == CODES.index(code)
    assert codes(**account(level, code)) == (() if fits else ("account_code_malformed",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        (account("SUB_RINCIAN_OBJEK", "5.1.01.01.01.0001"), ()),
        (account("SUB_RINCIAN_OBJEK", "5.1.01.01.01.01"), ("account_code_malformed",)),
        (account("JENIS", "5.1.1"), ("account_code_malformed",)),
        (account("JENIS", "5101"), ("account_code_malformed",)),
        (account("AKUN", "0"), ("account_code_malformed",)),
        ({"realisation_sen": 100, "ceiling_sen": 100}, ()),
        ({"realisation_sen": 101, "ceiling_sen": 100}, ("realisation_above_ceiling",)),
        ({"realisation_sen": 101, "ceiling_sen": None}, ()),
        ({"realisation_sen": 101, "ceiling_sen": 100} | account("AKUN", "4"), ()),
        ({"realisation_sen": 101, "ceiling_sen": 100} | account("KELOMPOK", "6.2"), ("realisation_above_ceiling",)),
        ({"realisation_sen": 101, "ceiling_sen": 100} | account("KELOMPOK", "6.1"), ()),
        ({"cash_plan_sen": 101, "ceiling_sen": 100}, ("cash_plan_above_ceiling",)),
        ({"realisation_sen": -1}, ("amount_negative",)),
        ({"ceiling_sen": 10**17}, ()),
        ({"ceiling_sen": 10**17 + 1}, ("amount_above_limit",)),
        ({"realisation_sen": 2**63 - 1}, ("amount_above_limit",)),
        ({"ceiling_original_sen": -(2**63)}, ("amount_negative",)),
        ({"physical_basis_points": 10_000}, ()),
        ({"physical_basis_points": 10_001}, ("physical_out_of_range",)),
        ({"physical_basis_points": -1}, ("physical_out_of_range",)),
        ({"period": None}, ()),
        ({"period": None, "realisation_sen": 0}, ("realisation_without_period",)),
        ({"period": None, "physical_basis_points": 0}, ("realisation_without_period",)),
        ({"period": "2024-13"}, ("period_malformed",)),
        ({"period": "2023-12"}, ("period_outside_year",)),
        ({"budget_year": 1999, "period": None}, ("year_out_of_range",)),
        ({"budget_year": 2000, "period": None}, ()),
        ({"budget_year": 2101, "period": None}, ("year_out_of_range",)),
        ({"skpd_code": ""}, ("skpd_code_missing",)),
        ({"programme_code": "8.01.02", "activity_code": "8.01.02.2.01"}, ()),
        ({"programme_code": "8.01.02", "activity_code": "8.01.03.2.01"}, ("code_outside_parent",)),
        ({"activity_code": "8.01.02.2.01", "sub_activity_code": "8.01.02.2.02.0001"}, ("code_outside_parent",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected


def test_spending_above_the_ceiling_is_seen_and_not_refused() -> None:
    assert not TYPE.rules.refuses(TYPE.rules.judge(CLEAN | {"realisation_sen": 101, "ceiling_sen": 100}))
