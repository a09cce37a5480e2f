"""The real client as far as it goes without a broker: the quick answer, and what a failure is about."""

import socket
import time

import pytest
from kafka import errors

from simpul_producers.kafka_producer import _failure, kafka_producer_factory, probe
from simpul_producers.producer import FailureKind
from simpul_schemas.errors import BrokerUnavailable


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.MessageSizeTooLargeError(), FailureKind.RECORD),
        (errors.InvalidTimestampError(), FailureKind.RECORD),
        (errors.InvalidRecordError(), FailureKind.RECORD),
        (errors.TopicAuthorizationFailedError(), FailureKind.TOPIC),
        (errors.UnknownTopicOrPartitionError(), FailureKind.TOPIC),
        (errors.KafkaTimeoutError(), FailureKind.UNREACHABLE),
        (errors.KafkaConnectionError(), FailureKind.UNREACHABLE),
        (errors.OutOfOrderSequenceNumberError(), FailureKind.OTHER),
        (ValueError("?"), FailureKind.OTHER),
    ],
)
def test_a_failure_is_about_the_record_the_topic_or_the_broker(error: Exception, kind: FailureKind) -> None:
    assert _failure(error).kind is kind


@pytest.mark.parametrize("servers", ["127.0.0.1:{port}", "127.0.0.1:{port},localhost:{port}", "127.0.0.1:x"])
def test_where_nobody_listens_that_is_said_within_seconds(servers: str) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="safe in the outbox"):
        kafka_producer_factory(servers.format(port=free_port()))()
    assert time.monotonic() - started < 5


def test_one_server_of_several_is_enough_for_the_probe() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        probe(f"127.0.0.1:{free_port()}, 127.0.0.1:{listener.getsockname()[1]}")


def test_a_server_that_is_no_broker_is_said_within_ten_seconds() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            kafka_producer_factory(f"127.0.0.1:{listener.getsockname()[1]}")()
        assert time.monotonic() - started < 12
