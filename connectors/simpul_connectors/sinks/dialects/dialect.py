"""What makes one database differ from another: names, types, statements and errors. `SqlTarget` does the rest.

A dialect holds no state and does no I/O of its own beyond the cursor it is handed, so that its statements can be held
to golden text where the database itself cannot run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import polars as pl

from simpul_connectors.sinks.plan import Found
from simpul_connectors.sinks.table import Column, Kind, Table
from simpul_connectors.sinks.target import STAGING_TABLE

#: The calendar that every database and Python have in common, in microseconds since the epoch.
FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
#: Rows that a driver is handed at a time.
_CHUNK = 5_000

Cursor = Any
Connection = Any
#: Makes a connection of the DB-API; autocommit is off.
Connect = Callable[[], Connection]


class Trouble(Enum):
    """What an error of the driver means for the batch."""

    AWAY = "away"  # the connection is lost, or the server cannot work now: wait
    RACE = "race"  # deadlock, serialization failure, lock timeout: go again
    ROW = "row"  # what stands in a row is refused
    TABLE = "table"  # anything else: a table, a right, a setting


@dataclass(frozen=True, slots=True)
class Standstill:
    """A session that waits for its client: where two looks in a row see the same `marks`, its client is frozen."""

    session: int
    marks: tuple[object, ...]


def fill(template: str, **parts: str) -> str:
    """Put quoted names and fragments into a statement; values are always bound."""
    return template.format(**parts)


class Dialect(ABC):
    """A database's own way; every name passes through `quote`, every value is bound."""

    #: The driver's root of errors.
    errors: ClassVar[tuple[type[BaseException], ...]]
    types: ClassVar[Mapping[Kind, str]]
    bigint: ClassVar[str] = "bigint"
    #: Whether DDL is undone with its transaction.
    transactional_ddl: ClassVar[bool] = False

    # Names.

    @abstractmethod
    def quote(self, name: str) -> str:
        """Return a name as an identifier, whatever stands in it."""

    def path(self, *names: str) -> str:
        """Return a name behind that of its schema."""
        return ".".join(map(self.quote, names))

    def names(self, names: Sequence[str], alias: str = "") -> str:
        """Return names separated by commas, each of the row `alias` where one is given."""
        return ", ".join(self.of(alias, name) if alias else self.quote(name) for name in names)

    def of(self, alias: str, name: str) -> str:
        """Return a column of a row."""
        return f"{alias}.{self.quote(name)}"

    def marks(self, count: int, start: int = 1) -> str:
        """Return the placeholders of bound values."""
        return ", ".join(self.mark(number) for number in range(start, start + count))

    def mark(self, number: int) -> str:  # noqa: ARG002  # a dialect with numbered placeholders needs it
        """Return the placeholder of a bound value."""
        return "%s"

    def staging(self, table: Table) -> str:  # noqa: ARG002  # a dialect with a lasting staging table needs it
        """Return the name of the table that holds a batch on its way in."""
        return self.quote(STAGING_TABLE)

    @abstractmethod
    def now(self) -> str:
        """Return the expression of the database's own clock, whole microseconds since the epoch."""

    # Types.

    def type_of(self, column: Column, table: Table) -> str:
        """Return the type of a new column."""
        if column.type:
            return column.type
        if column.field.kind is Kind.TEXT and column.name in {*table.key, *table.order}:
            return self.bytewise_text(column.field.size)
        return self.types[column.field.kind]

    @abstractmethod
    def bytewise_text(self, size: int) -> str:
        """Return the type of a text that is compared byte by byte and may stand in a key."""

    def bytewise(self, expression: str) -> str:
        """Return an expression over a text that is compared byte by byte, whatever its column says."""
        return expression

    def staged_type(self, column: Column, table: Table, found: Found) -> str:  # noqa: ARG002  # some need it
        """Return the type of a column of the staging table."""
        return self.type_of(Column(column.name, column.field), table)

    # Statements. The table is called `held` in them, the batch on its way in `fresh`.

    def create_table(self, table: Table) -> str:
        """Return the statement that makes the sink's table."""
        columns = ", ".join(
            f"{self.quote(column.name)} {self.type_of(column, table)}{' NOT NULL' if column.field.required else ''}"
            for column in table.columns
        )
        return fill(
            "CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))",
            table=self.path(*table.path),
            columns=columns,
            key=self.names(table.key),
        )

    def add_column(self, column: Column, table: Table) -> str:
        """Return the statement that adds a column; it may be null, as there may be rows."""
        return fill(
            "ALTER TABLE {table} ADD {column} {type}",
            table=self.path(*table.path),
            column=self.quote(column.name),
            type=self.type_of(column, table),
        )

    def create_index(self, table: Table) -> str:
        """Return the statement that makes the key unique."""
        return fill(
            "CREATE UNIQUE INDEX {name} ON {table} ({key})",
            name=self.quote(f"simpul_{table.path[-1][:50]}_key"),
            table=self.path(*table.path),
            key=self.names(table.key),
        )

    def create_own(self, path: Sequence[str], columns: Mapping[str, str], key: Sequence[str]) -> str:
        """Return the statement that makes one of the sinks' own tables."""
        listed = ", ".join(f"{self.quote(name)} {kind} NOT NULL" for name, kind in columns.items())
        return fill(
            "CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))",
            table=self.path(*path),
            columns=listed,
            key=self.names(key),
        )

    @abstractmethod
    def own_text(self, size: int) -> str:
        """Return the type of a text of the sinks' own tables, compared byte by byte."""

    @abstractmethod
    def open_staging(self, table: Table, found: Found) -> Sequence[str]:
        """Return the statements that leave an empty staging table."""

    def pack(self, table: Table, rows: pl.DataFrame) -> Any:  # noqa: ANN401, ARG002  # what `stage` of the same dialect takes
        """Return rows as they are sent, or None where `stage` does it all; needs no connection."""
        return None

    def stage(self, cursor: Cursor, table: Table, rows: pl.DataFrame, packed: Any = None) -> None:  # noqa: ANN401, ARG002  # as `pack` made it
        """Put rows into the staging table, in bulk; `packed` is what `pack` made of them, where that was asked."""
        statement = fill(
            "INSERT INTO {staging} ({columns}) VALUES ({marks})",
            staging=self.staging(table),
            columns=self.names(table.column_names),
            marks=self.marks(len(table.columns)),
        )
        values = self.values(rows, table)
        for part in values.iter_slices(_CHUNK):
            cursor.executemany(statement, part.rows())

    def values(self, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
        """Return rows as the driver binds them; a time outside the calendar becomes its first or last moment."""
        return rows.select(
            pl.col(column.name).clip(FIRST_MICROS, LAST_MICROS).cast(pl.Datetime("us"))
            if column.field.kind is Kind.TIMESTAMP
            else pl.col(column.name)
            for column in table.columns
        )

    def fresh_value(self, column: Column, found: Found) -> str:  # noqa: ARG002  # some cast to the column's own type
        """Return the staged value of a column, as the table takes it."""
        return self.of("fresh", column.name)

    def same(self, table: Table, found: Found) -> str:
        """Return the condition that `held` and `fresh` have one key."""
        by_name = {column.name: column for column in table.columns}
        return " AND ".join(f"{self.of('held', name)} = {self.fresh_value(by_name[name], found)}" for name in table.key)

    def newer(self, table: Table, new: str = "fresh", old: str = "held") -> str:
        """Return the condition that one row is newer than the other."""
        found = ""
        for name in reversed(table.order):
            left, right = (self._compared(table, row, name) for row in (new, old))
            found = f"{left} > {right} OR ({left} = {right} AND ({found}))" if found else f"{left} > {right}"
        return f"({found})"

    def _compared(self, table: Table, row: str, name: str) -> str:
        is_text = any(column.name == name and column.field.kind is Kind.TEXT for column in table.columns)
        return self.bytewise(self.of(row, name)) if is_text else self.of(row, name)

    def assignments(self, table: Table, found: Found, value: Callable[[Column], str] | None = None) -> str:
        """Return what an update sets: every column but the key."""
        value = value or (lambda column: self.fresh_value(column, found))
        return ", ".join(
            f"{self.quote(column.name)} = {value(column)}" for column in table.columns if column.name not in table.key
        )

    @abstractmethod
    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """Return the statements that take the staged rows in, where they are newer than what is there."""

    def upsert_at_once(self, cursor: Cursor, table: Table, rows: pl.DataFrame) -> bool:  # noqa: ARG002  # most stage first
        """Take rows in without staging them; False, with nothing done, where database or table is not for it."""
        return False

    def insert_missing(self, table: Table, found: Found) -> str:
        """Return the statement that takes in the staged rows whose key is not there."""
        return fill(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {staging} fresh "
            "WHERE NOT EXISTS (SELECT 1 FROM {table} held WHERE {same})",
            table=self.path(*table.path),
            columns=self.names(table.column_names),
            values=", ".join(self.fresh_value(column, found) for column in table.columns),
            staging=self.staging(table),
            same=self.same(table, found),
        )

    def delete(self, table: str, alias: str, condition: str) -> str:
        """Return the statement that deletes rows, which the condition calls `alias`."""
        return fill("DELETE FROM {table} {alias} WHERE {condition}", table=table, alias=alias, condition=condition)

    def lasting_staging(self, table: Table) -> str:  # noqa: ARG002  # most have none
        """Return the name of a staging table that is made once and for all; nothing where there is none."""
        return ""

    def create_lasting_staging(self, table: Table) -> str:
        """Return the statement that makes it."""
        raise NotImplementedError(table)

    def savepoint(self) -> str:
        """Return the statement that sets a savepoint."""
        return "SAVEPOINT simpul"

    def back_to_savepoint(self) -> str:
        """Return the statement that undoes what came behind the savepoint."""
        return "ROLLBACK TO SAVEPOINT simpul"

    # At work.

    def begin(self, cursor: Cursor) -> None:  # noqa: B027  # not every database needs it
        """Begin a transaction: settings of ours for its length."""

    @abstractmethod
    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """Read a table from the database's catalogue."""

    def hurry(self, cursor: Cursor) -> None:  # noqa: B027  # not every database can
        """Wait for locks only a few seconds in this transaction, where `standstill` can say why they are held."""

    def standstill(self, cursor: Cursor, path: Sequence[str], sink: str) -> Standstill | None:  # noqa: ARG002  # most leave it to the server
        """Return the session that holds a sink's row while it waits for its client; None where that cannot be told."""
        return None

    def end_session(self, cursor: Cursor, session: int) -> None:
        """End a session that `standstill` has named, so that its transaction is undone."""
        raise NotImplementedError(session)

    def lock_ddl(self, cursor: Cursor) -> None:  # noqa: B027  # not every database can
        """Keep other copies of a sink from making the same tables at the same time, where the database can."""

    @abstractmethod
    def judge(self, error: BaseException) -> Trouble:
        """Say what an error of the driver means."""

    def words(self, error: BaseException) -> str:
        """Return the database's own words."""
        return str(error)


class AnyDriverDialect(Dialect):
    """A dialect whose driver is the operator's choice; `errors` are what that driver raises."""

    def __init__(self, errors: tuple[type[BaseException], ...]) -> None:
        self.errors = errors  # type: ignore[misc]  # the driver is passed in


def with_doubled(quote: str, name: str, end: str = "") -> str:
    """Quote a name, its quotes doubled; no database takes a NUL in one."""
    end = end or quote
    return f"{quote}{name.replace(end, end * 2)}{end}"


def unique_sets(rows: Iterable[Sequence[Any]]) -> list[frozenset[str]]:
    """Gather the columns of each unique index from rows of (index, column)."""
    found: dict[Any, set[str]] = {}
    for index, column in rows:
        found.setdefault(index, set()).add(column)
    return [frozenset(names) for names in found.values()]
