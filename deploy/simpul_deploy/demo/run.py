"""One run of the demo, step by step: stack, topics, workers and sinks, import, waiting, tie-out."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kafka import TopicPartition

from simpul_connectors.sinks.dialects import open_target
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.sinks.target import Target
from simpul_deploy import bus
from simpul_deploy.demo.children import Children, die_with_parent, simpul
from simpul_deploy.demo.tie_out import VIEW, Imported, TieOut, tie_out
from simpul_deploy.errors import CommandFailed, NoDemoData, StillBehind
from simpul_deploy.lag import LagMeter
from simpul_deploy.local.client import client_environment
from simpul_deploy.local.report import Endpoints, Step
from simpul_deploy.local.stack import Stack
from simpul_processors.app import consumer_group
from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer
from simpul_schemas.connection import Connection, connect
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.settings import load_settings

INSTANCE = "demo"
MAPPING = "pilpres2024_tps"
SINKS = ("ministry_participation", "ministry_participation_events")
#: What the demo looks for in a folder of data.
PATTERN = "pilpres2024_tps*.csv*"
_POLL_SECONDS = 0.2
#: Without any progress for so long, something is wrong.
_PATIENCE_SECONDS = 120.0

#: Told what is going on: a name, how much is done, and of how much.
OnProgress = Callable[[str, int, int], None]


def find_files(folder: Path) -> list[Path]:
    """Return the polling-station files of a folder, or raise `NoDemoData`."""
    found = sorted(folder.glob(PATTERN))
    if not found:
        raise NoDemoData(folder, PATTERN)
    return found


def check_files(files: Sequence[Path]) -> None:
    """Raise `TableError` for a file that cannot be imported at all, before anything is started."""
    importer = Importer(load_mapping(MAPPING), MAPPING, None, RefusalReport(None), time.time_ns)
    for path in files:
        importer.check(path)


@contextmanager
def running_demo(
    stack: Stack, workers: int, on_step: Callable[[Step], None], on_progress: OnProgress
) -> Iterator["RunningDemo"]:
    """Start an empty stack, topics, workers and sinks; all of it is stopped behind the block."""
    stack.down(on_step, purge=True)
    endpoints = stack.up(on_step).endpoints
    try:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL_")}
        environment = inherited | client_environment(endpoints, stack.client_data)
        connection = connect(load_settings(environment))
        with closing(HttpRegistry(endpoints.registry_url)) as registry:
            title = "Topik dan skema / Topics and schemas"
            bus.prepare(endpoints.bootstrap_servers, registry, lambda done, total: on_progress(title, done, total))
        with Children(environment, stack.logs) as children:
            for sink in SINKS:
                children.add(sink, "sink", "run", sink)
            for number in range(workers):
                children.add(f"worker-{number}", "worker", "--name", f"worker-{number}")
            yield RunningDemo(connection, endpoints, children, environment, on_progress)
    finally:
        stack.down(on_step)


@dataclass
class RunningDemo:
    """A demo whose processes run: files go in, figures come out."""

    connection: Connection
    endpoints: Endpoints
    children: Children
    environment: Mapping[str, str]
    on_progress: OnProgress

    def publish(self, files: Sequence[Path]) -> Imported:
        """Import files as a region does, by the command; it shows its progress itself."""
        process = subprocess.Popen(  # noqa: S603  # our own program and arguments
            simpul("import", MAPPING, *map(str, files), "--json"),
            env=self.environment,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C goes to the demo, which ends it
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one prctl call; this process has no threads that matter
        )
        try:
            output, _ = process.communicate()
        finally:
            process.kill()
        if process.returncode not in {0, 1}:
            raise CommandFailed("import", process.returncode)
        document = json.loads(output)
        return Imported(
            rows_read=document["rows_read"],
            published=document["published"],
            unchanged=document["unchanged"],
            refused=document["refused"],
            refused_by_code=document["refused_by_code"],
            examples={example["code"]: example for example in document["examples"]},
            report=document["report"],
        )

    def wait(self) -> None:
        """Wait until everything that was published is folded and stored; restarts workers and sinks that end."""
        registry = self.connection.registry
        with closing(LagMeter(self.endpoints.bootstrap_servers)) as meter:
            for stage in (PartialStage(VIEW, registry), FigureStage(VIEW.spec, registry)):
                group, topics = consumer_group(stage.name), stage.topics
                self._until_done(f"Hitung / Fold: {stage.name}", meter, topics, partial(meter.done, group))
            for name in SINKS:
                spec = load_spec(name)
                with closing(open_target(self.endpoints.postgresql_url, spec.name, spec.table)) as target:
                    target.prepare()
                    title = f"Simpan / Store: {spec.table}"
                    self._until_done(title, meter, spec.source.topics, partial(_stored, target))

    def tie_out(self, imported: Imported) -> TieOut:
        """Compare all numbers."""
        return tie_out(self.connection, imported)

    def _until_done(
        self, title: str, meter: LagMeter, topics: Sequence[str], done: Callable[[], Mapping[TopicPartition, int]]
    ) -> None:
        moved_at, before = time.monotonic(), -1
        while True:
            ends, reached = meter.ends(topics), done()
            total = sum(ends.values())
            now = sum(min(reached.get(partition, 0), end) for partition, end in ends.items())
            self.on_progress(title, now, total)
            if now == total:
                return
            if now != before:
                moved_at, before = time.monotonic(), now
            if time.monotonic() - moved_at > _PATIENCE_SECONDS:
                raise StillBehind(title, total - now, self.children.logs)
            self.children.keep_running()
            time.sleep(_POLL_SECONDS)


def _stored(target: Target) -> dict[TopicPartition, int]:
    """Return for each partition the offset before which everything is stored."""
    return {TopicPartition(*partition): position.next_offset for partition, position in target.positions().items()}
