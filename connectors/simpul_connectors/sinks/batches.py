"""The batches of a sink: read, judged and shaped, the next one while the database is at work on the one before."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from simpul_connectors.failpoints import reach
from simpul_connectors.sinks.source import Taker
from simpul_schemas.errors import RegistryUnavailable
from simpul_schemas.intake import Intake
from simpul_schemas.log import Block, LogReader

#: Less than this is not worth a transaction of its own, where more can be had at once.
_SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class Batch:
    """Records on their way in: as they were read, as they were judged, and as rows; None where it was not done yet."""

    blocks: Sequence[Block]
    taken: Intake | None = None
    rows: pl.DataFrame | None = None


class Batches:
    """Hands out one batch after the other.

    Args:
        taker: Decodes and judges.
        shape: Makes rows of what counts.
        max_records: How many records a batch has at most, or little more.
        poll_seconds: How long is waited for records.
    """

    def __init__(
        self,
        taker: Taker,
        shape: Callable[[pl.DataFrame, Sequence[Block]], pl.DataFrame],
        max_records: int,
        poll_seconds: float,
    ) -> None:
        self._taker = taker
        self._shape = shape
        self._max_records = max_records
        self._poll_seconds = poll_seconds
        self._ahead: asyncio.Task[Batch | None] | None = None

    async def next(self, reader: LogReader) -> Batch | None:
        """Return the next batch, only read where it was not read ahead; None where no record came in time."""
        ahead, self._ahead = self._ahead, None
        return await (self._read(reader) if ahead is None else ahead)

    def look_ahead(self, reader: LogReader) -> None:
        """Begin with the batch after the one that was handed out; nobody else may use the reader meanwhile."""
        self._ahead = asyncio.create_task(self._prepare(reader))

    async def drop(self) -> None:
        """Forget what was read ahead: its records are read again, or never."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(
                ahead, return_exceptions=True
            )  # what went wrong there goes wrong again where it counts

    async def _prepare(self, reader: LogReader) -> Batch | None:
        batch = await self._read(reader)
        if batch is None:
            return None
        try:
            taken = await asyncio.to_thread(self._taker.take, batch.blocks)
        except RegistryUnavailable:
            return batch  # it is taken in again in its turn, and the registry waited for then
        return Batch(batch.blocks, taken, await asyncio.to_thread(self._shape, taken.frame, batch.blocks))

    async def _read(self, reader: LogReader) -> Batch | None:
        blocks = await reader.read(self._max_records, self._poll_seconds)
        if not blocks:
            return None
        if self._is_small(blocks):
            # The end of what was fetched before; its transaction would cost nearly as much as that of a whole batch.
            blocks = [*blocks, *await reader.read(self._max_records, 0)]
        reach("read")
        return Batch(blocks)

    def _is_small(self, blocks: Sequence[Block]) -> bool:
        values = [value for block in blocks for value in block.values]
        return len(values) < self._max_records // 8 and sum(map(len, filter(None, values))) < _SMALL_BYTES
