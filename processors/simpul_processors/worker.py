"""Puts one batch after the other through a stage: read, fold and note in one transaction, send, settle.

A crash anywhere repeats a harmless step: what was not committed is read again; what was committed and not settled is
sent again, with the same revision.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simpul_processors.stages import Stage
from simpul_processors.store import Position, Store
from simpul_schemas.log import Block, LogReader, LogWriter, Partition, StartOffset

_log = logging.getLogger(__name__)

#: Called with the stage's name and the number of records after every batch.
OnBatch = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at a time."""

    max_records: int = 50_000
    poll_seconds: float = 0.5


class Worker:
    """Runs one stage over its store; one at a time per store."""

    def __init__(self, stage: Stage, store: Store, writer: LogWriter, limits: Limits | None = None) -> None:
        self._stage = stage
        self._store = store
        self._writer = writer
        self._limits = limits or Limits()
        self._positions: dict[Partition, Position] = dict(store.positions())
        self._folding: asyncio.Future[None] | None = None

    @property
    def start_offset(self) -> StartOffset:
        """Where a reader must begin each partition: after what the store holds."""
        return self._next_offset

    async def run(self, reader: LogReader, should_stop: Callable[[], bool], on_batch: OnBatch | None = None) -> None:
        """Go on until told to stop; what is left over from an earlier run is sent first."""
        await self._send_pending()
        await reader.publish_progress(self._progress())
        while not should_stop():
            count = await self.step(reader)
            if count and on_batch is not None:
                on_batch(self._stage.name, count)

    async def stop(self) -> None:
        """Disconnect from the broker; `run` connects again.

        A batch that is being folded in its thread is done to its end first: the store may be closed behind this.
        """
        if self._folding is not None:
            await asyncio.wait([self._folding])
        await self._writer.stop()

    async def step(self, reader: LogReader) -> int:
        """Put one batch through and return how many records it had; 0 when none came in time."""
        blocks = self._unseen(await reader.read(self._limits.max_records, self._limits.poll_seconds))
        if not blocks:
            return 0
        # In a thread: heartbeats to the broker go on while a batch is computed.
        self._folding = asyncio.ensure_future(asyncio.to_thread(self._fold, blocks))
        await asyncio.shield(self._folding)
        await self._send_pending()
        await reader.publish_progress(self._progress())
        return sum(len(block.values) for block in blocks)

    def _fold(self, blocks: Sequence[Block]) -> None:
        try:
            with self._store.transaction() as transaction:
                transaction.put_pending(self._stage.apply(transaction, blocks))
        except BaseException:
            self._stage.forget()
            raise
        self._positions.update(self._store.positions())

    async def _send_pending(self) -> None:
        pending = list(self._store.pending())
        for _, records in pending:
            await self._writer.send(records)
        self._store.settle([number for number, _ in pending])

    def _unseen(self, blocks: Sequence[Block]) -> list[Block]:
        """Leave out what the store holds already: a reader may give a record twice around a rebalance."""
        found = (block.since(self._next_offset(block.partition)) for block in blocks)
        return [block for block in found if block is not None]

    def _next_offset(self, partition: Partition) -> int:
        return self._positions.get(partition, Position()).next_offset

    def _progress(self) -> dict[Partition, int]:
        return {partition: position.next_offset for partition, position in self._positions.items()}
