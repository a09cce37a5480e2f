"""Sums of the C.Hasil form; the limits that refuse are in `test_rules`."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type

TYPE = event_type("participation")
MOMENT = 1_708_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "tps:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "17.01.01",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.17",
    "mode": "ACTUAL",
    "election": "uji",
    "station": "001",
}
BY_SEX = ("registered", "voted_dpt", "voted_dptb", "voted_dpk", "turned_out")


def codes(**changes: Any) -> tuple[str, ...]:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    return tuple(code.removeprefix("participation.") for code in found)


def votes(*counts: int | None) -> list[dict[str, Any]]:
    return [{"candidate": f"{place:02d}", "votes": count} for place, count in enumerate(counts, 1)]


@pytest.mark.parametrize("name", BY_SEX)
def test_all_are_men_and_women(name: str) -> None:
    assert codes(**{name: 7, f"{name}_male": 3, f"{name}_female": 4}) == ()
    assert codes(**{name: 7, f"{name}_male": 3, f"{name}_female": 5}) == (f"{name}_sexes_do_not_sum",)
    assert codes(**{name: 7, f"{name}_male": 3}) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"voted_dpt": 5, "voted_dptb": 1, "voted_dpk": 2, "turned_out": 8}, ()),
        ({"voted_dpt": 5, "voted_dptb": 1, "voted_dpk": 2, "turned_out": 9}, ("lists_do_not_sum",)),
        ({"voted_dpt": 5, "voted_dptb": None, "voted_dpk": 2, "turned_out": 9}, ()),
        ({"turned_out": 9, "votes_total": 9}, ()),
        ({"turned_out": 9, "votes_total": 8}, ("turnout_differs_from_votes",)),
        ({"candidates": votes(3, 4), "valid": 7}, ()),
        ({"candidates": votes(3, 4), "valid": 8}, ("candidates_do_not_sum",)),
        ({"candidates": votes(3, None), "valid": 8}, ()),
        ({"candidates": [], "valid": 8}, ()),
        ({"candidates": votes(-1, 9), "valid": 8}, ("candidate_votes_out_of_range",)),
        ({"candidates": votes(10**12), "valid": None}, ()),
        ({"candidates": votes(10**12 + 1), "valid": None}, ("candidate_votes_out_of_range",)),
        ({"election": ""}, ("election_missing",)),
        ({"village": "0001"}, ("village_malformed",)),
        ({"village": "3001"}, ()),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected


def test_a_sum_that_does_not_hold_warns_and_refuses_nothing() -> None:
    wrong = {"turned_out": 9, "turned_out_male": 1, "turned_out_female": 1, "votes_total": 8, "candidates": votes(1)}
    wrong |= {"voted_dpt": 5, "voted_dptb": 1, "voted_dpk": 2, "valid": 8, "invalid": 0}
    verdict = TYPE.rules.judge(CLEAN | wrong)
    assert len(TYPE.rules.codes(verdict)) == 4
    assert not TYPE.rules.refuses(verdict)
