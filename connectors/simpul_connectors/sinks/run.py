"""Puts one batch after the other into a sink's table: read, decode and judge, shape, write with the offsets.

The position is the target's: what is not stored there is read again. A crash anywhere repeats a harmless step.
"""

import asyncio
import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import is_
from typing import TypeVar

import polars as pl

from simpul_connectors.errors import RowRefused, SinkFenced, SinkSuperseded, TargetRefused, TargetUnavailable
from simpul_connectors.failpoints import reach
from simpul_connectors.sinks.batches import Batch, Batches
from simpul_connectors.sinks.quarantine import quarantine_record
from simpul_connectors.sinks.shape import RECORD, shape
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.table import Mode
from simpul_connectors.sinks.target import Control, Move, Position, State, Target
from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryUnavailable
from simpul_schemas.intake import BLOCK, OFFSET
from simpul_schemas.log import Block, LogReader, LogWriter, Partition, StartOffset
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
    that many sinks do not come back in the same instant. Every `control_seconds` a copy gives a sign of life and looks
    whether it is paused; one that stands by takes over when the other has given none for `takeover_seconds`. A table
    that refuses more than `max_bad_rows` of one batch is taken to be the wrong table: the sink ends.
    """

    max_records: int = 50_000
    poll_seconds: float = 0.5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0
    control_seconds: float = 2.0
    takeover_seconds: float = 10.0
    max_bad_rows: int = 1_000


@dataclass(frozen=True)
class SinkStatus:
    """What a sink has stored: rows in its table, records read and refused, the position of each partition, its row.

    Rows are the subjects (or figures) of all accepted records, each in its highest revision, withdrawn ones included.
    """

    sink: str
    table: str
    rows: int
    records: int
    refused: int
    positions: Mapping[Partition, Position]
    control: Control


class _ToldToStop(Exception):
    """The runner was told to stop while it waited."""


def _never() -> bool:
    return False


class SinkRunner:
    """Runs one sink over its target, which must have been prepared.

    Any number of copies may run: the newest writes, the others stand by and take over when it falls silent.

    Args:
        spec: What the sink does.
        registry: Where schemas are found.
        target: The database.
        limits: How much at a time, and how long to wait.
        on_outage: Told of outages.
        quarantine: Takes the records that the database refuses; without it such a record ends the run.
        cluster: Id of the Kafka cluster that the offsets are of; empty where it is not known.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # outside things are passed in
        self,
        spec: SinkSpec,
        registry: Registry,
        target: Target,
        limits: Limits | None = None,
        on_outage: OnOutage | None = None,
        quarantine: LogWriter | None = None,
        cluster: str = "",
    ) -> None:
        self._spec = spec
        self._intake = spec.source.open(registry, {column.field.name for column in spec.table.columns})
        self._target = target
        self._limits = limits or Limits()
        self._on_outage = on_outage
        self._quarantine = quarantine
        self._cluster = cluster
        self._positions: dict[Partition, Position] = dict(target.positions())
        self._generation: int | None = None
        self._looked_at = -math.inf
        #: The reader stands elsewhere than the target: something was read that was not stored.
        self._astray = False
        self._batches = Batches(self._intake, self._shape_ahead, self._limits.max_records, self._limits.poll_seconds)
        #: While `run` runs, the reader is nobody else's.
        self._looks_ahead = False
        #: A newer copy writes.
        self._superseded = False
        #: Whether the pause was on when it was last looked for.
        self.paused = False
        #: What is away, while something is; and what went wrong last, until it was written down.
        self.waits_for: OutsideError | None = None
        self.last_error = ""

    @property
    def start_offset(self) -> StartOffset:
        """Where a reader must begin each partition: after what the target holds."""
        return self._next_offset

    @property
    def generation(self) -> int | None:
        """The generation that this copy writes as; None where it has not claimed, or a newer copy has taken over."""
        return None if self._superseded else self._generation

    def has_reached(self, offsets: Mapping[Partition, int]) -> bool:
        """Return whether everything before these offsets is stored."""
        return all(self._next_offset(partition) >= offset for partition, offset in offsets.items())

    async def run(self, reader: LogReader, should_stop: Callable[[], bool], on_batch: OnBatch | None = None) -> None:
        """Go on until told to stop; an outage of database, broker or registry is waited out, and loses nothing."""
        self._looks_ahead = True
        try:
            await self._claim(should_stop)
            while not should_stop():
                if self._superseded:
                    await self._stand_by(should_stop)
                elif not await self._is_held_back(should_stop):
                    count = await self.step(reader, should_stop)
                    if count and on_batch is not None:
                        on_batch(self._spec.name, count)
        except _ToldToStop:
            pass
        finally:
            self._looks_ahead = False
            await self._batches.drop()
            await asyncio.to_thread(self._say, State.STOPPED, "")

    async def step(self, reader: LogReader, should_stop: Callable[[], bool] = _never) -> int:
        """Put one batch through and return how many records it had; 0 when none came in time, or none was stored."""
        try:
            if self._astray:
                await self._go_back(reader, should_stop)
            batch = await self._next(reader)
            if batch is None:
                return 0
            self._astray = True
            if self._looks_ahead:
                self._batches.look_ahead(reader)
            await self._store(batch, should_stop)
        except _ToldToStop:
            return 0
        except SinkFenced as error:
            self._superseded = isinstance(error, SinkSuperseded)
            _log.info("%s: %s", self._spec.name, error)
            return 0
        self._astray = False
        await reader.publish_progress({partition: at.next_offset for partition, at in self._positions.items()})
        reach("acknowledged")
        return sum(len(block.values) for block in batch.blocks)

    async def _next(self, reader: LogReader) -> Batch | None:
        batch = await self._batches.next(reader)
        if batch is None:
            return None
        blocks = self._unseen(batch.blocks)
        if not blocks:
            return None
        # What is cut off now was not known when it was read ahead; then the rest is judged anew.
        return batch if len(blocks) == len(batch.blocks) and all(map(is_, blocks, batch.blocks)) else Batch(blocks)

    # Who writes.

    async def _claim(self, should_stop: Callable[[], bool]) -> None:
        self._generation = await self._patiently(lambda: self._target.claim(self._cluster), should_stop)
        # An older copy may have stored more since our positions were read.
        self._superseded, self._astray = False, True

    async def _is_held_back(self, should_stop: Callable[[], bool]) -> bool:
        """Give a sign of life from time to time, and see whether the sink is paused or a newer copy writes."""
        now = asyncio.get_running_loop().time()
        if not self.paused and now - self._looked_at < self._limits.control_seconds:
            return False
        state = State.PAUSED if self.paused else State.RUNNING
        control = await self._patiently(lambda: self._target.beat(state, ""), should_stop)
        self._looked_at = now
        self._superseded = control.generation != self._generation
        self.paused = control.paused
        if self.paused and not self._superseded:
            await asyncio.to_thread(self._say, State.PAUSED, "")
            await _sleep(self._limits.control_seconds, should_stop)
        return self.paused or self._superseded

    async def _stand_by(self, should_stop: Callable[[], bool]) -> None:
        """Watch the newer copy, and take over when it has stopped or fallen silent."""
        loop = asyncio.get_running_loop()
        seen, since = -1, loop.time()
        while True:
            control = await self._patiently(self._target.control, should_stop)
            self._positions = dict(await self._patiently(self._target.positions, should_stop))
            if control.beat != seen:
                seen, since = control.beat, loop.time()
            if control.state is State.STOPPED or loop.time() - since > self._limits.takeover_seconds:
                await self._claim(should_stop)
                return
            await _sleep(self._limits.control_seconds, should_stop)

    def _say(self, state: State, words: str) -> None:
        """Write down how it goes, where the database can be reached."""
        try:
            self._target.beat(state, words)
        except (TargetUnavailable, TargetRefused):
            _log.info("%s: %s could not be written down", self._spec.name, state)

    # One batch.

    def _shape(self, frame: pl.DataFrame, blocks: Sequence[Block]) -> pl.DataFrame:
        return shape(self._located(frame, blocks), self._spec.table)

    def _shape_ahead(self, frame: pl.DataFrame, blocks: Sequence[Block]) -> pl.DataFrame:
        rows = self._shape(frame, blocks)
        self._target.foresee(rows)
        return rows

    async def _store(self, batch: Batch, should_stop: Callable[[], bool]) -> None:
        blocks, taken, rows = batch.blocks, batch.taken, batch.rows
        if taken is None:
            taken = await self._patiently(lambda: self._intake.take(blocks), should_stop)
        reach("digested")
        frame = taken.frame
        refused = Counter(record.partition for record in taken.refused)
        parts: Sequence[int] = ()
        while True:
            if rows is None:
                rows = await asyncio.to_thread(self._shape, frame, blocks)
            moves = self._moves(blocks, refused)
            try:
                await self._patiently(partial(self._target.write, rows, moves, parts), should_stop)
            except RowRefused as error:
                sifted = await self._patiently(partial(self._target.sift, rows), should_stop)
                if not sifted.bad and not parts:
                    # Each row can go in, but not all at once: they go in as they were sifted.
                    parts = sifted.parts
                    continue
                bad = rows[[found.row for found in sifted.bad]].select(
                    pl.col(to).alias(name) for name, to in RECORD.items()
                )
                before = sum(refused.values()) - len(taken.refused)
                if self._quarantine is None or not sifted.bad or before + bad.height > self._limits.max_bad_rows:
                    raise error from None
                self.last_error = sifted.bad[0].words
                await self._send_away(blocks, bad, [found.words for found in sifted.bad], should_stop)
                refused.update(blocks[number].partition for number in bad[BLOCK])
                # An older revision of the same key may stand in the batch, and counts now.
                frame, parts = frame.join(bad, on=[BLOCK, OFFSET], how="anti", maintain_order="left"), ()
                rows = None
            else:
                self._positions.update({move.partition: move.after for move in moves})
                return

    async def _send_away(
        self, blocks: Sequence[Block], bad: pl.DataFrame, words: Sequence[str], should_stop: Callable[[], bool]
    ) -> None:
        """Send records to quarantine, before the batch is stored: a crash in between repeats it."""
        records = [
            quarantine_record(self._spec.name, blocks[number], offset, said)
            for (number, offset), said in zip(bad.iter_rows(), words, strict=True)
        ]
        reach("quarantining")
        assert self._quarantine is not None  # noqa: S101  # as asked by the caller
        wait = self._limits.first_wait_seconds
        while True:
            try:
                await self._quarantine.send(records)
            except BrokerUnavailable as error:
                self._tell(error)
                await _sleep(wait, should_stop)
                wait = min(wait * 2, self._limits.longest_wait_seconds)
            else:
                if self.waits_for is not None:
                    self._tell(None)
                reach("quarantined")
                return

    def _located(self, frame: pl.DataFrame, blocks: Sequence[Block]) -> pl.DataFrame:
        """Add where each record lies in the log, for a sink that keeps every record."""
        if self._spec.mode is not Mode.APPEND:
            return frame
        topics = pl.Series([block.partition.topic for block in blocks], dtype=pl.String)
        numbers = pl.Series([block.partition.number for block in blocks], dtype=pl.Int64)
        return frame.with_columns(
            topics.gather(frame[BLOCK]).alias("log_topic"),
            numbers.gather(frame[BLOCK]).alias("log_partition"),
            frame[OFFSET].alias("log_offset"),
        )

    def _moves(self, blocks: Sequence[Block], refused: Counter[Partition]) -> list[Move]:
        after: dict[Partition, Position] = {}
        for block in blocks:
            at = after.get(block.partition) or self._position(block.partition)
            after[block.partition] = replace(at, next_offset=block.next_offset, records=at.records + len(block.values))
        return [
            Move(partition, self._position(partition), replace(at, refused=at.refused + refused[partition]))
            for partition, at in after.items()
        ]

    async def _go_back(self, reader: LogReader, should_stop: Callable[[], bool]) -> None:
        """Bring the reader to where the target stands."""
        await self._batches.drop()
        self._positions = dict(await self._patiently(self._target.positions, should_stop))
        await reader.stop()
        await reader.start()
        self._astray = False

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
                if isinstance(error, RegistryUnavailable):
                    await asyncio.to_thread(self._say, State.WAITING, error.message_en)
                await _sleep(wait * random.uniform(0.5, 1), should_stop)  # noqa: S311  # jitter is no secret
                wait = min(wait * 2, self._limits.longest_wait_seconds)
            else:
                if told:
                    self._tell(None)
                    self._looked_at = -math.inf  # so that it is said at once that work goes on
                return found

    def _tell(self, error: OutsideError | None) -> None:
        self.waits_for = error
        self.last_error = error.message_en if error else self.last_error
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
        control=target.control(),
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
