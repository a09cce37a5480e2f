"""The twin in memory of a sink's database. For tests of this and other code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from simpul_connectors.sinks.table import Table
from simpul_connectors.sinks.target import Move, Position, is_stored
from simpul_schemas.log import Partition

#: A row by the names of its columns; times are microseconds since the epoch.
Row = Mapping[str, Any]


@dataclass
class InMemoryDatabase:
    """What outlives a target: tables by name, each row by its key, and offsets by the name of the sink."""

    tables: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=dict)
    offsets: dict[str, dict[Partition, Position]] = field(default_factory=dict)


def _nothing() -> None:
    return


class InMemoryTarget:
    """See `simpul_connectors.sinks.target.Target`.

    Args:
        database: Shared by the copies of a sink.
        sink: Name that the offsets stand under.
        table: What the sink fills.
        before_commit: May raise, to play a database that fails with nothing written.
        after_commit: May raise, to play an answer that was cut off behind its COMMIT.
    """

    def __init__(
        self,
        database: InMemoryDatabase,
        sink: str,
        table: Table,
        before_commit: Callable[[], None] = _nothing,
        after_commit: Callable[[], None] = _nothing,
    ) -> None:
        self._database = database
        self._sink = sink
        self._table = table
        self.before_commit = before_commit
        self.after_commit = after_commit

    def prepare(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        if str(self._table) not in self._database.tables:
            self._database.tables[str(self._table)] = {}
            self._database.offsets.pop(self._sink, None)

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_connectors.sinks.target.Target`."""
        return dict(self._database.offsets.get(self._sink, {}))

    def rows(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        return len(self._database.tables.get(str(self._table), {}))

    def write(self, rows: pl.DataFrame, moves: Sequence[Move]) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        if is_stored(self.positions(), moves):
            return
        newer = self._newer(rows)
        self.before_commit()
        self._database.tables[str(self._table)].update(newer)
        stored = self._database.offsets.setdefault(self._sink, {})
        stored.update({move.partition: move.after for move in moves})
        self.after_commit()

    def close(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""

    def _newer(self, rows: pl.DataFrame) -> dict[tuple[Any, ...], Row]:
        held = self._database.tables[str(self._table)]
        found: dict[tuple[Any, ...], Row] = {}
        for row in rows.iter_rows(named=True):
            key = tuple(row[name] for name in self._table.key)
            if key not in held or self._rank(row) > self._rank(held[key]):
                found[key] = row
        return found

    def _rank(self, row: Row) -> tuple[Any, ...]:
        # Code points sort as their UTF-8 bytes do, so Python's own order is the bytewise one.
        return tuple(row[name] for name in self._table.order)
