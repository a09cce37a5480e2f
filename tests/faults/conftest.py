"""A running demo that can be hurt: files go in while processes are killed; what comes out is held to the referee."""

import importlib.util
import itertools
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import psutil
import psycopg
import pytest
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from simpul_deploy.demo.run import RunningDemo, running_demo
from simpul_deploy.demo.tie_out import EVENT_TABLE, FIGURE_TABLE, Imported
from simpul_deploy.errors import CommandFailed
from simpul_deploy.lag import LagMeter
from simpul_deploy.local.stack import Stack
from simpul_processors.app import consumer_group

EXTRACT = Path(__file__).parents[2] / "deploy/simpul_deploy/demo/data"
GROUPS = tuple(consumer_group(f"participation.{stage}") for stage in ("partial", "figure"))
EVENT_SINK, FIGURE_SINK = "ministry_participation_events", "ministry_participation"
#: Without what is waited for, so long, something is wrong.
PATIENCE_SECONDS = 180.0


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).parents[1] / "oracle/polling_stations.py")


@dataclass(frozen=True)
class Strike:
    """A fault that was done: to what, how far it had come then, in records."""

    target: str
    at: int


@dataclass
class Bench:
    """A demo that runs, and what is done to it; whoever starts processes is the main thread, as they end with it."""

    stack: Stack
    running: RunningDemo
    files: Sequence[Path]
    #: Records that a worker takes at a time: few, so that there are many moments to be hurt at.
    max_records: int
    chance: random.Random
    strikes: list[Strike] = field(default_factory=list)
    broken_imports: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def add_worker(self, name: str) -> None:
        self.running.children.add(name, "worker", "--name", name, "--max-records", str(self.max_records))

    def struck(self, target: str) -> list[int]:
        """How far a target had come at each strike."""
        return [strike.at for strike in self.strikes if strike.target == target]

    # What is looked at.

    @contextmanager
    def folded(self) -> Iterator[Callable[[], int]]:
        """How many events the fold has told to have done."""
        with closing(LagMeter(self.running.endpoints.bootstrap_servers)) as meter:
            yield lambda: sum(meter.done(GROUPS[0]).values())

    @contextmanager
    def stored(self, sink: str) -> Iterator[Callable[[], int]]:
        """How many records a sink has stored."""
        with psycopg.connect(self.running.endpoints.postgresql_url, autocommit=True) as database:

            def count() -> int:
                if not one(database, "SELECT to_regclass('simpul_offset') IS NOT NULL"):
                    return 0
                return int(
                    one(database, "SELECT coalesce(sum(next_offset), 0) FROM simpul_offset WHERE sink = %s", sink)
                )

            yield count

    @contextmanager
    def taken(self) -> Iterator[Callable[[], int]]:
        """How many events the outbox holds."""
        yield lambda: self._in_outbox("SELECT count(*) FROM events")

    @contextmanager
    def sent(self) -> Iterator[Callable[[], int]]:
        """How many events were sent."""
        yield lambda: self._in_outbox("SELECT count(*) FROM events WHERE state = 1")

    def _in_outbox(self, query: str) -> int:
        path = self.stack.client_data / "outbox.db"
        if not path.exists():
            return 0
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as outbox,
            suppress(sqlite3.OperationalError),  # it is being made
        ):
            return int(outbox.execute(query).fetchone()[0])
        return 0

    # What is done.

    def import_all(self, files: Sequence[Path] = ()) -> Imported:
        """Import files, by default all, again and again until an import comes to its end."""
        while True:
            try:
                return self.running.publish(files or self.files)
            except CommandFailed:
                self.broken_imports += 1
                self.breathe()

    def import_pid(self) -> int | None:
        for process in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if "import" in process.cmdline():
                    return process.pid
        return None

    def child_pid(self, name: str) -> int | None:
        return self.running.children.pids.get(name)

    def strike(self, target: str, find: Callable[[], int | None], at: int, number: int = signal.SIGKILL) -> None:
        while (pid := find()) is None:
            self.breathe()
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            self.strikes.append(Strike(target, at))

    def breathe(self) -> None:
        """Wait a moment; give up where the test has failed elsewhere."""
        assert not self.stopping.is_set(), "stopped while a fault was waited for"
        time.sleep(0.01)

    def kill_along(
        self, name: str, reached: Callable[[], int], moments: Sequence[int], evict: Callable[[], None] | None = None
    ) -> None:
        """Kill a child each time it has come so far, in the midst of whatever."""
        for moment in moments:
            while (at := reached()) < moment:
                self.breathe()
            time.sleep(self.chance.random() * 0.1)
            self.strike(name, lambda: self.child_pid(name), at)
            if evict is not None:
                evict()

    def moments(self, count: int, start: int, end: int) -> list[int]:
        """Random moments between two, in records done."""
        return sorted(self.chance.sample(range(start + 1, end), count))

    @contextmanager
    def side_by_side(self) -> Iterator[Callable[..., Future[Any]]]:
        """Run things in threads; behind the block all of them have ended, and children were kept running."""
        with ThreadPoolExecutor(8) as pool:
            futures: list[Future[Any]] = []

            def submit(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
                futures.append(pool.submit(work, *arguments))
                return futures[-1]

            try:
                yield submit
                self.keep_until(lambda: all(future.done() for future in futures))
                for future in futures:
                    future.result()
            finally:
                self.stopping.set()
        self.stopping.clear()

    def keep_until(self, condition: Callable[[], bool]) -> None:
        """Start again what ends, until something holds."""
        self.wait_until(condition, self.running.children.keep_running)

    def wait_until(self, condition: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain; {self.report()}")
            meanwhile()
            time.sleep(0.05)

    def report(self) -> str:
        """What can be seen from outside: how far each step has come, who lives, the ends of the logs."""
        lines = [f"strikes {self.strikes}", f"broken imports {self.broken_imports}"]
        for name in ("taken", "sent", "folded"):
            with getattr(self, name)() as count:
                lines.append(f"{name} {count()}")
        lines.append(f"children {self.running.children.pids}, import {self.import_pid()}")
        with closing(Membership(self.running.endpoints.bootstrap_servers)) as membership:
            lines.append(f"members {membership.lanes()}, behind {membership.behind()}")
        for log in sorted(self.stack.logs.glob("worker-*.log")):
            lines += [log.name, *log.read_text(encoding="utf-8").splitlines()[-15:]]
        return "\n".join(lines)


class Membership:
    """Who is in the workers' groups, as the broker sees it."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        self._meter = LagMeter(bootstrap_servers)

    def _describe(self, group: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._admin.describe_groups([group])[group]
        except KafkaError as error:
            if not error.retriable:
                raise
            return {"group_state": "not there yet", "members": []}
        return found

    def lanes(self, group: str = GROUPS[0]) -> dict[str, set[str]]:
        """For each member of a settled group its topics; nothing while the members settle."""
        found = self._describe(group)
        if found["group_state"] != "Stable":
            return {}
        return {
            member["member_id"]: {part["topic"] for part in member["member_assignment"]["assigned_partitions"]}
            for member in found["members"]
        }

    def behind(self) -> dict[str, int]:
        """For each member of a settled group how many records it has still to do."""
        lanes = self.lanes()
        ends = self._meter.ends(sorted(set().union(*lanes.values()))) if lanes else {}
        done = self._meter.done(GROUPS[0])
        return {
            member: sum(end - done.get(partition, 0) for partition, end in ends.items() if partition.topic in topics)
            for member, topics in lanes.items()
        }

    def members(self, group: str) -> set[str]:
        return {member["member_id"] for member in self._describe(group)["members"]}

    def evict(self, but: Mapping[str, set[str]] = MappingProxyType({})) -> None:
        """Tell the broker that members are dead, instead of waiting 10 s until it misses them."""
        for group in GROUPS:
            gone = self.members(group) - but.get(group, set())
            if gone:
                self._admin.remove_group_members(group, [MemberToRemove(member_id=member) for member in gone])

    def close(self) -> None:
        self._meter.close()
        self._admin.close()


def one(database: psycopg.Connection[Any], query: Any, *parameters: object) -> Any:
    row = database.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def ministry_figures(database: psycopg.Connection[Any]) -> Any:
    """The table of figures as the referee has them."""
    rows = database.execute(f"SELECT level, region, {', '.join(oracle.MEASURES)} FROM {FIGURE_TABLE}")
    return {(level, region): tuple(values) for level, region, *values in rows}


def ministry_statements(database: psycopg.Connection[Any]) -> set[tuple[object, ...]]:
    """The table of events as the referee has them."""
    return set(database.execute(f"SELECT {', '.join(oracle.STATEMENT)} FROM {EVENT_TABLE}").fetchall())


def wrong(bench: Bench, imported: Imported) -> list[str]:
    """Everything in which the demo differs from what the raw files say, at every level; empty where all is right."""
    truth = oracle.truth(bench.files)
    with psycopg.connect(bench.running.endpoints.postgresql_url) as database:
        found = oracle.differences(truth.figures, ministry_figures(database))
        statements = ministry_statements(database)
    found += [f"statement: {row}" for row in itertools.islice(truth.statements ^ statements, 5)]
    tie_out = bench.running.tie_out(imported)
    found += [f"tie-out: {check}" for check in tie_out.checks if not check.holds]
    numbers = {
        "rows read": (truth.rows_read, imported.rows_read),
        "refused": (truth.refused_by_code, dict(imported.refused_by_code)),
        "taken": (truth.rows_read - truth.refused, imported.published + imported.unchanged),
        "published": (truth.accepted, tie_out.published),
        "accepted": (truth.accepted, tie_out.survey.accepted),
        "superseded": (truth.superseded, tie_out.survey.superseded),
        "quarantined": (0, tie_out.survey.quarantined),
        "stored": (truth.stored, tie_out.stored),
    }
    found += [f"{name}: expected {left}, found {right}" for name, (left, right) in numbers.items() if left != right]
    return found


@contextmanager
def open_bench(folder: Path, seed: int, workers: int, max_records: int) -> Iterator[Bench]:
    """Start a demo of its own, with workers that take small batches."""
    files = sorted(EXTRACT.glob("pilpres2024_tps*.csv.gz"), key=lambda path: "corrections" in path.name)
    stack = Stack("demo", data_root=folder)
    try:
        with running_demo(stack, 0, lambda _step: None, lambda _name, _done, _total: None) as running:
            bench = Bench(stack, running, files, max_records, random.Random(seed))
            for number in range(workers):
                bench.add_worker(f"worker-{number}")
            yield bench
    finally:
        stack.down(purge=True)


@pytest.fixture(scope="session")
def harness() -> SimpleNamespace:
    """What the tests of this folder use, as they cannot import it."""
    return SimpleNamespace(
        oracle=oracle,
        open_bench=open_bench,
        wrong=wrong,
        statements=ministry_statements,
        membership=Membership,
        groups=GROUPS,
        sinks=(EVENT_SINK, FIGURE_SINK),
    )
