"""Aspirations: dates in order, clocks in working days, and what an anonymous reporter does not give."""

from datetime import UTC, datetime
from typing import Any

import pytest

from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.rules import NOW

TYPE = event_type("aspiration")


def at(day: int, hour: int = 3) -> int:
    """Return a moment of May 2024; the 17th is a Friday."""
    return to_micros(datetime(2024, 5, day, hour, tzinfo=UTC))


CLEAN: dict[str, Any] = dict.fromkeys(TYPE.model.model_fields) | {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "lapor:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": at(1),
    "recorded_at": at(2),
    "published_at": at(2),
    "source": "uji.73",
    "mode": "ACTUAL",
    "classification": "PENGADUAN",
    "status": "DITERIMA",
    "title": "Jalan rusak",
    "identity": "NAMED",
    "disclosure": "PUBLIC",
}


def codes(**changes: Any) -> tuple[str, ...]:
    found = TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))
    return tuple(code.removeprefix("aspiration.") for code in found)


def file(size: int | None) -> dict[str, Any]:
    return {"media_type": "image/jpeg", "size_bytes": size}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"title": ""}, ("title_missing",)),
        ({"submitted_at": at(1), "verified_at": at(1)}, ()),
        ({"submitted_at": at(2), "verified_at": at(2, 2)}, ("dates_out_of_order",)),
        ({"submitted_at": at(1, 2)}, ("dates_out_of_order",)),
        ({"submitted_at": at(3), "closed_at": at(2)}, ("dates_out_of_order",)),
        ({"submitted_at": at(15), "verified_at": at(20)}, ()),
        ({"submitted_at": at(15), "verified_at": at(21)}, ("verified_late",)),
        # Late by the day of Jayapura, where it is the next morning already.
        ({"submitted_at": at(15), "verified_at": at(20, 15)}, ()),
        ({"submitted_at": at(15), "verified_at": at(20, 15), "region": "94"}, ("verified_late",)),
        ({"forwarded_at": at(17), "first_answered_at": at(24)}, ()),
        ({"forwarded_at": at(17), "first_answered_at": at(27)}, ("answered_late",)),
        ({"last_replied_at": at(17), "closed_at": at(31)}, ()),
        ({"last_replied_at": at(16), "closed_at": at(31)}, ("closed_late",)),
        ({"status": "DITUTUP"}, ("closed_without_time",)),
        ({"status": "DITUTUP", "closed_at": at(3)}, ()),
        ({"closed_at": at(5), NOW: at(4)}, ()),
        ({"closed_at": at(5, 4), NOW: at(4)}, ("closed_at_in_future",)),
        ({"identity": "ANONYMOUS"}, ()),
        ({"identity": "ANONYMOUS", "reporter_name": "A"}, ("anonymous_but_named",)),
        ({"identity": "ANONYMOUS", "reporter_contact": "A"}, ("anonymous_but_named",)),
        ({"reporter_name": "A", "reporter_contact": "B"}, ()),
        ({"attachments": [file(None), file(2_097_152)]}, ()),
        ({"attachments": [file(1), file(2_097_153)]}, ("attachment_size_out_of_range",)),
        ({"attachments": [file(-1)]}, ("attachment_size_out_of_range",)),
        ({"village": "201"}, ("village_malformed",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected
