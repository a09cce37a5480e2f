"""A target in any SQL database: the same transactions for all, the words by a dialect.

Every write begins by taking the row of the sink, which also counts up its sign of life, and reading the offsets. That
one step serves all cases: copies of a sink wait for each other and the older or later one is fenced; a COMMIT whose
answer was cut off is found stored; and a database that lost its last commits is seen to stand further back.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import polars as pl

from simpul_connectors.errors import RowRefused, SinkOfAnotherBus, TargetRefused, TargetUnavailable
from simpul_connectors.failpoints import reach
from simpul_connectors.sinks.dialects.dialect import Connect, Connection, Cursor, Dialect, Standstill, Trouble, fill
from simpul_connectors.sinks.dialects.heartbeats import Heartbeats
from simpul_connectors.sinks.dialects.ledger import Ledger
from simpul_connectors.sinks.plan import Found, Plan, Words, plan_table
from simpul_connectors.sinks.table import Table, Withdraw
from simpul_connectors.sinks.target import (
    BadRow,
    Control,
    Heartbeat,
    Move,
    Position,
    Sifted,
    Sign,
    State,
    check_generation,
    is_stored,
)
from simpul_schemas.log import Partition
from simpul_schemas.rules import Text

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: Deadlock, serialization failure, lock timeout: the loser of a race simply goes again.
_RACE_ATTEMPTS = 8
_DDL_ATTEMPTS = 5


def _nothing() -> None:
    return


def _now_micros() -> int:
    return time.time_ns() // 1000


class SqlTarget:
    """See `simpul_connectors.sinks.target.Target`.

    Args:
        dialect: The database's own way.
        connect: Makes a connection; called when one is needed.
        where: The database as errors name it, without a password.
        sink: Name that the offsets stand under.
        table: What the sink fills.
        now: The clock, microseconds since the epoch.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # outside things are passed in
        self,
        dialect: Dialect,
        connect: Connect,
        where: str,
        sink: str,
        table: Table,
        now: Callable[[], int] = _now_micros,
    ) -> None:
        self._dialect = dialect
        self._connect = connect
        self._where = where
        self._table = table
        self._now = now
        self._ledger = Ledger(dialect, sink, table)
        self._heartbeats = Heartbeats(dialect, sink, table)
        self._sink = sink
        self._connection: Connection | None = None
        self._found: Found | None = None
        #: Rows that are to be written, and what was done ahead of them.
        self._foreseen: tuple[pl.DataFrame | None, Any] = (None, None)
        self._generation: int | None = None

    # What is there, and what is lacking.

    def plan(self) -> Plan:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._plan)

    def apply(self) -> Plan:
        """See `simpul_connectors.sinks.target.Target`."""
        done = self.plan()
        for attempt in range(_DDL_ATTEMPTS):
            try:
                self._transact(self._apply)
            except TargetRefused:
                # Another copy may have made the same in between; what is then left tells.
                if attempt + 1 == _DDL_ATTEMPTS or not self._has_moved(done):
                    raise
            else:
                break
        self._found = None
        return done

    def prepare(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        lacking = self.plan()
        if lacking.steps and not lacking.blocks and self._transact(self._found_columns):
            lacking = self.plan()
            own = self._transact(lambda cursor: [step.statement for step in self._ledger.plan(cursor)])
            missing = [step.about for step in lacking.steps if step.statement not in own]
            if missing:
                self._refuse(missing[0], Text("Jalankan 'simpul sink apply'.", "Run 'simpul sink apply'."))
        self.apply()

    def _has_moved(self, before: Plan) -> bool:
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311  # jitter is no secret
        return len(self.plan().steps) < len(before.steps)

    def _found_columns(self, cursor: Cursor) -> bool:
        return bool(self._dialect.found(cursor, self._table.path).columns)

    def _plan(self, cursor: Cursor) -> Plan:
        dialect, table = self._dialect, self._table
        words = Words(
            create_table=dialect.create_table(table),
            add_column=lambda column: dialect.add_column(column, table),
            create_index=dialect.create_index(table),
            type_of=lambda column: dialect.type_of(column, table),
        )
        found = plan_table(table, dialect.found(cursor, table.path), words)
        return Plan([*self._ledger.plan(cursor), *found.steps], found.notes, found.blocks)

    def _apply(self, cursor: Cursor) -> None:
        self._dialect.lock_ddl(cursor)
        plan = self._plan(cursor)
        if plan.blocks:
            self._refuse(plan.blocks[0], Text("", ""))
        create = self._dialect.create_table(self._table)
        for step in plan.steps:
            if step.statement == create:
                # Before the table: were it the other way round, a crash in between would leave it empty for ever.
                self._ledger.forget(cursor)
                self._commit_ddl()
            cursor.execute(step.statement, ())
        self._ledger.enter(cursor)

    def _commit_ddl(self) -> None:
        if not self._dialect.transactional_ddl:
            self._connected().commit()

    def _refuse(self, problem: Text, remedy: Text) -> None:
        raise TargetRefused(
            problem.english,
            f"Basis data di {self._where}: {problem.indonesian} {remedy.indonesian}".strip(),
            f"The database at {self._where}: {problem.english} {remedy.english}".strip(),
        )

    # The row of the sink.

    def claim(self, cluster: str) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        seen: list[Standstill | None] = []

        def work(cursor: Cursor) -> int:
            self._dialect.hurry(cursor)
            return self._claim(cursor, cluster)

        self._generation = self._transact(work, before=lambda: seen.append(self._look(seen)))
        return self._generation

    def _look(self, seen: Sequence[Standstill | None]) -> Standstill | None:
        """Look who holds the row of the sink, and end the session of a copy that has not moved since the last look.

        One that works is waited for, however long its batch takes. What cannot be looked at is waited for as well: a
        server ends a session that is idle in its transaction by itself, by the limits of our sessions.
        """
        try:
            found = self._transact(self._ledger.standstill)
            if found is not None and found in seen[-1:]:
                _log.info("%s: the session of a copy that stands still is ended", self._sink)
                self._transact(partial(self._dialect.end_session, session=found.session))
        except TargetRefused as error:
            _log.info("%s: %s", self._sink, error)
            return None
        return found

    def _claim(self, cursor: Cursor, cluster: str) -> int:
        self._ledger.take(cursor, self._now())
        held = self._ledger.control(cursor)
        if cluster and held.cluster and held.cluster != cluster:
            raise SinkOfAnotherBus(self._sink, held.cluster, cluster)
        self._ledger.set_claim(cursor, held.generation + 1, cluster or held.cluster)
        return held.generation + 1

    def forget(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""

        def work(cursor: Cursor) -> None:
            self._ledger.take(cursor, self._now())
            self._ledger.forget(cursor)
            self._ledger.set_claim(cursor, self._ledger.control(cursor).generation + 1, "")

        self._transact(work)

    def control(self) -> Control:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._ledger.control)

    def beat(self, state: State, words: str) -> Control:
        """See `simpul_connectors.sinks.target.Target`."""

        def work(cursor: Cursor) -> Control:
            if self._generation is not None:
                self._ledger.beat(cursor, self._generation, self._now(), state, words)
            return self._ledger.control(cursor)

        return self._transact(work)

    def pause(self, paused: bool) -> None:  # noqa: FBT001  # as in `Target`
        """See `simpul_connectors.sinks.target.Target`."""
        self._transact(lambda cursor: self._ledger.pause(cursor, paused=paused))

    def sign(self, sign: Sign) -> Heartbeat:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(lambda cursor: self._heartbeats.sign(cursor, sign))

    def heartbeat(self) -> Heartbeat | None:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._heartbeats.read)

    def ask_restart(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._heartbeats.ask_restart)

    # Rows and offsets.

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._ledger.positions_if_there)

    def rows(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(self._count)

    def _count(self, cursor: Cursor) -> int:
        if not self._found_columns(cursor):
            return 0
        cursor.execute(fill("SELECT count(*) FROM {table}", table=self._dialect.path(*self._table.path)), ())
        return int(cursor.fetchone()[0])

    def write(self, rows: pl.DataFrame, moves: Sequence[Move], parts: Sequence[int] = ()) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self._transact(lambda cursor: self._write(cursor, rows, moves, parts or [rows.height]))
        reach("committed")

    def _write(self, cursor: Cursor, rows: pl.DataFrame, moves: Sequence[Move], parts: Sequence[int]) -> None:
        reach("begun")
        self._ledger.take(cursor, self._now())
        reach("locked")
        check_generation(self._ledger.control(cursor), self._generation)
        stored = self._ledger.positions(cursor)
        if is_stored(stored, moves):
            return
        start = 0
        for height in parts:
            self._put(cursor, rows if height == rows.height else rows.slice(start, height))
            start += height
        reach("merged")
        self._ledger.move(cursor, moves, stored)
        reach("moved")

    def _put(self, cursor: Cursor, rows: pl.DataFrame) -> None:
        if not rows.height:
            return
        dialect, table, found = self._dialect, self._table, self._catalogue(cursor)
        if table.order and table.withdraw is Withdraw.FLAG and dialect.upsert_at_once(cursor, table, rows):
            reach("staged")
            return
        for statement in dialect.open_staging(table, found):
            cursor.execute(statement, ())
        foreseen, packed = self._foreseen
        dialect.stage(cursor, table, rows, packed if foreseen is rows else None)
        reach("staged")
        if table.withdraw is Withdraw.DELETE:
            self._ledger.take_out(cursor, found)
        statements = dialect.upsert(table, found) if table.order else [dialect.insert_missing(table, found)]
        for statement in statements:
            cursor.execute(statement, ())

    def _catalogue(self, cursor: Cursor) -> Found:
        """Return the table as it is; read once a connection, as a ministry may alter it."""
        if self._found is None:
            self._found = self._dialect.found(cursor, self._table.path)
        return self._found

    def foresee(self, rows: pl.DataFrame) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self._foreseen = (rows, self._dialect.pack(self._table, rows))

    def sift(self, rows: pl.DataFrame) -> Sifted:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._transact(lambda cursor: self._sift(cursor, rows), keep=False)

    def _sift(self, cursor: Cursor, rows: pl.DataFrame) -> Sifted:
        self._ledger.take(cursor, self._now())
        check_generation(self._ledger.control(cursor), self._generation)
        bad: list[BadRow] = []
        parts: list[int] = []
        todo = [(0, rows.height)]
        while todo:
            start, height = todo.pop()
            cursor.execute(self._dialect.savepoint())
            try:
                self._put(cursor, rows.slice(start, height))
            except self._dialect.errors as error:
                if self._dialect.judge(error) is not Trouble.ROW:
                    raise
                cursor.execute(self._dialect.back_to_savepoint())
                if height == 1:
                    bad.append(BadRow(start, self._dialect.words(error)))
                else:
                    half = height // 2
                    todo += [(start + half, height - half), (start, half)]
            else:
                parts.append(height)
        return Sifted(bad, parts)

    # Transactions.

    def close(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self._drop()

    def _transact(
        self, work: Callable[[Cursor], _Result], *, keep: bool = True, before: Callable[[], None] = _nothing
    ) -> _Result:
        """Run `work` in one transaction, again where it lost a race; any other trouble drops the connection.

        `before` is called ahead of every attempt.
        """
        for attempt in range(_RACE_ATTEMPTS):
            before()
            try:
                connection = self._connected()
                cursor = connection.cursor()
                self._dialect.begin(cursor)
                found = work(cursor)
                cursor.close()
                if keep:
                    connection.commit()
                else:
                    connection.rollback()
            except self._dialect.errors as error:
                self._drop()
                if self._dialect.judge(error) is Trouble.RACE and attempt + 1 < _RACE_ATTEMPTS:
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # jitter is no secret
                    continue
                raise self._translate(error) from error
            except BaseException:
                self._drop()
                raise
            return found
        raise AssertionError  # the last attempt returns or raises

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _drop(self) -> None:
        """Give the connection up, and with it whatever it had not committed."""
        connection, self._connection = self._connection, None
        self._found = None
        if connection is not None:
            try:
                connection.close()
            except self._dialect.errors:
                return  # it was broken

    def _translate(self, error: BaseException) -> TargetUnavailable | TargetRefused:
        words = self._dialect.words(error)
        trouble = self._dialect.judge(error)
        if trouble in {Trouble.AWAY, Trouble.RACE}:
            return TargetUnavailable(
                f"Basis data di {self._where} tidak dapat dipakai sekarang ({words}); periksa alamat dan jaringan.",
                f"The database at {self._where} cannot be used now ({words}); check address and network.",
            )
        refusal = RowRefused if trouble is Trouble.ROW else TargetRefused
        return refusal(
            words,
            f"Basis data di {self._where} menolak tabel '{self._table}': {words}.",
            f"The database at {self._where} refused table '{self._table}': {words}.",
        )
