"""A sink that is killed, frozen and cut off at every boundary, on real PostgreSQL and MariaDB: the table is the log."""

import asyncio
import importlib.util
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg
import pymysql
import pytest

from simpul_connectors.errors import TargetUnavailable
from simpul_connectors.failpoints import PLACES
from simpul_connectors.sinks.dialects import mariadb, open_target
from simpul_connectors.sinks.run import SinkRunner
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.target import Move, Position
from simpul_schemas.log import Partition
from simpul_schemas.testing import InMemoryReader, InMemoryWriter

CHILD = Path(__file__).with_name("sink_child.py")
NUMBERS = itertools.count()
#: A run takes ten seconds on a quiet machine.
PATIENCE_SECONDS = 300


def load_child() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sink_child", CHILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


child = load_child()
EVENTS: list[dict[str, Any]] = child.events()
P0 = Partition(child.TOPIC, 0)


def expected(count: int) -> dict[str, tuple[int, str, str, int]]:
    """What the first records of the log come to, by plain Python."""
    newest: dict[str, tuple[int, str, str, int]] = {}
    for found in EVENTS[:count]:
        if found["valid"] is None and found["registered"] <= child.MOST_REGISTERED:
            row = (found["revision"], found["event_id"], found["action"], found["registered"])
            newest[found["subject"]] = max(newest.get(found["subject"], row), row)
    return newest


#: Accepted by the rules and refused by the table, if they ever were the newest of their subject in a batch.
BAD = {number for number, found in enumerate(EVENTS) if found["valid"] is None and found["registered"] > 900}


@dataclass
class Ministry:
    """A database with the ministry's own CHECK, and what stands in it."""

    url: str
    schema: str
    connect: Callable[[], Any]
    kill_others: str
    quarantine: Path

    def execute(self, statement: str) -> list[Any]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return found

    def target(self, url: str = "") -> Any:
        spec = child.sink_spec(self.schema)
        return open_target(url or self.url, spec.name, spec.table)

    def stored(self) -> int:
        with closing(self.target()) as target:
            return int(target.positions().get(P0, Position()).next_offset)

    def rows(self) -> dict[str, tuple[int, str, str, int]]:
        found = self.execute(f"SELECT subject, revision, event_id, action, registered FROM {self.schema}.peristiwa")
        assert len({row[0] for row in found}) == len(found)
        return {subject: tuple(rest) for subject, *rest in found}

    def start(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        environment = os.environ | {"SIMPUL_FAILPOINT": failpoint, "POLARS_MAX_THREADS": "1"}
        return subprocess.Popen([sys.executable, CHILD, self.url, self.schema, self.quarantine], env=environment)

    def sent_home(self) -> set[int]:
        return {int(line) for line in self.quarantine.read_text().split()}

    def check_at_end(self) -> None:
        assert self.stored() == len(EVENTS)
        assert self.rows() == expected(len(EVENTS))
        assert self.sent_home() <= BAD
        assert self.sent_home()


@dataclass
class Server:
    """A database's server: its process and how it is started again."""

    pid: Callable[[], int]
    start: Callable[[], None]

    def end(self, number: int) -> None:
        process = psutil.Process(self.pid())
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def postgresql_server(postgresql: Any) -> Server:
    return Server(postgresql.get_pid, postgresql.ensure_postgres_running)


@pytest.fixture(scope="session")
def mariadb_server(mariadb_url: str) -> Iterator[Server]:
    """The session's server; who started it does not know of its successors, so they end here."""
    settings = mariadb._settings(mariadb_url)
    if "unix_socket" not in settings or not Path(settings["unix_socket"]).with_name("pid").exists():
        pytest.skip("SIMPUL_TEST_MARIADB names a server that is not ours to restart")
    file = Path(settings["unix_socket"]).with_name("pid")
    command = psutil.Process(int(file.read_text())).cmdline()
    successors: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        successors.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                pymysql.connect(**settings).close()
            except pymysql.err.OperationalError:
                assert time.monotonic() < deadline, "mariadbd does not come back"
                time.sleep(0.05)
            else:
                return

    yield Server(lambda: int(file.read_text()), start)
    for process in successors:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@pytest.fixture(params=["postgresql", "mariadb"])
def ministry(request: pytest.FixtureRequest, tmp_path: Path) -> Ministry:
    url = request.getfixturevalue(f"{request.param}_url")
    schema = f"f{next(NUMBERS)}"
    if request.param == "postgresql":
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datid > 0"
        found = Ministry(url, schema, lambda: psycopg.connect(url), kill, tmp_path / "quarantine")
        found.execute(f"CREATE SCHEMA {schema}")
    else:
        settings = mariadb._settings(url)
        found = Ministry(url, schema, lambda: pymysql.connect(**settings), "", tmp_path / "quarantine")
        found.execute(f"CREATE OR REPLACE DATABASE {schema}")
    with closing(found.target()) as target:
        target.apply()
    found.execute(f"ALTER TABLE {schema}.peristiwa ADD CHECK (registered <= {child.MOST_REGISTERED})")
    found.quarantine.touch()
    return found


def test_killed_at_every_boundary_the_table_is_the_log_up_to_the_stored_offset(ministry: Ministry) -> None:
    for place in PLACES:
        before = ministry.stored()
        process = ministry.start(f"{place}:2")
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL, place
        stored = ministry.stored()
        assert before <= stored < len(EVENTS), place
        assert ministry.rows() == expected(stored), place
    assert ministry.start().wait(PATIENCE_SECONDS) == 0
    ministry.check_at_end()


@pytest.mark.parametrize("place", ["digested", "merged"])
def test_a_frozen_copy_cannot_write_when_it_wakes_behind_its_successor(ministry: Ministry, place: str) -> None:
    zombie = ministry.start(f"{place}:2:STOP")
    try:
        _, status = os.waitpid(zombie.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert ministry.start().wait(PATIENCE_SECONDS) == 0
        ministry.check_at_end()
    finally:
        os.kill(zombie.pid, signal.SIGCONT)
    assert zombie.wait(PATIENCE_SECONDS) == 0
    ministry.check_at_end()


@contextmanager
def an_older_copy_in_mid_transaction(ministry: Ministry) -> Iterator[psycopg.Connection[Any]]:
    """A session that has taken the row of the sink, as every write begins."""
    with psycopg.connect(ministry.url) as older:
        older.execute(f"UPDATE {ministry.schema}.simpul_sink SET beat = beat + 1")
        yield older


@pytest.mark.parametrize("ministry", ["postgresql"], indirect=True)
def test_a_copy_that_froze_in_the_midst_of_its_rows_is_ended_by_its_successor(ministry: Ministry) -> None:
    """No timeout of the server ends a COPY whose client says nothing more."""
    with suppress(psycopg.Error), an_older_copy_in_mid_transaction(ministry) as older:
        older.execute("CREATE TEMPORARY TABLE simpul_staging (number bigint)")
        with older.cursor().copy("COPY simpul_staging FROM STDIN") as rows:
            rows.write("1\n")
            with closing(ministry.target()) as successor:
                assert successor.claim("uji") == 1
        older.commit()
        pytest.fail("the frozen copy could commit")
    assert ministry.execute(f"SELECT generation, beat FROM {ministry.schema}.simpul_sink") == [(1, 1)]


@pytest.mark.parametrize("ministry", ["postgresql"], indirect=True)
def test_a_copy_that_works_is_waited_for_by_its_successor_however_long_it_takes(ministry: Ministry) -> None:
    with an_older_copy_in_mid_transaction(ministry) as older, ThreadPoolExecutor(1) as pool:
        # Longer than a claim waits for a lock before it looks again.
        work = pool.submit(lambda: (older.execute("SELECT pg_sleep(7)"), older.commit()))
        while not ministry.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            assert not work.done()
        with closing(ministry.target()) as successor:
            assert successor.claim("uji") == 1
        work.result()
    assert ministry.execute(f"SELECT generation, beat FROM {ministry.schema}.simpul_sink") == [(1, 2)]


def test_connections_that_are_killed_again_and_again_cost_nothing(ministry: Ministry) -> None:
    log, registry = child.filled_log()
    told: list[object] = []
    target = ministry.target()
    runner = SinkRunner(
        child.sink_spec(ministry.schema), registry, target, child.LIMITS, told.append, InMemoryWriter(log)
    )
    batches = itertools.count(1)

    def kill(_sink: str, _count: int) -> None:
        if next(batches) % 4 == 0:
            if ministry.kill_others:
                ministry.execute(ministry.kill_others)
                return
            for (number,) in ministry.execute(
                "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND command = 'Sleep'"
            ):
                ministry.execute(f"KILL {number}")

    async def go() -> None:
        reader = InMemoryReader(log, [child.TOPIC], runner.start_offset)
        await reader.start()
        ends = await reader.end_offsets()
        await runner.run(reader, lambda: runner.has_reached(ends), kill)

    asyncio.run(go())
    assert len([error for error in told if error is not None]) > 3
    assert ministry.rows() == expected(len(EVENTS))
    target.close()


@pytest.mark.parametrize("ministry", ["postgresql", "mariadb"], indirect=True)
def test_a_server_that_crashes_or_stops_in_mid_transaction_and_comes_back_costs_nothing(
    ministry: Ministry, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["ministry"]
    server: Server = request.getfixturevalue(f"{name}_server")
    crash, stop = (signal.SIGQUIT, signal.SIGINT) if name == "postgresql" else (signal.SIGKILL, signal.SIGTERM)
    for place, number in (("merged:3", crash), ("staged:2", stop)):
        before = ministry.stored()
        sink = ministry.start(f"{place}:STOP")
        _, status = os.waitpid(sink.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        server.end(number)
        os.kill(sink.pid, signal.SIGCONT)
        server.start()
        # It went on from there by itself; the second one in the place of the first, which has no time to end.
        while (stored := ministry.stored()) <= before + 50 and sink.poll() is None:
            time.sleep(0.05)
        assert stored > before
        if number is crash:
            sink.kill()
            sink.wait(PATIENCE_SECONDS)
            assert ministry.rows() == expected(ministry.stored())
    assert sink.wait(PATIENCE_SECONDS) == 0
    ministry.check_at_end()


def test_two_processes_at_once_store_each_record_once(ministry: Ministry) -> None:
    both = [ministry.start(), ministry.start()]
    assert [process.wait(PATIENCE_SECONDS) for process in both] == [0, 0]
    ministry.check_at_end()
    with closing(ministry.target()) as target:
        assert target.positions()[P0].records == len(EVENTS)


def test_a_backup_that_is_restored_under_a_running_sink_is_filled_up_again(ministry: Ministry) -> None:
    log, registry = child.filled_log()
    target = ministry.target()
    runner = SinkRunner(
        child.sink_spec(ministry.schema), registry, target, child.LIMITS, quarantine=InMemoryWriter(log)
    )
    names = ("peristiwa", "simpul_offset", "simpul_sink")
    batches = itertools.count(1)

    def restore(_sink: str, _count: int) -> None:
        number = next(batches)
        if number == 5:
            for name in names:
                table = f"{ministry.schema}.{name}"
                ministry.execute(f"CREATE TABLE {table}_lama AS SELECT * FROM {table}")
        if number == 12:
            for name in names:
                table = f"{ministry.schema}.{name}"
                ministry.execute(f"DELETE FROM {table}")
                ministry.execute(f"INSERT INTO {table} SELECT * FROM {table}_lama")
            assert ministry.stored() == 125

    async def go() -> None:
        reader = InMemoryReader(log, [child.TOPIC], runner.start_offset)
        await reader.start()
        ends = await reader.end_offsets()
        await runner.run(reader, lambda: runner.has_reached(ends), restore)

    asyncio.run(go())
    assert ministry.rows() == expected(len(EVENTS))
    target.close()


class Proxy:
    """A TCP or UNIX line to MariaDB that cuts once at a COMMIT: before it goes up, or before its answer comes down."""

    def __init__(self, server: str, path: Path, *, pass_commit: bool) -> None:
        self._server, self._pass_commit, self.cuts = server, pass_commit, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
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
            written = False
            while data := client.recv(1 << 16):
                written = written or (b"INSERT INTO" in data and b"peristiwa" in data)
                if written and data.endswith(b"\x03COMMIT") and not self.cuts:
                    self.cuts += 1
                    deaf.set()
                    if self._pass_commit:
                        server.sendall(data)
                        self.answered.wait(10)
                    break
                server.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)
            down.join()

    answered = threading.Event()

    def _answer(self, server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        while data := server.recv(1 << 16):
            if deaf.is_set():
                self.answered.set()
            else:
                client.sendall(data)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("pass_commit", [True, False])
@pytest.mark.parametrize("ministry", ["mariadb"], indirect=True)
def test_a_commit_of_mariadb_whose_answer_is_cut_off_is_stored_once(
    ministry: Ministry, tmp_path: Path, pass_commit: bool
) -> None:
    server = mariadb._settings(ministry.url)["unix_socket"]
    line = tmp_path / "p.sock"
    proxy = Proxy(server, line, pass_commit=pass_commit)
    proxy.answered = threading.Event()
    log, registry = child.filled_log()
    spec = child.sink_spec(ministry.schema)
    block = log.read(P0, 0, 20)
    assert block is not None
    frame = spec.source.open(registry).take([block]).frame
    rows = shape(frame.filter(frame["registered"] <= child.MOST_REGISTERED), spec.table)
    cut = ministry.target(ministry.url.replace(server, str(line)))
    moves = [Move(P0, Position(), Position(20, 20, 0))]
    with pytest.raises(TargetUnavailable):
        cut.write(rows, moves)
    assert (ministry.stored() == 20) == pass_commit
    cut.write(rows, moves)
    assert proxy.cuts == 1
    assert ministry.stored() == 20
    assert len(ministry.rows()) == rows.height
    cut.close()
    proxy.close()


def test_a_database_that_is_away_is_named_and_costs_nothing(tmp_path: Path) -> None:
    spec = child.sink_spec("s")
    target = open_target(f"mysql://u:geheim@h/d?unix_socket={tmp_path}/none.sock", spec.name, spec.table)
    with pytest.raises(TargetUnavailable) as found:
        target.prepare()
    assert "geheim" not in str(found.value)
