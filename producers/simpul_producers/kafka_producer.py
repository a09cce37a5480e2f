"""The real Kafka client, by kafka-python: acknowledged by all replicas, idempotent, batched."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.structs import TopicPartition

from simpul_producers.errors import LinkBroken
from simpul_producers.findings import Finding, Step
from simpul_producers.packed_batches import PackedBatch, encode_record, partition_of
from simpul_producers.probe import first_failure, probe_broker
from simpul_producers.producer import Failure, FailureKind, Place, ProducerFactory
from simpul_schemas.connection import TokenFile
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing

#: Without an answer for so long one looks whether the way is still open.
_SILENCE_SECONDS = 2.0
_LOOK_SECONDS = 5.0
_FRESH_SECONDS = 5.0
_BOOTSTRAP_TIMEOUT_MS = 7_000
#: How long one waits to learn where a topic lives.
_METADATA_TIMEOUT_MS = 5_000
_REQUEST_TIMEOUT_MS = 10_000
_DELIVERY_TIMEOUT_MS = 30_000
_CLOSE_TIMEOUT_SECONDS = 2.0
_BATCH_BYTES = 256 << 10
#: What the broker takes by default as one batch, with room for the batch's own head.
_MOST_RECORD_BYTES = (1 << 20) - 100
_RECORD_OVERHEAD = 21

_ABOUT_RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.InvalidRecordError,
    kafka_errors.CorruptRecordError,
    kafka_errors.UnsupportedForMessageFormatError,
)
_ABOUT_TOPIC = (
    kafka_errors.AuthorizationError,
    kafka_errors.InvalidTopicError,
    kafka_errors.UnknownTopicOrPartitionError,
)


# kafka-python wants its own class; ours only has to look like it.
AbstractTokenProvider.register(TokenFile)


def kafka_producer_factory(bootstrap_servers: str, **options: object) -> ProducerFactory:
    """Return what connects to a broker; `options` are those of `connection.client_options`.

    Connecting raises `LinkBroken` with the named cause within ten seconds where the way is broken.
    """
    broken = Broken()

    def connect() -> "KafkaPythonProducer":
        known = broken.take()
        if known is not None:
            raise LinkBroken(known)
        check(bootstrap_servers, options)
        return KafkaPythonProducer(bootstrap_servers, options, broken)

    return connect


class Broken:
    """What one client has just found broken, for the next one to say, so that nobody has to look twice."""

    def __init__(self) -> None:
        self._noted: tuple[float, Finding] | None = None

    def note(self, finding: Finding) -> None:
        """Remember a finding for a moment."""
        self._noted = time.monotonic(), finding

    def take(self) -> Finding | None:
        """Return the finding once, where it is fresh."""
        noted, self._noted = self._noted, None
        return noted[1] if noted is not None and time.monotonic() - noted[0] < _FRESH_SECONDS else None


def quiet_client() -> None:
    """Keep what the client tells to the log off the user's screen: the user gets one sentence, from us."""
    logger = logging.getLogger("kafka")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
    logger.propagate = False


def check(bootstrap_servers: str, options: Mapping[str, object]) -> None:
    """Raise `LinkBroken` unless a broker can be reached, talks Kafka and lets us in; takes milliseconds where it does.

    kafka-python tries for as long as it is allowed to, and then calls everything a timeout.
    """
    failure = first_failure(probe_broker(bootstrap_servers, options))
    if failure is not None:
        raise LinkBroken(failure)


class KafkaPythonProducer:
    """See `simpul_producers.producer.Producer`."""

    def __init__(self, bootstrap_servers: str, options: Mapping[str, object], broken: Broken) -> None:
        self._broken = broken
        self._bootstrap_servers = bootstrap_servers
        self._options = options
        self._partitions: dict[str, list[int]] = {}
        try:
            self._client: Any = KafkaProducer(
                bootstrap_servers=[server.strip() for server in bootstrap_servers.split(",")],
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                batch_size=_BATCH_BYTES,
                max_block_ms=_METADATA_TIMEOUT_MS,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
                # A topic that the broker makes by itself would not have the settings of the contract.
                allow_auto_create_topics=False,
                metrics_enabled=False,
                **options,
            )
        except (kafka_errors.KafkaError, OSError, ValueError) as error:
            raise _unavailable(bootstrap_servers) from error

    def send_all(self, records: Sequence[Outgoing]) -> "KafkaSending":
        """See `Producer`."""
        answers: list[Place | Failure | None] = [None] * len(records)
        grouped: dict[TopicPartition, list[tuple[int, bytes]]] = {}
        missing: dict[str, Failure] = {}
        for index, record in enumerate(records):
            encoded = encode_record(record)
            if len(encoded) > _MOST_RECORD_BYTES:
                reason = f"MessageSizeTooLargeError: {len(encoded):,} > {_MOST_RECORD_BYTES:,} B"
                answers[index] = Failure(FailureKind.RECORD, reason, kept_back=True)
                continue
            partitions = self._partitions_of(record.topic, missing)
            if isinstance(partitions, Failure):
                answers[index] = partitions
                continue
            place = TopicPartition(record.topic, partition_of(record.key, partitions))
            grouped.setdefault(place, []).append((index, encoded))
        return KafkaSending(answers, self._hand_over(grouped), self.watch)

    def _partitions_of(self, topic: str, missing: dict[str, Failure]) -> list[int] | Failure:
        known = self._partitions.get(topic) or missing.get(topic)
        if known is not None:
            return known
        try:
            found = sorted(self._client.partitions_for(topic))
        except kafka_errors.KafkaTimeoutError as error:
            missing[topic] = self._topic_or_broker(topic, error)
            return missing[topic]
        except (kafka_errors.KafkaError, ValueError, TypeError) as error:
            missing[topic] = _failure(error)
            return missing[topic]
        self._partitions[topic] = found
        return found

    def _topic_or_broker(self, topic: str, error: Exception) -> Failure:
        """Tell apart what kafka-python calls a timeout both times: no such topic, and no broker any more."""
        failure = first_failure(probe_broker(self._bootstrap_servers, self._options, [topic]))
        if failure is None or failure.step is not Step.TOPIC:
            return _failure(error)
        return Failure(FailureKind.TOPIC, f"{failure.message_id} / {failure.message_en}")

    def _hand_over(self, grouped: Mapping[Any, list[tuple[int, bytes]]]) -> list[tuple[PackedBatch, list[int]]]:
        """Pack batches and put them into the producer's queue, as its own `send` does with full ones."""
        queue = self._client._accumulator  # noqa: SLF001  # there is no public way; see `packed_batches`
        now_ms = time.time_ns() // 1_000_000
        handed = []
        for place, items in grouped.items():
            for part in _cut(items):
                batch = PackedBatch(place, [encoded for _, encoded in part], 0, now_ms)
                with queue._tp_lock(place):  # noqa: SLF001  # the same
                    queue._batches[place].append(batch)  # noqa: SLF001  # the same
                    queue._incomplete.add(batch)  # noqa: SLF001  # the same
                self._client._sender.wakeup()  # noqa: SLF001  # the same
                handed.append((batch, [index for index, _ in part]))
        return handed

    def watch(self, batches: list[tuple[PackedBatch, list[int]]], timeout_seconds: float) -> None:
        """Wait until all batches have an answer; where the way broke meanwhile, all that is under way fails at once."""
        deadline = time.monotonic() + timeout_seconds
        heard = time.monotonic()
        for batch, _ in batches:
            while not batch.answered(min(_SILENCE_SECONDS, max(deadline - time.monotonic(), 0.0))):
                if time.monotonic() >= deadline:
                    return
                if time.monotonic() - heard < _SILENCE_SECONDS:
                    continue
                failure = first_failure(probe_broker(self._bootstrap_servers, self._options, seconds=_LOOK_SECONDS))
                if failure is not None:
                    # The next client is refused with the cause by its name, instead of after a long silence.
                    self._broken.note(failure)
                    self._client._sender.force_close()  # noqa: SLF001  # the same
                    return
                heard = time.monotonic()
            heard = time.monotonic()

    def close(self) -> None:
        """See `Producer`."""
        # kafka-python's close waits for what is under way before it closes anything, and raises where that takes too
        # long; its thread would go on for ever. Forced first, it fails what is under way, and closes.
        self._client._sender.force_close()  # noqa: SLF001  # there is no public way
        try:
            self._client.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except kafka_errors.KafkaError:
            return


class KafkaSending:
    """See `simpul_producers.producer.Sending`; `answers` holds those that are known already."""

    def __init__(
        self,
        answers: list[Place | Failure | None],
        batches: list[tuple[PackedBatch, list[int]]],
        watch: Callable[[list[tuple[PackedBatch, list[int]]], float], None],
    ) -> None:
        self._answers = answers
        self._batches = batches
        self._watch = watch

    def answers(self, timeout_seconds: float) -> list[Place | Failure]:
        """See `Sending`."""
        self._watch(self._batches, timeout_seconds)
        deadline = time.monotonic() + _SILENCE_SECONDS
        for batch, indexes in self._batches:
            partition = batch.topic_partition.partition
            for index, answer in zip(indexes, batch.answers(deadline), strict=True):
                self._answers[index] = Place(partition, answer) if isinstance(answer, int) else _failure(answer)
        return [answer if answer is not None else _failure(None) for answer in self._answers]


def _cut(items: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Cut the records of a partition into batches of at most `_BATCH_BYTES`; a larger record is alone in one."""
    part: list[tuple[int, bytes]] = []
    size = 0
    for item in items:
        length = len(item[1]) + _RECORD_OVERHEAD
        if part and size + length > _BATCH_BYTES:
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def _failure(error: Exception | None) -> Failure:
    if error is None:
        return Failure(FailureKind.UNREACHABLE, "KafkaTimeoutError: no answer in time")
    reason = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, kafka_errors.TopicAuthorizationFailedError):
        return Failure(FailureKind.TOPIC, f"tidak ada hak WRITE (ACL) / no right to WRITE (ACL); {reason}")
    if isinstance(error, _ABOUT_RECORD):
        return Failure(FailureKind.RECORD, reason)
    if isinstance(error, _ABOUT_TOPIC):
        return Failure(FailureKind.TOPIC, reason)
    if isinstance(
        error, kafka_errors.RetriableError | kafka_errors.KafkaConnectionError | kafka_errors.IllegalStateError
    ):
        return Failure(FailureKind.UNREACHABLE, reason)
    return Failure(FailureKind.OTHER, reason)


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; peristiwa aman di kotak keluar, "
        "periksa alamat dan jaringan, atau jalankan 'simpul up'.",
        f"No Kafka broker answers at {bootstrap_servers}; events are safe in the outbox, "
        "check address and network, or run 'simpul up'.",
    )
