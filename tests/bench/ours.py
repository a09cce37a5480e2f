"""Runs our workers over a log that is there, and times them from the first batch to the last acknowledged record."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from tests.bench.bus import WORKSHOP, ends_of, read_from

from simpul_deploy.lag import LagMeter
from simpul_processors.app import consumer_group
from simpul_processors.views import VIEWS
from simpul_schemas.log import Block
from simpul_schemas.regions import load_regions
from simpul_schemas.topics import event_topic, partial_topic, receipt_topic

#: Without an end after so long, something is wrong.
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Outcome:
    """Seconds from the first batch to the last append, seconds of processor time that the workers used from there on.

    `anonymous_bytes` is the largest `RssAnon` of a worker, `partials` the partial figures.
    """

    seconds: float
    processor_seconds: float
    anonymous_bytes: int
    partials: Sequence[Block]


class Ours:
    """A number of workers, each with a store of its own, over the events of one view."""

    def __init__(
        self,
        bootstrap_servers: str,
        registry_url: str,
        *,
        view: str = "incident",
        tag: str = "",
        provinces: Sequence[str] = (),
        stage: str = "partial",
    ) -> None:
        self._servers = (bootstrap_servers, registry_url)
        # What workers keep of a registry, over their restarts; another one may have stood at this address before.
        shutil.rmtree(WORKSHOP / "cache", ignore_errors=True)
        self._view = view
        self._stage = stage
        self._lanes = [tag, ",".join(provinces)] if tag else []
        self.group = consumer_group(f"{view}.partial{'.' * bool(tag)}{tag}")
        self._provinces = provinces or load_regions().provinces()
        self._events = [event_topic(province, VIEWS[view].spec.event_type) for province in self._provinces]

    def run(self, workers: int = 1, stores: str = "fold", *, keep: bool = False) -> Outcome:
        """Fold all that is there; `keep` goes on with the stores of an earlier run."""
        folder = WORKSHOP / stores
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        outputs = [partial_topic(self._view), *(receipt_topic(province) for province in self._provinces)]
        forget_group(self._servers[0], self.group)
        before = ends_of(self._servers[0], outputs)
        children = [self._start(folder / f"worker-{number}") for number in range(workers)]
        peaks = [0] * workers
        watch = threading.Thread(target=_watch, args=(children, peaks), daemon=True)
        watch.start()
        try:
            started, used = self._race(children)
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(30)
        written = read_from(self._servers[0], before)
        last = max(block.timestamps[-1] for block in written) / 1e6
        partials = [block for block in written if block.partition.topic == partial_topic(self._view)]
        return Outcome(last - started, used, max(peaks), partials)

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[None]:
        """Run one worker, from an empty store, for as long as the block lasts."""
        shutil.rmtree(folder, ignore_errors=True)
        forget_group(self._servers[0], self.group)
        child = self._start(folder)
        try:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
            with closing(KafkaAdminClient(bootstrap_servers=self._servers[0])) as admin:
                while not _settled(admin, self.group, 1):
                    time.sleep(0.1)
            yield
        finally:
            child.terminate()
            child.wait(30)

    def _start(self, folder: Path) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "tests.bench.fold_worker",
            *self._servers,
            str(folder),
            self._view,
            self._stage,
        ]
        command += self._lanes
        environment = {
            **os.environ,
            "POLARS_MAX_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "1",
        }  # as the command `simpul worker` has it
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def _race(self, children: Sequence["subprocess.Popen[str]"]) -> tuple[float, float]:
        """Let all begin at once when all have their partitions; returns when the first batch came, and their time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with closing(KafkaAdminClient(bootstrap_servers=self._servers[0])) as admin:
            while not _settled(admin, self.group, len(children)):
                assert time.monotonic() < deadline, "the group does not settle"
                time.sleep(0.1)
        before = sum(_processor_seconds(child.pid) for child in children)
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        with closing(LagMeter(self._servers[0])) as meter:
            ends = {at: end for at, end in meter.ends(self._events).items() if end}
            while any(meter.done(self.group).get(at, 0) < end for at, end in ends.items()):
                assert time.monotonic() < deadline, "the fold does not come to its end"
                assert all(child.poll() is None for child in children), "a worker has died"
                time.sleep(0.5)
        # Faust writes its own marks around what is said.
        spoken = [re.findall(r"\d{13}", child.stdout.readline()) for child in children if child.stdout]
        used = sum(_processor_seconds(child.pid) for child in children) - before
        return min(int(words[0]) for words in spoken) / 1000, used


def _processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def forget_group(bootstrap_servers: str, group: str) -> None:
    """Forget what an earlier run has told; waits until its members have left."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        deadline = time.monotonic() + 60
        while group in {found["group_id"] for found in admin.list_groups()}:
            assert time.monotonic() < deadline, f"somebody is in the group {group}"
            with contextlib.suppress(KafkaError):
                admin.delete_groups([group])
            time.sleep(0.2)


def _settled(admin: KafkaAdminClient, group: str, members: int) -> bool:
    try:
        found = admin.describe_groups([group])[group]
    except KafkaError as error:
        if not error.retriable:
            raise
        return False
    lanes = [
        member["member_assignment"]["assigned_partitions"] for member in found["members"] if member["member_assignment"]
    ]
    return found["group_state"] == "Stable" and len(lanes) == members and all(lanes)


def _watch(children: Sequence["subprocess.Popen[str]"], peaks: list[int]) -> None:
    while any(child.poll() is None for child in children):
        for at, child in enumerate(children):
            peaks[at] = max(peaks[at], _anonymous_bytes(child.pid))
        time.sleep(0.2)


def _anonymous_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)
