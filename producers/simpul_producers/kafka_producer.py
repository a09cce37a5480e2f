"""The real Kafka client, by kafka-python: acknowledged by all replicas, idempotent, batched."""

import socket
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from simpul_producers.producer import Delivery, Failure, FailureKind, ProducerFactory
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing

_PROBE_TIMEOUT_SECONDS = 3.0
_BOOTSTRAP_TIMEOUT_MS = 7_000
#: How long one waits to learn where a topic lives.
_METADATA_TIMEOUT_MS = 5_000
_REQUEST_TIMEOUT_MS = 10_000
_DELIVERY_TIMEOUT_MS = 30_000
_CLOSE_TIMEOUT_SECONDS = 2.0
_DEFAULT_PORT = 9092

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


def kafka_producer_factory(bootstrap_servers: str, **settings: object) -> ProducerFactory:
    """Return what connects to a broker; `settings` go to kafka-python as they are (security, for example)."""

    def connect() -> "KafkaPythonProducer":
        probe(bootstrap_servers)
        return KafkaPythonProducer(bootstrap_servers, settings)

    return connect


def probe(bootstrap_servers: str, timeout_seconds: float = _PROBE_TIMEOUT_SECONDS) -> None:
    """Raise `BrokerUnavailable` unless at least one server takes a connection.

    kafka-python tries for as long as it is allowed to where nobody listens; this is the quick answer.
    """
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            address = (host or server.strip(), int(port) if host else _DEFAULT_PORT)
            with socket.create_connection(address, timeout=timeout_seconds):
                return
        except (OSError, ValueError):
            continue
    raise _unavailable(bootstrap_servers)


class KafkaPythonProducer:
    """See `simpul_producers.producer.Producer`."""

    def __init__(self, bootstrap_servers: str, settings: dict[str, object]) -> None:
        self._bootstrap_servers = bootstrap_servers
        try:
            self._client: Any = KafkaProducer(
                bootstrap_servers=[server.strip() for server in bootstrap_servers.split(",")],
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                batch_size=256 << 10,
                max_block_ms=_METADATA_TIMEOUT_MS,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
                # A topic that the broker makes by itself would not have the settings of the contract.
                allow_auto_create_topics=False,
                metrics_enabled=False,
                **settings,
            )
        except (kafka_errors.KafkaError, OSError, ValueError) as error:
            raise _unavailable(bootstrap_servers) from error

    def send(self, record: Outgoing) -> Delivery | Failure:
        """See `Producer`."""
        try:
            future = self._client.send(record.topic, record.value, key=record.key, headers=list(record.headers))
        except kafka_errors.KafkaTimeoutError as error:
            return self._topic_or_broker(record.topic, error)
        except (kafka_errors.KafkaError, ValueError, TypeError) as error:
            return _failure(error)
        return _KafkaDelivery(future)

    def _topic_or_broker(self, topic: str, error: Exception) -> Failure:
        """Tell apart what kafka-python calls a timeout both times: no such topic, and no broker any more."""
        try:
            probe(self._bootstrap_servers)
        except BrokerUnavailable:
            return _failure(error)
        return Failure(FailureKind.TOPIC, f"no topic {topic}, or it has no leader")

    def flush(self, timeout_seconds: float) -> None:
        """See `Producer`."""
        try:
            self._client.flush(timeout=timeout_seconds)
        except kafka_errors.KafkaError:
            # What became of a record, only its own future knows.
            return

    def close(self) -> None:
        """See `Producer`."""
        # kafka-python's close waits for what is under way before it closes anything, and raises where that takes too
        # long; its thread would go on for ever. Forced first, it fails what is under way, and closes.
        self._client._sender.force_close()  # noqa: SLF001  # there is no public way
        try:
            self._client.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except kafka_errors.KafkaError:
            return


class _KafkaDelivery:
    def __init__(self, future: Any) -> None:  # noqa: ANN401  # kafka-python ships no types
        self._future = future

    def failure(self, timeout_seconds: float) -> Failure | None:
        """See `Delivery`."""
        try:
            self._future.get(timeout=timeout_seconds)
        except kafka_errors.KafkaError as error:
            return _failure(error)
        return None


def _failure(error: Exception) -> Failure:
    reason = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, _ABOUT_RECORD):
        return Failure(FailureKind.RECORD, reason)
    if isinstance(error, _ABOUT_TOPIC):
        return Failure(FailureKind.TOPIC, reason)
    if isinstance(error, kafka_errors.RetriableError):
        return Failure(FailureKind.UNREACHABLE, reason)
    return Failure(FailureKind.OTHER, reason)


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; peristiwa aman di kotak keluar, "
        "periksa alamat dan jaringan, atau jalankan 'simpul up'.",
        f"No Kafka broker answers at {bootstrap_servers}; events are safe in the outbox, "
        "check address and network, or run 'simpul up'.",
    )
