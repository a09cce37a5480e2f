"""The commands `simpul sink lint`, `plan`, `apply`, `run`, `status`, `pause` and `resume`.

Data goes to stdout, words to stderr. Errors propagate: the program turns them into a sentence and an exit code.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.stdout import print_json

if TYPE_CHECKING:
    from simpul_connectors.control.health import Look
    from simpul_connectors.control.lag import Lag
    from simpul_connectors.sinks.plan import Plan
    from simpul_connectors.sinks.spec import SinkSpec
    from simpul_connectors.sinks.target import Target
    from simpul_schemas.errors import OutsideError

Sink = Annotated[
    str, typer.Argument(metavar="SINK", help="Sink siap pakai, atau berkas YAML. / A ready sink, or a YAML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Satu dokumen JSON ke stdout. / One JSON document to stdout.")]
Once = Annotated[
    bool,
    typer.Option("--once", help="Berhenti setelah isi saat ini tersimpan. / Stop when what is there now is stored."),
]
NewCluster = Annotated[
    bool,
    typer.Option(
        "--new-cluster",
        help="Lupakan ofset klaster lama, baca log dari awal. / Forget the old cluster's offsets, read from the start.",
    ),
]


def lint(sink: Sink, as_json: AsJson = False) -> None:  # noqa: FBT002  # a flag of the command line
    """Periksa berkas sink tanpa basis data. / Check a sink's file, without a database.

    Example: simpul sink lint statistik.yaml
    """
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # heavy; only when it is run

    spec = load_spec(sink)
    columns = {column.name: column.field.name for column in spec.table.columns}
    found = {"sink": spec.name, "table": str(spec.table), "mode": spec.mode, "key": spec.table.key, "columns": columns}
    _say(f"Berkas sink '{spec.name}' benar.", f"The file of sink '{spec.name}' is right.")
    if as_json:
        print_json(found)
    else:
        sys.stdout.write("".join(f"{name:<32}{field}\n" for name, field in columns.items()))


def plan(sink: Sink, as_json: AsJson = False) -> None:  # noqa: FBT002  # a flag of the command line
    """Tunjukkan DDL dan apa yang akan berubah; tidak menyentuh apa pun. / Show the DDL and what would change.

    Exits with 1 where something stands in the way. Example: simpul sink plan ministry_incident
    """
    with _target(sink) as (_, target):
        found = target.plan()
    _print_plan(found, as_json=as_json)
    if found.blocks:
        raise typer.Exit(1)


def apply(
    sink: Sink,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
    new_cluster: NewCluster = False,  # noqa: FBT002  # the same
) -> None:
    """Buat tabel, kolom dan indeks yang kurang; tidak pernah menghapus. / Make what is missing; never drop anything.

    Example: simpul sink apply ministry_incident
    """
    with _target(sink) as (_, target):
        done = target.apply()
        if new_cluster:
            target.forget()
    _print_plan(done, as_json=as_json)


def pause(sink: Sink) -> None:
    """Hentikan sementara, juga setelah dimulai ulang. / Pause, also over restarts, until resumed.

    Example: simpul sink pause ministry_incident
    """
    with _target(sink) as (spec, target):
        target.pause(paused=True)
    _say(f"Sink '{spec.name}' dijeda; data menunggu di bus.", f"Sink '{spec.name}' is paused; data wait on the bus.")


def resume(sink: Sink) -> None:
    """Lanjutkan sink yang dijeda. / Resume a paused sink.

    Example: simpul sink resume ministry_incident
    """
    with _target(sink) as (spec, target):
        target.pause(paused=False)
    _say(f"Sink '{spec.name}' dilanjutkan.", f"Sink '{spec.name}' is resumed.")


def run(
    sink: Sink,
    once: Once = False,  # noqa: FBT002  # a flag of the command line
    as_json: AsJson = False,  # noqa: FBT002  # the same
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Porta metrik Prometheus di 127.0.0.1. / Port of Prometheus metrics on 127.0.0.1."),
    ] = None,
    heartbeat_seconds: Annotated[
        float,
        typer.Option(min=0.2, max=3600, help="Selang tanda hidup. / How often a sign of life is given."),
    ] = 5.0,
) -> None:
    """Isi tabel basis data dari bus. / Fill a database's table from the bus.

    Example: simpul sink run ministry_participation --once
    """
    from simpul_connectors.control.process import Orders, run_process  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.metrics import SinkMetrics  # noqa: PLC0415  # the same
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # the same

    metrics = SinkMetrics(load_spec(sink).name)
    if metrics_port is not None:
        metrics.serve(metrics_port)

    def on_outage(error: "OutsideError | None") -> None:
        metrics.outage(is_away=error is not None)
        _say_outage(error)

    with _told_to_stop() as should_stop:
        orders = Orders(once, heartbeat_seconds, should_stop, _say_start, on_outage, _say_restart, metrics)
        ended = run_process(sink, orders)
        if once and ended.paused:
            _say("Sink dijeda; tidak ada yang disimpan.", "The sink is paused; nothing was stored.")
        _print_status(ended.spec.file, as_json=as_json, with_lag=False)


def status(
    sink: Sink,
    as_json: AsJson = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Tunjukkan apa yang sudah disimpan sebuah sink. / Show what a sink has stored.

    Example: simpul sink status ministry_participation --json
    """
    _print_status(sink, as_json=as_json)


@contextmanager
def _target(sink: str) -> "Iterator[tuple[SinkSpec, Target]]":
    """Open the database of a sink."""
    from simpul_connectors.sinks.dialects import open_target  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.sinks.spec import load_spec  # noqa: PLC0415  # the same
    from simpul_schemas.settings import load_settings  # noqa: PLC0415  # the same

    spec = load_spec(sink)
    target = open_target(spec.url(load_settings()), spec.name, spec.table)
    try:
        yield spec, target
    finally:
        target.close()


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


def _print_plan(found: "Plan", *, as_json: bool) -> None:
    if as_json:
        texts = {
            "notes": [{"id": text.indonesian, "en": text.english} for text in found.notes],
            "blocks": [{"id": text.indonesian, "en": text.english} for text in found.blocks],
        }
        steps = [step.statement for step in found.steps]
        print_json({"statements": steps, **texts})
        return
    for step in found.steps:
        _say(step.about.indonesian, step.about.english)
        sys.stdout.write(f"{step.statement};\n")
    for note in found.notes:
        _say(f"Catatan: {note.indonesian}", f"Note: {note.english}")
    for block in found.blocks:
        _say(f"Menghalangi: {block.indonesian}", f"In the way: {block.english}")
    if not (found.steps or found.blocks):
        _say("Tidak ada yang perlu diubah.", "Nothing needs to be changed.")


def _print_status(sink: str, *, as_json: bool, with_lag: bool = True) -> None:
    """Show what a database knows of a sink, and the broker of its lag; a broker that is away costs only that."""
    from simpul_connectors.control.health import Look  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.control.status import document, lines  # noqa: PLC0415  # the same

    with _target(sink) as (spec, target):
        look = Look(target.control(), target.heartbeat(), target.positions())
        rows = target.rows()
    found = document(spec, look, _measure(spec, look) if with_lag else None, rows)
    if as_json:
        print_json(found)
    else:
        sys.stdout.write("".join(f"{title:<32}{value}\n" for title, value in lines(found)))


def _measure(spec: "SinkSpec", look: "Look") -> "Lag | None":
    from simpul_connectors.control.lag import lag  # noqa: PLC0415  # heavy; only when it is run
    from simpul_connectors.control.server import open_meter  # noqa: PLC0415  # the same
    from simpul_schemas.settings import load_settings  # noqa: PLC0415  # the same

    meter = open_meter(load_settings())
    if meter is None:
        return None
    stored = {partition: position.next_offset for partition, position in look.positions.items()}
    try:
        waiting = asyncio.run(meter.measure(spec.source.topics, stored))
    except BrokerUnavailable as error:
        _say(error.message_id, error.message_en)
        return None
    return lag(waiting, time.time_ns() // 1000)


def _say(indonesian: str, english: str) -> None:
    sys.stderr.write(f"{indonesian} / {english}\n")


def _say_start(spec: "SinkSpec") -> None:
    _say(
        f"Sink '{spec.name}' mengisi tabel '{spec.table}'; Ctrl-C untuk berhenti.",
        f"Sink '{spec.name}' fills table '{spec.table}'; Ctrl-C stops it.",
    )


def _say_restart(spec: "SinkSpec") -> None:
    _say(f"Sink '{spec.name}' dimulai ulang atas permintaan.", f"Sink '{spec.name}' restarts, as it was asked to.")


def _say_outage(error: "OutsideError | None") -> None:
    if error is None:
        _say("Tersambung lagi; dilanjutkan.", "Connected again; going on.")
    else:
        _say(f"Menunggu: {error.message_id}", f"Waiting: {error.message_en}")
