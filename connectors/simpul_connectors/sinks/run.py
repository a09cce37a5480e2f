"""Puts one batch after the other into a sink's table: read, decode and judge, shape, write with the offsets.

The position is the target's: what is not stored there is read again. A crash anywhere repeats a harmless step.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import polars as pl

from simpul_connectors.errors import SinkFenced, TargetUnavailable
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.target import Move, Position, Target
from simpul_schemas.errors import OutsideError, RegistryUnavailable
from simpul_schemas.log import Block, LogReader, Partition, StartOffset
from simpul_schemas.registry import Registry

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: Called with the sink's name and the number of records after every batch.
OnBatch = Callable[[str, int], None]
#: Called once when database or registry stops answering, with the error, and once with None when it answers again.
OnOutage = Callable[[OutsideError | None], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at a time, and how long is waited while database or registry are away.

    Waits double from `first_wait_seconds` up to `longest_wait_seconds`, each shortened by up to half, at random, so
    that many sinks do not come back in the same instant.
    """

    max_records: int = 50_000
    poll_seconds: float = 0.5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0


@dataclass(frozen=True)
class SinkStatus:
    """What a sink has stored: rows in its table, records read and refused, and the position of each partition.

    Rows are the subjects (or figures) of all accepted records, each in its highest revision, withdrawn ones included.
    """

    sink: str
    table: str
    rows: int
    records: int
    refused: int
    positions: Mapping[Partition, Position]


class _ToldToStop(Exception):
    """The runner was told to stop while it waited."""


def _never() -> bool:
    return False


class SinkRunner:
    """Runs one sink over its target, which must have been prepared.

    Any number of copies may run: only one moves on at a time, the others find themselves fenced and follow.
    """

    def __init__(
        self,
        spec: SinkSpec,
        registry: Registry,
        target: Target,
        limits: Limits | None = None,
        on_outage: OnOutage | None = None,
    ) -> None:
        self._spec = spec
        self._intake = spec.source.open(registry)
        self._target = target
        self._limits = limits or Limits()
        self._on_outage = on_outage
        self._positions: dict[Partition, Position] = dict(target.positions())
        #: The reader stands elsewhere than the target: something was read that was not stored.
        self._astray = False

    @property
    def start_offset(self) -> StartOffset:
        """Where a reader must begin each partition: after what the target holds."""
        return self._next_offset

    def has_reached(self, offsets: Mapping[Partition, int]) -> bool:
        """Return whether everything before these offsets is stored."""
        return all(self._next_offset(partition) >= offset for partition, offset in offsets.items())

    async def run(self, reader: LogReader, should_stop: Callable[[], bool], on_batch: OnBatch | None = None) -> None:
        """Go on until told to stop; an outage of database or registry is waited out, and loses nothing."""
        while not should_stop():
            count = await self.step(reader, should_stop)
            if count and on_batch is not None:
                on_batch(self._spec.name, count)

    async def step(self, reader: LogReader, should_stop: Callable[[], bool] = _never) -> int:
        """Put one batch through and return how many records it had; 0 when none came in time, or none was stored."""
        try:
            if self._astray:
                await self._go_back(reader, should_stop)
            blocks = self._unseen(await reader.read(self._limits.max_records, self._limits.poll_seconds))
            if not blocks:
                return 0
            self._astray = True
            await self._store(blocks, should_stop)
        except _ToldToStop:
            return 0
        except SinkFenced as error:
            _log.info("%s: %s", self._spec.name, error)
            return 0
        self._astray = False
        await reader.publish_progress({partition: at.next_offset for partition, at in self._positions.items()})
        return sum(len(block.values) for block in blocks)

    async def _store(self, blocks: Sequence[Block], should_stop: Callable[[], bool]) -> None:
        rows, moves = await self._patiently(lambda: self._digest(blocks), should_stop)
        await self._patiently(lambda: self._target.write(rows, moves), should_stop)
        self._positions.update({move.partition: move.after for move in moves})

    async def _go_back(self, reader: LogReader, should_stop: Callable[[], bool]) -> None:
        """Bring the reader to where the target stands."""
        self._positions = dict(await self._patiently(self._target.positions, should_stop))
        await reader.stop()
        await reader.start()
        self._astray = False

    def _digest(self, blocks: Sequence[Block]) -> tuple[pl.DataFrame, list[Move]]:
        taken = self._intake.take(blocks)
        refused = Counter(record.partition for record in taken.refused)
        after: dict[Partition, Position] = {}
        for block in blocks:
            at = after.get(block.partition) or self._position(block.partition)
            after[block.partition] = replace(at, next_offset=block.next_offset, records=at.records + len(block.values))
        moves = [
            Move(partition, self._position(partition), replace(at, refused=at.refused + refused[partition]))
            for partition, at in after.items()
        ]
        return shape(taken.frame, self._spec.table), moves

    async def _patiently(self, work: Callable[[], _Result], should_stop: Callable[[], bool]) -> _Result:
        """Do blocking work in a thread, so that the broker hears from us; again and again while something is away."""
        wait = self._limits.first_wait_seconds
        told = False
        while True:
            try:
                found = await asyncio.to_thread(work)
            except (TargetUnavailable, RegistryUnavailable) as error:
                if not told:
                    self._tell(error)
                    told = True
                await _sleep(wait * random.uniform(0.5, 1), should_stop)  # noqa: S311  # jitter is no secret
                wait = min(wait * 2, self._limits.longest_wait_seconds)
            else:
                if told:
                    self._tell(None)
                return found

    def _tell(self, error: OutsideError | None) -> None:
        if self._on_outage is not None:
            self._on_outage(error)

    def _unseen(self, blocks: Sequence[Block]) -> list[Block]:
        """Leave out what the target holds already: a reader may give a record twice around a rebalance."""
        found = (block.since(self._next_offset(block.partition)) for block in blocks)
        return [block for block in found if block is not None]

    def _position(self, partition: Partition) -> Position:
        return self._positions.get(partition, Position())

    def _next_offset(self, partition: Partition) -> int:
        return self._position(partition).next_offset


def status(spec: SinkSpec, target: Target) -> SinkStatus:
    """Return what a sink has stored; zeros where it never ran."""
    positions = target.positions()
    return SinkStatus(
        sink=spec.name,
        table=str(spec.table),
        rows=target.rows(),
        records=sum(position.records for position in positions.values()),
        refused=sum(position.refused for position in positions.values()),
        positions=positions,
    )


async def _sleep(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Wait, but no longer than until told to stop."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        if should_stop():
            raise _ToldToStop
        await asyncio.sleep(min(left, 0.2))
    if should_stop():
        raise _ToldToStop
