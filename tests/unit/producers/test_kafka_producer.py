"""The real client as far as it goes without a broker: named causes, what a failure is about, and packed batches."""

import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors
from kafka.partitioner.default import murmur2
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.structs import TopicPartition

from simpul_producers.errors import LinkBroken
from simpul_producers.kafka_producer import _BATCH_BYTES, _cut, _failure, kafka_producer_factory
from simpul_producers.packed_batches import PackedBatch, encode_record, partition_of
from simpul_producers.producer import FailureKind
from simpul_schemas.errors import BrokerUnavailable, SettingsError
from simpul_schemas.log import Outgoing


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
        (errors.IllegalStateError("closed"), FailureKind.UNREACHABLE),
        (errors.OutOfOrderSequenceNumberError(), FailureKind.OTHER),
        (ValueError("?"), FailureKind.OTHER),
        (None, FailureKind.UNREACHABLE),
    ],
)
def test_a_failure_is_about_the_record_the_topic_or_the_broker(error: Exception | None, kind: FailureKind) -> None:
    assert _failure(error).kind is kind


@pytest.mark.parametrize("servers", ["127.0.0.1:{port}", "127.0.0.1:{port},localhost:{port}"])
def test_where_nobody_listens_that_is_named(servers: str) -> None:
    with pytest.raises(LinkBroken, match="safe in the outbox") as caught:
        kafka_producer_factory(servers.format(port=free_port()))()
    assert caught.value.finding.code == "tcp.refused"


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(SettingsError):
        kafka_producer_factory("127.0.0.1:x")()


def test_a_server_that_is_no_broker_is_said_within_ten_seconds() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            kafka_producer_factory(f"127.0.0.1:{listener.getsockname()[1]}")()
        assert time.monotonic() - started < 12


RECORDS = st.lists(
    st.builds(
        Outgoing,
        st.just("t"),
        st.one_of(st.none(), st.binary(max_size=40)),
        st.one_of(st.binary(max_size=300), st.just(bytes(20_000))),
        st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=30)), max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=40,
)


def packed(records: list[Outgoing]) -> PackedBatch:
    return PackedBatch(TopicPartition("t", 0), [encode_record(record) for record in records], 0, 1_700_000_000_000)


@given(RECORDS)
def test_a_packed_batch_is_to_the_byte_what_kafka_pythons_own_builder_makes(records: list[Outgoing]) -> None:
    theirs = MemoryRecordsBuilder(2, 0, 1 << 30)
    for record in records:
        theirs.append(1_700_000_000_000, record.key, record.value, list(record.headers))
    ours = packed(records).records
    for builder in (ours, theirs):
        builder.set_producer_state(7, 1, 42, False)
        builder.close()
    assert bytes(ours.buffer()) == bytes(theirs.buffer())
    (batch,) = MemoryRecords(ours.buffer())
    read = [(record.key, record.value, tuple(record.headers)) for record in batch]
    assert read == [(record.key, record.value, record.headers) for record in records]


def test_a_packed_batch_answers_for_each_of_its_records() -> None:
    batch = packed([Outgoing("t", b"k", b"v")] * 3)
    assert batch.answers(time.monotonic()) == [None] * 3
    assert not batch.answered(0)
    batch.complete(100, -1)
    assert batch.answered(0)
    assert batch.answers(time.monotonic()) == [100, 101, 102]


def test_a_packed_batch_that_failed_tells_the_error_of_each_record() -> None:
    batch = packed([Outgoing("t", b"k", b"v")] * 2)
    told = [errors.InvalidRecordError("0"), errors.KafkaError("1")]
    batch.complete_exceptionally(told[0], told.__getitem__)
    assert batch.answers(time.monotonic()) == told


def test_the_records_of_a_packed_batch_that_was_split_are_answered_by_the_halves() -> None:
    batch = packed([Outgoing("t", b"k", b"v")] * 3)
    halves = [ProducerBatch(TopicPartition("t", 0), None) for _ in range(2)]
    for index, future in enumerate(batch._record_futures):
        future.rebind(halves[index // 2].produce_future, index % 2)
    assert not batch.answered(0.01)
    halves[0].produce_future.success((10, -1, None))
    error = errors.MessageSizeTooLargeError()
    halves[1].produce_future.success((-1, -1, lambda _: error))
    assert batch.answered(0.01)
    assert batch.answers(time.monotonic() + 1) == [10, 11, error]


def test_batches_are_cut_at_their_size_and_a_large_record_is_alone() -> None:
    items: list[Any] = [(index, bytes(100_000)) for index in range(5)] + [(5, bytes(400_000)), (6, b"x")]
    assert [[index for index, _ in part] for part in _cut(items)] == [[0, 1], [2, 3], [4], [5], [6]]
    assert _BATCH_BYTES == 262_144


@given(st.one_of(st.none(), st.binary(max_size=60)), st.integers(1, 12))
def test_a_key_lies_where_kafkas_own_partitioner_puts_it(key: bytes | None, count: int) -> None:
    expected = 0 if key is None else (murmur2(key) & 0x7FFFFFFF) % count
    assert partition_of(key, list(range(count))) == expected
