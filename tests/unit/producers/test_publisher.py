"""The SDK: what it takes, what it refuses, and with which codes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simpul_producers.publisher import Draft, Publisher
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.errors import InvalidEvent, UnknownEventType
from simpul_schemas.events.envelope import Action, Mode, to_micros
from simpul_schemas.rows import decode

NOON = datetime(2024, 2, 14, 5, 0, tzinfo=UTC)
NOW = to_micros(NOON)


class Clock:
    def __init__(self) -> None:
        self.micros = NOW

    def __call__(self) -> int:
        return self.micros


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> InMemoryOutbox:
    return InMemoryOutbox()


@pytest.fixture
def publisher(outbox: InMemoryOutbox, clock: Clock) -> Publisher:
    return Publisher(outbox, "sitimdu.17", clock, lambda count: bytes(range(count)))


def draft(**changes: Any) -> Draft:
    values: dict[str, Any] = {
        "event_type": "participation",
        "subject": "tps:1",
        "region": "17.01.01",
        "occurred_at": NOON,
        "payload": {"election": "pilpres-2024", "registered": 200, "turned_out": 150},
    }
    return Draft(**values | changes)


def codes_of(publisher: Publisher, refused: Draft) -> tuple[str, ...]:
    with pytest.raises(InvalidEvent) as caught:
        publisher.publish(refused)
    return caught.value.codes


def record(outbox: InMemoryOutbox, place: int = -1) -> dict[str, Any]:
    row = outbox.pending(100)[place].row
    return decode(event_type(row.event_type).parsed_schema, row.body)


def test_an_event_goes_to_its_provinces_topic_and_carries_what_was_said(
    publisher: Publisher, outbox: InMemoryOutbox
) -> None:
    answer = publisher.publish(draft())
    row = outbox.pending(1)[0].row
    assert (row.topic, row.subject, row.event_id) == ("simpul.17.participation.v1", "tps:1", answer.event_id)
    found = record(outbox)
    assert (found["source"], found["registered"], found["valid"]) == ("sitimdu.17", 200, None)
    assert found["published_at"] == found["recorded_at"] == found["revision"] == NOW


def test_a_revision_never_goes_back_with_the_clock(publisher: Publisher, clock: Clock) -> None:
    first = publisher.publish(draft())
    clock.micros -= 3_600_000_000
    second = publisher.publish(draft())
    assert second.revision == first.revision + 1


def test_a_revision_given_by_hand_is_taken_also_below_an_earlier_one(publisher: Publisher) -> None:
    publisher.publish(draft(revision=500))
    assert publisher.publish(draft(revision=7)).revision == 7


def test_a_correction_made_in_one_call_with_its_original_is_above_it(publisher: Publisher) -> None:
    first, second = publisher.publish_many([draft(), draft(reason="salah ketik")])
    assert second.revision == first.revision + 1


def test_a_withdrawal_is_an_event_like_others(publisher: Publisher, outbox: InMemoryOutbox) -> None:
    publisher.publish(draft(action=Action.WITHDRAW, reason="TPS ganda"))
    assert record(outbox)["action"] == "WITHDRAW"


def test_an_event_id_given_by_hand_makes_publishing_again_harmless(
    publisher: Publisher, outbox: InMemoryOutbox
) -> None:
    event_id = "018da000-0000-7000-8000-000000000001"
    publisher.publish(draft(event_id=event_id))
    publisher.publish(draft(event_id=event_id))
    assert outbox.counts().pending == 1


def test_a_broken_rule_refuses_with_its_code_and_leaves_no_trace(publisher: Publisher, outbox: InMemoryOutbox) -> None:
    bad = draft(payload={"election": "x", "registered": 100, "turned_out": 130})
    assert codes_of(publisher, bad)[0] == "participation.turnout_above_limit"
    assert outbox.counts().pending == 0
    assert outbox.last_revision("tps:1") == 0


def test_a_warning_is_handed_back_and_does_not_refuse(publisher: Publisher) -> None:
    answer = publisher.publish(draft(payload={"election": "x", "registered": 100, "turned_out": 110}))
    assert [rule.code for rule in answer.warnings] == ["participation.turnout_above_registered"]


def test_of_many_events_all_are_taken_or_none(publisher: Publisher, outbox: InMemoryOutbox) -> None:
    with pytest.raises(InvalidEvent):
        publisher.publish_many([draft(), draft(region="99.01")])
    assert outbox.counts().pending == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payload": {"election": "x", "registered": "200"}}, "event.field_invalid"),
        ({"payload": {"election": "x", "registered": 2.0}}, "event.field_invalid"),
        ({"payload": {"election": "x", "registered": True}}, "event.field_invalid"),
        ({"payload": {"election": "x", "registered": 2**31}}, "event.field_invalid"),
        ({"payload": {"election": "\udc80"}}, "event.field_invalid"),
        ({"payload": {}}, "event.field_missing"),
        ({"payload": {"election": "x", "registred": 1}}, "event.field_unknown"),
        ({"payload": {"election": "x", "region": "31"}}, "event.field_unknown"),
        ({"occurred_at": NOON.replace(tzinfo=None)}, "event.field_invalid"),
        ({"revision": 2**63}, "event.field_invalid"),
        ({"revision": 0}, "envelope.revision_not_positive"),
        ({"occurred_at": NOON + timedelta(days=2)}, "envelope.occurred_in_future"),
        ({"region": "99.01"}, "region.unknown"),
        ({"region": ""}, "region.unknown"),
        ({"subject": ""}, "envelope.subject_malformed"),
        ({"event_id": "7"}, "envelope.event_id_malformed"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_a_code(
    publisher: Publisher, outbox: InMemoryOutbox, changes: dict[str, Any], code: str
) -> None:
    assert code in codes_of(publisher, draft(**changes))
    assert outbox.counts().pending == 0


def test_an_unknown_event_type_is_said(publisher: Publisher) -> None:
    with pytest.raises(UnknownEventType, match="report, incident, aid_handover"):
        publisher.publish(draft(event_type="voters"))


def test_enums_may_be_given_by_their_symbols_and_lists_for_sequences(
    publisher: Publisher, outbox: InMemoryOutbox
) -> None:
    claims = [{"event_type": "incident", "count": 0}]
    payload = {"unit": "kesbangpol-17", "period_kind": "MONTH", "period": "2024-02", "claims": claims}
    publisher.publish(draft(event_type="report", payload=payload))
    assert record(outbox)["claims"] == claims


def test_a_word_that_is_no_symbol_is_refused(publisher: Publisher) -> None:
    payload = {"unit": "kesbangpol-17", "period_kind": "month", "period": "2024-02"}
    assert codes_of(publisher, draft(event_type="report", payload=payload)) == ("event.field_invalid",)


def an_incident(phase: str | None, **changes: Any) -> Draft:
    payload = {
        "kind": "CONFLICT",
        "category": "bentrokan",
        "phase": phase,
        "severity": "MODERATE",
        "verification": "UNVERIFIED",
        "time_precision": "DAY",
    }
    return draft(event_type="incident", subject="incident:1", payload=payload, **changes)


def test_a_step_that_a_lifecycle_does_not_know_is_refused_where_the_outbox_knows_the_state_before(
    publisher: Publisher, outbox: InMemoryOutbox
) -> None:
    publisher.publish(an_incident("PENCEGAHAN"))
    assert codes_of(publisher, an_incident("PEMULIHAN")) == ("incident.phase_out_of_order",)
    assert outbox.counts().pending == 1
    publisher.publish_many([an_incident(None), an_incident("PENGHENTIAN"), an_incident("PEMULIHAN")])
    with pytest.raises(InvalidEvent, match="phase"):
        publisher.publish_many([an_incident("PENCEGAHAN"), an_incident("PEMULIHAN")])


def test_a_late_original_an_exercise_and_a_withdrawal_take_no_step(publisher: Publisher) -> None:
    publisher.publish(an_incident("PENCEGAHAN", revision=100))
    publisher.publish(an_incident("PEMULIHAN", revision=50))
    publisher.publish(an_incident("PEMULIHAN", mode=Mode.EXERCISE))
    publisher.publish(an_incident("PENCEGAHAN", mode=Mode.EXERCISE, revision=101))


def test_a_correction_that_moves_to_another_province_is_taken_back_in_the_old_one(
    publisher: Publisher, outbox: InMemoryOutbox, clock: Clock
) -> None:
    publisher.publish(draft())
    clock.micros += 1_000_000
    moved = publisher.publish(draft(region="53.01.04"))
    _, back, there = [pending.row for pending in outbox.pending(10)]
    assert (back.topic, back.revision) == ("simpul.17.participation.v1", moved.revision)
    assert decode(json.loads(back.schema), back.body)["action"] == "WITHDRAW"
    assert (there.topic, there.event_id) == ("simpul.53.participation.v1", moved.event_id)
    clock.micros += 1_000_000
    publisher.publish(draft(region="53.01.05"))
    assert len(outbox.pending(10)) == 4, "within a province there is nothing to take back"


def test_a_late_original_of_another_province_takes_nothing_back(
    publisher: Publisher, outbox: InMemoryOutbox, clock: Clock
) -> None:
    publisher.publish(draft(revision=9))
    clock.micros += 1_000_000
    publisher.publish(draft(region="53.01.04", revision=8))
    assert len(outbox.pending(10)) == 2
