"""The twin in memory of a fold's store."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from simpul_processors.store import Position, Snapshot, Space, Transaction
from simpul_schemas.log import Outgoing, Partition


class InMemoryStore:
    """See `simpul_processors.store.Store`."""

    def __init__(self) -> None:
        self._tables: dict[Space, dict[bytes, bytes]] = {space: {} for space in Space}
        self._positions: dict[Partition, Position] = {}
        self._pending: dict[int, Sequence[Outgoing]] = {}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """See `simpul_processors.store.Store`."""
        before = copy.deepcopy((self._tables, self._positions, self._pending))
        try:
            yield _InMemoryTransaction(self._tables, self._positions, self._pending)
        except BaseException:
            self._tables, self._positions, self._pending = before
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See `simpul_processors.store.Store`."""
        yield _InMemoryTransaction(*copy.deepcopy((self._tables, self._positions, self._pending)))

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_processors.store.Store`."""
        return dict(self._positions)

    def pending(self) -> Iterable[tuple[int, Sequence[Outgoing]]]:
        """See `simpul_processors.store.Store`."""
        return sorted(self._pending.items())

    def items(self, space: Space) -> Iterable[tuple[bytes, bytes]]:
        """See `simpul_processors.store.Store`."""
        return sorted(self._tables[space].items())

    def close(self) -> None:
        """See `simpul_processors.store.Store`."""


class _InMemoryTransaction:
    """See `simpul_processors.store.Transaction`."""

    def __init__(
        self,
        tables: dict[Space, dict[bytes, bytes]],
        positions: dict[Partition, Position],
        pending: dict[int, Sequence[Outgoing]],
    ) -> None:
        self._tables = tables
        self._positions = positions
        self._pending = pending

    def get(self, space: Space, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        table = self._tables[space]
        return {key: table[key] for key in keys if key in table}

    def items(self, space: Space) -> Sequence[tuple[bytes, bytes]]:
        return sorted(self._tables[space].items())

    def put(self, space: Space, items: Sequence[tuple[bytes, bytes]]) -> None:
        self._tables[space].update(items)

    def position(self, partition: Partition) -> Position:
        return self._positions.get(partition, Position())

    def put_position(self, partition: Partition, position: Position) -> None:
        self._positions[partition] = position

    def put_pending(self, records: Sequence[Outgoing]) -> int | None:
        if not records:
            return None
        number = max(self._pending, default=-1) + 1
        self._pending[number] = list(records)
        return number

    def settle(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._pending.pop(number, None)

    def append(self, space: Space, value: bytes) -> None:
        number = int.from_bytes(max(self._tables[space], default=b""), "big") + 1
        self._tables[space][number.to_bytes(8, "big")] = value

    def delete(self, space: Space, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._tables[space].pop(key, None)
