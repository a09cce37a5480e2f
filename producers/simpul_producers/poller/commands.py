"""The command `simpul poll`: data on stdout, words on stderr, Indonesian first."""

import json
import logging
import os
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simpul_producers.commands import Json, drain_outbox
from simpul_producers.errors import PollError
from simpul_producers.imports.convert import compile_mapping
from simpul_producers.imports.mapping import load_mapping, mapping_names
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.link import now_micros, open_outbox
from simpul_producers.poller.poll import Poller, PollResult
from simpul_producers.poller.spec import PollSpec, load_poll
from simpul_producers.show import progress_bar
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryUnavailable, SimpulError
from simpul_schemas.settings import Settings, load_settings

_log = logging.getLogger(__name__)
_RETRY_SECONDS = (1.0, 5.0, 15.0, 60.0)


@dataclass(slots=True)
class PollOutcome:
    """What one round did, as `--json` shows it."""

    config: str
    result: PollResult
    swept: bool
    refused_by_code: dict[str, int]
    report: str | None
    sent: dict[str, Any] | None = None
    outbox: dict[str, int] = field(default_factory=dict)


def poll(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    config: Annotated[Path, typer.Argument(help="Berkas poll (YAML). / The poll file.")],
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
    once: Annotated[bool, typer.Option("--once", help="Satu putaran saja. / One round only.")] = False,  # noqa: FBT002  # an option of the command line
    interval_seconds: Annotated[
        float, typer.Option(min=0.1, help="Jeda antara putaran. / Pause between rounds.")
    ] = 30.0,
    sweep: Annotated[bool, typer.Option("--sweep", help="Bandingkan seluruh tabel sekarang. / Sweep now.")] = False,  # noqa: FBT002  # an option of the command line
    allow_missing: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--allow-missing", help="Tarik juga bila banyak baris hilang. / Withdraw even many rows.")
    ] = False,
    no_send: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--no-send", help="Simpan di kotak keluar saja. / Leave events in the outbox.")
    ] = False,
) -> None:
    """Baca tabel aplikasi dan kirim perubahannya. / Read an application's table and send what changed.

    Goes on until it is stopped (Ctrl+C); `--once` ends after one round and exits with 1 where rows were refused.
    The table is only read. Examples: simpul poll bantuan.yaml | simpul poll bantuan.yaml --once --sweep
    """
    settings = load_settings()
    spec = load_poll(config)
    tries = 0
    while True:
        try:
            outcome = _round(settings, spec, config, sweep=sweep, allow_missing=allow_missing, send=not no_send)
        except OutsideError as error:
            if once:
                raise
            wait = _RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)]
            tries += 1
            Console(stderr=True, soft_wrap=True).print(f"{error} ({wait:.0f} s)", highlight=False, markup=False)
            time.sleep(wait)
            continue
        tries = 0
        _tell(outcome, json_output=json_output)
        if once:
            raise typer.Exit(1 if outcome.result.refused else 0)
        # What was asked for on the command line is asked for once.
        sweep = allow_missing = False
        threading.Event().wait(interval_seconds)


def _round(  # noqa: PLR0913  # what one round is asked for
    settings: Settings, spec: PollSpec, config: Path, *, sweep: bool, allow_missing: bool, send: bool
) -> PollOutcome:
    """Poll once, sweep where that is due, and send."""
    from simpul_producers.poller.sql_source import SqlSource  # noqa: PLC0415  # SQLAlchemy; only when it is run

    with ExitStack() as stack:
        outbox = stack.enter_context(open_outbox(settings))
        source = SqlSource(spec, _url(spec, config), str(config))
        stack.callback(source.close)
        mapping_file = _mapping_file(spec, config)
        mapping = load_mapping(mapping_file)
        if mapping.group is not None:
            raise PollError(
                str(config),
                "pemetaan dengan 'group' tidak dapat dipakai: satu baris tabel adalah satu peristiwa.",
                "a mapping with 'group' cannot be used: one row of the table is one event.",
            )
        mapper = compile_mapping(
            mapping, event_type(mapping.event_type), list(source.columns), mapping_file, f"{config}: {spec.table}"
        )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        report = stack.enter_context(
            RefusalReport(settings.data_dir / "refusals" / f"poll-{config.stem}-{stamp}.jsonl")
        )
        poller = Poller(config.stem, spec, source, mapper, outbox, report, now_micros)
        with progress_bar() as bar:
            task = bar.add_task(spec.table, total=None)

            def on_rows(rows: int) -> None:
                bar.update(task, description=f"{spec.table}: {rows:,}")

            result, swept = poller.poll(on_rows), False
            if sweep or poller.sweep_is_due():
                _add(result, poller.sweep(allow_missing=allow_missing, on_rows=on_rows))
                swept = True
        outcome = PollOutcome(
            str(config), result, swept, dict(report.by_code), str(report.path) if report.path else None
        )
        if send:
            outcome.sent = _send(outbox, settings)
        outcome.outbox = asdict(outbox.counts())
        return outcome


def _send(outbox: SqliteOutbox, settings: Settings) -> dict[str, Any] | None:
    """Send; a broker that is away stops no poll, since events are safe in the outbox."""
    try:
        return asdict(drain_outbox(outbox, settings))
    except (BrokerUnavailable, RegistryUnavailable) as error:
        _say(error)
        return None


def _add(to: PollResult, other: PollResult) -> None:
    for name, value in asdict(other).items():
        setattr(to, name, getattr(to, name) + value)


def _mapping_file(spec: PollSpec, config: Path) -> str:
    beside = config.parent / spec.mapping
    return spec.mapping if spec.mapping in mapping_names() else str(beside)


def _url(spec: PollSpec, config: Path) -> str:
    """Read the address of the database from where the poll file says that it is."""
    database = spec.database
    if database.url_variable is not None:
        found = os.environ.get(database.url_variable, "")
        if not found:
            raise PollError(
                str(config),
                f"variabel {database.url_variable} kosong; isi dengan alamat basis data.",
                f"the variable {database.url_variable} is empty; give it the address of the database.",
            )
        return found
    path = config.parent / (database.url_file or "")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PollError(
            str(config),
            f"berkas alamat basis data '{path}' tidak dapat dibaca.",
            f"the file '{path}' with the address of the database cannot be read.",
        ) from error


def _say(error: SimpulError) -> None:
    Console(stderr=True, soft_wrap=True).print(str(error), highlight=False, markup=False)


def _tell(outcome: PollOutcome, *, json_output: bool) -> None:
    if json_output:
        sys.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    result = outcome.result
    table = Table(title=outcome.config, show_header=False)
    for words, number in (
        ("Baris dibaca / rows read", result.rows_read),
        ("Tetap / unchanged", result.unchanged),
        ("Peristiwa / events", result.published),
        ("Ditarik / withdrawn", result.withdrawn),
        ("Ditolak / refused", result.refused),
        ("Menunggu kirim / waiting", outcome.outbox.get("pending", 0)),
    ):
        table.add_row(words, f"{number:,}")
    Console().print(table)
    if outcome.report:
        Console(stderr=True, soft_wrap=True).print(f"Laporan / report: {outcome.report}", highlight=False, markup=False)
