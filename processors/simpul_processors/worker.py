"""Puts one batch after the other through a stage: read, fold and note in one transaction, send, settle.

A crash anywhere repeats a harmless step: what was not committed is read again; what was committed and not settled is
sent again, with the same revision or a newer one.

While a batch is folded in a thread, what came of the one before is on its way to the broker. Figures are not published
after every batch: a group that many batches touch is sent once, when nothing more is there to be read, and otherwise
from time to time.

Two workers may publish the same figure: one lost the partition (or was frozen past its session) and sends what it still
had, behind something newer that the other has sent. Readers take the highest revision, but compaction would keep the
last. So a worker that has no partition publishes nothing; and what a worker publishes while it comes up to where the
log ended when it took over is all that the one before it can have had in hand, so that is published once more after
the next change of partitions, which the other's waking always brings about.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simpul_processors.errors import head_cut, tail_cut
from simpul_processors.fold import publish_again, settle, suspect
from simpul_processors.stages import Stage
from simpul_processors.store import Position, Store, Transaction
from simpul_schemas.log import Block, LogReader, LogWriter, Outgoing, Partition, StartOffset

#: Called with the stage's name and the number of records after every batch.
OnBatch = Callable[[str, int], None]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at a time.

    Figures that changed are published when nothing came for `quiet_seconds`. Where something comes all the time, a
    figure would be published again and again before it is right: at most every `publish_seconds`, and no more often
    than lets publishing take `publish_share` of the time; but after `publish_records`, as what is due is in memory.
    """

    max_records: int = 50_000
    poll_seconds: float = 0.5
    quiet_seconds: float = 0.02
    publish_seconds: float = 0.5
    publish_share: float = 0.4
    publish_records: int = 400_000


@dataclass
class _Sent:
    """What was given to the broker: to be settled in the next transaction, once it was acknowledged.

    `positions` are set where the figures up to there were among it. `suspects` are entries that are remembered until
    the next change of partitions.
    """

    numbers: list[int] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    suspects: list[bytes] = field(default_factory=list)
    positions: Mapping[Partition, Position] | None = None


class Worker:
    """Runs one stage over its store; one at a time per store."""

    def __init__(
        self,
        stage: Stage,
        store: Store,
        writer: LogWriter,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._store = store
        self._writer = writer
        self._limits = limits or Limits()
        self._clock = clock
        self._positions: dict[Partition, Position] = dict(store.positions())
        self._thread: asyncio.Future[Any] | None = None
        self._sending: asyncio.Task[_Sent] | None = None
        self._acknowledged = _Sent()
        self._unpublished_records = 1  # a store may have figures left over from an earlier run
        self._publishing_seconds = 0.0
        self._published_at = clock()
        self._changes = self._changes_seen = 0
        self._ends: Mapping[Partition, int] = {}
        self._takes_over = True

    @property
    def start_offset(self) -> StartOffset:
        """Where a reader must begin each partition that it is given: after what the store holds."""
        return self._taken

    @property
    def is_busy(self) -> bool:
        """Whether a step is under way right now."""
        return self._thread is not None and not self._thread.done()

    def _taken(self, partition: Partition) -> int:
        self._changes += 1
        return self.next_offset(partition)

    async def run(self, reader: LogReader, should_stop: Callable[[], bool], on_batch: OnBatch | None = None) -> None:
        """Go on until told to stop; what is left over from an earlier run is sent first."""
        await self.send_left_over()
        while not should_stop():
            count = await self.step(reader)
            if count and on_batch is not None:
                on_batch(self._stage.name, count)

    async def stop(self) -> None:
        """Disconnect from the broker; `run` connects again.

        A batch that is being folded in its thread is done to its end first: the store may be closed behind this.
        """
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            self._sending = None
        if self._thread is not None:
            await asyncio.wait([self._thread])
        await self._writer.stop()

    async def send_left_over(self) -> None:
        """Send what an earlier run has noted and not seen acknowledged."""
        for number, records in list(self._store.pending()):
            await self._writer.send(records)
            self._acknowledged.numbers.append(number)

    async def step(self, reader: LogReader) -> int:
        """Put one batch through and return how many records it had; 0 when none came in time.

        When it returns 0, every figure is published, and all that was sent is acknowledged and settled.
        """
        limits = self._limits
        hurried = self._unpublished_records and self._owns(reader)
        wait = limits.quiet_seconds if hurried else limits.poll_seconds
        read = await reader.read(limits.max_records, wait)
        blocks = self._unseen(read)
        if self._changes != self._changes_seen:
            await self._change(reader)
        elif any(block.offsets[0] != self.next_offset(block.partition) for block in read):
            await self._check(reader, await reader.end_offsets())
        sent = _Sent()
        outgoing: Sequence[Outgoing] = ()
        if blocks:
            outgoing, sent.numbers = await self._in_thread(self._fold, blocks)
        await self._acknowledge(reader)
        if self._publishes_now(idle=not blocks) and self._owns(reader):
            figures, entries = await self._in_thread(self._due)
            (sent.suspects if self._takes_over else sent.entries).extend(entries)
            self._takes_over = any(self.next_offset(partition) < end for partition, end in self._ends.items())
            sent.positions = dict(self._positions)
            outgoing = [*outgoing, *figures]
        if sent.numbers or sent.positions is not None:
            self._sending = asyncio.create_task(self._send(outgoing, sent))
        if not blocks:
            await self._acknowledge(reader)
            if self._acknowledged != _Sent():
                await self._in_thread(self._settle)
        return sum(len(block.values) for block in blocks)

    async def _in_thread(self, work: Callable[..., _Answer], *arguments: object) -> _Answer:
        """Work in a thread, so that heartbeats to the broker go on meanwhile."""
        self._thread = future = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        return await asyncio.shield(future)

    def _fold(self, blocks: Sequence[Block]) -> tuple[Sequence[Outgoing], list[int]]:
        try:
            with self._store.transaction() as transaction:
                self._forget_acknowledged(transaction)
                outgoing = self._stage.apply(transaction, blocks)
                number = transaction.put_pending(outgoing)
                moved = {block.partition: transaction.position(block.partition) for block in blocks}
        except BaseException:
            self._stage.forget()
            raise
        self._acknowledged = _Sent()
        self._positions.update(moved)
        self._unpublished_records += sum(len(block.values) for block in blocks)
        return outgoing, [] if number is None else [number]

    def _due(self) -> tuple[Sequence[Outgoing], list[bytes]]:
        self._published_at = self._clock()
        with self._store.snapshot() as snapshot:
            due = self._stage.due(snapshot)
        self._unpublished_records = 0
        return due.records, list(due.entries)

    def _settle(self) -> None:
        with self._store.transaction() as transaction:
            self._forget_acknowledged(transaction)
        self._acknowledged = _Sent()

    def _forget_acknowledged(self, transaction: Transaction) -> None:
        transaction.settle(self._acknowledged.numbers)
        settle(transaction, self._acknowledged.entries)
        suspect(transaction, self._acknowledged.suspects)

    async def _change(self, reader: LogReader) -> None:
        """Take over what was given: see the head of this file."""
        self._changes_seen = self._changes
        self._ends = dict(await reader.end_offsets())
        await self._check(reader, self._ends)
        if await self._in_thread(self._publish_again):
            self._unpublished_records += 1
        self._takes_over = True

    async def _check(self, reader: LogReader, ends: Mapping[Partition, int]) -> None:
        """Refuse to fold a log that has lost what the store needs, as its figures would replace better ones.

        Asked when partitions change, and when the next record is not the one that was expected: a log that was cut is
        read from wherever it begins now, without a word.
        """
        whole = set(self._stage.whole)
        begins = await reader.begin_offsets() if whole else {}
        for partition, begin in begins.items():
            if partition.topic in whole and begin > self.next_offset(partition):
                raise head_cut(partition, self.next_offset(partition), begin)
        for partition, end in ends.items():
            if end < self.next_offset(partition):
                raise tail_cut(partition, self.next_offset(partition), end)

    def _publish_again(self) -> bool:
        with self._store.transaction() as transaction:
            return publish_again(transaction)

    def _owns(self, reader: LogReader) -> bool:
        topics = set(self._stage.topics)
        return any(partition.topic in topics for partition in reader.assigned())

    def _publishes_now(self, *, idle: bool) -> bool:
        if not self._unpublished_records:
            return False
        limits = self._limits
        wait = max(limits.publish_seconds, self._publishing_seconds / limits.publish_share)
        many = self._unpublished_records >= limits.publish_records
        return idle or many or self._clock() - self._published_at >= wait

    async def _send(self, records: Sequence[Outgoing], sent: _Sent) -> _Sent:
        await self._writer.send(records)
        if sent.positions is not None:
            self._publishing_seconds = self._clock() - self._published_at
        return sent

    async def _acknowledge(self, reader: LogReader) -> None:
        """Wait until what was sent last is acknowledged; it is settled in the next transaction."""
        if self._sending is None:
            return
        try:
            sent = await self._sending
        finally:
            self._sending = None
        self._acknowledged.numbers.extend(sent.numbers)
        self._acknowledged.entries.extend(sent.entries)
        self._acknowledged.suspects.extend(sent.suspects)
        if sent.positions is not None:
            # What onlookers see as done is in the figures.
            await reader.publish_progress({at: position.next_offset for at, position in sent.positions.items()})

    def _unseen(self, blocks: Sequence[Block]) -> list[Block]:
        """Leave out what the store holds already: a reader may give a record twice around a rebalance."""
        found = (block.since(self.next_offset(block.partition)) for block in blocks)
        return [block for block in found if block is not None]

    def next_offset(self, partition: Partition) -> int:
        """Return where the store's knowledge of a partition ends."""
        return self._positions.get(partition, Position()).next_offset
