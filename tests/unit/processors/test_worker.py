"""What a worker publishes, and when: nothing without a partition, and again what another may have sent behind it."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import fastavro
import pytest

from simpul_processors.figure_stage import FigureStage
from simpul_processors.stages import Publisher
from simpul_processors.store import Space
from simpul_processors.testing import InMemoryStore
from simpul_processors.worker import Limits, Worker
from simpul_schemas import rows
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import partial_topic, value_subject, view_topic
from simpul_schemas.wire import frame, unframe

SPEC = VIEW_SPECS["prevention"]
INPUT, OUTPUT = Partition(partial_topic(SPEC.name), 0), view_topic(SPEC.name)
LIMITS = Limits(max_records=10, poll_seconds=0, quiet_seconds=0)


class Reader(InMemoryReader):
    """A reader that can lose its partition, and be given it anew."""

    lost = False

    def assigned(self) -> Collection[Partition]:
        return () if self.lost else super().assigned()


@pytest.fixture
def registry() -> InMemoryRegistry:
    found = InMemoryRegistry()
    found.register(value_subject(INPUT.topic), SPEC.partial_schema)
    found.register(value_subject(OUTPUT), SPEC.figure_schema)
    return found


def partial(registry: InMemoryRegistry, revision: int, count: int) -> Outgoing:
    record: dict[str, Any] = {
        "region": "17.01.02",
        "period_kind": "DAY",
        "period": "2025-03-03",
        "origin": "simpul.17.prevention.v1/0",
        "revision": revision,
        **{dimension.name: "x" for dimension in SPEC.dimensions},
        **dict.fromkeys(SPEC.measure_names, count),
    }
    schema_id = registry.lookup(value_subject(INPUT.topic), SPEC.partial_schema)
    body = rows.encode(fastavro.parse_schema(json.loads(SPEC.partial_schema)), record)
    return Outgoing(INPUT.topic, b"k", frame(schema_id, body))


async def until_idle(worker: Worker, reader: Reader) -> None:
    while await worker.step(reader):
        pass


class Side:
    """One worker of the second stage with a store of its own."""

    def __init__(self, log: InMemoryLog, registry: InMemoryRegistry, **more: Any) -> None:
        self.store = InMemoryStore()
        self.worker = Worker(FigureStage(SPEC, registry), self.store, InMemoryWriter(log), LIMITS, **more)
        self.reader = Reader(log, [INPUT.topic], self.worker.start_offset)

    async def rest(self) -> None:
        """Step until there is nothing more to do."""
        await until_idle(self.worker, self.reader)


def figures(log: InMemoryLog) -> dict[bytes | None, list[tuple[int, int]]]:
    """Of every figure (revision, first measure), in the order of their appends."""
    schema = fastavro.parse_schema(json.loads(SPEC.figure_schema))
    found: dict[bytes | None, list[tuple[int, int]]] = {}
    for record, _ in log.topics[OUTPUT]:
        assert record.value is not None
        figure = rows.decode(schema, unframe(record.value)[1])
        found.setdefault(record.key, []).append((figure["revision"], figure[SPEC.measure_names[0]]))
    return found


def test_a_stale_figure_behind_a_newer_one_is_covered_when_partitions_change(registry: InMemoryRegistry) -> None:
    log = InMemoryLog()
    log.append(partial(registry, 1, 5))

    async def play() -> None:
        frozen, other = Side(log, registry), Side(log, registry)
        await frozen.reader.start()
        await frozen.rest()
        stale = [record for record, _ in log.topics[OUTPUT]]
        log.append(partial(registry, 2, 7))
        await other.reader.start()
        await other.rest()
        for record in stale:  # the frozen one wakes, and what it had in hand goes out
            log.append(record)
        assert {revisions[-1] for revisions in figures(log).values()} == {(1, 5)}
        await other.reader.start()  # its waking changes partitions, and each is given out anew
        await other.rest()

    asyncio.run(play())
    found = figures(log)
    assert len(found) > 4
    assert {revisions[-1] for revisions in found.values()} == {(2, 7)}
    assert {max(revisions) for revisions in found.values()} == {(2, 7)}


def test_what_is_published_long_after_taking_over_is_not_published_again(registry: InMemoryRegistry) -> None:
    log = InMemoryLog()

    async def play() -> None:
        side = Side(log, registry)
        await side.reader.start()
        await side.rest()
        log.append(partial(registry, 1, 5))
        await side.rest()
        await side.reader.start()
        await side.rest()

    asyncio.run(play())
    assert {len(revisions) for revisions in figures(log).values()} == {1}


def test_a_worker_that_has_lost_its_partition_publishes_nothing_until_it_is_given_one(
    registry: InMemoryRegistry,
) -> None:
    log = InMemoryLog()
    log.append(partial(registry, 1, 5))

    async def play() -> None:
        side = Side(log, registry)
        await side.reader.start()
        side.reader.lost = True
        await side.rest()
        assert OUTPUT not in log.topics
        assert list(side.store.items(Space.DIRTY))
        side.reader.lost = False
        await side.rest()

    asyncio.run(play())
    assert {revisions[-1] for revisions in figures(log).values()} == {(1, 5)}


def test_a_worker_publishes_after_so_many_records_and_sends_each_group_once(
    registry: InMemoryRegistry,
) -> None:
    log = InMemoryLog()
    for revision in range(1, 41):
        log.append(partial(registry, revision, revision))

    async def play(records: int) -> int:
        side = Side(log, registry)
        side.worker._limits = Limits(max_records=1, poll_seconds=0, quiet_seconds=0, publish_records=records)
        await side.reader.start()
        await side.rest()
        return max(map(len, figures(log).values()))

    assert asyncio.run(play(10)) == 5  # the first is counted with what a store may have left over
    log.topics.pop(OUTPUT)
    assert asyncio.run(play(1000)) == 1


@pytest.mark.parametrize(("share", "appends"), [(1.0, 11), (0.5, 3), (0.2, 2)])
def test_publishing_takes_no_more_than_its_share_of_the_time(
    registry: InMemoryRegistry, share: float, appends: int
) -> None:
    log = InMemoryLog()
    for revision in range(1, 13):
        log.append(partial(registry, revision, revision))
    now = [0.0]

    def send(records: Any) -> None:  # sending takes three seconds, and a batch of one record takes one
        now[0] += 3

    class Slow(Reader):
        async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
            now[0] += 1
            return await super().read(max_records, timeout_seconds)

    async def play() -> None:
        store = InMemoryStore()
        limits = Limits(1, 0, 0, publish_seconds=2, publish_share=share)
        stage = FigureStage(SPEC, registry)
        worker = Worker(stage, store, InMemoryWriter(log, send), limits, clock=lambda: now[0])
        reader = Slow(log, [INPUT.topic], worker.start_offset)
        await reader.start()
        await until_idle(worker, reader)

    asyncio.run(play())
    assert {len(revisions) for revisions in figures(log).values()} == {appends}


def test_what_was_not_acknowledged_is_sent_again_by_the_next_run(registry: InMemoryRegistry) -> None:
    log = InMemoryLog()
    log.append(partial(registry, 1, 5))
    side = Side(log, registry)

    def fail(records: Any) -> None:
        raise BrokerUnavailable("mati", "down")

    async def play() -> None:
        broken = Worker(FigureStage(SPEC, registry), side.store, InMemoryWriter(log, fail), LIMITS)
        reader = Reader(log, [INPUT.topic], broken.start_offset)
        await reader.start()
        with pytest.raises(BrokerUnavailable):
            await until_idle(broken, reader)
        assert OUTPUT not in log.topics
        again = Worker(FigureStage(SPEC, registry), side.store, InMemoryWriter(log), LIMITS)
        reader = Reader(log, [INPUT.topic], again.start_offset)
        await reader.start()
        await until_idle(again, reader)

    asyncio.run(play())
    assert {revisions[-1] for revisions in figures(log).values()} == {(1, 5)}
    assert not side.store.items(Space.DIRTY)


def test_a_publisher_frames_every_row_with_the_schemas_id(registry: InMemoryRegistry) -> None:
    import polars as pl

    publisher = Publisher(OUTPUT, SPEC.figure_schema, registry)
    schema = fastavro.parse_schema(json.loads(SPEC.figure_schema))
    figure = {
        "level": "nation", "region": "ID", "period_kind": "DAY", "period": "2025-03-03", "revision": 9,
        **{dimension.name: 'ä",' for dimension in SPEC.dimensions}, **dict.fromkeys(SPEC.measure_names, -3),
        "expected": None, "reported": 4, "on_time": 3, "late": 1, "coverage": "OPEN", "missing": ["a:b"], "as_of": 5,
    }  # fmt: skip
    (record,) = publisher.records(pl.Series(["k"]), pl.DataFrame([figure]))
    assert record == Outgoing(OUTPUT, b"k", record.value)
    schema_id, body = unframe(record.value)
    assert schema_id == registry.lookup(value_subject(OUTPUT), SPEC.figure_schema)
    assert rows.decode(schema, body) == figure
    assert publisher.records(pl.Series([], dtype=pl.String), pl.DataFrame([figure])[:0]) == []
