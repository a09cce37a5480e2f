"""The port of a fold's state: entities, groups, names, positions and what is still to be sent, in one transaction.

`lmdb_store` is the adapter on disk, `testing` the twin in memory; `tests/contract/test_store.py` runs on both.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from simpul_schemas.log import Outgoing, Partition


class Space(StrEnum):
    """The tables of a store: all map bytes to bytes."""

    ENTITIES = "entities"
    GROUPS = "groups"
    NAMES = "names"
    DIRTY = "dirty"
    SUSPECTS = "suspects"


@dataclass(frozen=True, slots=True)
class Position:
    """How far an input partition has been folded, and what was found there.

    `records` were read before `next_offset`; of these `refused` went to quarantine, and `current` are the newest
    accepted ones of their subjects. The rest is superseded.
    """

    next_offset: int = 0
    records: int = 0
    refused: int = 0
    current: int = 0

    @property
    def superseded(self) -> int:
        """Accepted records that a higher revision of their subject, or a copy of themselves, has replaced."""
        return self.records - self.refused - self.current


class Snapshot(Protocol):
    """What can be read at one moment, whatever is written meanwhile."""

    def get(self, space: Space, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return the values of those keys that are there, in the order of `keys`; quickest when these are sorted."""

    def items(self, space: Space) -> Sequence[tuple[bytes, bytes]]:
        """Return everything in a space, sorted by key."""

    def position(self, partition: Partition) -> Position:
        """Return the position of an input partition; zeros for one that was never seen."""


class Transaction(Snapshot, Protocol):
    """What can be done inside a transaction: all of it holds, or nothing."""

    def put(self, space: Space, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Set values, over any older ones; quickest when the keys are sorted."""

    def append(self, space: Space, value: bytes) -> None:
        """Set a value under a key behind all others of its space."""

    def delete(self, space: Space, keys: Iterable[bytes]) -> None:
        """Forget keys; harmless for one that is not there."""

    def put_position(self, partition: Partition, position: Position) -> None:
        """Set the position of an input partition."""

    def put_pending(self, records: Sequence[Outgoing]) -> int | None:
        """Note records that must be sent and return the number to settle them by; None for an empty list."""

    def settle(self, numbers: Iterable[int]) -> None:
        """Forget what the broker has acknowledged."""


class Store(Protocol):
    """A fold's state on disk or in memory; used by one worker at a time."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; commits at the end of the block, and leaves nothing behind when the block raises."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Look at the store as it is now; harmless beside a transaction."""

    def positions(self) -> Mapping[Partition, Position]:
        """Return the positions of all input partitions."""

    def pending(self) -> Iterable[tuple[int, Sequence[Outgoing]]]:
        """Return what was noted and not settled, oldest first, with the number to settle it by."""

    def items(self, space: Space) -> Iterable[tuple[bytes, bytes]]:
        """Return everything in a space, sorted by key."""

    def close(self) -> None:
        """Give the store back; harmless when called twice."""
