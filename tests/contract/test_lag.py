"""The contract of `simpul_connectors.control.lag.LagMeter`: a real broker, and the twin in memory."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from simpul_connectors.control.kafka_lag import KafkaLagMeter
from simpul_connectors.control.lag import Lag, LagMeter, lag
from simpul_connectors.testing import InMemoryLagMeter
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.testing import InMemoryLog

NUMBERS = itertools.count(int(time.time() * 1000))


@dataclass
class Bus:
    """A log with two topics of this test."""

    meter: LagMeter
    append: Callable[[str, int], None]
    topics: tuple[str, str]

    def measure(self, stored: Mapping[Partition, int]) -> Lag:
        return lag(asyncio.run(self.meter.measure(self.topics, stored)), time.time_ns() // 1000)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def bus(request: pytest.FixtureRequest) -> Bus:
    number = next(NUMBERS)
    topics = (f"uji-lag-{number}-a", f"uji-lag-{number}-b")
    if request.param == "memory":
        log = InMemoryLog()

        def keep(topic: str, count: int) -> None:
            for _ in range(count):
                log.append(Outgoing(topic, b"k", b"v"))

        return Bus(InMemoryLagMeter(log), keep, topics)
    servers = request.getfixturevalue("servers").bootstrap_servers
    make_topics(servers, topics)

    def send(topic: str, count: int) -> None:
        async def go() -> None:
            writer = KafkaWriter(servers)
            await writer.send([Outgoing(topic, b"k", b"v")] * count)
            await writer.stop()

        asyncio.run(go())

    return Bus(KafkaLagMeter(servers), send, topics)


def make_topics(servers: str, topics: tuple[str, ...]) -> None:
    kafka: Any = pytest.importorskip("kafka.admin")
    admin = kafka.KafkaAdminClient(bootstrap_servers=servers)
    configs = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([kafka.NewTopic(topic, 1, 1, topic_configs=configs) for topic in topics])
    admin.close()


def test_where_nothing_waits_the_lag_is_zero(bus: Bus) -> None:
    bus.append(bus.topics[0], 3)
    found = bus.measure({Partition(bus.topics[0], 0): 3})
    assert (found.records, found.seconds, found.partitions) == (0, 0.0, {})


def test_what_was_never_read_counts_from_the_beginning_and_the_oldest_says_since_when(bus: Bus) -> None:
    bus.append(bus.topics[0], 3)
    bus.append(bus.topics[1], 2)
    a, b = (Partition(topic, 0) for topic in bus.topics)
    found = bus.measure({a: 1})
    assert found.records == 4
    assert {partition: waiting.records for partition, waiting in found.partitions.items()} == {a: 2, b: 2}
    ages = sorted(waiting.oldest for waiting in found.partitions.values())
    assert ages[0] > 0
    assert found.seconds is not None
    later = bus.measure({a: 1, b: 2})
    assert later.partitions[a].oldest == found.partitions[a].oldest


def test_a_stored_offset_behind_the_end_is_no_lag_below_zero(bus: Bus) -> None:
    bus.append(bus.topics[0], 1)
    assert bus.measure({Partition(bus.topics[0], 0): 9}).records == 0


def test_a_broker_that_is_away_is_told() -> None:
    with pytest.raises(BrokerUnavailable):
        asyncio.run(KafkaLagMeter("127.0.0.1:1").measure(["a"], {}))
