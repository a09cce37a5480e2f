"""The sender: order, frames and headers, poisoned clients, refused records, brokers that go away."""

import pytest

from simpul_producers.errors import SenderRunning, SendFailed
from simpul_producers.outbox import Counts, OutboxRow, State
from simpul_producers.producer import Failure, FailureKind
from simpul_producers.sender import DrainResult, Sender
from simpul_producers.testing import FakeBroker, InMemoryOutbox
from simpul_schemas.errors import BrokerUnavailable, RegistryUnavailable
from simpul_schemas.log import Outgoing
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, value_subject
from simpul_schemas.wire import frame

TOPIC = event_topic("17", "participation")
OTHER_TOPIC = event_topic("31", "participation")
SCHEMA = '{"type": "bytes"}'
REFUSED = Failure(FailureKind.RECORD, "InvalidTimestampError")
TIMED_OUT = Failure(FailureKind.UNREACHABLE, "timed out")


def row(number: int, topic: str = TOPIC, body: bytes | None = None) -> OutboxRow:
    return OutboxRow(
        f"event-{number:04}",
        "participation",
        f"tps:{number}",
        number,
        topic,
        "sirekap.kpu",
        1_707_900_000_000_000,
        SCHEMA,
        b"body-%04d" % number if body is None else body,
    )


class Stage:
    """A sender with everything around it in memory."""

    def __init__(self, rows: int = 0) -> None:
        self.outbox = InMemoryOutbox()
        self.registry = InMemoryRegistry()
        self.schema_id = self.registry.register(value_subject(TOPIC), SCHEMA)
        self.registry.register(value_subject(OTHER_TOPIC), SCHEMA)
        self.broker = FakeBroker()
        self.outbox.add([row(number) for number in range(rows)], 1)
        self.sender = Sender(self.outbox, self.registry, self.broker.connect, lambda: 7, batch_rows=10)

    def bodies(self) -> list[bytes]:
        return [record.value[5:] for record in self.broker.records() if record.value]

    def refuse(self, *numbers: int, failure: Failure = REFUSED) -> None:
        bad = {b"tps:%d" % number for number in numbers}
        self.broker.judge = lambda record: failure if record.key in bad else None


def test_everything_is_sent_in_order_through_one_client() -> None:
    stage = Stage(35)
    assert stage.sender.drain() == DrainResult(sent=35)
    assert stage.bodies() == [b"body-%04d" % number for number in range(35)]
    assert stage.outbox.counts() == Counts(35, 0, 0)
    assert stage.broker.connections == 1


def test_an_empty_outbox_needs_no_broker() -> None:
    stage = Stage()
    stage.broker.reachable = False
    assert stage.sender.drain() == DrainResult()


def test_a_record_carries_frame_key_and_cloud_event_headers() -> None:
    stage = Stage(1)
    stage.sender.drain()
    (record,) = stage.broker.records()
    assert record == Outgoing(
        TOPIC,
        b"tps:0",
        frame(stage.schema_id, b"body-0000"),
        (
            ("ce_specversion", b"1.0"),
            ("ce_id", b"event-0000"),
            ("ce_source", b"sirekap.kpu"),
            ("ce_type", b"id.go.simpul.participation.v1"),
            ("ce_time", b"2024-02-14T08:40:00Z"),
            ("ce_subject", b"tps:0"),
            ("content-type", b"application/avro"),
        ),
    )


def test_one_batch_is_sent_where_no_more_is_asked_for() -> None:
    stage = Stage(35)
    assert stage.sender.drain(until_empty=False).sent == 10
    assert stage.outbox.counts() == Counts(10, 25, 0)


def test_progress_tells_what_was_acknowledged() -> None:
    stage = Stage(25)
    told: list[int] = []
    stage.sender.drain(progress=told.append)
    assert told == [10, 20, 25]


@pytest.mark.parametrize("bad", [(0,), (9,), (4, 5), (3, 17, 24), tuple(range(10, 20)), tuple(range(25))])
def test_a_refused_record_never_stops_the_others(bad: tuple[int, ...]) -> None:
    stage = Stage(25)
    stage.refuse(*bad)
    assert stage.sender.drain() == DrainResult(sent=25 - len(bad), refused=len(bad))
    assert stage.outbox.counts() == Counts(25 - len(bad), 0, len(bad))
    assert list(stage.outbox.event_ids(State.REFUSED)) == [f"event-{number:04}" for number in bad]
    assert set(stage.bodies()) == {b"body-%04d" % number for number in range(25) if number not in bad}
    if bad:
        assert stage.outbox.refused(1)[0].reason == "InvalidTimestampError"


def test_a_poisoned_client_is_replaced_before_anything_else_is_sent() -> None:
    stage = Stage(10)
    stage.refuse(5)
    stage.sender.drain()
    assert stage.broker.connections > 1
    assert len(stage.broker.records()) == 9


def test_a_record_too_large_for_the_client_is_refused_without_a_new_client() -> None:
    stage = Stage()
    stage.broker.client_limit_bytes = 100
    stage.outbox.add([row(0), row(1, body=bytes(200)), row(2)], 1)
    assert stage.sender.drain() == DrainResult(sent=2, refused=1)
    assert stage.broker.connections == 1


def test_a_topic_that_takes_nothing_keeps_its_events_and_others_go_on() -> None:
    stage = Stage()
    stage.outbox.add([row(number, OTHER_TOPIC if number % 3 == 0 else TOPIC) for number in range(30)], 1)
    no_right = Failure(FailureKind.TOPIC, "TopicAuthorizationFailedError")
    stage.broker.judge = lambda record: no_right if record.topic == OTHER_TOPIC else None
    result = stage.sender.drain()
    assert result == DrainResult(sent=20, blocked={OTHER_TOPIC: "TopicAuthorizationFailedError"})
    assert stage.outbox.counts() == Counts(20, 10, 0)


def test_a_topic_whose_schema_is_not_registered_keeps_its_events() -> None:
    stage = Stage(3)
    stage.outbox.add([row(9, event_topic("91", "participation"))], 1)
    result = stage.sender.drain()
    assert result.sent == 3
    assert list(result.blocked) == [event_topic("91", "participation")]
    assert stage.outbox.counts() == Counts(3, 1, 0)


def test_a_broker_that_is_away_is_said_and_events_stay() -> None:
    stage = Stage(3)
    stage.broker.reachable = False
    with pytest.raises(BrokerUnavailable):
        stage.sender.drain()
    assert stage.outbox.counts() == Counts(0, 3, 0)


def test_a_broker_that_goes_away_on_the_way_keeps_what_it_acknowledged() -> None:
    stage = Stage(25)

    def go_away(acknowledged: int) -> None:
        stage.broker.reachable = False

    with pytest.raises(BrokerUnavailable):
        stage.sender.drain(progress=go_away)
    assert stage.outbox.counts() == Counts(20, 5, 0)  # the second batch was on its way already
    stage.broker.reachable = True
    assert stage.sender.drain() == DrainResult(sent=5)
    assert len(stage.bodies()) == 25


def test_a_record_without_an_answer_is_sent_again_by_a_new_client() -> None:
    stage = Stage(5)
    answers = iter([TIMED_OUT] * 5)
    stage.broker.judge = lambda _record: next(answers, None)
    assert stage.sender.drain() == DrainResult(sent=5)
    assert stage.broker.connections == 2


def test_a_broker_that_answers_nothing_twice_is_away() -> None:
    stage = Stage(5)
    stage.broker.judge = lambda _record: TIMED_OUT
    with pytest.raises(BrokerUnavailable, match="stopped answering"):
        stage.sender.drain()
    assert stage.broker.connections == 2
    assert stage.outbox.counts() == Counts(0, 5, 0)


def test_an_unknown_failure_is_not_blamed_on_the_record() -> None:
    stage = Stage(5)
    stage.refuse(3, failure=Failure(FailureKind.OTHER, "UnknownError"))
    with pytest.raises(SendFailed, match="UnknownError"):
        stage.sender.drain()
    assert stage.outbox.counts() == Counts(4, 1, 0)


def test_a_registry_that_is_away_is_said_and_events_stay() -> None:
    stage = Stage(3)

    class Away(InMemoryRegistry):
        def lookup(self, subject: str, schema: str) -> int:
            raise RegistryUnavailable("Tidak menjawab.", "No answer.")

    sender = Sender(stage.outbox, Away(), stage.broker.connect, lambda: 7)
    with pytest.raises(RegistryUnavailable):
        sender.drain()
    assert stage.outbox.counts() == Counts(0, 3, 0)


def test_a_second_sender_is_told_that_one_is_running() -> None:
    stage = Stage(3)
    with stage.outbox.sender_lock(), pytest.raises(SenderRunning):
        stage.sender.drain()
    assert stage.sender.drain().sent == 3


def test_what_is_taken_while_draining_is_sent_too() -> None:
    stage = Stage(10)

    def take_one_more(acknowledged: int) -> None:
        if acknowledged == 10:
            stage.outbox.add([row(99)], 2)

    assert stage.sender.drain(progress=take_one_more).sent == 11
