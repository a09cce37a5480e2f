"""Topics read for ever, from positions that the caller moves; a broker or registry that is away is waited for."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryRefused, RegistryUnavailable
from simpul_schemas.log import Block, LogReader, Partition, StartOffset

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class TailLimits:
    """How much is read at a time, and how long is waited.

    While nothing comes, the broker is asked every `probe_seconds` whether there is more. A reader that brings nothing
    for `stuck_seconds` though there is more is made anew, as is one whose broker does not answer within them. Waits
    double from the first to the longest, each shortened by up to half, at random.
    """

    max_records: int = 5_000
    poll_seconds: float = 0.5
    probe_seconds: float = 5.0
    stuck_seconds: float = 20.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 15.0


class LogBeganAnew(Exception):
    """A topic ends before what was read of it: it is another one of the same name, whose offsets begin anew."""


class Tail:
    """Reads the topics of one reader.

    Args:
        make_reader: Makes it, given what tells it where to begin.
        limits: How much at a time, and how long to wait.
        on_outage: Told once when broker or registry stop answering, with the error, and once with None when they do.
        is_patient: Whether an outage is waited out; otherwise it raises.
    """

    def __init__(
        self,
        make_reader: Callable[[StartOffset], LogReader],
        limits: TailLimits,
        on_outage: Callable[[OutsideError | None], None] = lambda _error: None,
        *,
        is_patient: bool = True,
    ) -> None:
        #: The next offset of each partition, as far as the caller has said `advance`.
        self.positions: dict[Partition, int] = {}
        #: Where the log ended when the broker was last asked.
        self.ends: Mapping[Partition, int] = {}
        #: What is away right now.
        self.problem: OutsideError | None = None
        self._reader = make_reader(lambda partition: self.positions.get(partition, 0))
        self._limits = limits
        self._on_outage = on_outage
        self._is_patient = is_patient
        self._is_open = False
        self._wait = limits.first_wait_seconds
        self._probed = self._moved = 0.0

    async def open(self) -> None:
        """Connect and ask where the log ends; raises `BrokerUnavailable` instead of waiting."""
        await self._reader.start()
        self._is_open = True
        await self._probe()
        self._moved = self._probed

    async def close(self) -> None:
        """Disconnect; the next `read` connects again."""
        self._is_open = False
        await self._reader.stop()

    async def read(self) -> Sequence[Block]:
        """Return what comes next, or nothing after a while; raises `LogBeganAnew`."""
        try:
            if not self._is_open:
                await self.open()
            blocks = await self._reader.read(self._limits.max_records, self._limits.poll_seconds)
            if not await self._is_alive(got=bool(blocks)):
                await self.close()
        except BrokerUnavailable as error:
            await self.close()
            await self._hold_on(error)
            return []
        self._fine()
        return blocks

    def advance(self, blocks: Sequence[Block]) -> None:
        """Note that blocks are done with: what is read from now on lies behind them."""
        for block in blocks:
            self.positions[block.partition] = block.next_offset

    def has_reached(self, ends: Mapping[Partition, int]) -> bool:
        """Return whether everything before these offsets is done with."""
        return all(self.positions.get(partition, 0) >= end for partition, end in ends.items())

    @property
    def behind(self) -> int:
        """How many records there were behind what is done with, when the broker was last asked."""
        return sum(max(end - self.positions.get(at, 0), 0) for at, end in self.ends.items())

    async def patiently(self, work: Callable[[], _Result]) -> _Result:
        """Do work that asks the registry, in a thread; again and again while that does not answer."""
        has_failed = False
        while True:
            try:
                found = await asyncio.to_thread(work)
            except (RegistryUnavailable, RegistryRefused) as error:
                has_failed = True
                await self._hold_on(error)
            else:
                if has_failed:  # else it says nothing about the broker, which may be away
                    self._fine()
                return found

    async def _is_alive(self, *, got: bool) -> bool:
        """Look from time to time whether the reader brings what there is."""
        now = asyncio.get_running_loop().time()
        if got:
            self._moved = now
        if now - self._probed > self._limits.probe_seconds:
            await self._probe()
            if not self.behind:
                self._moved = self._probed
        return now - self._moved <= self._limits.stuck_seconds

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._limits.stuck_seconds):
                self.ends = await self._reader.end_offsets()
        except TimeoutError as error:
            raise _silent() from error
        self._probed = asyncio.get_running_loop().time()
        if any(end < self.positions.get(at, 0) for at, end in self.ends.items()):
            raise LogBeganAnew

    async def _hold_on(self, error: OutsideError) -> None:
        if not self._is_patient:
            raise error
        if self.problem is None:
            self._on_outage(error)
        self.problem = error
        await asyncio.sleep(self._wait * random.uniform(0.5, 1))  # noqa: S311  # jitter is no secret
        self._wait = min(self._wait * 2, self._limits.longest_wait_seconds)

    def _fine(self) -> None:
        if self.problem is not None:
            self._on_outage(None)
        self.problem = None
        self._wait = self._limits.first_wait_seconds


def _silent() -> BrokerUnavailable:
    return BrokerUnavailable(
        "Broker Kafka tidak menjawab; dicoba lagi. Bila tetap begitu, periksa alamat dan jaringan.",
        "The Kafka broker does not answer; it is tried again. If it stays so, check address and network.",
    )
