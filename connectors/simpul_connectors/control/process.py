"""The process of a sink: opens everything, runs, and opens everything anew when it is asked to restart.

A restart happens in place, so it needs no supervisor: the file is read again, and database, broker and registry are
connected to again. What is away then is waited for, as a restart must not end a sink.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from simpul_connectors.control.heart import Heart, tell_failure, worker_name
from simpul_connectors.errors import TargetUnavailable
from simpul_connectors.metrics import SinkMetrics
from simpul_connectors.sinks import dialects, run
from simpul_connectors.sinks.spec import SinkSpec, load_spec
from simpul_connectors.sinks.target import Target
from simpul_schemas import connection, kafka_log
from simpul_schemas.errors import BrokerUnavailable, OutsideError, SimpulError
from simpul_schemas.settings import load_settings

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 15.0


@dataclass(frozen=True)
class Orders:
    """How a process runs, and whom it tells; `once` ends it when what is there at the start is stored."""

    once: bool
    heartbeat_seconds: float
    should_stop: Callable[[], bool]
    on_start: Callable[[SinkSpec], None]
    on_outage: Callable[[OutsideError | None], None]
    on_restart: Callable[[SinkSpec], None]
    metrics: SinkMetrics


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    spec: SinkSpec
    must_restart: bool = False
    paused: bool = False


def run_process(sink: str, orders: Orders) -> Ended:
    """Run a sink until it is told to stop; `sink` is a ready one's name or a file."""
    return _Process(sink, orders).run()


class _Process:
    """One process; it remembers the last file that could be read, to say in its database why it ends."""

    def __init__(self, sink: str, orders: Orders) -> None:
        self._sink = sink
        self._orders = orders
        self._spec: SinkSpec | None = None

    def run(self) -> Ended:
        try:
            return self._until_told()
        except SimpulError as error:
            if self._spec is not None:
                _tell_failure(self._spec, error, self._orders.heartbeat_seconds)
            raise

    def _until_told(self) -> Ended:
        orders = self._orders
        ended = self._round()
        wait, is_away = _FIRST_WAIT_SECONDS, False
        while ended.must_restart and not orders.should_stop():
            if not is_away:
                orders.on_restart(ended.spec)
            try:
                ended = self._round(was_away=is_away)
            except BrokerUnavailable as error:
                if not is_away:
                    orders.on_outage(error)
                is_away = True
                _rest(wait, orders.should_stop)
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            else:
                wait, is_away = _FIRST_WAIT_SECONDS, False
        return ended

    def _round(self, *, was_away: bool = False) -> Ended:
        """Open everything, and run until told to stop or to restart."""
        orders = self._orders
        spec = self._spec = load_spec(self._sink)
        link = connection.connect_from_settings()
        url = spec.url(link.settings)
        target = dialects.open_target(url, spec.name, spec.table)
        with closing(target):
            if not _prepare(target, orders):
                return Ended(spec)
            servers, options = link.bootstrap_servers, link.kafka_options
            cluster = asyncio.run(kafka_log.cluster_id(servers, **options))
            if was_away:
                orders.on_outage(None)
            writer = kafka_log.KafkaWriter(servers, **options)
            runner = run.SinkRunner(
                spec, link.registry, target, on_outage=orders.on_outage, quarantine=writer, cluster=cluster
            )
            reader = kafka_log.AssignedReader(servers, spec.source.topics, runner.start_offset, **options)
            orders.on_start(spec)
            own = dialects.open_target(url, spec.name, spec.table)
            heart = Heart(own, runner, worker_name(), orders.heartbeat_seconds, orders.metrics.beat)
            asyncio.run(_go(runner, heart, reader, writer, orders))
            return Ended(spec, heart.must_restart, runner.paused)


def _tell_failure(spec: SinkSpec, error: SimpulError, interval_seconds: float) -> None:
    """Leave a word in the database, where its address is known."""
    try:
        target = dialects.open_target(spec.url(load_settings()), spec.name, spec.table)
    except SimpulError:
        return  # it is what is being told
    with closing(target):
        tell_failure(target, error, interval_seconds)


async def _go(
    runner: run.SinkRunner,
    heart: Heart,
    reader: kafka_log.AssignedReader,
    writer: kafka_log.KafkaWriter,
    orders: Orders,
) -> None:
    await reader.start()
    try:
        ends = await reader.end_offsets() if orders.once else {}

        def should_stop() -> bool:
            is_done = orders.once and (runner.paused or runner.has_reached(ends))
            return orders.should_stop() or heart.must_restart or is_done

        async with heart:
            await runner.run(reader, should_stop, lambda _sink, count: orders.metrics.stored(count))
    finally:
        await reader.stop()
        await writer.stop()


def _prepare(target: Target, orders: Orders) -> bool:
    """Prepare a target, waiting for a database that is away; False where told to stop."""
    wait, told = _FIRST_WAIT_SECONDS, False
    while not orders.should_stop():
        try:
            target.prepare()
        except TargetUnavailable as error:
            if not told:
                orders.on_outage(error)
                told = True
            _rest(wait, orders.should_stop)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        else:
            if told:
                orders.on_outage(None)
            return True
    return False


def _rest(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Wait, shortened by up to half at random, but no longer than until told to stop."""
    end = time.monotonic() + seconds * random.uniform(0.5, 1)  # noqa: S311  # jitter is no secret
    while (left := end - time.monotonic()) > 0 and not should_stop():
        time.sleep(min(left, 0.2))
