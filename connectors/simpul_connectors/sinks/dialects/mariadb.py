"""MariaDB and MySQL, by pymysql: rows in bulk into a temporary table, then an update and an insert by key.

`INSERT ... ON DUPLICATE KEY UPDATE` does it at once, but only in a table as we make it ourselves. Where a row meets
another unique index of a ministry's table, or a key that its collation finds equal, it would overwrite a row of another
key in silence, instead of refusing; and it calls triggers for an insert where there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl
import pymysql

from simpul_connectors.sinks.dialects.dialect import (
    Connection,
    Cursor,
    Dialect,
    Trouble,
    fill,
    unique_sets,
    with_doubled,
)
from simpul_connectors.sinks.dialects.mariadb_literals import to_literals
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.plan import Found, Held
from simpul_connectors.sinks.table import Column, Kind, Table
from simpul_connectors.sinks.target import STAGING_TABLE
from simpul_schemas.errors import SettingsError

#: Deadlock, lock wait timeout, a row that was changed behind our snapshot.
_RACES = frozenset({1205, 1213, 1020})
#: Too many connections, shutdown, killed, read-only, lost, refused by the host, idle in a transaction; and a full disk.
_AWAY = frozenset({1021, 1040, 1053, 1077, 1158, 1159, 1160, 1161, 1203, 1290, 1317, 1836, 1927, 1969, 3024})
_CLIENT_ERRORS = range(2000, 2100)
#: Null, duplicates, foreign keys, ranges, lengths, formats, CHECK of either, what a trigger raises; a row too large.
_ROWS = frozenset({1048, 1062, 1118, 1169, 1216, 1217, 1264, 1265, 1292, 1366, 1406, 1411, 1451, 1452, 1557, 1586}) | {
    *{1153, 1644, 1690, 3140, 3819, 4025, 4038, 1071, 3157}
}
#: Strict, so that nothing is ever cut or rounded in silence; and times are UTC. A copy that froze in mid transaction
#: must not hold its locks for ever: the server ends its session. MySQL cannot tell a transaction from mere idleness, so
#: its limit lies far above the seconds between two signs of life.
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = 30, "
    "transaction_isolation = 'READ-COMMITTED', wait_timeout = 60"
)
_MARIADB_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = 30, tx_isolation = 'READ-COMMITTED', "
    "idle_transaction_timeout = 10"
)
_OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "unix_socket": str,
    "ssl_ca": str,
    "ssl_cert": str,
    "ssl_key": str,
    "connect_timeout": int,
    "read_timeout": int,
    "write_timeout": int,
}
_FORM = "mysql://user:password@host:3306/database"


def mariadb_target(
    url: str, sink: str, table: Table, connect_to: Callable[..., Connection] = pymysql.connect
) -> SqlTarget:
    """Return the target of `mysql://user:password@host:port/database` (or `mariadb://`), not connected yet."""
    settings = _settings(url)
    dialect = Mariadb()

    def connect() -> Connection:
        connection = connect_to(**settings)
        is_mariadb = "mariadb" in str(connection.get_server_info()).lower()
        dialect.bytewise_collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        with connection.cursor() as cursor:
            cursor.execute(_MARIADB_SESSION if is_mariadb else _SESSION)
        connection.commit()
        return connection

    where = settings.get("unix_socket") or f"{settings['host']}:{settings['port']}"
    return SqlTarget(dialect, connect, f"{where}/{settings['database']}", sink, table)


class Mariadb(Dialect):
    """See `Dialect`."""

    errors = (pymysql.err.MySQLError,)
    types: ClassVar[Mapping[Kind, str]] = {
        Kind.TEXT: "longtext",
        Kind.BIGINT: "bigint",
        Kind.DOUBLE: "double",
        Kind.TIMESTAMP: "datetime(6)",
        Kind.JSON: "json",
    }
    #: Neither case nor trailing blanks make two texts one; MySQL has another name for it.
    bytewise_collation = "utf8mb4_nopad_bin"

    def quote(self, name: str) -> str:
        """See `Dialect`; a percent sign is doubled, as values are bound by it."""
        return with_doubled("`", name).replace("%", "%%")

    def now(self) -> str:
        """See `Dialect`; the session is in UTC, so that no hour comes twice."""
        return "CAST(unix_timestamp(sysdate(6)) * 1000000 AS signed)"

    def type_of(self, column: Column, table: Table) -> str:
        """See `Dialect`; in a charset that holds every text, whatever the database's own is."""
        found = super().type_of(column, table)
        if column.field.kind is Kind.TEXT and not column.type and " " not in found:
            return f"{found} CHARACTER SET utf8mb4 COLLATE {self.bytewise_collation}"
        return found

    def bytewise_text(self, size: int) -> str:
        """See `Dialect`."""
        return f"varchar({size}) CHARACTER SET utf8mb4 COLLATE {self.bytewise_collation}"

    def own_text(self, size: int) -> str:
        """See `Dialect`."""
        return self.bytewise_text(size)

    def bytewise(self, expression: str) -> str:
        """See `Dialect`."""
        return f"CAST({expression} AS BINARY)"

    def staged_type(self, column: Column, table: Table, found: Found) -> str:
        """See `Dialect`; a key in the collation of the table's own, or its index could not be used."""
        held = found.by_name.get(column.name)
        if column.name in table.key and column.field.kind is Kind.TEXT and held is not None and held.detail:
            return f"{held.type} {held.detail}"
        if column.field.kind is Kind.TEXT and column.name not in table.key:
            return f"longtext CHARACTER SET utf8mb4 COLLATE {self.bytewise_collation}"
        return super().staged_type(column, table, found)

    def open_staging(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`; neither statement ends the transaction."""
        columns = ", ".join(
            f"{self.quote(column.name)} {self.staged_type(column, table, found)}" for column in table.columns
        )
        staging = self.quote(STAGING_TABLE)
        return [
            fill("DROP TEMPORARY TABLE IF EXISTS {staging}", staging=staging),
            fill(
                "CREATE TEMPORARY TABLE {staging} ({columns}, PRIMARY KEY ({key})) ENGINE = InnoDB",
                staging=staging,
                columns=columns,
                key=self.names(table.key),
            ),
        ]

    def stage(self, cursor: Cursor, table: Table, rows: pl.DataFrame, packed: object = None) -> None:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`."""
        statement = fill(
            "INSERT INTO {staging} ({columns}) VALUES ",
            staging=self.staging(table),
            columns=self.names(table.column_names),
        ).replace("%%", "%")  # nothing is bound by the driver
        for literals in to_literals(rows, table.columns):
            cursor.execute(statement + literals)

    def same(self, table: Table, found: Found) -> str:
        """See `Dialect`; byte by byte, whatever the collation of the ministry's table finds equal."""
        texts = [c.name for c in table.columns if c.name in table.key and c.field.kind is Kind.TEXT]
        strict = [
            f"{self.bytewise(self.of('held', name))} = {self.bytewise(self.of('fresh', name))}"
            for name in texts
            if not (held := found.by_name.get(name)) or "nopad_bin" not in held.detail
        ]
        return " AND ".join([super().same(table, found), *strict])

    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        assignments = ", ".join(
            f"{self.of('held', name)} = {self.of('fresh', name)}"
            for name in table.column_names
            if name not in table.key
        )
        update = fill(
            "UPDATE {staging} fresh STRAIGHT_JOIN {table} held ON {same} SET {assignments} WHERE {newer}",
            staging=self.staging(table),
            table=self.path(*table.path),
            same=self.same(table, found),
            assignments=assignments,
            newer=self.newer(table),
        )
        return [update, self.insert_missing(table, found)]

    def upsert_at_once(self, cursor: Cursor, table: Table, rows: pl.DataFrame) -> bool:
        """See `Dialect`; the table's definition is locked first, so that what is found stays so to the COMMIT."""
        cursor.execute(fill("SELECT 1 FROM {table} LIMIT 0", table=self.path(*table.path)), ())
        if not self._is_as_we_make_it(cursor, table):
            return False
        into = fill(
            "INSERT INTO {table} ({columns}) VALUES ",
            table=self.path(*table.path),
            columns=self.names(table.column_names),
        ).replace("%%", "%")  # nothing is bound by the driver
        on_duplicate = self.on_duplicate(table).replace("%%", "%")
        for literals in to_literals(rows, table.columns):
            cursor.execute(f"{into}{literals}{on_duplicate}")
        return True

    def on_duplicate(self, table: Table) -> str:
        """Return what becomes of a row that is there, in a table whose texts are compared byte by byte.

        Columns are set one after the other, and a condition sees those that are set already: so the columns of the
        order come last, and those that decide first last of all. Where a later one of them has decided, the earlier
        ones are equal in both rows, and it does not matter how the condition then turns out.
        """
        newer = ""
        for name in map(self.quote, reversed(table.order)):
            rest = f" OR (VALUES({name}) = {name} AND ({newer}))" if newer else ""
            newer = f"VALUES({name}) > {name}{rest}"
        plain = [name for name in table.column_names if name not in {*table.key, *table.order}]
        ordered = [name for name in reversed(table.order) if name not in table.key]
        sets = (f"{name} = IF({newer}, VALUES({name}), {name})" for name in map(self.quote, (*plain, *ordered)))
        return f" ON DUPLICATE KEY UPDATE {', '.join(sets)}"

    def _is_as_we_make_it(self, cursor: Cursor, table: Table) -> bool:
        """Whether a table has no column, no unique index and no trigger but what `create_table` gives it."""
        held = self.found(cursor, table.path).by_name
        texts = (c.name for c in table.columns if c.name in {*table.key, *table.order} and c.field.kind is Kind.TEXT)
        if held.keys() != set(table.column_names) or any("nopad_bin" not in held[name].detail for name in texts):
            return False
        schema, name = (table.path[0], table.path[1]) if len(table.path) == 2 else (None, table.path[0])
        cursor.execute(
            "SELECT DISTINCT index_name, column_name, sub_part IS NULL FROM information_schema.statistics "
            "WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND non_unique = 0",
            [schema, name],
        )
        unique = cursor.fetchall()
        if sorted(row[1:] for row in unique) != sorted((column, 1) for column in table.key):
            return False
        cursor.execute(
            "SELECT 1 FROM information_schema.triggers "
            "WHERE event_object_schema = coalesce(%s, database()) AND event_object_table = %s",
            [schema, name],
        )
        return cursor.fetchone() is None

    def delete(self, table: str, alias: str, condition: str) -> str:
        """See `Dialect`."""
        return fill(
            "DELETE {alias} FROM {table} {alias} WHERE {condition}", table=table, alias=alias, condition=condition
        )

    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """See `Dialect`."""
        schema, name = (path[0], path[1]) if len(path) == 2 else (None, path[0])
        where = [schema, name]
        cursor.execute(
            "SELECT column_name, column_type, data_type, is_nullable = 'NO', column_default IS NOT NULL "
            "OR extra <> '', CASE WHEN collation_name IS NULL THEN '' ELSE "
            "concat('CHARACTER SET ', character_set_name, ' COLLATE ', collation_name) END "
            "FROM information_schema.columns WHERE table_schema = coalesce(%s, database()) AND table_name = %s "
            "ORDER BY ordinal_position",
            where,
        )
        columns = [
            Held(name, kind, base, bool(required), bool(filled), detail)
            for name, kind, base, required, filled, detail in cursor.fetchall()
        ]
        if not columns:
            return Found()
        cursor.execute(
            "SELECT index_name, column_name FROM information_schema.statistics "
            "WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND non_unique = 0 AND sub_part IS NULL",
            where,
        )
        return Found(columns, unique_sets(cursor.fetchall()))

    def judge(self, error: BaseException) -> Trouble:
        """See `Dialect`."""
        code = error.args[0] if error.args else None
        if not isinstance(code, int):
            # What the driver itself cannot write (a value that is no number), or a connection that is gone.
            gone = isinstance(error, pymysql.err.InterfaceError | pymysql.err.OperationalError)
            return Trouble.AWAY if gone else Trouble.ROW
        if code in _RACES:
            return Trouble.RACE
        if code == 0 or code in _AWAY or code in _CLIENT_ERRORS:
            return Trouble.AWAY
        return Trouble.ROW if code in _ROWS else Trouble.TABLE

    def words(self, error: BaseException) -> str:
        """See `Dialect`."""
        return str(error.args[-1] if error.args else error).strip().rstrip(".")


def _settings(url: str) -> dict[str, Any]:
    """Take an address apart; `SettingsError` that shows nothing of it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        settings: dict[str, Any] = {
            "host": parts.hostname or "localhost",
            "port": parts.port or 3306,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": unquote(parts.path.lstrip("/")),
            "charset": "utf8mb4",
            "connect_timeout": 10,
            "read_timeout": 600,
            "write_timeout": 600,
        }
        for name, value in parse_qsl(parts.query, strict_parsing=bool(parts.query)):
            if name == "charset":
                continue
            settings[name] = _OPTIONS[name](value)
        is_named = bool(settings["database"])
    except (ValueError, KeyError):
        is_named = False
    if not is_named:
        raise SettingsError(
            f"Alamat basis data (database.url) tidak dapat dibaca; bentuknya {_FORM}, dan pilihannya "
            f"{', '.join(_OPTIONS)}.",
            f"The database address (database.url) cannot be read; its form is {_FORM}, and its options are "
            f"{', '.join(_OPTIONS)}.",
        ) from None
    return settings
