"""Reports: periods that exist, and control totals."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type
from simpul_schemas.rules import DAY_MICROS, NOW

TYPE = event_type("report")
MOMENT = 1_716_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "laporan:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "unit": "kesbangpol",
    "period_kind": "MONTH",
    "period": "2024-04",
    "claims": [],
}


def claims(**counts: int) -> dict[str, Any]:
    return {"claims": [{"event_type": name, "count": count} for name, count in counts.items()]}


def period(kind: str, text: str) -> dict[str, Any]:
    return {"period_kind": kind, "period": text}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"unit": ""}, ("unit_missing",)),
        (period("DAY", "2024-02-29"), ()),
        (period("DAY", "2024-02-30"), ("period_does_not_exist",)),
        (period("DAY", "2024-02-32"), ("period_malformed",)),
        (period("WEEK", "2024-W52"), ()),
        (period("WEEK", "2024-W53"), ("period_does_not_exist",)),
        (period("WEEK", "2024-W54"), ("period_malformed",)),
        (period("WEEK", "2020-W53"), ()),
        (period("QUARTER", "2024-Q4"), ()),
        (period("QUARTER", "2024-Q5"), ("period_malformed",)),
        (period("CATURWULAN", "2024-C3"), ()),
        (period("CATURWULAN", "2024-C4"), ("period_malformed",)),
        (period("SEMESTER", "2024-S2"), ()),
        (period("YEAR", "2024"), ()),
        (period("YEAR", "0000"), ("period_does_not_exist",)),
        (period("YEAR", "2024-02"), ("period_malformed",)),
        (claims(incident=0, budget=7), ()),
        (claims(incident=-1), ("claim_negative",)),
        (claims(incident=1, weather=0), ("claim_of_unknown_type",)),
        ({"claims": [{"event_type": "incident", "count": 1}] * 2}, ("claim_twice",)),
        ({"approved_at": MOMENT + DAY_MICROS, NOW: MOMENT}, ()),
        ({"approved_at": MOMENT + DAY_MICROS + 1, NOW: MOMENT}, ("approved_at_in_future",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    assert tuple(code.removeprefix("report.") for code in found) == expected
