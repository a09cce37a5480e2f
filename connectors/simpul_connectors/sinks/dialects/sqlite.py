"""SQLite, by Python's own driver: for a desk, a pilot, or a file that travels."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl

from simpul_connectors.sinks.dialects.dialect import (
    FIRST_MICROS,
    LAST_MICROS,
    Connection,
    Cursor,
    Dialect,
    Trouble,
    fill,
    unique_sets,
    with_doubled,
)
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.plan import Found, Held
from simpul_connectors.sinks.table import Kind, Table
from simpul_connectors.sinks.target import STAGING_TABLE
from simpul_schemas.errors import SettingsError

_AWAY = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_RACES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_ROWS = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE})


def sqlite_target(url: str, sink: str, table: Table) -> SqlTarget:
    """Return the target of `sqlite:///file` (relative) or `sqlite:////file` (absolute), not connected yet."""
    file = url.partition(":///")[2]
    if not file or "?" in file:
        raise SettingsError(
            "Alamat basis data (database.url) tidak dapat dibaca; bentuknya sqlite:///berkas.db.",
            "The database address (database.url) cannot be read; its form is sqlite:///file.db.",
        )

    def connect() -> Connection:
        # One thread at a time, but not always the same one.
        connection = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    return SqlTarget(Sqlite(), connect, file, sink, table)


class Sqlite(Dialect):
    """See `Dialect`."""

    errors = (sqlite3.Error, OverflowError)
    types: ClassVar[Mapping[Kind, str]] = {
        Kind.TEXT: "text",
        Kind.BIGINT: "integer",
        Kind.DOUBLE: "real",
        Kind.TIMESTAMP: "text",
        Kind.JSON: "text",
    }
    bigint = "integer"
    transactional_ddl = True

    def quote(self, name: str) -> str:
        """See `Dialect`."""
        return with_doubled('"', name)

    def mark(self, number: int) -> str:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`."""
        return "?"

    def staging(self, table: Table) -> str:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`."""
        return self.path("temp", STAGING_TABLE)

    def now(self) -> str:
        """See `Dialect`; in steps of a millisecond."""
        return "CAST((julianday('now') - 2440587.5) * 86400000000 AS integer)"

    def bytewise_text(self, size: int) -> str:  # noqa: ARG002  # SQLite needs no length
        """See `Dialect`; SQLite compares bytes by itself."""
        return "text"

    def own_text(self, size: int) -> str:  # noqa: ARG002  # the same
        """See `Dialect`."""
        return "text"

    def bytewise(self, expression: str) -> str:
        """See `Dialect`."""
        return f"{expression} COLLATE BINARY"

    def create_index(self, table: Table) -> str:
        """See `Dialect`; the index stands in the schema of its table."""
        name = f"simpul_{table.path[-1][:50]}_key"
        return fill(
            "CREATE UNIQUE INDEX {name} ON {table} ({key})",
            name=self.path(*table.path[:-1], name),
            table=self.quote(table.path[-1]),
            key=self.names(table.key),
        )

    def open_staging(self, table: Table, found: Found) -> Sequence[str]:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`."""
        columns = ", ".join(f"{self.quote(column.name)} {self.types[column.field.kind]}" for column in table.columns)
        staging = self.staging(table)
        return [
            fill("DROP TABLE IF EXISTS {staging}", staging=staging),
            fill("CREATE TABLE {staging} ({columns})", staging=staging, columns=columns),
        ]

    def values(self, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
        """See `Dialect`; a time is its text in UTC."""
        return rows.select(
            pl.col(column.name)
            .clip(FIRST_MICROS, LAST_MICROS)
            .cast(pl.Datetime("us"))
            .dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
            if column.field.kind is Kind.TIMESTAMP
            else pl.col(column.name)
            for column in table.columns
        )

    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        return [
            fill(
                "INSERT INTO {table} AS held ({columns}) SELECT {columns} FROM {staging} WHERE true "
                "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE {newer}",
                table=self.path(*table.path),
                columns=self.names(table.column_names),
                staging=self.staging(table),
                key=self.names(table.key),
                assignments=self.assignments(table, found, lambda column: self.of("excluded", column.name)),
                newer=self.newer(table, "excluded"),
            )
        ]

    def delete(self, table: str, alias: str, condition: str) -> str:
        """See `Dialect`."""
        return fill("DELETE FROM {table} AS {alias} WHERE {condition}", table=table, alias=alias, condition=condition)

    def begin(self, cursor: Cursor) -> None:
        """See `Dialect`; the lock is taken at once, as it could not be raised later."""
        cursor.execute("BEGIN IMMEDIATE")

    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """See `Dialect`."""
        schema, name = (path[0], path[1]) if len(path) == 2 else ("main", path[0])
        cursor.execute(
            "SELECT name, type, \"notnull\", dflt_value IS NOT NULL OR (pk > 0 AND lower(type) = 'integer') "
            "FROM pragma_table_info(?, ?) ORDER BY cid",
            [name, schema],
        )
        columns = [
            Held(column, kind, kind, bool(required), bool(filled))
            for column, kind, required, filled in cursor.fetchall()
        ]
        cursor.execute(
            "SELECT listed.name, info.name FROM pragma_index_list(?, ?) AS listed, "
            'pragma_index_info(listed.name, ?) AS info WHERE listed."unique" AND NOT listed.partial '
            "UNION ALL SELECT '', name FROM pragma_table_info(?, ?) WHERE pk > 0",
            [name, schema, schema, name, schema],
        )
        return Found(columns, unique_sets(cursor.fetchall()))

    def judge(self, error: BaseException) -> Trouble:
        """See `Dialect`."""
        if isinstance(error, OverflowError | sqlite3.InterfaceError):
            return Trouble.ROW
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in _RACES:
            return Trouble.RACE
        if code in _AWAY:
            return Trouble.AWAY
        return Trouble.ROW if code in _ROWS else Trouble.TABLE
