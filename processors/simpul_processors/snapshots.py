"""What stands in some topics at this moment, record by record with its headers: for commands that look and end.

`kafka_snapshots` holds the adapter to a real broker, `testing` the twin in memory; `tests/contract` runs on both.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from simpul_schemas.log import Partition


class Stored(NamedTuple):
    """One record as the broker keeps it; `timestamp` is its append time, microseconds since the epoch."""

    partition: Partition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Snapshots(Protocol):
    """Reads topics to the end that they had when it was asked."""

    def read(self, topics: Sequence[str]) -> AsyncIterator[Stored]:
        """Yield every record of some topics, each partition in its order; one that does not exist has none."""
