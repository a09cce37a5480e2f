"""When a worker takes a stage of its own for stuck: not while a long step is under way."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from simpul_processors.figure_stage import FigureStage
from simpul_processors.testing import InMemoryStore
from simpul_processors.watchdog import BUSY_SECONDS, IDLE_SECONDS, Watchdog
from simpul_processors.worker import Limits, Worker
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter

SPEC = VIEW_SPECS["prevention"]


def test_a_stage_that_rests_though_there_is_work_raises_an_alarm_long_before_one_that_works() -> None:
    now = 0.0
    watchdog = Watchdog(lambda: now)
    now = IDLE_SECONDS
    assert watchdog.is_alarmed(busy=False)
    assert not watchdog.is_alarmed(busy=True)
    now = BUSY_SECONDS
    assert watchdog.is_alarmed(busy=True)
    watchdog.moved()
    assert not watchdog.is_alarmed(busy=False)


class LongStep(FigureStage):
    """A stage whose step lasts until it is let go."""

    def __init__(self, registry: InMemoryRegistry) -> None:
        super().__init__(SPEC, registry)
        self.begun, self.may_end = threading.Event(), threading.Event()

    def apply(self, transaction: Any, blocks: Sequence[Block]) -> list[Outgoing]:
        self.begun.set()
        assert self.may_end.wait(60)
        return super().apply(transaction, blocks)


def test_a_worker_is_busy_from_the_beginning_of_a_step_to_its_end() -> None:
    log, stage = InMemoryLog(), LongStep(InMemoryRegistry())
    (topic,) = stage.topics
    log.append(Outgoing(topic, b"k", b"no figure"))
    worker = Worker(stage, InMemoryStore(), InMemoryWriter(log), Limits(poll_seconds=0, quiet_seconds=0))
    reader = InMemoryReader(log, [topic], worker.start_offset)

    async def play() -> None:
        await reader.start()
        assert not worker.is_busy
        step = asyncio.create_task(worker.step(reader))
        assert await asyncio.to_thread(stage.begun.wait, 60)
        assert worker.is_busy
        stage.may_end.set()
        await step
        assert not worker.is_busy
        assert worker.next_offset(Partition(topic, 0)) == 1

    asyncio.run(play())
