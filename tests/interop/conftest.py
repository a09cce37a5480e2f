"""Foreign clients and our own side of the same broker and registry, each exchange done once for all tests."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.kafka_log import AssignedReader, KafkaWriter
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import TopicSpec, value_subject

sys.path.append(str(Path(__file__).parent))  # tests are no packages; these two modules are shared by this folder

from interop_clients import CLIENTS, Client, Kcat, Unavailable
from interop_golden import WIDE_KEYS, WIDE_PARTITIONS, WIDE_TOPIC, Sample, samples

READ_SECONDS = 30


@dataclass(frozen=True)
class Bus:
    """Broker and registry with the topics and schemas of the samples, as `simpul up` makes them."""

    bootstrap_servers: str
    registry_url: str
    registry: HttpRegistry
    samples: Mapping[str, list[Sample]]
    schema_ids: Mapping[str, int]

    @property
    def topics(self) -> list[str]:
        """The topic of each event type."""
        return [made[0].topic for made in self.samples.values()]

    @property
    def all_samples(self) -> list[Sample]:
        """Every sample, type after type."""
        return [sample for made in self.samples.values() for sample in made]

    def request(self, **more: Any) -> dict[str, Any]:
        """Return a request for a sample program."""
        return {"bootstrap_servers": self.bootstrap_servers, "registry_url": self.registry_url, **more}

    def contents(self) -> dict[str, list[int]]:
        """Return what the registry holds: every subject, and the versions of those that are used here."""
        with httpx.Client(base_url=self.registry_url, trust_env=False) as client:
            subjects = client.get("/subjects").raise_for_status().json()
            mine = {value_subject(topic) for topic in (*self.topics, WIDE_TOPIC)}
            return {
                subject: client.get(f"/subjects/{subject}/versions").raise_for_status().json()
                if subject in mine
                else []
                for subject in sorted(subjects)
            }

    def send(self, records: list[Outgoing]) -> None:
        """Append records as our own writer does."""

        async def use() -> None:
            writer = KafkaWriter(self.bootstrap_servers)
            await writer.start()
            await writer.send(records)
            await writer.stop()

        asyncio.run(use())

    def ends(self, *topics: str) -> dict[Partition, int]:
        """Return where the next record of each partition will lie."""

        async def use() -> dict[Partition, int]:
            reader = AssignedReader(self.bootstrap_servers, topics, lambda _partition: 0)
            await reader.start()
            found = dict(await reader.end_offsets())
            await reader.stop()
            return found

        return asyncio.run(use())

    def headers(self, starts: Mapping[Partition, int], count: int) -> dict[str, list[dict[str, str]]]:
        """Return the headers of a number of records, by topic; our own reader does not look at them."""
        found: dict[str, list[dict[str, str]]] = {partition.topic: [] for partition in starts}
        deadline = time.monotonic() + READ_SECONDS
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap_servers)) as consumer:
            consumer.assign([TopicPartition(*partition) for partition in starts])
            for partition, offset in starts.items():
                consumer.seek(TopicPartition(*partition), offset)
            while sum(map(len, found.values())) < count:
                assert time.monotonic() < deadline
                for records in consumer.poll(timeout_ms=200).values():
                    for record in records:
                        found[record.topic].append({name: value.decode() for name, value in record.headers})
        return found

    def read(self, starts: Mapping[Partition, int], count: int) -> dict[Partition, Block]:
        """Read a number of records as our own reader does, from where each partition ended before."""

        async def use() -> list[Block]:
            topics = list({partition.topic for partition in starts})
            reader = AssignedReader(self.bootstrap_servers, topics, starts.__getitem__)
            await reader.start()
            blocks: list[Block] = []
            async with asyncio.timeout(READ_SECONDS):
                while sum(len(block.values) for block in blocks) < count:
                    blocks.extend(await reader.read(10_000, 0.2))
            await reader.stop()
            return blocks

        found: dict[Partition, Block] = {}
        for block in asyncio.run(use()):
            found[block.partition] = _join(found[block.partition], block) if block.partition in found else block
        return found


def _join(one: Block, other: Block) -> Block:
    return Block(
        one.partition,
        [*one.values, *other.values],
        [*one.keys, *other.keys],
        [*one.offsets, *other.offsets],
        [*one.timestamps, *other.timestamps],
    )


@dataclass(frozen=True)
class Published:
    """What a client sent: its own answer, our blocks and the headers by topic, and the registry before and after."""

    answer: list[dict[str, Any]]
    blocks: Mapping[str, Block]
    headers: Mapping[str, list[dict[str, str]]]
    contents_before: dict[str, list[int]]
    contents_after: dict[str, list[int]]


@pytest.fixture(scope="session")
def bus(servers: Any) -> Bus:
    from simpul_deploy.bus import ensure_topics, schemas_by_subject, topic_specs

    made = {name: samples(name) for name in EVENT_TYPES}
    topics = {name: found[0].topic for name, found in made.items()}
    ensure_topics(
        servers.bootstrap_servers,
        [
            *(spec for spec in topic_specs() if spec.name in topics.values()),
            TopicSpec(WIDE_TOPIC, WIDE_PARTITIONS, {"message.timestamp.type": "LogAppendTime"}),
        ],
    )
    registry = HttpRegistry(servers.registry_url)
    schemas = schemas_by_subject()
    ids = {
        name: registry.register(value_subject(topic), schemas[value_subject(topic)]) for name, topic in topics.items()
    }
    registry.register(value_subject(WIDE_TOPIC), EVENT_TYPES["participation"].schema)
    return Bus(servers.bootstrap_servers, servers.registry_url, registry, made, ids)


@pytest.fixture(scope="session", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Each foreign client in turn; one that cannot be had is skipped here, and a failure in CI."""
    try:
        return CLIENTS[request.param]()
    except Unavailable as error:
        _without(request.param, error)


@pytest.fixture(scope="session")
def kcat(bus: Bus) -> Kcat:
    try:
        return Kcat(bus.bootstrap_servers)
    except Unavailable as error:
        _without("kcat", error)


def _without(name: str, error: Unavailable) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{name}: {error}; CI must have it (see .ci/run)", pytrace=False)
    pytest.skip(f"{name}: {error}")


@pytest.fixture(scope="session")
def ours(bus: Bus) -> Mapping[Partition, int]:
    """Where our own records of all types begin: encoded by `rows`, framed by `wire`, sent by our writer."""
    starts = bus.ends(*bus.topics)
    bus.send(
        [
            Outgoing(
                sample.topic,
                sample.key.encode(),
                sample.framed(bus.schema_ids[name]),
                tuple((header, text.encode()) for header, text in sample.headers.items()),
            )
            for name, made in bus.samples.items()
            for sample in made
        ]
    )
    return starts


@pytest.fixture(scope="session")
def received(bus: Bus, client: Client, ours: Mapping[Partition, int]) -> Mapping[str, list[dict[str, Any]]]:
    """What a client read of our records, by topic."""
    topics = [
        {"topic": topic, "offset": ours[Partition(topic, 0)], "count": len(made)}
        for topic, made in zip(bus.topics, bus.samples.values(), strict=True)
    ]
    found = client.read(bus.request(topics=topics))
    return {topic: [record for record in found if record["topic"] == topic] for topic in bus.topics}


@pytest.fixture(scope="session")
def published(bus: Bus, client: Client, ours: Mapping[Partition, int]) -> Published:
    """What a client sent of the same records; our own lie before it, so that no offset is known beforehand."""
    records = [
        {"topic": sample.topic, "key": sample.key, "headers": sample.headers, "value": sample.value}
        for sample in bus.all_samples
    ]
    wide = bus.samples["participation"][-1].value
    keyed = [{"topic": WIDE_TOPIC, "key": key, "headers": {}, "value": wide} for key in WIDE_KEYS]
    before, starts = bus.contents(), bus.ends(*bus.topics)
    answer = client.publish(bus.request(records=[*records, *keyed]))
    blocks = bus.read(starts, len(records))
    by_topic = {partition.topic: block for partition, block in blocks.items()}
    return Published(answer, by_topic, bus.headers(starts, len(records)), before, bus.contents())


@pytest.fixture(scope="session")
def our_partitions(bus: Bus) -> Mapping[str, int]:
    """On which partition of the wide topic our own writer puts each key."""
    starts = bus.ends(WIDE_TOPIC)
    bus.send([Outgoing(WIDE_TOPIC, key.encode(), b"x") for key in WIDE_KEYS])
    blocks = bus.read(starts, len(WIDE_KEYS))
    found = {key: block.partition.number for block in blocks.values() for key in block.keys}
    return {key: found[key.encode()] for key in WIDE_KEYS}
