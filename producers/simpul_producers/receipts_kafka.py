"""The receipts of the provinces on a real Kafka, by kafka-python: assigned, from our own offset, in no group."""

from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from simpul_producers.errors import ReceiptsNotReadable
from simpul_producers.kafka_producer import check, quiet_client
from simpul_producers.receipts_taker import Taken
from simpul_schemas.errors import BrokerUnavailable

_POLL_MS = 1_500
_REQUEST_TIMEOUT_MS = 8_000
_RECEIPTS_AT_ONCE = 200


class KafkaReceiptLog:
    """See `simpul_producers.receipts_taker.ReceiptLog`; connecting raises `LinkBroken` with the named cause."""

    def __init__(self, bootstrap_servers: str, options: Mapping[str, object]) -> None:
        check(bootstrap_servers, options)
        quiet_client()
        try:
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=[server.strip() for server in bootstrap_servers.split(",")],
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                bootstrap_timeout_ms=_REQUEST_TIMEOUT_MS,
                metrics_enabled=False,
                **options,
            )
            self.cluster = self._cluster_id()
        except (kafka_errors.KafkaError, OSError, ValueError) as error:
            raise _unavailable(error) from error
        #: Topic: the position of what was handed out last.
        self._at: dict[str, int] = {}

    def read(self, topic: str, offset: int) -> Taken:
        """See `ReceiptLog`."""
        place = TopicPartition(topic, 0)
        try:
            if self._consumer.assignment() != {place}:
                self._consumer.assign([place])
                self._at.clear()
            end = self._consumer.end_offsets([place])[place]
            first = self._consumer.beginning_offsets([place])[place]
            start = min(max(offset, first), end)
            if start >= end:
                # A log that is shorter than what was read of it was made anew: what it holds is all new.
                return Taken((), end if end >= offset else 0)
            if self._at.get(topic) != start:
                self._consumer.seek(place, start)
            polled = self._consumer.poll(timeout_ms=_POLL_MS, max_records=_RECEIPTS_AT_ONCE).get(place, [])
        except (kafka_errors.AuthorizationError, kafka_errors.UnknownTopicOrPartitionError) as error:
            raise ReceiptsNotReadable(topic, type(error).__name__) from error
        except (kafka_errors.KafkaError, OSError) as error:
            raise _unavailable(error) from error
        if not polled:
            return Taken((), offset)
        self._at[topic] = polled[-1].offset + 1
        return Taken([record.value for record in polled if record.value is not None], self._at[topic])

    def close(self) -> None:
        """See `ReceiptLog`."""
        self._consumer.close(autocommit=False)

    def _cluster_id(self) -> str:
        return str(self._consumer._cluster.cluster_id or "")  # noqa: SLF001  # there is no public way


def _unavailable(error: Exception) -> BrokerUnavailable:
    reason = f"{type(error).__name__}: {error}"[:200]
    return BrokerUnavailable(
        f"Tanda terima belum dapat diambil ({reason}); dicoba lagi nanti.",
        f"Receipts could not be fetched ({reason}); it is tried again later.",
    )
