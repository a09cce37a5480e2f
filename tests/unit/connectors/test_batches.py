import asyncio
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from simpul_connectors.sinks.batches import Batch, Batches
from simpul_schemas.errors import RegistryUnavailable
from simpul_schemas.intake import Intake
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.slices import Slices
from simpul_schemas.testing import InMemoryLog, InMemoryReader

TOPICS = [f"t{number}" for number in range(3)]


class Taker:
    """Takes everything, and says when it has taken something."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def take(self, blocks: Sequence[Block]) -> Intake:
        if self.errors:
            raise self.errors.pop()
        self._loop.call_soon_threadsafe(self.taken.set)
        values = [value for block in blocks for value in block.values]
        return Intake(pl.DataFrame({"value": values}), [], Slices.of(values))


def shaped(frame: pl.DataFrame, _blocks: Sequence[Block]) -> pl.DataFrame:
    return frame.reverse()


async def opened(records: int, max_records: int, *errors: Exception) -> tuple[Batches, InMemoryReader, Taker]:
    log, taker = InMemoryLog(), Taker(*errors)
    for number in range(records):
        log.append(Outgoing(TOPICS[0], b"k", b"%d" % number))
    reader = InMemoryReader(log, TOPICS, lambda _partition: 0)
    await reader.start()
    return Batches(taker, shaped, max_records, 0.001), reader, taker


def values(batch: Batch | None) -> list[bytes | None]:
    assert batch is not None
    return [value for block in batch.blocks for value in block.values]


def test_a_batch_that_was_looked_ahead_for_is_judged_and_shaped_before_it_is_asked_for() -> None:
    async def go() -> None:
        batches, reader, taker = await opened(4, 2)
        first = await batches.next(reader)
        assert (values(first), first and first.taken) == ([b"0", b"1"], None)
        batches.look_ahead(reader)
        await asyncio.wait_for(taker.taken.wait(), 60)
        second = await batches.next(reader)
        assert values(second) == [b"2", b"3"]
        assert second is not None
        assert second.rows is not None
        assert second.rows["value"].to_list() == [b"3", b"2"]
        assert await batches.next(reader) is None

    asyncio.run(go())


def test_a_batch_that_was_looked_ahead_for_and_dropped_is_never_handed_out() -> None:
    async def go() -> None:
        batches, reader, taker = await opened(4, 2)
        batches.look_ahead(reader)
        await asyncio.wait_for(taker.taken.wait(), 60)
        await batches.drop()
        await batches.drop()
        await reader.start()
        assert values(await batches.next(reader)) == [b"0", b"1"]

    asyncio.run(go())


def test_a_registry_that_is_away_while_it_looks_ahead_costs_no_record() -> None:
    async def go() -> None:
        batches, reader, _ = await opened(2, 2, RegistryUnavailable("Jauh.", "Away."))
        batches.look_ahead(reader)
        batch = await batches.next(reader)
        assert values(batch) == [b"0", b"1"]
        assert batch is not None
        assert batch.taken is None

    asyncio.run(go())


@pytest.mark.parametrize(("first", "whole"), [(1, 11), (2, 2)])
def test_a_small_rest_of_what_was_fetched_is_joined_by_what_comes_next(first: int, whole: int) -> None:
    sizes = [first, 10]

    class InParts(InMemoryReader):
        """Hands a rest out alone, as a reader does that has cut its last batch."""

        async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
            return await super().read(sizes.pop(0), timeout_seconds)

    async def go() -> Any:
        batches, reader, _ = await opened(20, 16)
        parts = InParts(reader._log, TOPICS, lambda _partition: 0)
        await parts.start()
        return await batches.next(parts)

    batch = asyncio.run(go())
    assert values(batch) == [b"%d" % number for number in range(whole)]
    assert {block.partition for block in batch.blocks} == {Partition(TOPICS[0], 0)}
