"""Thousands of random steps: events come, are corrected and withdrawn while workers fold, die and lose their disks.

Two workers a stage read everything at once, as if each had woken beside the other, each with a store of its own. What
a reader holds in the end is compared with a recomputation by SQL. SIMPUL_TEST_STEPS asks for more than 5,000 steps.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import fastavro
import polars as pl
import pytest

from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.stages import Stage
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.signing import new_signer
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, partial_topic, receipt_topic, value_subject, view_topic
from simpul_schemas.wire import frame, unframe

STEPS = int(os.environ.get("SIMPUL_TEST_STEPS", "5000"))
TYPE, VIEW = event_type("participation"), VIEWS["participation"]
SPEC = VIEW.spec
REGIONS = ("17.01.01", "17.01.02", "17.02.07", "17.02", "75.01.01", "75")
COUNTED = ("registered", "turned_out", "valid", "invalid")

BY_SQL = """
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY subject ORDER BY revision DESC, event_id DESC) AS place FROM events
), current AS (
    SELECT * FROM ranked WHERE place = 1 AND action = 'SUBMIT' AND mode = 'ACTUAL'
), everywhere AS (
    SELECT 'district' AS level, region AS code, * FROM current WHERE length(region) = 8
    UNION ALL SELECT 'regency', left(region, 5), * FROM current WHERE length(region) >= 5
    UNION ALL SELECT 'province', left(region, 2), * FROM current
    UNION ALL SELECT 'nation', 'ID', * FROM current
)
SELECT level, code, count(*), coalesce(sum(registered), 0), coalesce(sum(turned_out), 0), coalesce(sum(valid), 0),
       coalesce(sum(invalid), 0)
FROM everywhere GROUP BY ALL
"""


class Side:
    """One worker of one stage: it may die at any send, and be started again over its store, or over none."""

    def __init__(self, make: Callable[[], Stage], log: InMemoryLog, chance: random.Random) -> None:
        self._make, self._log, self._chance = make, log, chance
        self._dies = False
        self.store = InMemoryStore()
        self.start()

    def start(self) -> None:
        self.worker = Worker(
            self._make(), self.store, InMemoryWriter(self._log, self._before_send),
            Limits(self._chance.choice([11, 97, 1000]), 0, 0, publish_records=self._chance.choice([1, 300, 10**6])),
        )  # fmt: skip
        self.reader: InMemoryReader | None = None

    def _before_send(self, records: Sequence[Outgoing]) -> None:
        if self._dies:
            # Some of it was appended, nobody knows what.
            for record in records[: self._chance.randint(0, len(records))]:
                self._log.append(record)
            raise BrokerUnavailable("mati", "killed")

    async def step(self, *, dies: bool = False) -> int:
        self._dies = dies
        try:
            if self.reader is None:
                self.reader = InMemoryReader(self._log, self._make().topics, self.worker.start_offset)
                await self.reader.start()
                await self.worker.send_left_over()
            return await self.worker.step(self.reader)
        except BrokerUnavailable:
            await self.worker.stop()
            self.start()
            return 1
        finally:
            self._dies = False

    async def lose(self) -> None:
        """Begin anew with an empty disk."""
        await self.worker.stop()
        self.store = InMemoryStore()
        self.start()


def a_registry() -> InMemoryRegistry:
    registry = InMemoryRegistry()
    for province in ("17", "75"):
        registry.register(value_subject(event_topic(province, TYPE.name)), TYPE.schema)
        registry.register(value_subject(receipt_topic(province)), RECEIPT_SCHEMA)
    registry.register(value_subject(partial_topic(SPEC.name)), SPEC.partial_schema)
    registry.register(value_subject(view_topic(SPEC.name)), SPEC.figure_schema)
    return registry


def an_event(chance: random.Random, published: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Draw an event: of a new subject, or a correction, a withdrawal or a copy of what was published."""
    old = chance.choice(published) if published and chance.random() < 0.6 else None
    if old is not None and chance.random() < 0.15:
        return old
    event = dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None) | {
        "event_id": f"018e0000-0000-7000-8000-{len(published):012x}",
        "subject": f"tps:{len(published)}",
        "revision": 100,
        "action": "SUBMIT",
        "region": chance.choice(REGIONS),
        **dict.fromkeys(("occurred_at", "recorded_at", "published_at"), 1_700_000_000_000_000),
        "source": "uji.17",
        "mode": chance.choice(["ACTUAL"] * 9 + ["EXERCISE"]),
        "election": "uji",
        "registered": chance.choice([None, 900, 1000]),
    }
    event |= {name: chance.choice([None, chance.randint(0, 800)]) for name in COUNTED[1:]}
    if old is not None:
        same = {name: old[name] for name in ("subject",)}
        # Also to another kabupaten of the province, or from behind: a lower revision, or the same one.
        regions = [region for region in REGIONS if region[:2] == old["region"][:2]]
        event |= same | {"revision": old["revision"] + chance.randint(-3, 5), "region": chance.choice(regions)}
        event["action"] = "WITHDRAW" if chance.random() < 0.2 else "SUBMIT"
    return event


def published_figures(log: InMemoryLog) -> dict[tuple[str, str], tuple[int, ...]]:
    schema = fastavro.parse_schema(json.loads(SPEC.figure_schema))
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for record, _ in log.topics[view_topic(SPEC.name)]:
        assert record.value is not None
        figure = rows.decode(schema, unframe(record.value)[1])
        place = (figure["level"], figure["region"])
        if place not in newest or figure["revision"] >= newest[place]["revision"]:
            newest[place] = figure
    names = ("stations", *COUNTED)
    return {place: tuple(one[name] for name in names) for place, one in newest.items() if one["stations"]}


def by_sql(events: Sequence[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, ...]]:
    names = ("subject", "revision", "event_id", "action", "mode", "region", *COUNTED)
    table = pl.DataFrame(
        {name: [event[name] for event in events] for name in names}, schema_overrides=dict.fromkeys(COUNTED, pl.Int64)
    )
    with duckdb.connect() as database:
        database.register("events", table.to_arrow())
        return {(level, code): tuple(map(int, row)) for level, code, *row in database.execute(BY_SQL).fetchall()}


def test_any_interleaving_of_events_workers_deaths_and_lost_disks_gives_what_sql_says() -> None:
    seed = int(os.environ.get("SIMPUL_TEST_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"SIMPUL_TEST_SEED={seed}\n")
    chance, log, registry, signer = random.Random(seed), InMemoryLog(), a_registry(), new_signer()
    published: list[dict[str, Any]] = []
    deaths = 0

    async def play() -> None:
        nonlocal deaths
        makers: list[Callable[[], Stage]] = [
            lambda: PartialStage(VIEW, registry, signer),
            lambda: FigureStage(SPEC, registry),
        ]
        sides = [Side(make, log, chance) for make in makers for _ in range(2)]
        for _ in range(STEPS):
            kind = chance.random()
            if kind < 0.93:
                event = an_event(chance, published)
                published.append(event)
                topic = event_topic(event["region"][:2], TYPE.name)
                schema_id = registry.lookup(value_subject(topic), TYPE.schema)
                value = frame(schema_id, rows.encode(TYPE.parsed_schema, event))
                log.append(Outgoing(topic, event["subject"].encode(), value))
            elif kind < 0.9995:
                dies = chance.random() < 0.1
                deaths += dies
                await chance.choice(sides).step(dies=dies)
            else:
                await chance.choice(sides).lose()
        while sum([await side.step() for side in sides]):
            pass

    asyncio.run(play())
    assert deaths > STEPS / 400
    assert published_figures(log) == by_sql(published)


if __name__ == "__main__":
    pytest.main([__file__])
