"""Microsoft SQL Server 2019 or later, by any DB-API driver whose placeholder is %s: staged rows, then MERGE.

Never run on a real server here: its statements are held to golden text, and its transactions to the common suite on
other databases and to a driver that fails at every call.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from simpul_connectors.sinks.dialects.dialect import (
    AnyDriverDialect,
    Connection,
    Cursor,
    Trouble,
    fill,
    unique_sets,
    with_doubled,
)
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.plan import Found, Held
from simpul_connectors.sinks.table import Kind, Table

_BYTEWISE = "COLLATE Latin1_General_100_BIN2_UTF8"
_STAGING = "#simpul_staging"
#: Deadlock, snapshot conflict, lock timeout.
_RACES = frozenset({1205, 1222, 3960})
#: Log or disk full, database offline or moving, shutdown, session killed, too busy.
_AWAY = frozenset({596, 701, 802, 927, 942, 978, 1101, 1105, 4060, 6005, 9001, 9002, 10053, 10054, 10060, 40197, 40501})
_AWAY_TOO = frozenset({40613, 49918, 49919, 49920, 17142, 18401, 3906})
#: Null, duplicates, CHECK and foreign keys, conversion, overflow, cut off, what a trigger raises.
_ROWS = frozenset({220, 232, 241, 242, 245, 295, 515, 517, 547, 1946, 2601, 2627, 2628, 8114, 8115, 8152, 50000, 511})


def sqlserver_target(
    connect: Callable[[], Connection], errors: tuple[type[BaseException], ...], where: str, sink: str, table: Table
) -> SqlTarget:
    """Return the target behind a connection of any driver; `errors` are the driver's."""
    return SqlTarget(Sqlserver(errors), connect, where, sink, table)


class Sqlserver(AnyDriverDialect):
    """See `Dialect`."""

    types: ClassVar[Mapping[Kind, str]] = {
        Kind.TEXT: "nvarchar(max)",
        Kind.BIGINT: "bigint",
        Kind.DOUBLE: "float",
        Kind.TIMESTAMP: "datetime2(6)",
        Kind.JSON: "nvarchar(max)",
    }
    transactional_ddl: ClassVar[bool] = True

    def quote(self, name: str) -> str:
        """See `Dialect`; a percent sign is doubled, as values are bound by it."""
        return with_doubled("[", name, "]").replace("%", "%%")

    def staging(self, table: Table) -> str:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`; the session's own."""
        return self.quote(_STAGING)

    def now(self) -> str:
        """See `Dialect`."""
        return "DATEDIFF_BIG(microsecond, '19700101', SYSUTCDATETIME())"

    def bytewise_text(self, size: int) -> str:
        """See `Dialect`; the length is in bytes of UTF-8."""
        return f"varchar({size * 4}) {_BYTEWISE}"

    def own_text(self, size: int) -> str:
        """See `Dialect`."""
        return self.bytewise_text(size)

    def bytewise(self, expression: str) -> str:
        """See `Dialect`."""
        return f"{expression} {_BYTEWISE}"

    def open_staging(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        columns = ", ".join(
            f"{self.quote(column.name)} {self.staged_type(column, table, found)}" for column in table.columns
        )
        return [
            f"DROP TABLE IF EXISTS {self.staging(table)}",
            fill("CREATE TABLE {staging} ({columns})", staging=self.staging(table), columns=columns),
        ]

    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        return [
            fill(
                "MERGE INTO {table} WITH (HOLDLOCK) AS held USING {staging} AS fresh ON {same} "
                "WHEN MATCHED AND {newer} THEN UPDATE SET {assignments} "
                "WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values});",
                table=self.path(*table.path),
                staging=self.staging(table),
                same=self.same(table, found),
                newer=self.newer(table),
                assignments=self.assignments(table, found),
                columns=self.names(table.column_names),
                values=self.names(table.column_names, "fresh"),
            )
        ]

    def delete(self, table: str, alias: str, condition: str) -> str:
        """See `Dialect`."""
        return fill(
            "DELETE {alias} FROM {table} AS {alias} WHERE {condition}", table=table, alias=alias, condition=condition
        )

    def savepoint(self) -> str:
        """See `Dialect`."""
        return "SAVE TRANSACTION simpul"

    def back_to_savepoint(self) -> str:
        """See `Dialect`."""
        return "ROLLBACK TRANSACTION simpul"

    def begin(self, cursor: Cursor) -> None:
        """See `Dialect`; without XACT_ABORT a refused row leaves the transaction to go back to its savepoint."""
        cursor.execute("SET XACT_ABORT OFF; SET LOCK_TIMEOUT 30000; SET ANSI_WARNINGS ON; SET NOCOUNT OFF")

    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """See `Dialect`."""
        name = self.path(*path).replace("%%", "%")
        cursor.execute(
            "SELECT c.name, t.name + CASE WHEN t.name IN ('varchar', 'char') THEN '(' + CASE c.max_length WHEN -1 THEN "
            "'max' ELSE CAST(c.max_length AS varchar(9)) END + ')' WHEN t.name IN ('nvarchar', 'nchar') THEN '(' + "
            "CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length / 2 AS varchar(9)) END + ')' WHEN t.name = "
            "'datetime2' THEN '(' + CAST(c.scale AS varchar(9)) + ')' ELSE '' END, t.name, 1 - c.is_nullable, "
            "CASE WHEN c.default_object_id <> 0 OR c.is_identity = 1 OR c.is_computed = 1 THEN 1 ELSE 0 END "
            "FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id "
            "WHERE c.object_id = OBJECT_ID(%s) ORDER BY c.column_id",
            (name,),
        )
        columns = [
            Held(column, kind, base, bool(required), bool(filled))
            for column, kind, base, required, filled in cursor.fetchall()
        ]
        if not columns:
            return Found()
        cursor.execute(
            "SELECT i.index_id, c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND "
            "k.index_id = i.index_id JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id "
            "WHERE i.object_id = OBJECT_ID(%s) AND i.is_unique = 1 AND i.has_filter = 0 AND k.is_included_column = 0",
            (name,),
        )
        return Found(columns, unique_sets(cursor.fetchall()))

    def judge(self, error: BaseException) -> Trouble:
        """See `Dialect`; the number stands in the error or is the first of its arguments."""
        number = getattr(error, "number", None) or getattr(error, "msg_no", None)
        if number is None and error.args and isinstance(error.args[0], int):
            number = error.args[0]
        if number in _RACES:
            return Trouble.RACE
        if number is None or number in _AWAY or number in _AWAY_TOO:
            return Trouble.AWAY
        return Trouble.ROW if number in _ROWS else Trouble.TABLE
