"""A sink from a log in memory into real PostgreSQL, and what happens when the database misbehaves."""

import asyncio
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from simpul_connectors.errors import SinkFenced, TargetRefused, TargetUnavailable
from simpul_connectors.sinks.dialects.postgresql import postgresql_target
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.run import Limits, SinkRunner, status
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.sinks.table import Kind, Table
from simpul_connectors.sinks.target import Move, Position
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.intake import EventIntake
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry
from simpul_schemas.wire import frame

SPEC = load_spec("ministry_participation_events")
TYPE = EVENT_TYPES["participation"]
TOPIC = "simpul.73.participation.v1"
P0 = Partition(TOPIC, 0)
MOMENT = 1_700_000_000_123_456
QUICK = Limits(max_records=100, poll_seconds=0.01, first_wait_seconds=0.05, longest_wait_seconds=0.5)
NUMBERS = itertools.count()


def event(subject: str, revision: int, **more: object) -> dict[str, Any]:
    required: dict[str, Any] = {
        "event_id": f"018f0000-0000-7000-8000-{revision:012x}",
        "subject": subject,
        "revision": revision,
        "action": "SUBMIT",
        "region": "73.71.01",
        "source": "sitimdu.73",
        "mode": "ACTUAL",
        "election": "pilgub-2024-73",
    }
    times = dict.fromkeys(("occurred_at", "recorded_at", "published_at"), MOMENT)
    return dict.fromkeys(TYPE.model.model_fields) | required | times | more


class Bus:
    """A log in memory with participation events, and the schema that they are written with."""

    def __init__(self) -> None:
        self.log = InMemoryLog()
        self.registry = InMemoryRegistry()
        self._id = self.registry.register("events", TYPE.schema)

    def publish(self, *events: dict[str, Any]) -> None:
        for found in events:
            self.log.append(Outgoing(TOPIC, b"k", frame(self._id, encode(TYPE.parsed_schema, found))))

    def rows(self, table: Table) -> Any:
        blocks = [block] if (block := self.log.read(P0, 0, 10**6)) else []
        return shape(EventIntake(TYPE, self.registry).take(blocks).frame, table)

    def drain(self, target: SqlTarget, table: Table, limits: Limits = QUICK, **hooks: Any) -> None:
        async def go() -> None:
            on_batch = hooks.pop("on_batch", None)
            runner = SinkRunner(replace(SPEC, table=table), self.registry, target, limits, **hooks)
            reader = InMemoryReader(self.log, [TOPIC], runner.start_offset)
            await reader.start()
            ends = await reader.end_offsets()
            await runner.run(reader, lambda: runner.has_reached(ends), on_batch)

        asyncio.run(go())


@pytest.fixture(scope="module")
def url(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def table(url: str) -> Table:
    schema = f"t{next(NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return replace(SPEC.table, path=(schema, "peristiwa"))


@pytest.fixture
def target(url: str, table: Table) -> Iterator[SqlTarget]:
    found = postgresql_target(url, SPEC.name, table)
    found.prepare()
    yield found
    found.close()


def one(connection: psycopg.Connection[Any], statement: str) -> Any:
    found = connection.execute(statement).fetchone()
    assert found is not None
    return found[0] if len(found) == 1 else found


def position(records: int) -> Position:
    return Position(records, records, 0)


def test_the_whole_way_keeps_the_highest_revision_of_each_subject(
    admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    bus = Bus()
    bus.publish(*(event(f"tps:{number % 200}", 1 + number // 200, registered=number) for number in range(1000)))
    bus.publish(event("tps:7", 3, registered=0), event("tps:8", 9, action="WITHDRAW"), event("tps:9", 9, valid=-1))
    bus.drain(target, table)
    found = status(replace(SPEC, table=table), target)
    assert (found.rows, found.records, found.refused) == (200, 1003, 1)
    assert one(admin, f"SELECT min(revision), max(revision), sum(registered) FROM {table}") == (
        5,
        9,
        sum(range(800, 1000)) - 808,
    )
    assert one(admin, f"SELECT action, registered FROM {table} WHERE subject = 'tps:8'") == ("WITHDRAW", None)
    assert one(admin, f"SELECT occurred_at = '2023-11-14 22:13:20.123456+00' FROM {table} LIMIT 1")


def test_columns_have_the_types_of_the_contract(
    admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    found = dict(
        admin.execute(
            "SELECT column_name, data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END "
            "FROM information_schema.columns WHERE table_schema = %s AND table_name = 'peristiwa'",
            [table.path[0]],
        ).fetchall()
    )
    assert list(found) == list(table.column_names)
    assert found["subject"] == "text not null"
    assert found["occurred_at"] == "timestamp with time zone not null"
    assert found["registered"] == "bigint"


class Breaking(psycopg.Connection[Any]):
    """A connection that is lost at its n-th step, before or after the step was done; `left` counts down over all."""

    left = 0
    before = True
    steps = 0

    def step(self, work: Callable[[], Any]) -> Any:
        Breaking.left -= 1
        Breaking.steps += 1
        last = Breaking.left == 0
        if last and Breaking.before:
            self.lose()
        found = work()
        if last:
            self.lose()
        return found

    def lose(self) -> None:
        self.close()
        message = "the connection was lost"
        raise psycopg.OperationalError(message)

    def commit(self) -> None:
        self.step(super().commit)


class BreakingCursor(psycopg.Cursor[Any]):
    """Every statement is a step."""

    def execute(self, *arguments: Any, **options: Any) -> Any:
        return breaking(self).step(lambda: super(BreakingCursor, self).execute(*arguments, **options))

    def executemany(self, *arguments: Any, **options: Any) -> Any:
        return breaking(self).step(lambda: super(BreakingCursor, self).executemany(*arguments, **options))

    def copy(self, *arguments: Any, **options: Any) -> Any:
        return breaking(self).step(lambda: super(BreakingCursor, self).copy(*arguments, **options))


def breaking(cursor: psycopg.Cursor[Any]) -> Breaking:
    assert isinstance(cursor.connection, Breaking)
    return cursor.connection


def connect_breaking(url: str) -> Breaking:
    return Breaking.connect(url, cursor_factory=BreakingCursor)


@pytest.mark.parametrize("before", [True, False])
def test_a_connection_lost_at_any_step_leaves_all_of_a_batch_or_nothing(
    url: str, table: Table, target: SqlTarget, before: bool
) -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("b", 1))
    rows = bus.rows(table)
    outcomes = []
    for step in itertools.count(1):
        stored = target.positions().get(P0, Position())
        after = Position(stored.next_offset + 2, stored.records + 2, 0)
        newer = rows.with_columns(revision=rows["revision"] + step)
        breaking = postgresql_target(url, SPEC.name, table, connect_breaking)
        Breaking.left, Breaking.before, Breaking.steps = step, before, 0
        lost = False
        try:
            breaking.write(newer, [Move(P0, stored, after)])
        except TargetUnavailable:
            lost = True
        revisions = read_revisions(url, table)
        moved = target.positions().get(P0, Position()) == after
        outcomes.append(moved)
        assert (revisions == {1 + step}) == moved
        Breaking.left = 0
        breaking.write(newer, [Move(P0, stored, after)])  # the answer may have been cut: the same batch again
        assert target.positions()[P0] == after
        assert read_revisions(url, table) == {1 + step}
        assert target.rows() == 2
        breaking.close()
        if not lost:
            break
    assert len(outcomes) > 12
    assert outcomes.count(True) == (1 if before else 2)  # lost behind its COMMIT, a batch is stored


def read_revisions(url: str, table: Table) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(f"SELECT revision FROM {table}")}


class Proxy:
    """Stands between client and server, and cuts the line once at a COMMIT: before it goes up or before its answer."""

    def __init__(self, folder: Path, server: str, *, pass_commit: bool) -> None:
        self._server = server
        self._pass_commit = pass_commit
        self.cuts = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            deaf = threading.Event()
            down = threading.Thread(target=self._answer, args=[server, client, deaf], daemon=True)
            down.start()
            while data := client.recv(1 << 16):
                if b"COMMIT\0" in data and not self.cuts:
                    self.cuts += 1
                    deaf.set()
                    if self._pass_commit:
                        server.sendall(data)
                        time.sleep(0.2)
                    break
                server.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)
            down.join()

    @staticmethod
    def _answer(server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        while data := server.recv(1 << 16):
            if not deaf.is_set():
                client.sendall(data)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("pass_commit", [True, False])
def test_a_commit_whose_answer_is_cut_off_is_stored_once(
    tmp_path_factory: pytest.TempPathFactory, url: str, table: Table, target: SqlTarget, pass_commit: bool
) -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number}", 1) for number in range(250)))
    folder = tmp_path_factory.mktemp("proxy")
    real = url.partition("host=")[2]
    proxy = Proxy(folder, f"{real}/.s.PGSQL.5432", pass_commit=pass_commit)
    cut = postgresql_target(url.replace(real, str(folder)), SPEC.name, table)
    for start, end in ((0, 100), (100, 250)):
        rows = bus.rows(table)[start:end]
        moves = [Move(P0, position(start), position(end))]
        if not start:
            with pytest.raises(TargetUnavailable):
                cut.write(rows, moves)
            assert (target.positions() == {P0: position(end)}) == pass_commit
        cut.write(rows, moves)
    assert proxy.cuts == 1
    assert target.positions() == {P0: position(250)}
    assert target.rows() == 250
    cut.close()
    proxy.close()


def test_a_server_that_is_killed_and_comes_back_costs_nothing(
    postgresql: Any, admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number % 500}", 1 + number) for number in range(1000)))
    told: list[object] = []

    def kill_once(_sink: str, _count: int) -> None:
        if not told and target.positions()[P0].next_offset == 300:
            os.kill(postgresql.get_pid(), signal.SIGQUIT)
            while Path(postgresql.pgdata, "postmaster.pid").exists():
                time.sleep(0.05)

    def bring_back(error: object) -> None:
        told.append(error)
        if error is not None:
            postgresql.ensure_postgres_running()

    bus.drain(target, table, on_batch=kill_once, on_outage=bring_back)
    assert isinstance(told[0], TargetUnavailable)
    assert told[1:] == [None]
    assert target.positions() == {P0: position(1000)}
    assert target.rows() == 500


def test_the_loser_of_a_deadlock_goes_again(
    url: str, admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    target.write(bus.rows(table), [Move(P0, Position(), position(1))])
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '20s'")  # so that the sink is the loser
        one(other, f"SELECT 1 FROM {table} FOR UPDATE")
        write = pool.submit(target.write, bus.rows(table), [Move(P0, position(1), position(2))])
        while not one(admin, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            time.sleep(0.02)
        one(other, f"SELECT 1 FROM {table.path[0]}.simpul_offset FOR UPDATE")
        other.commit()
        write.result(30)
    assert target.positions() == {P0: position(2)}


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_copies_at_once_store_each_record_once(url: str, table: Table, isolation: str) -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number % 700}", 1 + number, valid=-number % 5 - 1 or None) for number in range(3000)))
    both = f"{url}&options=-c%20default_transaction_isolation%3D{isolation.replace(' ', '%5C%20')}"
    targets = [postgresql_target(both, SPEC.name, table) for _ in range(2)]
    limits = [replace(QUICK, max_records=size) for size in (70, 110)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda found: found.prepare(), targets))
        list(pool.map(lambda pair: bus.drain(pair[0], table, pair[1]), zip(targets, limits, strict=True)))
    expected = bus.rows(table)
    found = status(replace(SPEC, table=table), targets[0])
    assert (found.rows, found.records) == (expected.height, 3000)
    with psycopg.connect(url) as connection:
        stored = connection.execute(f"SELECT subject, revision FROM {table}").fetchall()
    assert sorted(stored) == sorted(expected.select("subject", "revision").rows())
    for target in targets:
        target.close()


class SleepingCursor(psycopg.Cursor[Any]):
    """A cursor that sleeps, until it is woken, when the offsets have been read and nothing is written yet."""

    asleep = threading.Event()
    wake = threading.Event()

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        if "CREATE TEMPORARY" in query:
            SleepingCursor.asleep.set()
            assert SleepingCursor.wake.wait(20)
        return super().execute(query, *arguments, **options)


def connect_sleeping(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, cursor_factory=SleepingCursor)


def test_a_copy_that_sleeps_with_its_offsets_locked_holds_the_other_up_which_is_then_fenced(
    url: str, admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("b", 2))
    rows = bus.rows(table)
    target.write(rows[:0], [Move(P0, Position(), position(2))])
    sleeper = postgresql_target(url, SPEC.name, table, connect_sleeping)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(sleeper.write, rows[:1], [Move(P0, position(2), position(3))])
        assert SleepingCursor.asleep.wait(20)
        other = pool.submit(target.write, rows, [Move(P0, position(2), position(4))])
        time.sleep(0.5)
        assert not other.done()
        SleepingCursor.wake.set()
        slow.result(20)
        with pytest.raises(SinkFenced):
            other.result(20)
    assert target.positions() == {P0: position(3)}
    assert target.rows() == 1
    sleeper.close()


def test_a_ministrys_own_table_with_other_types_is_filled(
    url: str, admin: psycopg.Connection[Any], table: Table
) -> None:
    by_name = {"registered": "integer", "event_id": "varchar(36)", "occurred_at": "timestamp"}
    by_kind = {Kind.TEXT: "text", Kind.JSON: "jsonb"}
    columns = ", ".join(
        f"{column.name} {by_name.get(column.name) or by_kind.get(column.field.kind, 'bigint')}"
        for column in table.columns
        if column.name not in {"recorded_at", "published_at"}
    )
    admin.execute(f"CREATE TABLE {table} ({columns}, UNIQUE (subject))")
    kept = tuple(column for column in table.columns if column.name not in {"recorded_at", "published_at"})
    own = replace(table, columns=kept)
    target = postgresql_target(url, SPEC.name, own)
    target.prepare()
    bus = Bus()
    bus.publish(event("a", 1, registered=300))
    rows = bus.rows(own)
    for number, event_id in enumerate(["B", "a", "B"]):
        target.write(
            rows.with_columns(event_id=rows["event_id"].clear(1).fill_null(event_id)),
            [Move(P0, position(number), position(number + 1))],
        )
    assert one(admin, f"SELECT event_id, registered FROM {table}") == ("a", 300)
    target.close()


def test_a_role_needs_no_rights_beyond_its_own_tables(
    url: str, admin: psycopg.Connection[Any], table: Table, target: SqlTarget
) -> None:
    role = f"ministry_{table.path[0]}"
    for statement in (
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {table.path[0]} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {table.path[0]} TO {role}",
    ):
        admin.execute(statement)
    mine = postgresql_target(url.replace("postgres:@", f"{role}:@"), SPEC.name, table)
    mine.prepare()
    bus = Bus()
    bus.publish(event("a", 1))
    bus.drain(mine, table)
    assert mine.rows() == 1
    mine.close()
    elsewhere = replace(table, path=(table.path[0], "lain"))
    theirs = postgresql_target(url.replace("postgres:@", f"{role}:@"), SPEC.name, elsewhere)
    with pytest.raises(TargetRefused, match="permission denied") as found:
        theirs.prepare()
    assert "permission denied" in found.value.words


def test_a_row_that_the_table_refuses_is_told_in_the_databases_own_words(
    admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    admin.execute(f"ALTER TABLE {table} ADD CHECK (registered < 100)")
    bus = Bus()
    bus.publish(event("a", 1, registered=300))
    with pytest.raises(TargetRefused, match="violates check constraint"):
        bus.drain(target, table)
    assert target.positions() == {}


def test_nothing_is_left_on_a_connection_that_a_pooler_shares(
    admin: psycopg.Connection[Any], target: SqlTarget, table: Table
) -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number}", 1) for number in range(1000)))
    bus.drain(target, table)
    connection = target._connection
    assert connection is not None
    assert one(connection, "SELECT count(*) FROM pg_prepared_statements") == 0
    assert one(connection, "SELECT to_regclass('pg_temp.simpul_staging') IS NULL")
    assert one(connection, "SELECT current_setting('lock_timeout')") == "0"
