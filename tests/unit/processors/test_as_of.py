"""What was known at a moment is what was published at that moment, for any moment."""

import asyncio
import random

from simpul_processors.as_of import KnownBy
from simpul_processors.audit import newest_figures
from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas.contract import event_type
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, partial_topic, value_subject, view_topic
from simpul_schemas.wire import frame

VIEW = VIEWS["participation"]
KIND = event_type("participation")
TOPICS = [event_topic(province, KIND.name) for province in ("17", "53")]


class Bus:
    """A log with a clock, and both stages of one view over it."""

    def __init__(self) -> None:
        self.log = InMemoryLog()
        self.registry = InMemoryRegistry()
        self.schema_id = 0
        for topic in TOPICS:
            self.schema_id = self.registry.register(value_subject(topic), KIND.schema)
        self.registry.register(value_subject(partial_topic("participation")), VIEW.spec.partial_schema)
        self.registry.register(value_subject(view_topic("participation")), VIEW.spec.figure_schema)
        writer = InMemoryWriter(self.log)
        self.steps = []
        for stage in (PartialStage(VIEW, self.registry), FigureStage(VIEW.spec, self.registry)):
            worker = Worker(stage, InMemoryStore(), writer, Limits(max_records=7, poll_seconds=0.0))
            self.steps.append((worker, InMemoryReader(self.log, stage.topics, worker.start_offset)))

    def send(self, chance: random.Random, number: int) -> None:
        province = chance.choice(["17", "53"])
        record = dict.fromkeys((field["name"] for field in KIND.parsed_schema["fields"]), None)
        record |= {
            "event_id": f"018e0000-0000-7000-8000-{chance.randrange(500):012x}",
            "subject": f"tps:{province}:{chance.randrange(12)}",
            "revision": chance.randrange(1, 40),
            "action": chance.choice(["SUBMIT", "SUBMIT", "SUBMIT", "WITHDRAW"]),
            "region": chance.choice({"17": ["17.01.01", "17.02.06"], "53": ["53.01.04", "53.02.01"]}[province]),
            "occurred_at": 1_700_000_000_000_000,
            "recorded_at": 1_700_000_000_000_000,
            "published_at": 1_700_000_000_000_000,
            "source": "uji.17",
            "mode": chance.choice(["ACTUAL", "ACTUAL", "ACTUAL", "TEST"]),
            "election": "uji",
            "registered": 300,
            "turned_out": chance.randrange(301),
        }
        value = frame(self.schema_id, encode(KIND.parsed_schema, record))
        self.log.append(Outgoing(event_topic(province, KIND.name), str(number).encode(), value))

    def drain(self) -> None:
        async def run() -> None:
            for worker, reader in self.steps:
                await reader.start()
                while await worker.step(reader):
                    pass

        asyncio.run(run())

    def blocks(self, *topics: str, size: int = 1000) -> list[Block]:
        """The whole log of some topics, in pieces of so many records."""
        found = []
        for partition in (Partition(topic, 0) for topic in topics):
            at = 0
            while block := self.log.read(partition, at, size):
                found.append(block)
                at = block.next_offset
        return found


def test_at_random_moments_as_of_gives_what_was_published_then() -> None:
    for seed in range(3):
        chance = random.Random(seed)
        bus, published = Bus(), {}
        for number in range(70):
            bus.send(chance, number)
            if chance.random() < 0.15:
                bus.drain()
                moment = max(max(block.timestamps) for block in bus.blocks(*TOPICS))
                published[moment] = newest_figures(VIEW.spec, bus.registry, bus.blocks(view_topic("participation")))
        for moment, figures in published.items():
            known = KnownBy(VIEW, bus.registry, moment)
            for block in bus.blocks(*TOPICS, size=5):
                known.take([block])
            assert known.figures().equals(figures), (seed, moment)
            assert known.newest == moment
        assert len(published) > 2


def test_of_an_empty_log_nothing_was_known() -> None:
    bus = Bus()
    known = KnownBy(VIEW, bus.registry, 5)
    assert known.figures().is_empty()
    assert known.newest is None
    bus.send(random.Random(1), 1)
    known.take(bus.blocks(*TOPICS))
    assert known.figures().is_empty()
