"""The log on a real Kafka broker, by aiokafka.

What a reader holds is bounded: a partition's fetch by `_PARTITION_FETCH_BYTES` as it is sent and by `MAX_BATCH_BYTES`
unpacked, and one answer of `read` by `READ_BYTES`, whatever number of records was asked for.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import aiokafka
import aiokafka.consumer.fetcher
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords

from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Block, Outgoing, Partition, StartOffset
from simpul_schemas.record_batches import UNREADABLE_HEADER, unpack_batches
from simpul_schemas.wire import UnreadableBatch

#: Bytes of keys and values in one answer of `read`; a single record may be larger. Decoding takes up to 22 bytes for
#: each (lists full of empty items), which is less than 100 MiB, and 40,000 ordinary events fit in.
READ_BYTES = 4 << 20
_FETCH_BYTES = 64 << 20
_PARTITION_FETCH_BYTES = 8 << 20
#: A dead worker's partitions are handed on after this; a live one says so three times in between.
_SESSION_TIMEOUT_MS = 10_000


# The one place where aiokafka turns what a fetch brought into batches. It unpacks without a limit, and offers no
# setting or hook. The version is pinned; a test with a real broker notices if this stops having an effect.
aiokafka.consumer.fetcher.MemoryRecords = lambda fetched: MemoryRecords(unpack_batches(fetched))


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; periksa alamat dan jaringan, atau jalankan 'simpul up'.",
        f"No Kafka broker answers at {bootstrap_servers}; check address and network, or run 'simpul up'.",
    )


def _of(partition: aiokafka.TopicPartition) -> Partition:
    return Partition(partition.topic, partition.partition)


def _value(record: aiokafka.ConsumerRecord) -> bytes | None:
    value: bytes | None = record.value
    headers = record.headers
    if len(headers) == 1 and headers[0] == UNREADABLE_HEADER and value is not None:
        return UnreadableBatch(value)
    return value


def cut(blocks: Sequence[Block], max_records: int, max_bytes: int) -> tuple[list[Block], list[Block]]:
    """Cut blocks behind so many records or bytes of keys and values, whichever comes first, but not before the first.

    Returns what comes before the cut and what comes behind it.
    """
    now: list[Block] = []
    for number, block in enumerate(blocks):
        for row, (key, value) in enumerate(zip(block.keys, block.values, strict=True)):
            max_records -= 1
            max_bytes -= len(key or b"") + len(value or b"")
            if (max_records < 0 or max_bytes < 0) and (now or row):
                before = [_part(block, 0, row)] if row else []
                return now + before, [_part(block, row, len(block.values)), *blocks[number + 1 :]]
        now.append(block)
    return now, []


def _part(block: Block, start: int, end: int) -> Block:
    return Block(
        block.partition,
        block.values[start:end],
        block.keys[start:end],
        block.offsets[start:end],
        block.timestamps[start:end],
    )


async def cluster_id(bootstrap_servers: str, **options: object) -> str:
    """Return the id of the cluster behind an address, by which a store knows whether its offsets are of this log."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **options)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError) as error:
        raise _unavailable(bootstrap_servers) from error
    finally:
        await admin.close()


class _Reader:
    """What both ways of reading share: turning fetched records into blocks."""

    def __init__(self, bootstrap_servers: str, start_offset: StartOffset, **settings: object) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._start_offset = start_offset
        self._settings = settings
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._held: list[Block] = []

    @property
    def _connected(self) -> aiokafka.AIOKafkaConsumer:
        if self._consumer is None:
            message = "read before start"
            raise RuntimeError(message)
        return self._consumer

    async def _connect(self, *topics: str) -> None:
        consumer = aiokafka.AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            **self._settings,
        )
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise _unavailable(self._bootstrap_servers) from error
        self._consumer = consumer

    async def stop(self) -> None:
        """See `simpul_schemas.log`."""
        self.forget()
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    def forget(self) -> None:
        """Forget what was fetched and not handed out yet, because positions are about to be set anew."""
        self._held = []

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        """See `simpul_schemas.log`."""
        if not self._held:
            self._held = await self._fetch(max_records, timeout_seconds)
        blocks, self._held = cut(self._held, max_records, READ_BYTES)
        return blocks

    async def _fetch(self, max_records: int, timeout_seconds: float) -> list[Block]:
        try:
            fetched = await self._connected.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except KafkaError as error:
            raise _unavailable(self._bootstrap_servers) from error
        return [
            Block(
                _of(partition),
                [_value(record) for record in records],
                [record.key for record in records],
                [record.offset for record in records],
                [record.timestamp * 1000 for record in records],
            )
            for partition, records in fetched.items()
            if records
        ]

    async def end_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log`."""
        try:
            found = await self._connected.end_offsets(list(self._connected.assignment()))
        except KafkaError as error:
            raise _unavailable(self._bootstrap_servers) from error
        return {_of(partition): offset for partition, offset in found.items()}

    async def publish_progress(self, positions: Mapping[Partition, int]) -> None:
        """Do nothing: a reader outside a group has nowhere to show its progress."""


class GroupReader(_Reader):
    """Shares topics with the other members of a consumer group; Kafka says who reads which partition."""

    def __init__(
        self, bootstrap_servers: str, group: str, topics: Iterable[str], start_offset: StartOffset, **options: object
    ) -> None:
        super().__init__(
            bootstrap_servers,
            start_offset,
            group_id=group,
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_SESSION_TIMEOUT_MS // 4,
            # A partition that moves is read anew by whoever gets it, so as few as possible move.
            partition_assignment_strategy=[StickyPartitionAssignor],
            **options,
        )
        self._topics = list(topics)

    async def start(self) -> None:
        """See `simpul_schemas.log`."""
        await self._connect()
        self._connected.subscribe(
            self._topics, listener=_SeekOnAssignment(self._connected, self._start_offset, self.forget)
        )

    async def publish_progress(self, positions: Mapping[Partition, int]) -> None:
        """See `simpul_schemas.log`."""
        mine = self._connected.assignment()
        offsets = {
            partition: positions[_of(partition)] for partition in mine if positions.get(_of(partition)) is not None
        }
        if not offsets:
            return
        try:
            await self._connected.commit(offsets)
        except KafkaError:
            # Only for onlookers; a rebalance under way refuses it, and the next batch says it again.
            return


class _SeekOnAssignment(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Sets every newly assigned partition to the reader's own position."""

    def __init__(
        self, consumer: aiokafka.AIOKafkaConsumer, start_offset: StartOffset, forget: Callable[[], None]
    ) -> None:
        self._consumer = consumer
        self._start_offset = start_offset
        self._forget = forget

    async def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002  # aiokafka's signature
        """Hand out nothing more of them: what was read is applied or read again, by whoever reads it."""
        self._forget()

    async def on_partitions_assigned(self, assigned: Iterable[aiokafka.TopicPartition]) -> None:
        """Go to the stored offset of each partition."""
        self._forget()
        for partition in assigned:
            self._consumer.seek(partition, self._start_offset(_of(partition)))


class AssignedReader(_Reader):
    """Reads every partition of the given topics, alone."""

    def __init__(
        self, bootstrap_servers: str, topics: Iterable[str], start_offset: StartOffset, **options: object
    ) -> None:
        super().__init__(bootstrap_servers, start_offset, **options)
        self._topics = list(topics)

    async def start(self) -> None:
        """See `simpul_schemas.log`."""
        # A subscription makes the client learn the partitions; it is then given up for a fixed assignment, because a
        # subscription without a group starts from the beginning again whenever the cluster's metadata changes.
        await self._connect(*self._topics)
        consumer = self._connected
        partitions = [
            aiokafka.TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.unsubscribe()
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, self._start_offset(_of(partition)))


class KafkaWriter:
    """Appends with acks from all replicas and an idempotent producer.

    After any failed send the producer is made anew, because aiokafka's refuses all later records of that partition.
    """

    def __init__(self, bootstrap_servers: str, **options: object) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._options = options
        self._producer: aiokafka.AIOKafkaProducer | None = None

    async def start(self) -> None:
        """See `simpul_schemas.log`."""
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=2 << 20,
            **self._options,
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise _unavailable(self._bootstrap_servers) from error
        self._producer = producer

    async def stop(self) -> None:
        """See `simpul_schemas.log`."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, records: Sequence[Outgoing]) -> None:
        """See `simpul_schemas.log`."""
        if self._producer is None:
            await self.start()
        producer = self._producer
        assert producer is not None  # noqa: S101  # `start` sets it or raises
        try:
            futures = [
                await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
                for record in records
            ]
            await asyncio.gather(*futures)
        except KafkaError as error:
            await self.stop()
            raise _unavailable(self._bootstrap_servers) from error
