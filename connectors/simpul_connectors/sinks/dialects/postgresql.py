"""PostgreSQL, by psycopg: COPY into a staging table, one upsert, offsets in the same transaction.

Nothing is kept on a connection between transactions, so a pooler may stand in between.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from simpul_connectors.sinks.dialects.dialect import Cursor, Dialect, Standstill, Trouble, fill
from simpul_connectors.sinks.dialects.postgresql_copy import to_copy_stream
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.plan import Found, Held
from simpul_connectors.sinks.table import Column, Kind, Table
from simpul_connectors.sinks.target import STAGING_TABLE
from simpul_schemas.errors import SettingsError

_Connection: TypeAlias = psycopg.Connection[Any]

#: A dead network is noticed within about half a minute, instead of hours. The address may say otherwise.
_CONNECT_SETTINGS: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
#: Ours for the length of a transaction. A copy of this sink that froze or died with the network must not hold its
#: locks for ever, and a role's own short statement timeout must not stop a large batch for ever. Times are UTC.
_SET_LOCAL = (
    "SELECT set_config('lock_timeout', '30s', true), set_config('statement_timeout', '10min', true), "
    "set_config('idle_in_transaction_session_timeout', '10s', true), set_config('timezone', 'UTC', true)"
)
#: For a copy that takes over: so long the older one may stand still in mid transaction before its session is ended.
_HURRY = "SELECT set_config('lock_timeout', '5s', true)"
#: Whoever has written the row of a sink and not committed stands in its xmax. A client that is frozen leaves its
#: session waiting, in the midst of a COPY (which no timeout of the server ends) with its bytes where they were.
#: Sessions of another role show no wait event and are never found.
_STANDSTILL = (
    "SELECT a.pid, a.backend_start, a.state_change, coalesce(p.bytes_processed, -1) FROM {table} s "
    "JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = s.xmax AND l.granted "
    "JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_stat_progress_copy p ON p.pid = a.pid "
    "WHERE s.sink = %s AND a.wait_event_type = 'Client' AND a.pid <> pg_backend_pid()"
)
#: Classes of SQLSTATE that pass by themselves: connection, resources, operator's doing, the server's own system.
_PASSING_CLASSES = frozenset({"08", "53", "57", "58"})
#: Read-only (a standby that is being promoted), idle timeout.
_PASSING_CODES = frozenset({"25006", "25P03"})
#: Deadlock and serialization failure; lock timeout.
_RACE_CLASS, _RACE_CODE = "40", "55P03"
#: Data, constraints, what a trigger raises; and a row that is too large for an index.
_ROW_CLASSES = frozenset({"22", "23", "P0", "54"})
#: Held while tables are made, so that two copies of a sink do not both make them.
_PREPARE_LOCK = 0x53_49_4D_50_55_4C
_CHARACTERS = frozenset({"text", "character varying", "character", "name", "citext"})


def connect(url: str) -> _Connection:
    """Connect with timeouts of ours; no prepared statements, as a pooler may hand us to another server process."""
    given = conninfo_to_dict(url)
    ours = {name: value for name, value in _CONNECT_SETTINGS.items() if name not in given}
    return psycopg.connect(make_conninfo(url, **ours), prepare_threshold=None)


def postgresql_target(
    url: str, sink: str, table: Table, connect_to: Callable[[str], _Connection] = connect
) -> SqlTarget:
    """Return the target of `postgresql://user:password@host:port/database`, not connected yet."""
    return SqlTarget(Postgresql(), lambda: connect_to(url), _where(url), sink, table)


class Postgresql(Dialect):
    """See `Dialect`."""

    errors = (psycopg.Error,)
    types: ClassVar[Mapping[Kind, str]] = {
        Kind.TEXT: "text",
        Kind.BIGINT: "bigint",
        Kind.DOUBLE: "double precision",
        Kind.TIMESTAMP: "timestamptz",
        Kind.JSON: "jsonb",
    }
    transactional_ddl = True

    def quote(self, name: str) -> str:
        """See `Dialect`; a percent sign is doubled, as values are bound by it."""
        return sql.Identifier(name).as_string().replace("%", "%%")

    def staging(self, table: Table) -> str:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`; gone with its transaction."""
        return self.path("pg_temp", STAGING_TABLE)

    def now(self) -> str:
        """See `Dialect`."""
        return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"

    def bytewise_text(self, size: int) -> str:  # noqa: ARG002  # PostgreSQL needs no length
        """See `Dialect`: a database's own collation may find different texts equal, or order them by language."""
        return 'text COLLATE "C"'

    def own_text(self, size: int) -> str:  # noqa: ARG002  # the same
        """See `Dialect`."""
        return "text"

    def bytewise(self, expression: str) -> str:
        """See `Dialect`."""
        return f'CAST({expression} AS text) COLLATE "C"'

    def open_staging(self, table: Table, found: Found) -> Sequence[str]:  # noqa: ARG002  # as in `Dialect`
        """See `Dialect`; in the types that COPY is given."""
        columns = ", ".join(f"{self.quote(column.name)} {self.types[column.field.kind]}" for column in table.columns)
        return [
            fill("DROP TABLE IF EXISTS {staging}", staging=self.staging(table)),
            fill(
                "CREATE TEMPORARY TABLE {staging} ({columns}) ON COMMIT DROP",
                staging=self.staging(table),
                columns=columns,
            ),
        ]

    def pack(self, table: Table, rows: pl.DataFrame) -> list[memoryview | bytes]:
        """See `Dialect`."""
        return list(to_copy_stream(rows.select(table.column_names), [column.field.kind for column in table.columns]))

    def stage(self, cursor: Cursor, table: Table, rows: pl.DataFrame, packed: Any = None) -> None:  # noqa: ANN401  # as `pack` made it
        """See `Dialect`."""
        statement = fill(
            "COPY {staging} ({columns}) FROM STDIN (FORMAT binary)",
            staging=self.staging(table),
            columns=self.names(table.column_names),
        )
        # Without bound values psycopg leaves percent signs as they are.
        with cursor.copy(statement.replace("%%", "%")) as copy:
            for part in packed or self.pack(table, rows):
                copy.write(part)

    def fresh_value(self, column: Column, found: Found) -> str:
        """See `Dialect`: a text is cast where PostgreSQL would not do it by itself (uuid, date, an enum)."""
        value = self.of("fresh", column.name)
        held = found.by_name.get(column.name)
        if held is None or column.field.kind not in {Kind.TEXT, Kind.JSON}:
            return value
        ours = "jsonb" if column.field.kind is Kind.JSON else "text"
        # A cast to a character type would cut what is too long in silence.
        return value if held.base == ours or held.base in _CHARACTERS else f"CAST({value} AS {held.base})"

    def upsert(self, table: Table, found: Found) -> Sequence[str]:
        """See `Dialect`."""
        return [
            fill(
                "INSERT INTO {table} AS held ({columns}) SELECT {values} FROM {staging} AS fresh "
                "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE {newer}",
                table=self.path(*table.path),
                columns=self.names(table.column_names),
                values=", ".join(self.fresh_value(column, found) for column in table.columns),
                staging=self.staging(table),
                key=self.names(table.key),
                assignments=self.assignments(table, found, lambda column: self.of("excluded", column.name)),
                newer=self.newer(table, "excluded"),
            )
        ]

    def begin(self, cursor: Cursor) -> None:
        """See `Dialect`."""
        cursor.execute(_SET_LOCAL)

    def hurry(self, cursor: Cursor) -> None:
        """See `Dialect`."""
        cursor.execute(_HURRY)

    def standstill(self, cursor: Cursor, path: Sequence[str], sink: str) -> Standstill | None:
        """See `Dialect`."""
        row = cursor.execute(fill(_STANDSTILL, table=self.path(*path)), [sink]).fetchone()
        return None if row is None else Standstill(row[0], row[1:])

    def end_session(self, cursor: Cursor, session: int) -> None:
        """See `Dialect`; a role may end its own sessions."""
        cursor.execute("SELECT pg_terminate_backend(%s)", [session])

    def lock_ddl(self, cursor: Cursor) -> None:
        """See `Dialect`."""
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PREPARE_LOCK])

    def found(self, cursor: Cursor, path: Sequence[str]) -> Found:
        """See `Dialect`."""
        name = sql.Identifier(*path).as_string()
        columns = cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod), format_type(atttypid, NULL), attnotnull, "
            "atthasdef OR attidentity <> '' FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [name],
        ).fetchall()
        unique = cursor.execute(
            "SELECT array_agg(attname::text) FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
            "AND attnum = ANY (indkey) WHERE indrelid = to_regclass(%s) AND indisunique AND indisvalid "
            "AND indpred IS NULL AND indexprs IS NULL GROUP BY indexrelid",
            [name],
        ).fetchall()
        return Found([Held(*row) for row in columns], [frozenset(row[0]) for row in unique])

    def judge(self, error: BaseException) -> Trouble:
        """See `Dialect`."""
        state = getattr(error, "sqlstate", None)
        if state is None:
            lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
            return Trouble.AWAY if lost else Trouble.TABLE
        if state[:2] == _RACE_CLASS or state == _RACE_CODE:
            return Trouble.RACE
        if state[:2] in _PASSING_CLASSES or state in _PASSING_CODES:
            return Trouble.AWAY
        return Trouble.ROW if state[:2] in _ROW_CLASSES else Trouble.TABLE

    def words(self, error: BaseException) -> str:
        """See `Dialect`."""
        diag = getattr(error, "diag", None)
        return str((diag and diag.message_primary) or error).strip().rstrip(".")


def _where(url: str) -> str:
    """Return host, port and database of an address, never its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # No cause: the driver's words quote the address, password and all.
        raise SettingsError(
            "Alamat basis data (database.url) tidak dapat dibaca; bentuknya postgresql://pengguna:sandi@host/basis.",
            "The database address (database.url) cannot be read; its form is postgresql://user:password@host/database.",
        ) from None
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
