"""The log port: the twin in memory and a real broker keep the same promises."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.kafka_log import READ_BYTES, AssignedReader, GroupReader, KafkaWriter, cluster_id
from simpul_schemas.log import Block, LogReader, LogWriter, Outgoing, Partition, StartOffset
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryWriter
from simpul_schemas.topics import TopicSpec
from simpul_schemas.wire import MAX_BATCH_BYTES, UnreadableBatch

Make = tuple[LogWriter, Callable[[list[str], StartOffset], LogReader], Callable[[int], list[str]]]


@pytest.fixture(params=["memory", "kafka assigned", "kafka group"])
def log(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        memory = InMemoryLog()
        return (
            InMemoryWriter(memory),
            lambda topics, start: InMemoryReader(memory, topics, start),
            lambda count: [f"t{number}" for number in range(count)],
        )
    from simpul_deploy.bus import ensure_topics

    address = request.getfixturevalue("servers").bootstrap_servers

    def topics(count: int) -> list[str]:
        names = [f"uji.{uuid.uuid4().hex}" for _ in range(count)]
        ensure_topics(address, [TopicSpec(name, 1, {"message.timestamp.type": "LogAppendTime"}) for name in names])
        return names

    def reader(names: list[str], start: StartOffset) -> LogReader:
        if request.param == "kafka assigned":
            return AssignedReader(address, names, start)
        return GroupReader(address, f"uji.{uuid.uuid4().hex}", names, start)

    return KafkaWriter(address), reader, topics


async def read_until(reader: LogReader, count: int) -> list[Block]:
    blocks: list[Block] = []
    async with asyncio.timeout(30):
        while sum(len(block.values) for block in blocks) < count:
            blocks.extend(await reader.read(1000, 0.2))
    return blocks


def run(use: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(use())  # type: ignore[arg-type]  # every `use` is a coroutine function


def test_what_was_sent_is_read_in_order_from_the_callers_own_offset(log: Make) -> None:
    writer, make_reader, make_topics = log
    one, other = make_topics(2)
    starts = {Partition(one, 0): 2, Partition(other, 0): 0}

    async def use() -> None:
        await writer.start()
        await writer.send([Outgoing(one, b"k%d" % n, b"v%d" % n) for n in range(5)])
        await writer.send([Outgoing(other, b"k", None)])
        reader = make_reader([one, other], starts.__getitem__)
        await reader.start()
        blocks = await read_until(reader, 4)
        found = {block.partition: block for block in blocks}
        assert list(found[Partition(one, 0)].values) == [b"v2", b"v3", b"v4"]
        assert list(found[Partition(one, 0)].keys) == [b"k2", b"k3", b"k4"]
        assert list(found[Partition(one, 0)].offsets) == [2, 3, 4]
        assert found[Partition(one, 0)].next_offset == 5
        assert list(found[Partition(other, 0)].values) == [None]
        assert all(stamp > 1_600_000_000_000_000 for block in blocks for stamp in block.timestamps)
        assert dict(await reader.end_offsets()) == {Partition(one, 0): 5, Partition(other, 0): 1}
        assert reader.assigned() == {Partition(one, 0), Partition(other, 0)}
        await reader.publish_progress({Partition(one, 0): 5, Partition(other, 0): 1})
        assert await reader.read(10, 0.05) == []
        await writer.send([Outgoing(one, b"k", b"later")])
        assert [list(block.values) for block in await read_until(reader, 1)] == [[b"later"]]
        await reader.stop()
        await reader.stop()
        assert reader.assigned() == frozenset()
        await writer.stop()
        await writer.stop()

    run(use)


def test_what_was_deleted_at_the_beginning_is_told_and_reading_begins_behind_it(
    log: Make, request: pytest.FixtureRequest
) -> None:
    writer, make_reader, make_topics = log
    (topic,) = make_topics(1)
    at = Partition(topic, 0)

    async def use() -> None:
        await writer.start()
        await writer.send([Outgoing(topic, b"k", b"v%d" % n) for n in range(5)])
        await writer.stop()
        if isinstance(writer, InMemoryWriter):
            writer._log.begins[topic] = 3
        else:
            address = request.getfixturevalue("servers").bootstrap_servers
            with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
                admin.delete_records({TopicPartition(topic, 0): 3})
        reader = make_reader([topic], {at: 0}.__getitem__)
        await reader.start()
        blocks = await read_until(reader, 2)
        assert [offset for block in blocks for offset in block.offsets] == [3, 4]
        assert (dict(await reader.begin_offsets()), dict(await reader.end_offsets())) == ({at: 3}, {at: 5})
        await reader.stop()

    run(use)


@pytest.mark.parametrize("log", ["kafka assigned", "kafka group"], indirect=True)
def test_a_bomb_is_read_as_one_record_and_what_lies_around_it_as_well(log: Make, servers: Any) -> None:
    _, make_reader, make_topics = log
    (topic,) = make_topics(1)
    at = Partition(topic, 0)
    producer = KafkaProducer(
        bootstrap_servers=servers.bootstrap_servers,
        compression_type="gzip",
        max_request_size=1 << 30,
        enable_idempotence=False,
    )
    for value in (b"before", bytes(4 * MAX_BATCH_BYTES), b"after"):
        producer.send(topic, value).get(60)
    producer.close()

    async def use() -> None:
        for start, expected in ((0, 3), (1, 2), (2, 1)):
            reader = make_reader([topic], {at: start}.__getitem__)
            await reader.start()
            blocks = await read_until(reader, expected)
            assert dict(await reader.end_offsets()) == {at: 3}
            await reader.stop()
            values = [value for block in blocks for value in block.values]
            assert [offset for block in blocks for offset in block.offsets] == list(range(start, 3))
            assert [value for value in values if not isinstance(value, UnreadableBatch)] == [b"before", b"after"][
                min(start, 1) :
            ]
            assert all(len(value or b"") < MAX_BATCH_BYTES / 100 for value in values)

    run(use)


@pytest.mark.parametrize("log", ["kafka assigned", "kafka group"], indirect=True)
def test_one_answer_is_bounded_in_bytes_and_the_rest_comes_with_the_next(log: Make) -> None:
    writer, make_reader, make_topics = log
    (topic,) = make_topics(1)
    values = [b"%02d" % number + bytes(READ_BYTES // 16) for number in range(40)]

    async def use() -> None:
        await writer.start()
        await writer.send([Outgoing(topic, b"k", value) for value in values])
        await writer.stop()
        reader = make_reader([topic], lambda _: 0)
        await reader.start()
        found: list[bytes | None] = []
        async with asyncio.timeout(30):
            while len(found) < len(values):
                answer = [value for block in await reader.read(1000, 0.2) for value in block.values]
                assert sum(len(value or b"") for value in answer) <= READ_BYTES
                found.extend(answer)
        assert found == values
        await reader.stop()

    run(use)


@pytest.mark.parametrize("log", ["kafka assigned", "kafka group"], indirect=True)
def test_no_more_is_fetched_ahead_than_one_fetch_brings_however_many_partitions_there_are(log: Make) -> None:
    writer, make_reader, make_topics = log
    topics = make_topics(12)
    megabyte = bytes(1_000_000)

    async def use() -> None:
        await writer.start()
        await writer.send([Outgoing(topic, b"k", megabyte) for topic in topics for _ in range(4)])
        await writer.stop()
        reader = make_reader(topics, lambda _: 0)
        await reader.start()
        async with asyncio.timeout(30):
            while not await reader.read(1, 0.2):
                pass
        await asyncio.sleep(1)  # aiokafka would have fetched all 48 MiB meanwhile
        ahead = reader._consumer._fetcher._records  # type: ignore[attr-defined]
        assert 1 <= len(ahead) <= 3  # partitions of 4 MB each, of 8 MiB that are asked for at once
        await reader.stop()

    run(use)


@pytest.fixture
def nowhere() -> str:
    return "127.0.0.1:9"


def test_a_broker_that_is_away_is_named_with_a_remedy(nowhere: str) -> None:
    async def use() -> None:
        for start in (
            AssignedReader(nowhere, ["t"], lambda _: 0).start,
            GroupReader(nowhere, "g", ["t"], lambda _: 0).start,
            KafkaWriter(nowhere).start,
            lambda: cluster_id(nowhere),
        ):
            with pytest.raises(BrokerUnavailable, match="simpul up"):
                await start()

    run(use)
