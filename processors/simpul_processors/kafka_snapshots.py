"""Snapshots of topics on a real Kafka broker, by aiokafka."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from simpul_processors.snapshots import Stored
from simpul_schemas import kafka_log  # noqa: F401  # it guards aiokafka against batches that unpack without a limit
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Partition

_POLL_MS = 500
_MAX_RECORDS = 2_000
_PARTITION_FETCH_BYTES = 8 << 20


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; periksa alamat dan jaringan.",
        f"No Kafka broker answers at {bootstrap_servers}; check address and network.",
    )


class KafkaSnapshots:
    """See `simpul_processors.snapshots.Snapshots`."""

    def __init__(self, bootstrap_servers: str, **options: object) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._options = options

    async def read(self, topics: Sequence[str]) -> AsyncIterator[Stored]:
        """See `simpul_processors.snapshots.Snapshots`."""
        try:
            partitions = await self._partitions(topics)
            if partitions:
                async for stored in self._read(partitions):
                    yield stored
        except (KafkaError, OSError) as error:
            raise _unavailable(self._bootstrap_servers) from error

    async def existing(self, topics: Sequence[str]) -> list[str]:
        """Return those of some topics that exist, in their order."""
        try:
            found = {partition.topic for partition in await self._partitions(topics)}
        except (KafkaError, OSError) as error:
            raise _unavailable(self._bootstrap_servers) from error
        return [topic for topic in topics if topic in found]

    async def _read(self, partitions: Sequence[aiokafka.TopicPartition]) -> AsyncGenerator[Stored, None]:
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            **self._options,
        )
        try:
            await consumer.start()
            left = await _assign(consumer, partitions)
            while left:
                fetched = await consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
                for partition, records in fetched.items():
                    for record in records:
                        if record.offset < left[partition]:
                            yield _stored(record)
                # A position, not the last record: what compaction took away leaves gaps, also before the end.
                left = {at: end for at, end in left.items() if await consumer.position(at) < end}
        finally:
            await consumer.stop()

    async def _partitions(self, topics: Sequence[str]) -> list[aiokafka.TopicPartition]:
        """Return the partitions of those topics that exist; a consumer would wait for the others."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers, **self._options)
        try:
            await admin.start()
            told = await admin.describe_topics(list(topics))
        finally:
            await admin.close()
        return [
            aiokafka.TopicPartition(topic["topic"], partition["partition"])
            for topic in told
            for partition in sorted(topic["partitions"], key=lambda found: found["partition"])
        ]


async def _assign(
    consumer: aiokafka.AIOKafkaConsumer, found: Sequence[aiokafka.TopicPartition]
) -> dict[aiokafka.TopicPartition, int]:
    """Take every partition, go to where reading begins, and return the end of each that has something to read."""
    consumer.assign(found)
    begins = await consumer.beginning_offsets(found)
    ends = await consumer.end_offsets(found)
    for partition in found:
        consumer.seek(partition, begins[partition])
    return {at: ends[at] for at in found if begins[at] < ends[at]}


def _stored(record: aiokafka.ConsumerRecord) -> Stored:
    return Stored(
        Partition(record.topic, record.partition),
        record.offset,
        record.timestamp * 1000,
        record.key,
        record.value,
        tuple(record.headers),
    )
