"""Findings of an FKDM."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type
from simpul_schemas.rules import DAY_MICROS, NOW

TYPE = event_type("prevention")
MOMENT = 1_716_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "temuan:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71.01",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "athg_kind": "GANGGUAN",
    "sphere": "SOSIAL",
    "information": "isu penolakan",
    "recommendation": "pantau",
    "verification": "UNVERIFIED",
    "time_precision": "DAY",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"information": ""}, ("information_missing",)),
        ({"recommendation": None}, ("recommendation_missing",)),
        ({"recommendation": ""}, ("recommendation_missing",)),
        ({"responded_at": MOMENT}, ()),
        ({"responded_at": MOMENT - 1}, ("dates_out_of_order",)),
        ({"responded_at": MOMENT + DAY_MICROS + 1, NOW: MOMENT}, ("responded_at_in_future",)),
        ({"incident_subject": "kejadian:1"}, ()),
        ({"incident_subject": "temuan:1"}, ("incident_is_itself",)),
        ({"latitude": 91.0, "longitude": 119.4}, ("position_outside_earth", "position_outside_indonesia")),
        ({"latitude": -5.1}, ("position_incomplete",)),
        ({"village": ""}, ("village_malformed",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    assert tuple(code.removeprefix("prevention.") for code in found) == expected
