"""The statements of the PostgreSQL dialect, built from a table; every name is quoted by the driver."""

from collections.abc import Iterable, Mapping

from psycopg import sql

from simpul_connectors.sinks.table import Column, Kind, Table
from simpul_connectors.sinks.target import OFFSET_TABLE

#: A batch on its way in; gone with its transaction, so nothing is left on a connection that a pooler shares.
STAGING = sql.Identifier("pg_temp", "simpul_staging")
_TYPES: Mapping[Kind, sql.SQL] = {
    Kind.TEXT: sql.SQL("text"),
    Kind.BIGINT: sql.SQL("bigint"),
    Kind.DOUBLE: sql.SQL("double precision"),
    Kind.TIMESTAMP: sql.SQL("timestamptz"),
    Kind.JSON: sql.SQL("jsonb"),
}
#: Byte by byte: a database's own collation may find two different texts equal, or order them by language.
_BYTEWISE = sql.SQL(' COLLATE "C"')


def offset_table(table: Table) -> sql.Identifier:
    """Return the name of the offset table: it stands in the schema of the sink's table."""
    return sql.Identifier(*table.path[:-1], OFFSET_TABLE)


def create_table(table: Table) -> sql.Composed:
    """Return the statement that makes the sink's table."""
    bytewise = {*table.key, *table.order}
    parts = [
        sql.SQL("{} {}{}{}").format(
            sql.Identifier(column.name),
            _TYPES[column.field.kind],
            _BYTEWISE if column.name in bytewise and column.field.kind is Kind.TEXT else sql.SQL(""),
            sql.SQL(" NOT NULL") if column.field.required else sql.SQL(""),
        )
        for column in table.columns
    ]
    return sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
        sql.Identifier(*table.path), sql.SQL(", ").join(parts), _names(table.key)
    )


def create_offset_table(table: Table) -> sql.Composed:
    """Return the statement that makes the offset table where it is missing."""
    return sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} (sink text NOT NULL, topic text NOT NULL, partition integer NOT NULL, "
        "next_offset bigint NOT NULL, records bigint NOT NULL, refused bigint NOT NULL, "
        "PRIMARY KEY (sink, topic, partition))"
    ).format(offset_table(table))


def create_staging(table: Table) -> sql.Composed:
    """Return the statement that makes the staging table of one transaction, in the types that COPY is given."""
    parts = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), _TYPES[column.field.kind]) for column in table.columns
    ]
    return sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(STAGING, sql.SQL(", ").join(parts))


def copy_to_staging(table: Table) -> sql.Composed:
    """Return the statement that takes a binary stream into the staging table."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(STAGING, _names(table.column_names))


def upsert(table: Table) -> sql.Composed:
    """Return the statement that takes the staged rows in, where they are newer than what is there."""
    settled = {*table.key}
    columns = _names(table.column_names)
    return sql.SQL(
        "INSERT INTO {table} AS held ({columns}) SELECT {columns} FROM {staging} "
        "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({new}) > ({old})"
    ).format(
        table=sql.Identifier(*table.path),
        columns=columns,
        staging=STAGING,
        key=_names(table.key),
        assignments=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in table.column_names
            if name not in settled
        ),
        new=_compared(table, "excluded"),
        old=_compared(table, "held"),
    )


def _compared(table: Table, row: str) -> sql.Composed:
    by_name: Mapping[str, Column] = {column.name: column for column in table.columns}
    return sql.SQL(", ").join(
        sql.SQL("{}{}").format(
            sql.Identifier(row, name), _BYTEWISE if by_name[name].field.kind is Kind.TEXT else sql.SQL("")
        )
        for name in table.order
    )


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
