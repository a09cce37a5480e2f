"""The port to somebody's table: rows behind a cursor, rows by key, all as text.

`sql_source` is the adapter to real databases, `simpul_producers.testing.InMemoryTable` the twin;
`tests/contract/test_table_source.py` runs on both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

#: A value of the cursor column as the database gave it; it is only ever handed back to the same database.
Cursor: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its key as text, the value of its cursor, and its cells by column, an empty text for NULL."""

    key: str
    cursor: Cursor
    cells: Mapping[str, str]


class TableSource(Protocol):
    """Reads one table and never writes to it."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns, in the order of the table."""

    def behind(self, cursor: Cursor | None, rows: int) -> Cursor | None:
        """Return the cursor so many rows before `cursor`; None where the table has not as many."""

    def changed(self, since: Cursor | None) -> Iterator[TableRow]:
        """Yield the rows whose cursor is at or above `since` (all for None), lowest first; NULL cursors come never."""

    def everything(self) -> Iterator[TableRow]:
        """Yield every row of one moment."""

    def close(self) -> None:
        """Disconnect; harmless when called twice."""
