"""The twins in memory of what the processors reach outside: the fold's store, and snapshots of the log."""

import copy
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from simpul_processors.snapshots import Stored
from simpul_processors.store import Position, Snapshot, Space, Transaction
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.testing import InMemoryLog


class InMemorySnapshots:
    """See `simpul_processors.snapshots.Snapshots`."""

    def __init__(self, log: InMemoryLog) -> None:
        self._log = log

    async def read(self, topics: Sequence[str]) -> AsyncIterator[Stored]:
        """See `simpul_processors.snapshots.Snapshots`."""
        for topic in topics:
            for offset, (record, timestamp) in enumerate(list(self._log.topics.get(topic, ()))):
                yield Stored(Partition(topic, 0), offset, timestamp, record.key, record.value, record.headers)


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
