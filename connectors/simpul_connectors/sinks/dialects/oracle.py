"""Oracle Database 18c or later, by oracledb or any DB-API driver with :1 placeholders: staged rows, then MERGE.

Never run on a real server here: its statements are held to golden text, and its transactions to the common suite on
other databases and to a driver that fails at every call. To Oracle an empty text is null.
"""

import hashlib
import re
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

_CODE = re.compile(r"\b(?:ORA|DPY|DPI)-(\d+)")
#: Deadlock, serialization failure, lock timeout.
_RACES = frozenset({54, 60, 8177, 30006})
#: Duplicates, null, too long, range, formats, CHECK and foreign keys; ORA-20000 to 20999 is what a trigger raises.
_ROWS = frozenset({1, 1400, 1401, 1407, 1426, 1438, 1722, 1830, 1839, 1841, 1843, 1847, 1858, 1861, 2290, 2291, 12899})
_RAISED = range(20_000, 21_000)
#: Not there, a right, a name, a type: these need a hand. All else is waited out.
_TABLE = frozenset({900, 904, 905, 907, 911, 932, 942, 947, 955, 957, 972, 1017, 1031, 1045, 1408, 1536, 2264, 28000})


def oracle_target(
    connect: Callable[[], Connection], errors: tuple[type[BaseException], ...], where: str, sink: str, table: Table
) -> SqlTarget:
    """Return the target behind a connection of any driver; `errors` are the driver's."""
    return SqlTarget(Oracle(errors), connect, where, sink, table)


class Oracle(AnyDriverDialect):
    """See `Dialect`."""

    types: ClassVar[Mapping[Kind, str]] = {
        Kind.TEXT: "clob",
        Kind.BIGINT: "number(19)",
        Kind.DOUBLE: "binary_double",
        Kind.TIMESTAMP: "timestamp(6)",
        Kind.JSON: "clob",
    }
    bigint = "number(19)"

    def quote(self, name: str) -> str:
        """See `Dialect`; no name of Oracle can hold a quote, so such a one is refused by it."""
        return with_doubled('"', name)

    def mark(self, number: int) -> str:
        """See `Dialect`."""
        return f":{number}"

    def now(self) -> str:
        """See `Dialect`; in steps of a second."""
        return "ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400) * 1000000"

    def lasting_staging(self, table: Table) -> str:
        """See `Dialect`; a table whose rows are each session's own, named after its columns."""
        listed = ", ".join(f"{column.name} {self.type_of(column, table)}" for column in table.columns)
        return f"simpul_staging_{hashlib.sha256(listed.encode()).hexdigest()[:8]}"

    def staging(self, table: Table) -> str:
        """See `Dialect`."""
        return self.path(*table.path[:-1], self.lasting_staging(table))

    def create_lasting_staging(self, table: Table) -> str:
        """See `Dialect`."""
        columns = ", ".join(f"{self.quote(column.name)} {self.type_of(column, table)}" for column in table.columns)
        return fill(
            "CREATE GLOBAL TEMPORARY TABLE {staging} ({columns}) ON COMMIT DELETE ROWS",
            staging=self.staging(table),
            columns=columns,
        )

    def open_staging(self, table: Table, found: Found) -> Sequence[str]:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`."""
        return [fill("DELETE FROM {staging}", staging=self.staging(table))]

    def bytewise_text(self, size: int) -> str:
        """See `Dialect`; the session compares bytes."""
        return f"varchar2({size} char)"

    def own_text(self, size: int) -> str:
        """See `Dialect`."""
        return self.bytewise_text(size)

    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        return [
            fill(
                "MERGE INTO {table} held USING {staging} fresh ON ({same}) "
                "WHEN MATCHED THEN UPDATE SET {assignments} WHERE {newer} "
                "WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})",
                table=self.path(*table.path),
                staging=self.staging(table),
                same=self.same(table, found),
                newer=self.newer(table),
                assignments=", ".join(
                    f"{self.of('held', name)} = {self.of('fresh', name)}"
                    for name in table.column_names
                    if name not in table.key
                ),
                columns=self.names(table.column_names),
                values=self.names(table.column_names, "fresh"),
            )
        ]

    def begin(self, cursor: Cursor) -> None:
        """See `Dialect`."""
        cursor.execute("ALTER SESSION SET NLS_COMP = BINARY NLS_SORT = BINARY TIME_ZONE = '+00:00'")

    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """See `Dialect`."""
        schema, name = (path[0], path[1]) if len(path) == 2 else (None, path[0])
        where = [schema, name]
        cursor.execute(
            "SELECT column_name, lower(data_type) || CASE WHEN data_type LIKE '%CHAR%' THEN '(' || char_length || "
            "CASE char_used WHEN 'C' THEN ' char' END || ')' WHEN data_type = 'NUMBER' AND data_precision IS NOT NULL "
            "THEN '(' || data_precision || CASE WHEN data_scale > 0 THEN ',' || data_scale END || ')' END, "
            "lower(data_type), CASE nullable WHEN 'N' THEN 1 ELSE 0 END, "
            "CASE WHEN default_length > 0 THEN 1 ELSE 0 END FROM all_tab_columns "
            "WHERE owner = coalesce(:1, sys_context('USERENV', 'CURRENT_SCHEMA')) AND table_name = :2 "
            "ORDER BY column_id",
            where,
        )
        columns = [
            Held(column, kind, base, bool(required), bool(filled))
            for column, kind, base, required, filled in cursor.fetchall()
        ]
        if not columns:
            return Found()
        cursor.execute(
            "SELECT i.index_name, c.column_name FROM all_indexes i JOIN all_ind_columns c ON c.index_owner = i.owner "
            "AND c.index_name = i.index_name WHERE i.uniqueness = 'UNIQUE' AND i.table_owner = "
            "coalesce(:1, sys_context('USERENV', 'CURRENT_SCHEMA')) AND i.table_name = :2",
            where,
        )
        return Found(columns, unique_sets(cursor.fetchall()))

    def judge(self, error: BaseException) -> Trouble:
        """See `Dialect`."""
        match = _CODE.search(str(error))
        code = int(match[1]) if match else None
        if code in _RACES:
            return Trouble.RACE
        if code in _ROWS or code in _RAISED:
            return Trouble.ROW
        return Trouble.TABLE if code in _TABLE else Trouble.AWAY
