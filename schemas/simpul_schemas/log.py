"""The log as the bus sees it: partitions of records, read in blocks from a position that the reader keeps itself.

`kafka_log` holds the adapters to a real broker, `testing` the twin in memory; `tests/contract` runs on both.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records of one partition.

    `values`, `keys`, `offsets` and `timestamps` (the broker's append time, microseconds since the epoch) have one entry
    a record. Offsets rise but may have gaps; `next_offset` is where reading goes on.
    """

    partition: Partition
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    offsets: Sequence[int]
    timestamps: Sequence[int]

    @property
    def next_offset(self) -> int:
        """The offset after the last record."""
        return self.offsets[-1] + 1

    def since(self, offset: int) -> "Block | None":
        """Return what of the block lies at or behind an offset; None where nothing does."""
        if self.offsets[0] >= offset:
            return self
        at = bisect.bisect_left(self.offsets, offset)
        if at == len(self.offsets):
            return None
        return Block(self.partition, self.values[at:], self.keys[at:], self.offsets[at:], self.timestamps[at:])


class Outgoing(NamedTuple):
    """A record to append: topic, key, value and headers; the partition follows from the key.

    Key and value are never both None: aiokafka sends no such record.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


#: Asked for every partition that a reader gets: the offset to read from.
StartOffset: TypeAlias = Callable[[Partition], int]


class LogReader(Protocol):
    """Reads blocks of records; the position is the caller's, never the broker's."""

    async def start(self) -> None:
        """Connect, before anything else; after `stop` it may be called again, and asks for all positions anew."""

    async def stop(self) -> None:
        """Disconnect; harmless when called twice or before `start`."""

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        """Return at most `max_records` records, or nothing after the timeout.

        A partition that is newly assigned is read from the offset that `StartOffset` gives for it. A partition that
        was taken away never appears in a later answer.
        """

    def assigned(self) -> frozenset[Partition]:
        """Return the partitions that this reader reads right now; none before `start`."""

    async def begin_offsets(self) -> Mapping[Partition, int]:
        """Return for each assigned partition the offset before which the broker has deleted everything."""

    async def end_offsets(self) -> Mapping[Partition, int]:
        """Return for each assigned partition the offset that the next appended record will have."""

    async def publish_progress(self, positions: Mapping[Partition, int]) -> None:
        """Tell the broker how far this reader has come, for those who watch lag; nothing is ever resumed from it."""


class LogWriter(Protocol):
    """Appends records."""

    async def start(self) -> None:
        """Connect; called once, before anything else."""

    async def stop(self) -> None:
        """Disconnect; harmless when called twice or before `start`."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Append all records and return when the broker has acknowledged each; on an error some may be appended."""
