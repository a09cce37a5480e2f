"""Asks the broker every few seconds how far the stages of the fold have come, into a `BusStatus`."""

import asyncio
import time
from collections.abc import Iterable, Mapping

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3

from simpul_connectors.portal.bus_status import GROUP_PREFIX, BusStatus, Sample, stage_topics, watched_topics
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Partition

# aiokafka 0.14.0, which is pinned, reads an answer of version 3 as one of version 2, and drops the connection.
DescribeGroupsRequest_v3.RESPONSE_TYPE = DescribeGroupsResponse_v3

EVERY_SECONDS = 5.0
_WAIT_SECONDS = 5.0
_PATIENCE_SECONDS = 20.0


class BusProbe:
    """See the module; `trouble` says why the broker could not be asked last."""

    def __init__(self, bootstrap_servers: str, options: Mapping[str, object], status: BusStatus) -> None:
        self._servers = bootstrap_servers
        self._options = options
        self._status = status
        self._ends: dict[Partition, int] = {}
        self.trouble: BrokerUnavailable | None = None

    async def run(self) -> None:
        """Ask until cancelled; an outage is waited out."""
        while True:
            try:
                await self._ask_on()
            except (KafkaError, OSError, TimeoutError):
                self.trouble = BrokerUnavailable(
                    f"Broker Kafka di {self._servers} tidak menjawab.", f"No Kafka broker answers at {self._servers}."
                )
            await asyncio.sleep(_WAIT_SECONDS)

    async def _ask_on(self) -> None:
        options = {"bootstrap_servers": self._servers, **self._options}
        consumer = aiokafka.AIOKafkaConsumer(**options, enable_auto_commit=False, max_partition_fetch_bytes=1 << 16)
        admin = AIOKafkaAdminClient(**options)
        try:
            await consumer.start()
            await admin.start()
            while True:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    sample = await self._sample(consumer, admin)
                self._status.take(sample)
                self.trouble = None
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            await consumer.stop()
            await admin.close()

    async def _sample(self, consumer: aiokafka.AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> Sample:
        there = set(await consumer.topics())
        described = await admin.describe_topics([topic for topic in watched_topics() if topic in there])
        partitions = [
            aiokafka.TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        if set(partitions) != consumer.assignment():
            # It asks only about partitions that it knows; none is fetched while all of them are paused.
            consumer.assign(partitions)
            consumer.pause(*partitions)
        found = await consumer.end_offsets(partitions)
        ends = {Partition(partition.topic, partition.partition): end for partition, end in found.items()}
        appended = await self._appended(consumer, ends)
        done, members = await _progress(admin)
        self._ends = ends
        return Sample(time.monotonic(), ends, done, members, appended)

    async def _appended(self, consumer: aiokafka.AIOKafkaConsumer, ends: Mapping[Partition, int]) -> dict[str, int]:
        """Return when each topic took its newest record: the first time out of the records, later by the clock."""
        grown = [partition for partition, end in ends.items() if end > self._ends.get(partition, 0)]
        if self._ends:
            now = time.time_ns() // 1000
            return {partition.topic: now for partition in grown}
        return await _newest(consumer, {partition: ends[partition] for partition in grown})


async def _newest(consumer: aiokafka.AIOKafkaConsumer, ends: Mapping[Partition, int]) -> dict[str, int]:
    """Read the last record of some partitions; one that has none there (compacted away) is left out."""
    left = {aiokafka.TopicPartition(*partition): end for partition, end in ends.items()}
    for partition, end in left.items():
        consumer.seek(partition, end - 1)
        consumer.resume(partition)
    found: dict[str, int] = {}
    quiet = 0
    while left and quiet < 3:
        fetched = await consumer.getmany(timeout_ms=500)
        quiet = 0 if fetched else quiet + 1
        for partition, records in fetched.items():
            newest = max(record.timestamp for record in records) * 1000
            found[partition.topic] = max(newest, found.get(partition.topic, 0))
            if records[-1].offset + 1 >= left.get(partition, 0):
                left.pop(partition, None)
                consumer.pause(partition)
    consumer.pause(*left)
    return found


async def _progress(admin: AIOKafkaAdminClient) -> tuple[dict[str, dict[Partition, int]], dict[str, int]]:
    """Return what each stage's group has done, and how many members it has."""
    groups = {f"{GROUP_PREFIX}{name}": name for name in stage_topics()}
    done: dict[str, dict[Partition, int]] = {}
    for group, name in groups.items():
        offsets = await admin.list_consumer_group_offsets(group)
        done[name] = {
            Partition(at.topic, at.partition): held.offset for at, held in offsets.items() if held.offset >= 0
        }
    return done, await _members(admin, groups)


async def _members(admin: AIOKafkaAdminClient, groups: Mapping[str, str]) -> dict[str, int]:
    answers: Iterable[object] = await admin.describe_consumer_groups(list(groups))
    found: dict[str, int] = {}
    for answer in answers:
        for group in answer.groups:  # type: ignore[attr-defined]  # aiokafka ships no types
            # Error, name, state, kind of protocol, protocol, members.
            name, members = group[1], group[5]
            if name in groups:
                found[groups[name]] = len(members)
    return found
