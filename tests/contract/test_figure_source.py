"""The bus as readers of figures see it: the twin in memory and a real broker with a registry keep the same promises."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from simpul_connectors import testing
from simpul_connectors.errors import CursorUnusable, NoSuchTopic
from simpul_connectors.subscribe import Figure, Start, Subscription, feed, follow
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.follow import Follower
from simpul_connectors.subscribe.source import FigureSource, KafkaSource
from simpul_connectors.subscribe.tail import TailLimits
from simpul_connectors.testing import FigureBus, InMemoryCursor
from simpul_schemas.connection import connect
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import Outgoing
from simpul_schemas.settings import load_settings
from simpul_schemas.topics import TopicSpec, value_subject
from simpul_schemas.wire import HEADER_SIZE, frame

MONTH = {"period_kind": "MONTH", "period": "2024-02"}
#: A broker that answers late is waited for; nothing here measures time.
PATIENT = TailLimits(poll_seconds=0.1, probe_seconds=0.2)
DEADLINE_SECONDS = 60
CREATION = {"message.timestamp.type": "LogAppendTime"}


class Bus:
    """A bus of one test: topics of its own, in memory."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.memory = FigureBus()
        self.source: FigureSource = self.memory

    def publish(self, region: str, revision: int, **fields: Any) -> None:
        self.memory.publish("incident", region, revision, **MONTH, **fields)

    def make_anew(self) -> None:
        self.memory.log.topics[self.names["incident"]].clear()

    def close(self) -> None:
        """Nothing is left of it."""


class KafkaBus(Bus):
    """The same on a real broker: what is published in memory is sent there, with the id of the real registry."""

    def __init__(self, names: dict[str, str], servers: Any, cache: Path) -> None:
        from simpul_deploy.bus import ensure_topics

        super().__init__(names)
        settings = {
            "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
            "SIMPUL__REGISTRY__URL": servers.registry_url,
            # Of its own: another registry may have had this address before, with other ids.
            "SIMPUL__CACHE_DIR": str(cache),
        }
        self._servers = servers.bootstrap_servers
        self._connection = connect(load_settings(settings))
        self.source = KafkaSource(self._connection)
        self._specs = [TopicSpec(name, 1, CREATION) for name in names.values()]
        self._ensure = lambda: ensure_topics(self._servers, self._specs)
        self._ensure()

    def publish(self, region: str, revision: int, **fields: Any) -> None:
        super().publish(region, revision, **fields)
        topic = self.names["incident"]
        record, _ = self.memory.log.topics[topic][-1]
        schema = self.memory.registry.schema(1)
        number = self._connection.registry.register(value_subject(topic), schema)
        assert record.value is not None
        sent = Outgoing(topic, record.key, frame(number, record.value[HEADER_SIZE:]))

        async def send() -> None:
            writer = KafkaWriter(self._servers)
            await writer.send([sent])
            await writer.stop()

        asyncio.run(send())

    def make_anew(self) -> None:
        super().make_anew()
        admin = KafkaAdminClient(bootstrap_servers=self._servers)
        admin.delete_topics([self.names["incident"]])
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.names["incident"] in admin.list_topics():
            assert time.monotonic() < deadline
        admin.close()
        self._ensure()

    def close(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self._servers)
        admin.delete_topics(list(self.names.values()))
        admin.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def bus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bus]:
    names = {name: f"uji.{uuid.uuid4().hex}" for name in ("incident", "completeness", "restatement")}
    for module in (feed, follow, testing):
        monkeypatch.setattr(module, "view_topic", lambda _: names["incident"])
    monkeypatch.setattr(follow, "COVERAGE_TOPIC", names["completeness"])
    monkeypatch.setattr(follow, "restatement_topic", lambda _: names["restatement"])
    made = Bus(names) if request.param == "memory" else KafkaBus(names, request.getfixturevalue("servers"), tmp_path)
    yield made
    made.close()


def told(figures: list[Figure]) -> list[tuple[str, int]]:
    return [(figure.region, figure.revision) for figure in figures]


def once(bus: Bus, **options: Any) -> list[tuple[str, int]]:
    with Subscription("incident", source=bus.source, limits=PATIENT, once=True, **options) as figures:
        return told(list(figures))


def test_figures_come_as_they_are_then_as_they_change_and_again_from_a_cursor(bus: Bus) -> None:
    cursor = InMemoryCursor()
    bus.publish("73", 3, incidents=3)
    bus.publish("53", 1, incidents=1)
    bus.publish("73", 2, incidents=2)
    with Subscription("incident", source=bus.source, limits=PATIENT, cursor=cursor) as figures:
        each = iter(figures)
        assert told([next(each), next(each)]) == [("73", 3), ("53", 1)]
        bus.publish("53", 4, incidents=4)
        assert told([next(each)]) == [("53", 4)]
    assert once(bus, cursor=cursor) == []
    bus.publish("73", 5, incidents=5)
    assert once(bus, cursor=cursor) == [("73", 5)]
    assert once(bus, cursor=cursor) == []
    assert once(bus) == [("53", 4), ("73", 5)]


def test_now_begins_with_the_next_figure(bus: Bus) -> None:
    cursor = InMemoryCursor()
    assert once(bus, start=Start.NOW) == [], "of a topic that has nothing"
    bus.publish("73", 1, incidents=1)
    assert once(bus, start=Start.NOW, cursor=cursor) == []
    bus.publish("73", 2, incidents=2)
    assert once(bus, cursor=cursor) == [("73", 2)]


def test_a_cursor_of_a_topic_that_was_made_anew_is_refused(bus: Bus) -> None:
    cursor = InMemoryCursor()
    for revision in (1, 2):
        bus.publish("73", revision, incidents=1)
    once(bus, cursor=cursor)
    bus.make_anew()
    with pytest.raises(CursorUnusable, match="anew"):
        once(bus, cursor=cursor)
    for revision in (1, 2):
        bus.publish("73", revision, incidents=1)
    with pytest.raises(CursorUnusable, match="anew"):
        once(bus, cursor=cursor)
    assert once(bus) == [("73", 2)]


def test_a_table_is_followed_and_its_listeners_hear_of_a_change(bus: Bus) -> None:
    bus.publish("73", 2, incidents=2)
    bus.publish("73", 1, incidents=1)

    async def use() -> None:
        table = FigureTable()
        follower = Follower(table, bus.source, ["incident"], PATIENT)
        task = asyncio.create_task(follower.run())
        async with asyncio.timeout(DEADLINE_SECONDS):
            await follower.caught_up()
            before = table.total("incident", "73", "MONTH", "2024-02")
            assert before is not None
            assert before.value("incidents") == 2
            with table.listen() as listener:
                await asyncio.to_thread(bus.publish, "73", 3, incidents=3)
                assert {place.region for place in (await listener.changes()).places} == {"73"}
            after = table.total("incident", "73", "MONTH", "2024-02")
            assert after is not None
            assert after.value("incidents") == 3
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(use())


def test_a_topic_that_the_broker_does_not_have_is_named(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "view_topic", lambda _: "tidak-ada")
    with pytest.raises(NoSuchTopic, match="tidak-ada"):
        once(bus)
