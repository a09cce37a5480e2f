"""Incidents: positions, counts, and the 90 days of a conflict status."""

from typing import Any

import pytest

from simpul_schemas.contract import event_type
from simpul_schemas.rules import DAY_MICROS, NOW

TYPE = event_type("incident")
MOMENT = 1_716_000_000_000_000
CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "kejadian:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "kind": "CONFLICT",
    "category": "bentrokan",
    "severity": "MINOR",
    "verification": "VERIFIED",
    "time_precision": "DAY",
}


def codes(**changes: Any) -> tuple[str, ...]:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    return tuple(code.removeprefix("incident.") for code in found)


def status(days: int, micros: int = 0, **changes: Any) -> dict[str, Any]:
    until = MOMENT + days * DAY_MICROS + micros
    return {"conflict_status": "PROVINSI", "conflict_status_from": MOMENT, "conflict_status_until": until} | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"killed": 0, "loss_idr": 0}, ()),
        ({"killed": -1}, ("count_negative",)),
        ({"killed": None, "loss_idr": -1}, ("count_negative",)),
        ({"latitude": -5.1, "longitude": 119.4}, ()),
        ({"latitude": 119.4, "longitude": -5.1}, ("position_outside_earth", "position_outside_indonesia")),
        ({"latitude": 48.2, "longitude": 16.4}, ("position_outside_indonesia",)),
        ({"latitude": -5.1}, ("position_incomplete",)),
        ({"longitude": 119.4}, ("position_incomplete",)),
        ({"resolved_at": MOMENT}, ()),
        ({"resolved_at": MOMENT - 1}, ("resolved_before_occurred",)),
        ({"resolved_at": MOMENT + DAY_MICROS, NOW: MOMENT}, ()),
        ({"resolved_at": MOMENT + DAY_MICROS + 1, NOW: MOMENT}, ("resolved_at_in_future",)),
        ({"category": ""}, ("category_missing",)),
        ({"village": "20011"}, ("village_malformed",)),
        (status(90), ()),
        (status(90, 1), ("conflict_status_over_90_days",)),
        (status(0), ()),
        (status(0, -1), ("conflict_status_ends_before_it_begins",)),
        # One that nobody ended is measured by the clock that judges.
        (status(0, conflict_status_until=None), ()),
        (status(0, conflict_status_until=None) | {NOW: MOMENT + 90 * DAY_MICROS}, ()),
        (
            status(0, conflict_status_until=None) | {NOW: MOMENT + 90 * DAY_MICROS + 1},
            ("conflict_status_over_90_days",),
        ),
        (status(30) | {NOW: MOMENT + 900 * DAY_MICROS}, ()),
        ({"kind": "DISASTER", "phase": "PENGHENTIAN"}, ("conflict_fields_without_conflict",)),
        ({"kind": "DISTURBANCE", "conflict_source": "SARA"}, ("conflict_fields_without_conflict",)),
        ({"kind": "DISASTER"}, ()),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected


def test_a_status_over_its_days_warns_and_refuses_nothing() -> None:
    assert not TYPE.rules.refuses(TYPE.rules.judge(CLEAN | status(91)))
