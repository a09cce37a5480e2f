"""The snapshot port: the twin in memory and a real broker show the same records."""

import asyncio
import uuid
from collections.abc import Callable

import pytest

from simpul_processors.kafka_snapshots import KafkaSnapshots
from simpul_processors.snapshots import Snapshots, Stored
from simpul_processors.testing import InMemorySnapshots
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import LogWriter, Outgoing, Partition
from simpul_schemas.testing import InMemoryLog, InMemoryWriter
from simpul_schemas.topics import TopicSpec

Make = tuple[LogWriter, Snapshots, Callable[[], str]]


@pytest.fixture(params=["memory", "kafka"])
def place(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        log = InMemoryLog()
        return InMemoryWriter(log), InMemorySnapshots(log), lambda: uuid.uuid4().hex
    from simpul_deploy.bus import ensure_topics

    address = request.getfixturevalue("servers").bootstrap_servers

    def topic() -> str:
        name = f"uji.{uuid.uuid4().hex}"
        ensure_topics(address, [TopicSpec(name, 1, {"message.timestamp.type": "LogAppendTime"})])
        return name

    return KafkaWriter(address), KafkaSnapshots(address), topic


async def all_of(snapshots: Snapshots, topics: list[str]) -> list[Stored]:
    async with asyncio.timeout(30):
        return [stored async for stored in snapshots.read(topics)]


def test_a_snapshot_shows_every_record_with_its_headers_and_ends(place: Make) -> None:
    writer, snapshots, make_topic = place
    one, other, empty = make_topic(), make_topic(), make_topic()

    async def use() -> None:
        await writer.start()
        await writer.send([Outgoing(one, b"k%d" % n, b"v%d" % n, (("h", b"%d" % n),)) for n in range(3)])
        await writer.send([Outgoing(other, b"marker", None, (("h", b"x"), ("h2", b"")))])
        found = await all_of(snapshots, [one, other, empty, f"uji.{uuid.uuid4().hex}"])
        found.sort(key=lambda stored: [one, other].index(stored.partition.topic))  # keeps the order inside each
        assert [(stored.partition, stored.offset, stored.key, stored.value, stored.headers) for stored in found] == [
            *((Partition(one, 0), n, b"k%d" % n, b"v%d" % n, (("h", b"%d" % n),)) for n in range(3)),
            (Partition(other, 0), 0, b"marker", None, (("h", b"x"), ("h2", b""))),
        ]
        assert all(stored.timestamp > 1_600_000_000_000_000 for stored in found)
        await writer.stop()

    asyncio.run(use())


def test_a_snapshot_of_topics_that_do_not_exist_is_empty(place: Make) -> None:
    _, snapshots, _ = place
    assert asyncio.run(all_of(snapshots, [f"uji.{uuid.uuid4().hex}"])) == []


def test_a_broker_that_does_not_answer_is_said_in_a_sentence() -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9 "):
        asyncio.run(all_of(KafkaSnapshots("127.0.0.1:9"), ["x"]))
