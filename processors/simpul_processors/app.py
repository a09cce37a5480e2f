"""The worker process: one Faust app that hosts the fold.

Each stage is a service of the app with a consumer of its own, since Faust's per-event streams cost a hundred times more
than the fold itself, and its tables and commits lose or double events under `kill -9`. Faust gives the process its
life: start, signals, supervision, timers.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import faust
from mode import Service

from simpul_processors.alert_agent import add_alerts
from simpul_processors.alert_rules import shipped_rules
from simpul_processors.completeness_stage import CompletenessStage
from simpul_processors.figure_stage import FigureStage
from simpul_processors.follow import FollowingReader
from simpul_processors.lmdb_store import LmdbStore
from simpul_processors.partial_stage import PartialStage
from simpul_processors.restatement_stage import RestatementStage
from simpul_processors.stages import Stage
from simpul_processors.ticks import Ticker
from simpul_processors.views import VIEWS
from simpul_processors.watchdog import IDLE_SECONDS, Watchdog
from simpul_processors.worker import Limits, Worker
from simpul_schemas.errors import OutsideError
from simpul_schemas.kafka_log import AssignedReader, GroupReader, KafkaWriter, cluster_id
from simpul_schemas.log import LogReader
from simpul_schemas.receipts import Signer
from simpul_schemas.registry import Registry

_log = logging.getLogger(__name__)

#: Changes when the layout of a store does, so that an old one is rebuilt from the log.
LAYOUT = 3
#: A run that lasted so long was a good one: the next wait begins small again.
_STEADY_SECONDS = 60.0
#: Objects and rounds after which the garbage collector looks; Python's own numbers are meant for small programs.
_COLLECT_AFTER = (500_000, 20, 100)
_RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)


def consumer_group(stage_name: str) -> str:
    """Return the consumer group of a stage; its committed offsets are only for those who watch lag."""
    return f"simpul.fold.{stage_name}"


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker process needs to know; `stores` is a folder of its own, `signer` signs the receipts."""

    bootstrap_servers: str
    registry: Registry
    stores: Path
    limits: Limits
    signer: Signer
    #: What a Kafka client needs besides the addresses: see `connection.client_options`.
    options: Mapping[str, Any] = field(default_factory=dict)


def all_stages(settings: WorkerSettings) -> list[Callable[[], Stage]]:
    """Return what makes each stage: two of each view, completeness, and what restates closed figures."""
    makers: list[Callable[[], Stage]] = []
    told: set[str] = set()
    for view in VIEWS.values():
        # Of several views of an event type one tells the regions what became of their records.
        signer = None if view.spec.event_type in told else settings.signer
        told.add(view.spec.event_type)
        makers.append(partial(PartialStage, view, settings.registry, signer))
        makers.append(partial(FigureStage, view.spec, settings.registry))
    makers.append(partial(CompletenessStage, settings.registry))
    makers.append(partial(RestatementStage, settings.registry))
    return makers


def build_app(settings: WorkerSettings, makers: Sequence[Callable[[], Stage]]) -> Any:  # noqa: ANN401  # faust ships no types
    """Build the Faust app with one service for each stage."""
    app = faust.App(
        "simpul-worker",
        broker=f"kafka://{settings.bootstrap_servers}",
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        store="memory://",
        datadir=str(settings.stores / "faust"),  # it makes one where the process was started, otherwise
        key_serializer="raw",
        value_serializer="raw",
        topic_disable_leader=True,
        web_enabled=False,
        broker_credentials=_credentials(settings.options),
    )
    app.producer_only = True  # no agent reads by Faust's own consumer, see docs/decisions/0010
    for make in makers:
        app.service(_service(make, settings))
    add_alerts(app, settings.bootstrap_servers, settings.registry, shipped_rules(), **settings.options)
    return app


def _credentials(options: Mapping[str, Any]) -> Any:  # noqa: ANN401  # faust ships no types
    """Say the options of a Kafka client in Faust's own words; None on a line without TLS."""
    if not options:
        return None
    context, mechanism = options["ssl_context"], options.get("sasl_mechanism")
    if mechanism is None:
        return faust.SSLCredentials(context)
    user, password = options["sasl_plain_username"], options["sasl_plain_password"]
    return faust.SASLCredentials(username=user, password=password, ssl_context=context, mechanism=mechanism)


def _service(make_stage: Callable[[], Stage], settings: WorkerSettings) -> type[Any]:
    """Make the class of a service, as Faust wants classes."""

    class FoldService(Service):  # type: ignore[misc, unused-ignore]  # mode ships no types
        """Runs one stage for ever."""

        @Service.task
        async def fold(self) -> None:
            await _Host(make_stage(), settings, lambda: bool(self.should_stop)).run()

    return FoldService


class _Host:
    """Keeps one stage going: opens its store, connects, and connects again when the outside was away."""

    def __init__(self, stage: Stage, settings: WorkerSettings, should_stop: Callable[[], bool]) -> None:
        self._stage = stage
        self._settings = settings
        self._should_stop = should_stop
        self._watchdog = Watchdog()

    async def run(self) -> None:
        """Go on until told to stop; what is wrong outside is waited out, what is wrong inside ends the process."""
        tries = 0
        while not self._should_stop():
            started = time.monotonic()
            try:
                await self._open_and_run()
            except OutsideError as error:
                tries = tries + 1 if time.monotonic() - started < _STEADY_SECONDS else 0
                wait = _RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)]
                _log.warning("%s: %s (%.1f s)", self._stage.name, error, wait)
                await asyncio.sleep(wait)

    async def _open_and_run(self) -> None:
        # The offsets in a store are of one cluster's log; another cluster is another log.
        cluster = await cluster_id(self._settings.bootstrap_servers, **self._settings.options)
        fingerprint = json.dumps([LAYOUT, cluster, self._stage.name, self._stage.declaration])
        store = LmdbStore(self._settings.stores / self._stage.name, fingerprint)
        try:
            writer = KafkaWriter(self._settings.bootstrap_servers, **self._settings.options)
            if isinstance(self._stage, CompletenessStage):
                with store.snapshot() as snapshot:
                    self._stage.remember(snapshot)
            await self._run_once(Worker(self._stage, store, writer, self._settings.limits))
        finally:
            store.close()

    async def _run_once(self, worker: Worker) -> None:
        group = consumer_group(self._stage.name)
        servers, stage, options = self._settings.bootstrap_servers, self._stage, self._settings.options
        reader: LogReader = GroupReader(servers, group, stage.topics, worker.start_offset, **options)
        if stage.follows:
            reader = FollowingReader(
                reader, lambda: AssignedReader(servers, stage.follows, worker.start_offset, **options)
            )
        await reader.start()
        self._watchdog.moved()
        beside = [asyncio.create_task(self._watch(reader, worker))]
        clock_writer = KafkaWriter(servers, **options)
        if isinstance(stage, CompletenessStage):
            beside.append(asyncio.create_task(self._ticker(stage, reader, clock_writer).run()))
        try:
            await worker.run(reader, self._should_stop, self._moved)
        finally:
            for task in beside:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await clock_writer.stop()
            await worker.stop()
            await reader.stop()

    def _ticker(self, stage: CompletenessStage, reader: LogReader, writer: KafkaWriter) -> Ticker:
        """Make the clock's hand: only the worker that has the seat moves it."""
        return Ticker(
            writer,
            self._settings.registry,
            lambda: time.time_ns() // 1000,
            lambda: stage.now if reader.assigned() else None,
        )

    def _moved(self, stage_name: str, records: int) -> None:
        self._watchdog.moved()
        _log.info("%s: %d records", stage_name, records)

    async def _watch(self, reader: LogReader, worker: Worker) -> None:
        """End the process when there is work and none is done, as a consumer can stop without a word."""
        while True:
            await asyncio.sleep(IDLE_SECONDS / 10)
            if not self._watchdog.is_alarmed(busy=worker.is_busy):
                continue
            ends = await reader.end_offsets()
            if any(end > worker.next_offset(partition) for partition, end in ends.items()):
                _log.critical("%s: behind, and nothing moves; ending the process", self._stage.name)
                os._exit(os.EX_SOFTWARE)
            self._watchdog.moved()


def run_worker(settings: WorkerSettings, makers: Sequence[Callable[[], Stage]] | None = None) -> None:
    """Run the worker process, by default with all stages, until it is told to stop; returns by `SystemExit`."""
    app = build_app(settings, all_stages(settings) if makers is None else makers)
    # A batch is a hundred thousand objects without cycles, which the collector would look through again and again.
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    worker = faust.Worker(app, loglevel="WARN", quiet=True, redirect_stdouts=False, override_logging=False)
    worker.execute_from_commandline()
