"""The port of a database that a sink writes to: rows and offsets move together, or not at all.

Each dialect is an adapter under `dialects/`, `simpul_connectors.testing` holds the twin in memory, and
`tests/contract/test_target.py` runs on all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from simpul_connectors.errors import SinkFenced
from simpul_schemas.log import Partition

#: Table of the target database that holds the offsets of all sinks beside their rows.
OFFSET_TABLE = "simpul_offset"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition has been stored: of `records` before `next_offset`, `refused` did not pass the rules."""

    next_offset: int = 0
    records: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What a batch does to the position of a partition; `before` is what the writer believes to be stored."""

    partition: Partition
    before: Position
    after: Position


class Target(Protocol):
    """The table and the offsets of one sink in one database; used by one thread at a time.

    Every method may raise `TargetUnavailable` (wait, then call again: no call does harm twice) and `TargetRefused`.
    """

    def prepare(self) -> None:
        """Make the table and the offset table where they are missing.

        A table that had to be made is empty, so offsets that stand there from an older one are forgotten with it: the
        log fills it again from the beginning.
        """

    def positions(self) -> Mapping[Partition, Position]:
        """Return the stored position of every partition; nothing where nothing was prepared yet."""

    def rows(self) -> int:
        """Return the number of rows in the table, withdrawn ones included; 0 where nothing was prepared yet."""

    def write(self, rows: pl.DataFrame, moves: Sequence[Move]) -> None:
        """Upsert rows and move positions in one transaction.

        `rows` are those of `shape.shape`: one for each key. A row that is there and is not older stays. Raises
        `SinkFenced`, with nothing written, where a stored position is not the one that its move starts from. A batch
        that is stored already, because an earlier call's answer was cut off, is left as it is.
        """

    def close(self) -> None:
        """Disconnect; harmless when called twice, and the next call connects again."""


def is_stored(stored: Mapping[Partition, Position], moves: Sequence[Move]) -> bool:
    """Judge a batch by the stored positions, which the caller holds locked, before anything is written.

    True: an earlier call has stored it, though its answer was cut off. False: it is next in turn. `SinkFenced`:
    another copy of the sink, or a table made anew, has moved the positions.
    """
    found = [stored.get(move.partition, Position()) for move in moves]
    if found == [move.before for move in moves]:
        return False
    if found == [move.after for move in moves]:
        return True
    raise SinkFenced(
        "Salinan lain dari sink ini telah memindahkan ofsetnya; dibaca ulang dan dilanjutkan dari sana.",
        "Another copy of this sink has moved its offsets; they are read again and it goes on from there.",
    )
