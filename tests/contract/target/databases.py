"""The databases that the contract of `simpul_connectors.sinks.target.Target` runs on, and what its tests put there."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pymysql
import pytest
from psycopg import sql

from simpul_connectors.sinks.dialects import mariadb
from simpul_connectors.sinks.dialects.mariadb import mariadb_target
from simpul_connectors.sinks.dialects.postgresql import postgresql_target
from simpul_connectors.sinks.dialects.sqlite import sqlite_target
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.table import Column, Field, Kind, Table
from simpul_connectors.sinks.target import Move, Position, Target
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.log import Partition

P0, P1 = Partition("simpul.73.incident.v1", 0), Partition("simpul.13.incident.v1", 0)

KINDS = {
    "subject": Kind.TEXT,
    "revision": Kind.BIGINT,
    "event_id": Kind.TEXT,
    "action": Kind.TEXT,
    "note": Kind.TEXT,
    "number": Kind.BIGINT,
    "ratio": Kind.DOUBLE,
    "moment": Kind.TIMESTAMP,
    "list": Kind.JSON,
}
REQUIRED = {"subject", "revision", "event_id", "action"}
DTYPES = {Kind.TEXT: pl.String, Kind.BIGINT: pl.Int64, Kind.DOUBLE: pl.Float64, Kind.TIMESTAMP: pl.Int64}


def make_table(*path: str) -> Table:
    columns = tuple(Column(name, Field(name, kind, name in REQUIRED)) for name, kind in KINDS.items())
    return Table(path, columns, ("subject",), ("revision", "event_id"))


def event(subject: str, revision: int, event_id: str = "e", **more: object) -> dict[str, object]:
    return {"subject": subject, "revision": revision, "event_id": event_id, "action": "SUBMIT", **more}


def frame(events: Sequence[dict[str, object]]) -> pl.DataFrame:
    schema = {name: DTYPES.get(kind, pl.List(pl.Int64)) for name, kind in KINDS.items()}
    return pl.DataFrame([{name: found.get(name) for name in KINDS} for found in events], schema=schema)


def position(records: int) -> Position:
    return Position(records, records, 0)


def move(partition: Partition, before: int, after: int) -> Move:
    return Move(partition, position(before), position(after))


@dataclass
class Database:
    """One database of a kind, with a table of its own for this test."""

    table: Table
    open: Callable[..., Target]
    read: Callable[[], list[dict[str, Any]]]
    drop: Callable[[], None]
    #: Runs a statement; "{table}" stands for the table. None in memory, which has no SQL.
    execute: Callable[[str], list[Any]] | None = None

    def write(self, target: Target, events: Sequence[dict[str, object]], *moves: Move) -> None:
        target.write(shape(frame(events), self.table), moves)

    def by_subject(self) -> dict[str, dict[str, Any]]:
        found = self.read()
        assert len({row["subject"] for row in found}) == len(found)
        return {row["subject"]: row for row in found}


def in_memory() -> Database:
    table = make_table("peristiwa")
    database = InMemoryDatabase()
    return Database(
        table,
        lambda sink, declared=table: InMemoryTarget(database, sink, declared),
        lambda: [dict(row) for row in database.tables["peristiwa"].values()],
        database.tables.clear,
    )


def in_postgresql(url: str, schema: str) -> Database:
    table = make_table(schema, "peristiwa")
    name = sql.Identifier(*table.path)

    def execute(statement: sql.Composed) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def read() -> list[dict[str, Any]]:
        # As text, jsonb is what was given; as a Python value it would be parsed.
        columns = [
            sql.SQL("{}::text").format(sql.Identifier(column)) if kind is Kind.JSON else sql.Identifier(column)
            for column, kind in KINDS.items()
        ]
        rows = execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), name))
        return [
            {
                key: to_micros(value) if isinstance(value, datetime) else value
                for key, value in zip(KINDS, row, strict=True)
            }
            for row in rows
        ]

    def drop() -> None:
        execute(sql.SQL("DROP TABLE {}").format(name))

    execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    return Database(
        table,
        lambda sink, declared=table: postgresql_target(url, sink, declared),
        read,
        drop,
        lambda statement: execute(sql.SQL(statement).format(table=name)),
    )


def as_micros(value: Any) -> int | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return to_micros(moment.replace(tzinfo=UTC))


def in_other(
    connect: Callable[[], Any], table: Table, name: str, quote: str, make: Callable[[str, Table], Target]
) -> Database:
    def execute(statement: str) -> list[Any]:
        connection = connect()
        try:
            cursor = connection.cursor()
            cursor.execute(statement.format(table=name))
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        finally:
            connection.close()
        return found

    def read() -> list[dict[str, Any]]:
        columns = ", ".join(f"{quote}{column}{quote}" for column in KINDS)
        return [
            {
                key: as_micros(value) if KINDS[key] is Kind.TIMESTAMP else value
                for key, value in zip(KINDS, row, strict=True)
            }
            for row in execute(f"SELECT {columns} FROM {{table}}")
        ]

    return Database(
        table,
        lambda sink, declared=table: make(sink, declared),
        read,
        lambda: (execute("DROP TABLE {table}"), None)[1],
        execute,
    )


def in_mariadb(url: str, schema: str) -> Database:
    settings = mariadb._settings(url)
    connection = pymysql.connect(**settings)
    connection.cursor().execute(f"CREATE OR REPLACE DATABASE {schema}")
    connection.close()
    table = make_table(schema, "peristiwa")
    return in_other(
        lambda: pymysql.connect(**settings),
        table,
        f"`{schema}`.`peristiwa`",
        "`",
        lambda sink, declared: mariadb_target(url, sink, declared),
    )


def in_sqlite(folder: Path, name: str) -> Database:
    file = folder / f"{name}.db"
    return in_other(
        lambda: sqlite3.connect(file),
        make_table("peristiwa"),
        '"peristiwa"',
        '"',
        lambda sink, declared: sqlite_target(f"sqlite:///{file}", sink, declared),
    )


#: For `pytestmark`: every test of a module runs on each database.
ON_EVERY_DATABASE = pytest.mark.parametrize(
    "make_database", ["memory", "postgresql", "mariadb", "sqlite"], indirect=True, scope="module"
)
