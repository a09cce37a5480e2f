"""A reader that sits on one topic and follows others: for stages with more than one input.

The seat is shared by a consumer group, so that one worker has it. Whoever has it reads all of the followed topics as
well, from the positions in its own store, and stops when the seat is taken away.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from simpul_schemas.log import Block, LogReader, Partition


class FollowingReader:
    """See `simpul_schemas.log.LogReader`.

    Args:
        seat: Reader of the topic that the group shares.
        make_followed: Makes a reader of the other topics; called anew whenever the seat is given.
    """

    def __init__(self, seat: LogReader, make_followed: Callable[[], LogReader]) -> None:
        self._seat = seat
        self._make_followed = make_followed
        self._followed: LogReader | None = None
        self._reads: dict[LogReader, asyncio.Task[list[Block]]] = {}

    async def start(self) -> None:
        """See `simpul_schemas.log.LogReader`."""
        await self._seat.start()

    async def stop(self) -> None:
        """See `simpul_schemas.log.LogReader`."""
        await self._let_go()
        await self._seat.stop()

    def assigned(self) -> frozenset[Partition]:
        """See `simpul_schemas.log.LogReader`."""
        own = self._seat.assigned()
        return own | (self._followed.assigned() if own and self._followed else frozenset())

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        """See `simpul_schemas.log.LogReader`."""
        if not self._seat.assigned():
            await self._let_go()
            return await self._seat.read(max_records, timeout_seconds)
        if self._followed is None:
            followed = self._make_followed()
            await followed.start()
            self._followed = followed
        # Each gets half, so that neither waits for the other to be done.
        for reader in (self._seat, self._followed):
            if reader not in self._reads:
                half = reader.read(max(1, max_records // 2), timeout_seconds)
                self._reads[reader] = asyncio.create_task(half)
        done, _ = await asyncio.wait(self._reads.values(), return_when=asyncio.FIRST_COMPLETED)
        if not self._seat.assigned():
            await self._let_go()
            return []
        for reader in [reader for reader, task in self._reads.items() if task in done]:
            del self._reads[reader]
        return [block for task in done for block in task.result()]

    async def begin_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log.LogReader`."""
        begins = dict(await self._seat.begin_offsets())
        if begins and self._followed is not None:
            begins |= await self._followed.begin_offsets()
        return begins

    async def end_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log.LogReader`."""
        ends = dict(await self._seat.end_offsets())
        if ends and self._followed is not None:
            ends |= await self._followed.end_offsets()
        return ends

    async def publish_progress(self, positions: Mapping[Partition, int]) -> None:
        """See `simpul_schemas.log.LogReader`; shown for the seat, as a group can only show what it shares."""
        await self._seat.publish_progress(positions)

    async def _let_go(self) -> None:
        """Forget all that was read and not handed out, and stop following."""
        reads = list(self._reads.values())
        self._reads.clear()
        for task in reads:
            task.cancel()
        for task in reads:
            with contextlib.suppress(asyncio.CancelledError, Exception):  # it is not wanted any more
                await task
        if self._followed is not None:
            followed, self._followed = self._followed, None
            await followed.stop()
