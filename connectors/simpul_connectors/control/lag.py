"""How far a sink is behind the log: the port that a log is asked by, and what comes of it.

`kafka_lag` holds the adapter to a real broker, `simpul_connectors.testing` the twin in memory, and
`tests/contract/test_lag.py` runs on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simpul_schemas.log import Partition


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies in a partition and is not stored: `records` offsets, the oldest appended at `oldest` by the broker.

    `oldest` is microseconds since the epoch, 0 where nothing waits or it could not be read in time.
    """

    records: int
    oldest: int = 0


class LagMeter(Protocol):
    """Asks a log what has not been stored yet."""

    async def measure(self, topics: Sequence[str], stored: Mapping[Partition, int]) -> Mapping[Partition, Waiting]:
        """Return what waits in each partition of the topics; `stored` are the offsets that a sink goes on from.

        A partition without a stored offset is read from its beginning. Raises `BrokerUnavailable`.
        """


@dataclass(frozen=True)
class Lag:
    """How far a sink is behind: records not stored, and the age of the oldest of them in seconds.

    Records are offsets: in a compacted topic there may be fewer. `seconds` is 0 where nothing waits, and None where no
    waiting record could be read.
    """

    records: int
    seconds: float | None
    partitions: Mapping[Partition, Waiting]


def lag(waiting: Mapping[Partition, Waiting], now: int) -> Lag:
    """Sum up what waits; `now` in microseconds since the epoch."""
    behind = {partition: found for partition, found in waiting.items() if found.records}
    known = [found.oldest for found in behind.values() if found.oldest]
    seconds = max(0.0, (now - min(known)) / 1e6) if known else None
    return Lag(sum(found.records for found in behind.values()), seconds if behind else 0.0, behind)
