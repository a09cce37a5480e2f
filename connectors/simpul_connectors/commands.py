"""The commands `simpul sink run` and `simpul sink status`.

Data goes to stdout, words to stderr. Errors propagate: the program turns them into a sentence and an exit code.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simpul_connectors.sinks.run import SinkRunner, SinkStatus
    from simpul_schemas.errors import OutsideError
    from simpul_schemas.log import LogReader

Sink = Annotated[
    str, typer.Argument(metavar="SINK", help="Sink siap pakai, atau berkas YAML. / A ready sink, or a YAML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Satu dokumen JSON ke stdout. / One JSON document to stdout.")]
Once = Annotated[
    bool,
    typer.Option("--once", help="Berhenti setelah isi saat ini tersimpan. / Stop when what is there now is stored."),
]


def run(
    sink: Sink,
    once: Once = False,  # noqa: FBT002  # a flag of the command line
    as_json: AsJson = False,  # noqa: FBT002  # the same
) -> None:
    """Isi tabel basis data dari bus. / Fill a database's table from the bus.

    Example: simpul sink run ministry_participation --once
    """
    from simpul_connectors.sinks import run as running  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.sinks.dialects import open_target  # noqa: PLC0415  # the same
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # the same
    from simpul_schemas.connection import client_options, connect_from_settings  # noqa: PLC0415  # the same
    from simpul_schemas.kafka_log import AssignedReader  # noqa: PLC0415  # the same

    spec = load_spec(sink)
    connection = connect_from_settings()
    target = open_target(spec.url(connection.settings), spec.name, spec.table)
    try:
        target.prepare()
        runner = running.SinkRunner(spec, connection.registry, target, on_outage=_say_outage)
        options = client_options(connection.settings.kafka)
        reader = AssignedReader(connection.bootstrap_servers, spec.source.topics, runner.start_offset, **options)
        _say(
            f"Sink '{spec.name}' mengisi tabel '{spec.table}'; Ctrl-C untuk berhenti.",
            f"Sink '{spec.name}' fills table '{spec.table}'; Ctrl-C stops it.",
        )
        with _told_to_stop() as should_stop:
            asyncio.run(_run(runner, reader, should_stop, once=once))
        _print(running.status(spec, target), as_json=as_json)
    finally:
        target.close()


def status(
    sink: Sink,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Tunjukkan apa yang sudah disimpan sebuah sink. / Show what a sink has stored.

    Example: simpul sink status ministry_participation --json
    """
    from simpul_connectors.sinks import run as running  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.sinks.dialects import open_target  # noqa: PLC0415  # the same
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # the same
    from simpul_schemas.settings import load_settings  # noqa: PLC0415  # the same

    spec = load_spec(sink)
    target = open_target(spec.url(load_settings()), spec.name, spec.table)
    try:
        _print(running.status(spec, target), as_json=as_json)
    finally:
        target.close()


async def _run(runner: "SinkRunner", reader: "LogReader", should_stop: Callable[[], bool], *, once: bool) -> None:
    await reader.start()
    try:
        ends = await reader.end_offsets() if once else {}
        await runner.run(reader, lambda: should_stop() or (once and runner.has_reached(ends)))
    finally:
        await reader.stop()


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a question: the batch at hand is stored, then the command ends."""
    told = False

    def tell(_signal: int, _frame: object) -> None:
        nonlocal told
        told = True

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(found: "SinkStatus", *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(_document(found), indent=2) + "\n")
        return
    superseded = found.records - found.refused - found.rows
    lines = (
        ("sink", found.sink),
        ("tabel / table", found.table),
        ("baris / rows", f"{found.rows:,}"),
        ("dibaca / records read", f"{found.records:,}"),
        ("ditolak / refused", f"{found.refused:,}"),
        ("digantikan / superseded", f"{superseded:,}"),
        ("partisi / partitions", f"{len(found.positions):,}"),
    )
    sys.stdout.write("".join(f"{title:<26}{value}\n" for title, value in lines))


def _document(found: "SinkStatus") -> dict[str, Any]:
    return {
        "sink": found.sink,
        "table": found.table,
        "rows": found.rows,
        "records": found.records,
        "refused": found.refused,
        "offsets": {str(partition): position.next_offset for partition, position in sorted(found.positions.items())},
    }


def _say(indonesian: str, english: str) -> None:
    sys.stderr.write(f"{indonesian} / {english}\n")


def _say_outage(error: "OutsideError | None") -> None:
    if error is None:
        _say("Tersambung lagi; dilanjutkan.", "Connected again; going on.")
    else:
        _say(f"Menunggu: {error.message_id}", f"Waiting: {error.message_en}")
