"""The portal as a process: parts put together from the settings, followers beside, uvicorn behind the guard."""

import asyncio
import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from uvicorn import Server

from simpul_connectors.portal.app import Parts, make_app
from simpul_connectors.portal.bus_probe import BusProbe
from simpul_connectors.portal.bus_status import BusStatus
from simpul_connectors.portal.guard import Door, guarded_by
from simpul_connectors.portal.journal import Journal
from simpul_connectors.portal.metrics import PortalMetrics
from simpul_connectors.portal.operators import OperatorFile
from simpul_connectors.portal.peppers import load_pepper
from simpul_connectors.portal.quarantine_book import QuarantineBook
from simpul_connectors.portal.quarantine_feed import QuarantineFeed
from simpul_connectors.portal.redriving import Redriver
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.follow import Follower
from simpul_connectors.subscribe.source import KafkaSource
from simpul_connectors.subscribe.tail import TailLimits
from simpul_schemas.connection import Connection
from simpul_schemas.settings import Settings
from simpul_schemas.web.journal import to_journal
from simpul_schemas.web.listening import listen, quiet_server, url_of

_OPERATORS, _AUDIT = "portal-operators.json", "portal-audit.jsonl"
#: How long requests under way may take to end after a signal; streams end by themselves.
_GRACE_SECONDS = 3
#: Figures are put in by small pieces beside requests; a thread that decodes gives way this often.
_SWITCH_SECONDS = 0.0003
#: Objects and rounds after which the garbage collector looks; Python's own numbers are meant for small programs.
_COLLECT_AFTER = (50_000, 20, 100)
#: Rows of figures that are put in at a time, between which requests are served: half a millisecond.
_PIECE_ROWS = 150
#: Figures that are read at a time, and the rest behind them at most: figures come in bursts, requests at any time.
_READ_ROWS = 400
_REST_SECONDS = 0.05


def now_micros() -> int:
    """Return the time of now, microseconds since the epoch."""
    return time.time_ns() // 1000


def operator_file(settings: Settings) -> OperatorFile:
    """Return the file of operators that the settings name."""
    path = settings.portal.operators_file or settings.data_dir / _OPERATORS
    return OperatorFile(path, load_pepper(settings), now_micros)


def serve(
    connection: Connection, host: str, port: int, redriver: Redriver | None, on_listening: Callable[[str], None]
) -> None:
    """Listen until a signal comes; `on_listening` is told the address. Raises `SettingsError` where it cannot."""
    settings = connection.settings
    journal = Journal(sys.stderr, now_micros, Path(settings.data_dir) / _AUDIT)
    operators = operator_file(settings)
    to_journal(journal)
    sys.setswitchinterval(_SWITCH_SECONDS)
    with listen(host, port) as listener:
        on_listening(url_of(listener))
        asyncio.run(_run(connection, journal, operators, redriver, listener, host))


async def _run(  # noqa: PLR0913, PLR0917  # what was made ready
    connection: Connection,
    journal: Journal,
    operators: OperatorFile,
    redriver: Redriver | None,
    listener: socket.socket,
    host: str,
) -> None:
    portal, options = connection.settings.portal, connection.kafka_options
    table, book, status = FigureTable(), QuarantineBook(), BusStatus()
    follower = Follower(
        table,
        KafkaSource(connection),
        limits=TailLimits(max_records=_READ_ROWS),
        piece_rows=_PIECE_ROWS,
        rest_seconds=_REST_SECONDS,
    )
    feed = QuarantineFeed(connection.bootstrap_servers, options, book)
    probe = BusProbe(connection.bootstrap_servers, options, status)
    trusted = _split(portal.trusted_proxies)
    door = Door(portal.limits, frozenset(trusted))
    metrics = PortalMetrics(status)
    metrics.gauge("connections", "Open connections.", lambda: door.open)
    server: Server | None = None
    parts = Parts(
        table,
        book,
        status,
        operators,
        journal,
        metrics,
        time.monotonic,
        redriver,
        portal.limits,
        frozenset({*_split(portal.names), host, f"[{host}]"}),
        lambda: follower.is_caught_up,
        lambda: not (follower.problem or probe.trouble or feed.trouble),
        lambda: server is not None and server.should_exit,
    )
    server = make_server(parts, door, portal.trusted_proxies)
    tasks = [asyncio.create_task(each.run()) for each in (follower, feed, probe)]
    tasks.append(asyncio.create_task(_spare_the_collector(follower)))
    for task in tasks:
        task.add_done_callback(lambda task: _end_if_failed(task, journal))
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def make_server(parts: Parts, door: Door, trusted: str = "") -> Server:
    """Return uvicorn as a portal needs it: h11 behind the guard, and nothing that it logs or tells by itself."""
    return quiet_server(make_app(parts), guarded_by(door), door.limits, trusted=trusted, grace_seconds=_GRACE_SECONDS)


async def _spare_the_collector(follower: Follower) -> None:
    """Keep the garbage collector from walking over the table, which takes a tenth of a second when it is full."""
    await follower.caught_up()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _end_if_failed(task: "asyncio.Task[None]", journal: Journal) -> None:
    """End the process where what keeps its figures in step has failed: pages that stand still would look alive."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        journal.write_error("follower", error)
        os._exit(os.EX_SOFTWARE)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
