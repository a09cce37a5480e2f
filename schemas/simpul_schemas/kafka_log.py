"""The log on a real Kafka broker, by aiokafka.

What a reader holds is bounded, whatever number of partitions it has: a fetch by `_FETCH_BYTES` as it is sent, its
batches by `MAX_BATCH_BYTES` unpacked, and one answer of `read` by `READ_BYTES`, however many records were asked for.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain, groupby
from operator import attrgetter

import aiokafka
import numpy as np
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.fetched import in_runs
from simpul_schemas.log import Block, Outgoing, Partition, StartOffset
from simpul_schemas.slices import Longs, Slices

#: What one answer of `read` weighs at most, see `weights`; one record may be heavier. It holds 40,000 ordinary events.
READ_BYTES = 8 << 20
#: Bytes of an ordinary record.
_ORDINARY_BYTES = 256
#: Of one fetch, which a single partition may fill.
_FETCH_BYTES = 8 << 20
#: aiokafka fetches the other partitions when one was not read for a tenth of a second, until all are in memory, however
#: many there are. So it is told to wait until what one fetch has brought was read.
_PREFETCH_SECONDS = 60.0
#: In this time a broker gives what it has; one that has nothing waits for the next record.
_ASK_AGAIN_MILLIS = 10
#: Bytes of one batch that is sent.
_SEND_BYTES = 512 << 10
#: A dead worker's partitions are handed on after this; a live one says so three times in between.
_SESSION_TIMEOUT_MS = 10_000


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; periksa alamat dan jaringan, atau jalankan 'simpul up'.",
        f"No Kafka broker answers at {bootstrap_servers}; check address and network, or run 'simpul up'.",
    )


def _of(partition: aiokafka.TopicPartition) -> Partition:
    return Partition(partition.topic, partition.partition)


def weights(sizes: Longs) -> Longs:
    """Return what records of so many bytes weigh: bytes, but twice those that are beyond an ordinary record's.

    Decoding takes up to 22 bytes for each byte of a list of empty items, and only a long record is mostly lists.
    """
    found: Longs = sizes + np.maximum(sizes - _ORDINARY_BYTES, 0)
    return found


def _weights(block: Block) -> Longs:
    return weights(Slices.of(block.values).sizes + Slices.of(block.keys).sizes)


def cut(blocks: Sequence[Block], max_records: int, max_weight: int) -> tuple[list[Block], list[Block]]:
    """Cut blocks behind so many records or so much weight, whichever comes first, but not before the first.

    Returns what comes before the cut and what comes behind it.
    """
    now: list[Block] = []
    for number, block in enumerate(blocks):
        weighed = _weights(block)
        fits = min(int(np.searchsorted(np.cumsum(weighed), max_weight, "right")), max_records)
        if not fits and not now:
            fits = 1
        if fits < len(block.values):
            before = [_part(block, 0, fits)] if fits else []
            return now + before, [_part(block, fits, len(block.values)), *blocks[number + 1 :]]
        max_records -= fits
        max_weight -= int(weighed.sum())
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


def _joined(partition: Partition, runs: Sequence[Block]) -> Block:
    """Make one block of runs that follow on each other."""
    if len(runs) == 1:
        return runs[0]
    first, last = runs[0].offsets[0], runs[-1].offsets[-1]
    whole = last - first + 1 == sum(len(run.offsets) for run in runs)
    return Block(
        partition,
        _strings([run.values for run in runs]),
        _strings([run.keys for run in runs]),
        range(first, last + 1) if whole else _numbers([run.offsets for run in runs]),
        _numbers([run.timestamps for run in runs]),
    )


def _numbers(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    found = array("q")
    for part in parts:
        found.extend(part)
    return found


def _strings(parts: Sequence[Sequence[bytes | None]]) -> Sequence[bytes | None]:
    """Put strings together: as slices, unless one of them had to be an object."""
    slices = [part for part in parts if isinstance(part, Slices)]
    return Slices.joined(slices) if len(slices) == len(parts) else list(chain.from_iterable(parts))


async def cluster_id(bootstrap_servers: str, **options: object) -> str:
    """Return the id of the cluster behind an address, by which a store knows whether its offsets are of this log."""
    async with _admin(bootstrap_servers, **options) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def topics_there(bootstrap_servers: str, **options: object) -> frozenset[str]:
    """Return the topics that a broker has; a reader of one that is not there waits for it in vain."""
    async with _admin(bootstrap_servers, **options) as admin:
        return frozenset(await admin.list_topics())


@asynccontextmanager
async def _admin(bootstrap_servers: str, **options: object) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **options)
    try:
        await admin.start()
        yield admin
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
            max_partition_fetch_bytes=_FETCH_BYTES,
            key_deserializer=in_runs,
            **self._settings,
        )
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise _unavailable(self._bootstrap_servers) from error
        consumer._fetcher._prefetch_backoff = _PREFETCH_SECONDS  # noqa: SLF001  # there is no setting for it
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
        await self._fetch(max_records, timeout_seconds)
        runs, self._held = cut(self._held, max_records, READ_BYTES)
        found: dict[Partition, list[Block]] = {}
        for run in runs:
            found.setdefault(run.partition, []).append(run)
        return [_joined(partition, blocks) for partition, blocks in found.items()]

    async def _fetch(self, max_records: int, timeout_seconds: float) -> None:
        """Hold what was fetched, a run at a time, until it is enough; wait for the first one, and once for more.

        What was fetched ahead is as old as the read before, and nothing more was asked for since. By now the broker has
        all that came meanwhile, and gives it at once: so a reader that is slow gets larger answers, not more of them.
        """
        wait, asked_again = 0 if self._held else int(timeout_seconds * 1000), False
        records = sum(len(run.values) for run in self._held)
        weight = sum(int(_weights(run).sum()) for run in self._held)
        try:
            while records < max_records and weight < READ_BYTES:
                fetched = await self._connected.getmany(timeout_ms=wait, max_records=1)
                if not fetched:
                    if asked_again or not self._held:
                        break
                    asked_again, wait = True, _ASK_AGAIN_MILLIS
                    continue
                wait = 0
                for partition, (run,) in fetched.items():
                    held = Block(_of(partition), run.values, run.keys, run.offsets, run.timestamps)
                    self._held.append(held)
                    records += len(run.values)
                    weight += int(_weights(held).sum())
        except KafkaError as error:
            raise _unavailable(self._bootstrap_servers) from error

    def assigned(self) -> frozenset[Partition]:
        """See `simpul_schemas.log`."""
        return frozenset(_of(partition) for partition in self._consumer.assignment()) if self._consumer else frozenset()

    async def begin_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log`."""
        return await self._offsets(self._connected.beginning_offsets)

    async def end_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log`."""
        return await self._offsets(self._connected.end_offsets)

    async def _offsets(
        self, ask: Callable[..., Awaitable[Mapping[aiokafka.TopicPartition, int]]]
    ) -> Mapping[Partition, int]:
        try:
            found = await ask(list(self._connected.assignment()))
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
            max_batch_size=_SEND_BYTES,
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
            futures: list[asyncio.Future[object]] = []
            for topic, those in groupby(records, key=attrgetter("topic")):
                futures.extend(await _append(producer, topic, list(those)))
            await asyncio.gather(*futures)
        except KafkaError as error:
            await self.stop()
            raise _unavailable(self._bootstrap_servers) from error


async def _append(
    producer: aiokafka.AIOKafkaProducer, topic: str, records: Sequence[Outgoing]
) -> list[asyncio.Future[object]]:
    """Hand records of one topic to the producer; whole batches where the topic has one partition."""
    if len(records) == 1 or len(await producer.partitions_for(topic)) != 1:
        return [
            await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            for record in records
        ]
    futures: list[asyncio.Future[object]] = []
    batch, left = producer.create_batch(), iter(records)
    record = next(left, None)
    while record is not None:
        _, key, value, headers = record
        if batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is not None:
            record = next(left, None)
            continue
        if not batch.record_count():  # larger than a batch: it goes alone
            futures.append(await producer.send(topic, value, key=key, headers=list(headers)))
            record = next(left, None)
        else:
            futures.append(await producer.send_batch(batch, topic, partition=0))
        batch = producer.create_batch()
    if batch.record_count():
        batch.close()
        futures.append(await producer.send_batch(batch, topic, partition=0))
    return futures
