"""The PostgreSQL target, by psycopg: COPY into a staging table, one upsert, offsets in the same transaction.

Every attempt at a batch begins by locking the sink's offset rows and reading them. That one step serves three cases:
two copies of a sink wait for each other and the later one is fenced; a COMMIT whose answer was cut off is found
stored; and a database that lost its last commits is seen to stand further back.

Nothing is kept on a connection between transactions, so a pooler may stand in between.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from simpul_connectors.errors import SinkFenced, TargetRefused, TargetUnavailable
from simpul_connectors.sinks.dialects import postgresql_sql as statements
from simpul_connectors.sinks.dialects.postgresql_copy import to_copy_stream
from simpul_connectors.sinks.table import Table
from simpul_connectors.sinks.target import Move, Position, is_stored
from simpul_schemas.errors import SettingsError
from simpul_schemas.log import Partition

_Connection: TypeAlias = psycopg.Connection[Any]
_Result = TypeVar("_Result")

#: A dead network is noticed within about half a minute, instead of hours. The address may say otherwise.
_CONNECT_SETTINGS: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
#: Ours for the length of a transaction. A copy of this sink that died with the network must not hold its locks for
#: ever, and a role's own short statement timeout must not stop a large batch for ever.
_SET_LOCAL = (
    "SELECT set_config('lock_timeout', '30s', true), set_config('statement_timeout', '10min', true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true)"
)
#: Classes of SQLSTATE that pass by themselves: connection, resources, operator's doing, the server's own system.
_PASSING_CLASSES = frozenset({"08", "53", "57", "58"})
#: Lock timeout, read-only (a standby that is being promoted), idle timeout.
_PASSING_CODES = frozenset({"55P03", "25006", "25P03"})
#: Deadlock and serialization failure: the loser of a race simply goes again.
_RACE_CLASS = "40"
_RACE_ATTEMPTS = 8
#: Held while tables are made, so that two copies of a sink do not both make them.
_PREPARE_LOCK = 0x53_49_4D_50_55_4C


def _connect(url: str) -> _Connection:
    # No prepared statements: a pooler may hand the next transaction to another server process.
    given = conninfo_to_dict(url)
    ours = {name: value for name, value in _CONNECT_SETTINGS.items() if name not in given}
    return psycopg.connect(make_conninfo(url, **ours), prepare_threshold=None)


class PostgresqlTarget:
    """See `simpul_connectors.sinks.target.Target`.

    Args:
        url: `postgresql://user:password@host:port/database`; connected to on the first call.
        sink: Name that the offsets stand under.
        table: What the sink fills.
        connect: Replaced by tests that break connections.
    """

    def __init__(self, url: str, sink: str, table: Table, connect: Callable[[str], _Connection] = _connect) -> None:
        self._url = url
        self._where = _where(url)
        self._sink = sink
        self._table = table
        self._connect = connect
        self._connection: _Connection | None = None

    def prepare(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self._transact(self._prepare)

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._read_positions)

    def rows(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._count)

    def write(self, rows: pl.DataFrame, moves: Sequence[Move]) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        # In one order for all copies of a sink, so that they wait for each other and do not deadlock.
        ordered = sorted(moves, key=lambda move: move.partition)
        self._transact(lambda connection: self._write(connection, rows, ordered))

    def close(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transact(self, work: Callable[[_Connection], _Result]) -> _Result:
        """Run `work` in one transaction, again where it lost a race; any other trouble drops the connection."""
        for attempt in range(_RACE_ATTEMPTS):
            try:
                connection = self._connected()
                connection.execute(_SET_LOCAL)
                found = work(connection)
                connection.commit()
            except SinkFenced:
                self._drop()
                raise
            except psycopg.Error as error:
                self._drop()
                if (error.sqlstate or "").startswith(_RACE_CLASS) and attempt + 1 < _RACE_ATTEMPTS:
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # jitter is no secret
                    continue
                raise self._translate(error) from error
            except BaseException:
                self._drop()
                raise
            return found
        raise AssertionError  # the last attempt returns or raises

    def _connected(self) -> _Connection:
        if self._connection is None:
            self._connection = self._connect(self._url)
        return self._connection

    def _drop(self) -> None:
        """Give the connection up, and with it whatever it had not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _prepare(self, connection: _Connection) -> None:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_PREPARE_LOCK])
        # "IF NOT EXISTS" alone would ask for the right to create, which an operator may have taken away since.
        offsets = statements.offset_table(self._table)
        if not _exists(connection, offsets):
            connection.execute(statements.create_offset_table(self._table))
        if not _exists(connection, sql.Identifier(*self._table.path)):
            connection.execute(statements.create_table(self._table))
            connection.execute(sql.SQL("DELETE FROM {} WHERE sink = %s").format(offsets), [self._sink])

    def _read_positions(self, connection: _Connection) -> Mapping[Partition, Position]:
        offsets = statements.offset_table(self._table)
        if not _exists(connection, offsets):
            return {}
        found = connection.execute(
            sql.SQL("SELECT topic, partition, next_offset, records, refused FROM {} WHERE sink = %s").format(offsets),
            [self._sink],
        )
        return _positions(found.fetchall())

    def _count(self, connection: _Connection) -> int:
        table = sql.Identifier(*self._table.path)
        if not _exists(connection, table):
            return 0
        found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
        return int(found[0]) if found else 0

    def _write(self, connection: _Connection, rows: pl.DataFrame, moves: Sequence[Move]) -> None:
        if is_stored(self._lock_positions(connection, moves), moves):
            return
        if rows.height:
            connection.execute(statements.create_staging(self._table))
            kinds = [column.field.kind for column in self._table.columns]
            with connection.cursor() as cursor, cursor.copy(statements.copy_to_staging(self._table)) as copy:
                for part in to_copy_stream(rows.select(self._table.column_names), kinds):
                    copy.write(part)
            connection.execute(statements.upsert(self._table))
        self._put_positions(connection, moves)

    def _lock_positions(self, connection: _Connection, moves: Sequence[Move]) -> Mapping[Partition, Position]:
        offsets = statements.offset_table(self._table)
        partitions = [[move.partition.topic for move in moves], [move.partition.number for move in moves]]
        # A row must be there to be locked.
        connection.execute(
            sql.SQL(
                "INSERT INTO {} SELECT %s, topic, partition, 0, 0, 0 FROM unnest(%s::text[], %s::integer[]) "
                "AS moved (topic, partition) ON CONFLICT DO NOTHING"
            ).format(offsets),
            [self._sink, *partitions],
        )
        found = connection.execute(
            sql.SQL(
                "SELECT topic, partition, next_offset, records, refused FROM {} WHERE sink = %s AND (topic, partition) "
                "IN (SELECT * FROM unnest(%s::text[], %s::integer[])) ORDER BY topic, partition FOR UPDATE"
            ).format(offsets),
            [self._sink, *partitions],
        )
        return _positions(found.fetchall())

    def _put_positions(self, connection: _Connection, moves: Sequence[Move]) -> None:
        connection.execute(
            sql.SQL(
                "UPDATE {} AS held SET next_offset = moved.next_offset, records = moved.records, "
                "refused = moved.refused FROM unnest(%s::text[], %s::integer[], %s::bigint[], %s::bigint[], "
                "%s::bigint[]) AS moved (topic, partition, next_offset, records, refused) "
                "WHERE held.sink = %s AND held.topic = moved.topic AND held.partition = moved.partition"
            ).format(statements.offset_table(self._table)),
            [
                [move.partition.topic for move in moves],
                [move.partition.number for move in moves],
                [move.after.next_offset for move in moves],
                [move.after.records for move in moves],
                [move.after.refused for move in moves],
                self._sink,
            ],
        )

    def _translate(self, error: psycopg.Error) -> TargetUnavailable | TargetRefused:
        words = (error.diag.message_primary or str(error)).strip().rstrip(".")
        state = error.sqlstate
        connection_lost = state is None and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        passing = state is not None and (state[:2] in {*_PASSING_CLASSES, _RACE_CLASS} or state in _PASSING_CODES)
        if connection_lost or passing:
            return TargetUnavailable(
                f"Basis data di {self._where} tidak dapat dipakai sekarang ({words}); periksa alamat dan jaringan.",
                f"The database at {self._where} cannot be used now ({words}); check address and network.",
            )
        return TargetRefused(
            words,
            f"Basis data di {self._where} menolak tabel '{self._table}': {words}.",
            f"The database at {self._where} refused table '{self._table}': {words}.",
        )


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


def _exists(connection: _Connection, table: sql.Identifier) -> bool:
    found = connection.execute("SELECT to_regclass(%s)", [table.as_string(connection)]).fetchone()
    return found is not None and found[0] is not None


def _positions(found: Sequence[tuple[str, int, int, int, int]]) -> dict[Partition, Position]:
    return {Partition(topic, number): Position(*rest) for topic, number, *rest in found}
