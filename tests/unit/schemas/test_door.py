"""The one door: what it lifts, what it refuses, and what its refusals say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from simpul_schemas import door
from simpul_schemas.contract import event_type
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.events.envelope import to_micros

MOMENT = datetime(2024, 5, 17, 3, 0, tzinfo=UTC)
NOW = to_micros(MOMENT)
TYPE = event_type("aid_handover")
VALUES: dict[str, Any] = {
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "bast:73.71:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "73.71",
    "occurred_at": MOMENT,
    "recorded_at": MOMENT,
    "published_at": MOMENT,
    "source": "uji.73",
    "mode": "ACTUAL",
    "status": "HANDED_OVER",
    "aid_kind": "GOODS",
    "bast_number": "1",
    "handover_date": "2024-05-17",
    "second_party_name": "A",
    "items": [{"name": "beras", "quantity_thousandths": 1000, "unit_value_sen": 100}],
    "attachments": [{"kind": "PHOTO"}],
}


def refusal(**changes: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        door.admit(TYPE, VALUES | changes, NOW)
    return caught.value


def test_symbols_and_lists_are_lifted_at_any_depth_and_what_is_left_out_is_unknown() -> None:
    admitted = door.admit(TYPE, VALUES, NOW)
    assert admitted.record["attachments"] == [{"kind": "PHOTO", "reference": None}]
    assert admitted.record["items"][0]["brand"] is None
    assert admitted.record["occurred_at"] == NOW
    assert admitted.warnings == ()


def test_what_is_handed_in_is_left_as_it_was() -> None:
    before = {**VALUES, "items": [dict(item) for item in VALUES["items"]]}
    door.admit(TYPE, VALUES, NOW)
    assert before == VALUES


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"status": "GIVEN"}, "event.field_invalid", "status"),
        ({"attachments": [{"kind": "FILM"}]}, "event.field_invalid", "attachments.0.kind"),
        ({"attachments": [{}]}, "event.field_missing", "attachments.0.kind"),
        ({"attachments": [{"kind": "PHOTO", "size": 1}]}, "event.field_unknown", "attachments.0.size"),
        ({"items": [{"name": "a", "unit_value_sen": 2.0}]}, "event.field_invalid", "items.0.unit_value_sen"),
        ({"items": [{"name": "a", "unit_value_sen": 2**63}]}, "event.field_invalid", "items.0.unit_value_sen"),
        ({"items": "beras"}, "event.field_invalid", "items"),
        ({"items": ["beras"]}, "event.field_invalid", "items.0"),
        ({"total_value_sen": True}, "event.field_invalid", "total_value_sen"),
        ({"in_words": "\ud800"}, "event.field_invalid", ""),
        ({"occurred_at": MOMENT.replace(tzinfo=None)}, "event.field_invalid", "occurred_at"),
        ({"colour": "red"}, "event.field_unknown", "colour"),
    ],
)
def test_what_has_another_shape_is_refused_with_its_path(changes: dict[str, Any], code: str, path: str) -> None:
    error = refusal(**changes)
    assert error.codes == (code,)
    assert path in error.message_id
    assert path in error.message_en


def test_a_broken_rule_is_told_with_its_fields_and_remedy_in_both_languages() -> None:
    error = refusal(total_value_sen=10_000, in_words="dua rupiah")
    assert error.codes == ("aid_handover.items_do_not_sum", "aid_handover.words_disagree")
    for message in (error.message_id, error.message_en):
        assert "(items.quantity_thousandths, items.unit_value_sen, total_value_sen)" in message
        assert "(in_words, total_value_sen)" in message


def test_a_warning_is_handed_back_with_the_record() -> None:
    admitted = door.admit(TYPE, VALUES | {"in_words": "banyak"}, NOW)
    assert [rule.code for rule in admitted.warnings] == ["aid_handover.words_unreadable"]


def test_a_gateway_that_knows_its_province_refuses_regions_of_another() -> None:
    record = door.to_record(TYPE, VALUES)
    assert door.judge(TYPE, record, NOW, province="73") == 0
    assert TYPE.rules.codes(door.judge(TYPE, record, NOW, province="31")) == ("region.outside_province",)
