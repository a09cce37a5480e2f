"""Sinks beside the Debezium JDBC sink: one log, one database, the same rows in the end.

The log: `incident` events of 38 provinces, three of ten correct an earlier one. The peer keeps what came last, so here
the order of the log is the order of revisions; ours asks for the highest revision all the same, and judges every event.
Both fill the columns that are filled, under one primary key. Times are `timestamptz` or `datetime(6)` in ours and
microseconds in a `bigint` in theirs, as Kafka Connect has no type for them: eight bytes in both.

A clock runs from where partitions are taken over, before the first fetch, until the last row of every province is
seen in the table by another connection. Runs take turns; then all rows of both tables are compared with a
recomputation. The Connect worker lives through all runs, and its first runs, which warm it up, choose its batch size.
"""

import os
import shutil
import socket as socketlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import psycopg
import pymysql
from psycopg.conninfo import conninfo_to_dict
from tests.bench.bus import WORKSHOP, publish, renew
from tests.bench.incidents import FIRST_DAY_MICROS, TYPE, Drawn, Mix, draw
from tests.bench.measure import ratio, side_by_side
from tests.bench.peers.debezium_sink import Debezium, debezium

from simpul_connectors.sinks.dialects import mariadb
from simpul_connectors.sinks.dialects.dialect import Dialect
from simpul_connectors.sinks.dialects.mariadb import Mariadb
from simpul_connectors.sinks.dialects.postgresql import Postgresql
from simpul_connectors.sinks.spec import load_spec
from simpul_deploy.bus import prepare
from simpul_deploy.local.stack import Stack
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import event_topic_spec, value_subject

EVENTS = int(os.environ.get("SIMPUL_BENCH_EVENTS", "400000"))
#: Events of a run that only warms the Connect worker up and tries a batch size.
TRIAL_EVENTS = 60_000
ROUNDS = int(os.environ.get("SIMPUL_BENCH_ROUNDS", "3"))
BATCH_SIZES = (500, 2_000, 10_000)
PATIENCE_SECONDS = 900
OURS, THEIRS, LAST = "bench_ours", "bench_theirs", "bench_last"
TIMES = ("occurred_at", "recorded_at", "published_at", "resolved_at")
#: What the drawn events fill.
COLUMNS = (
    *("event_id", "subject", "revision", "action", "region", "occurred_at", "recorded_at", "published_at", "source"),
    *("mode", "kind", "category", "phase", "severity", "verification", "time_precision", "killed", "injured"),
    *("displaced", "buildings_damaged", "loss_idr", "resolved_at"),
)


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Base:
    """A database that both sides fill.

    `peer` is what the peer needs to connect, `time` the type of our times, `micros` what turns one into microseconds,
    `pid` the server's process.
    """

    name: str
    goal: float
    url: str
    connect: Callable[[], Any]
    peer: Mapping[str, Any]
    dialect: Dialect
    time: str
    micros: str
    pid: int

    def execute(self, *statements: str) -> list[Any]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return found

    def processor_seconds(self) -> float:
        """Processor time of the server and all its processes that live."""
        server = psutil.Process(self.pid)
        return sum(_processor_seconds(process) for process in (server, *server.children(recursive=True)))


def _processor_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # a database's helpers come and go
    return float(times.user + times.system)


class Bench:
    """One log and one database, and how each side is run."""

    def __init__(self, bootstrap_servers: str, registry_url: str, base: Base, peer: Debezium) -> None:
        self._servers = (bootstrap_servers, registry_url)
        self._base = base
        self._peer = peer
        self._topics: list[str] = []
        self._expected = pl.DataFrame()
        self._lasts: list[tuple[str, int]] = []
        self._events = 0
        self._spec = WORKSHOP / f"sink_{base.name}.yaml"
        self._spec.write_text(
            f"name: bench\nfrom: {{events: {TYPE.name}}}\ntable: {OURS}\n"
            f"columns: {{{', '.join(f'{name}: {name}' for name in COLUMNS)}}}\n",
            encoding="utf-8",
        )

    def take(self, log: "Log") -> None:
        """Use a log from now on."""
        self._topics, self._expected, self._lasts, self._events = log.topics, log.expected, log.lasts, log.events
        rows = ", ".join(f"('{subject}', {revision})" for subject, revision in log.lasts)
        self._base.execute(
            f"DROP TABLE IF EXISTS {LAST}",
            f"CREATE TABLE {LAST} (subject {self._base.dialect.bytewise_text(255)}, revision bigint)",
            f"INSERT INTO {LAST} VALUES {rows}",
        )

    def ours(self) -> float:
        """Run our sink; events per second."""
        self._base.execute(
            *(f"DROP TABLE IF EXISTS {name}" for name in (OURS, "simpul_offset", "simpul_sink", "simpul_withdrawn"))
        )
        command = [sys.executable, "-m", "tests.bench.sink_worker", str(self._spec), *self._servers]
        environment = {**os.environ, "SIMPUL__DATABASE__URL": self._base.url}
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n", "the sink did not start"
            used, theirs = _processor_seconds(psutil.Process(child.pid)), self._base.processor_seconds()
            child.stdin.write("go\n")
            child.stdin.flush()
            started = int(child.stdout.readline()) / 1000
            ended = self._wait(OURS, lambda: self._check_alive(child))
            used = _processor_seconds(psutil.Process(child.pid)) - used
            theirs = self._base.processor_seconds() - theirs
            child.communicate("end\n", timeout=60)
        finally:
            child.kill()
            child.wait(60)
        self._compare(OURS, self._base.micros)
        return self._rate("simpul", ended - started, used, theirs)

    def theirs(self, batch_size: int) -> float:
        """Run the Debezium sink; events per second."""
        self._base.execute(f"DROP TABLE IF EXISTS {THEIRS}", self._ddl())
        process = psutil.Process(self._peer.pid)
        used, theirs = _processor_seconds(process), self._base.processor_seconds()
        config = {
            "batch.size": batch_size,
            "consumer.override.max.poll.records": batch_size,
            # The sink's own `field.include.list` names topics too, and slows it down by a hundred times.
            "transforms": "filled",
            "transforms.filled.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
            "transforms.filled.include": ",".join(COLUMNS),
            **self._base.peer,
        }
        with self._peer.running(self._topics, THEIRS, config) as name:
            ended = self._wait(THEIRS, lambda: self._peer.check(name))
            used = _processor_seconds(process) - used
            theirs = self._base.processor_seconds() - theirs
        self._compare(THEIRS, "{}")
        return self._rate(f"Debezium, batch.size {batch_size}", ended - self._peer.started(name), used, theirs)

    def _ddl(self) -> str:
        """Return the statement that makes the peer's table: ours, but for its times."""
        table = replace(load_spec(str(self._spec)).table, path=(THEIRS,))
        return self._base.dialect.create_table(table).replace(self._base.time, "bigint")

    def _wait(self, table: str, check: Callable[[], None]) -> float:
        """Wait until the last row of every province is there; returns when that was seen."""
        query = f"SELECT count(*) FROM {LAST} l JOIN {table} t ON t.subject = l.subject AND t.revision = l.revision"
        deadline = time.monotonic() + PATIENCE_SECONDS
        with closing(self._base.connect()) as connection:
            cursor = connection.cursor()
            while True:
                cursor.execute(query)
                (count,) = cursor.fetchone()
                connection.rollback()
                if count == len(self._lasts):
                    return time.time()
                assert time.monotonic() < deadline, f"{count} of {len(self._lasts)} provinces came to their end"
                check()
                time.sleep(0.1)

    @staticmethod
    def _check_alive(child: "subprocess.Popen[str]") -> None:
        assert child.poll() is None, "the sink has died"

    def _compare(self, table: str, micros: str) -> None:
        """Stop where a table differs from the recomputation in any row."""
        columns = ", ".join(micros.format(name) if name in TIMES else name for name in COLUMNS)
        rows = self._base.execute(f"SELECT {columns} FROM {table}")
        schema = self._expected.schema
        found = pl.DataFrame(rows, schema=schema, orient="row").sort("subject")
        assert found.equals(self._expected), f"{table} differs: {found.height:,} rows"

    def _rate(self, who: str, seconds: float, used: float, theirs: float) -> float:
        micros = [round(part / self._events * 1e6, 1) for part in (used, theirs)]
        rate = self._events / seconds
        say(
            f"  {self._base.name}: {who}: {rate:,.0f}/s; us of processor an event: {micros[0]} own, {micros[1]} of the "
            f"database"
        )
        return rate


@dataclass(frozen=True)
class Log:
    """Topics with events, the rows that they come to, and each topic's last (subject, revision)."""

    topics: list[str]
    expected: pl.DataFrame
    lasts: list[tuple[str, int]]
    events: int


def fill(bootstrap_servers: str, schema_id: int, events: int) -> Log:
    """Publish events whose order is that of their revisions, three of ten of them corrections."""
    drawn = [_in_order(one) for one in draw(events, mix=Mix(corrections=0.31, plain=True))]
    specs = [event_topic_spec(one.province, TYPE.name) for one in drawn]
    renew(bootstrap_servers, specs)
    publish(bootstrap_servers, (one.lane(schema_id) for one in drawn))
    whole = pl.concat(one.events for one in drawn)
    newest = whole.unique("subject", keep="last", maintain_order=True).select(COLUMNS).sort("subject")
    lasts = [one.events.select("subject", "revision").row(-1) for one in drawn]
    say(f"{whole.height:,} events, {newest.height:,} rows")
    return Log([spec.name for spec in specs], newest, lasts, whole.height)


def _in_order(one: Drawn) -> Drawn:
    """Leave out the older revisions that come late."""
    return Drawn(one.province, one.events.filter(pl.col("revision") >= FIRST_DAY_MICROS))


@contextmanager
def mariadb_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a MariaDB with its own defaults, as a ministry finds them; yields its address and its process."""
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    data, socket, port = folder / "data", folder / "server.sock", _free_port()
    if user:
        shutil.chown(folder, "mysql")
    install = ["mariadb-install-db", *user, f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True)
    server = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd"
    options = [f"--datadir={data}", f"--socket={socket}", f"--port={port}", "--bind-address=127.0.0.1"]
    process = subprocess.Popen([server, "--no-defaults", *user, *options], stderr=subprocess.DEVNULL)
    try:
        ping = ["mariadb-admin", f"--socket={socket}", "--user=root", "ping"]
        deadline = time.monotonic() + 60
        while subprocess.run(ping, check=False, capture_output=True).returncode:
            assert process.poll() is None, "mariadbd ended"
            assert time.monotonic() < deadline, "mariadbd does not answer"
            time.sleep(0.1)
        words = "CREATE DATABASE bench CHARACTER SET utf8mb4; CREATE USER bench@localhost IDENTIFIED BY 'bench'; "
        words += "GRANT ALL ON bench.* TO bench@localhost"
        subprocess.run(["mariadb", f"--socket={socket}", "--user=root", "-e", words], check=True)
        yield f"mysql://bench:bench@127.0.0.1:{port}/bench", process.pid
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with closing(socketlib.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def mariadb_base(url: str, pid: int) -> Base:
    settings = mariadb._settings(url)
    peer = {
        "connection.url": f"jdbc:mariadb://{settings['host']}:{settings['port']}/{settings['database']}",
        "connection.username": settings["user"],
        "connection.password": settings["password"],
    }
    micros = "timestampdiff(MICROSECOND, '1970-01-01', {})"
    return Base("mariadb", 3, url, lambda: pymysql.connect(**settings), peer, Mariadb(), "datetime(6)", micros, pid)


def postgresql_base(url: str) -> Base:
    parts = conninfo_to_dict(url)
    peer = {
        # The driver's own way to send many rows at once.
        "connection.url": f"jdbc:postgresql://{parts['host']}:{parts['port']}/{parts['dbname']}"
        "?reWriteBatchedInserts=true",
        "connection.username": parts["user"],
        "connection.password": parts["password"],
    }
    with psycopg.connect(url) as connection:
        pid = psutil.Process(connection.info.backend_pid).ppid()
    micros = "(extract(epoch FROM {}) * 1000000)::bigint"
    return Base("postgresql", 4, url, lambda: psycopg.connect(url), peer, Postgresql(), "timestamptz", micros, pid)


@contextmanager
def endpoints() -> Iterator[tuple[str, str, str]]:
    """Addresses of broker, registry and PostgreSQL."""
    named = [os.environ.get(f"SIMPUL_TEST_{name}") for name in ("KAFKA", "REGISTRY", "POSTGRESQL")]
    if all(named):
        yield str(named[0]), str(named[1]), str(named[2])
        return
    stack = Stack("bench", data_root=WORKSHOP / "stack")
    found = stack.up().endpoints
    try:
        yield found.bootstrap_servers, found.registry_url, found.postgresql_url
    finally:
        stack.down(purge=True)


def run() -> list[dict[str, Any]]:
    """Run our sinks beside the Debezium sink, into both databases."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    with (
        endpoints() as (bootstrap_servers, registry_url, postgresql_url),
        tempfile.TemporaryDirectory(prefix="simpul-bench-mariadb-", ignore_cleanup_errors=True) as folder,
        mariadb_server(Path(folder)) as (mariadb_url, mariadb_pid),
        debezium(bootstrap_servers, registry_url) as peer,
    ):
        registry = HttpRegistry(registry_url)
        prepare(bootstrap_servers, registry)
        schema_id = registry.lookup(value_subject(event_topic_spec("73", TYPE.name).name), TYPE.schema)
        bases = [
            base
            for base in (postgresql_base(postgresql_url), mariadb_base(mariadb_url, mariadb_pid))
            if base.name in os.environ.get("SIMPUL_BENCH_BASES", "postgresql mariadb")
        ]
        benches = {base.name: Bench(bootstrap_servers, registry_url, base, peer) for base in bases}
        trial = fill(bootstrap_servers, schema_id, TRIAL_EVENTS)
        best: dict[str, int] = {}
        tried: dict[str, dict[int, int]] = {}
        for name, bench in benches.items():
            bench.take(trial)
            bench.theirs(BATCH_SIZES[0])  # warms up
            rates = {size: bench.theirs(size) for size in BATCH_SIZES}
            best[name] = max(rates, key=lambda size: rates[size])
            tried[name] = {size: round(rate) for size, rate in rates.items()}
        log = fill(bootstrap_servers, schema_id, EVENTS)
        found = []
        for base in bases:
            bench = benches[base.name]
            bench.take(log)
            sides = {"ours": bench.ours, "theirs": partial(bench.theirs, best[base.name])}
            rates = side_by_side(sides, ROUNDS)
            more = {
                "events": log.events,
                "rows": log.expected.height,
                "batch_size": best[base.name],
                "tried": tried[base.name],
            }
            found.append(ratio(f"sink_{base.name}_vs_debezium", base.goal, rates["ours"], rates["theirs"], **more))
    return found
