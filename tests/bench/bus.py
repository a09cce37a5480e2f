"""The broker that benches run on: the one that the environment names, else a local stack of their own."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError
from tests.bench.incidents import Lane

from simpul_deploy.bus import ensure_topics
from simpul_deploy.local.stack import Stack
from simpul_schemas.kafka_log import AssignedReader
from simpul_schemas.log import Block
from simpul_schemas.topics import TopicSpec

#: Where benches keep what may be thrown away.
WORKSHOP = Path(__file__).parents[2] / "build" / "bench"


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """Addresses of broker and registry."""
    named = [os.environ.get(f"SIMPUL_TEST_{name}") for name in ("KAFKA", "REGISTRY")]
    if all(named):
        yield str(named[0]), str(named[1])
        return
    stack = Stack("bench", data_root=WORKSHOP / "stack")
    endpoints = stack.up().endpoints
    try:
        yield endpoints.bootstrap_servers, endpoints.registry_url
    finally:
        stack.down(purge=True)


def renew(bootstrap_servers: str, specs: Sequence[TopicSpec]) -> None:
    """Make topics that are empty."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        for spec in specs:
            try:
                admin.delete_topics([spec.name])
            except UnknownTopicOrPartitionError:
                continue
        wanted = {spec.name for spec in specs}
        while wanted & set(admin.list_topics()):
            pass
    ensure_topics(bootstrap_servers, specs)


def publish(bootstrap_servers: str, lanes: Iterable[Lane]) -> int:
    """Append the records of lanes, in their order within each; returns how many."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.num.messages": 2000,
            "queue.buffering.max.messages": 200_000,
        }
    )
    count = 0
    for lane in lanes:
        for key, value in zip(lane.keys, lane.values, strict=True):
            while True:
                try:
                    producer.produce(lane.topic, value, key=key)
                    break
                except BufferError:
                    producer.poll(0.1)
        count += len(lane.values)
        producer.poll(0)
    left = producer.flush(120)
    assert left == 0, f"{left} records were not taken"
    return count


def read_from(bootstrap_servers: str, starts: dict[str, int]) -> list[Block]:
    """Read topics of one partition from given offsets to where they end now."""

    async def read() -> list[Block]:
        reader = AssignedReader(bootstrap_servers, starts, lambda partition: starts[partition.topic])
        await reader.start()
        try:
            ends = await reader.end_offsets()
            left = {partition for partition, end in ends.items() if end > starts[partition.topic]}
            blocks: list[Block] = []
            while left:
                for block in await reader.read(100_000, 1.0):
                    blocks.append(block)
                    if block.next_offset >= ends[block.partition]:
                        left.discard(block.partition)
            return blocks
        finally:
            await reader.stop()

    return asyncio.run(read())


def ends_of(bootstrap_servers: str, topics: Sequence[str]) -> dict[str, int]:
    """Return the end offsets of topics of one partition."""

    async def ask() -> dict[str, int]:
        reader = AssignedReader(bootstrap_servers, topics, lambda _: 0)
        await reader.start()
        try:
            return {partition.topic: end for partition, end in (await reader.end_offsets()).items()}
        finally:
            await reader.stop()

    return asyncio.run(ask())
