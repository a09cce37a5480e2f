"""The commands of this package, for the `simpul` command to register: `import` and `outbox status`.

Data goes to stdout, words to stderr; Indonesian first. What goes wrong is raised as a `SimpulError`, whose `exit_code`
the caller exits with; the data of what was done until then has been printed before.
"""

import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from simpul_producers.errors import MappingError, OutboxError
from simpul_producers.imports.filled_run import FilledRun
from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult, Progress
from simpul_producers.imports.workbook import is_workbook
from simpul_producers.link import now_micros, open_outbox, sender_factory
from simpul_producers.outbox import Outbox
from simpul_producers.sender import DrainResult
from simpul_producers.show import progress_bar, show_import, show_status
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.errors import SimpulError
from simpul_schemas.settings import Settings, load_settings
from simpul_schemas.stdout import print_json

_LATEST_REFUSED = 10

Json = Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")]


@dataclass(slots=True)
class ImportOutcome:
    """What an import did, as `--json` shows it; `error` is why it ended early, if it did."""

    mapping: str
    files: list[str]
    dry_run: bool
    result: ImportResult
    report: RefusalReport
    drained: DrainResult | None = None
    outbox: dict[str, int] | None = None
    answers: list[Path] = field(default_factory=list)
    error: SimpulError | None = None

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "mapping": self.mapping,
            "files": self.files,
            "dry_run": self.dry_run,
            "rows_read": self.result.rows_read,
            "acceptable": self.result.acceptable,
            "published": self.result.published,
            "unchanged": self.result.unchanged,
            "refused": self.result.refused,
            "merged": self.result.merged,
            "skipped": dict(self.result.skipped),
            "written_in": self.result.files,
            "warnings": dict(self.result.warnings),
            "refused_by_code": dict(self.report.by_code.most_common()),
            "examples": [asdict(example) for example in self.report.examples.values()],
            "report": str(self.report.path) if self.report.path else None,
            "sent": asdict(self.drained) if self.drained else None,
            "outbox": self.outbox,
            "answers": [str(path) for path in self.answers],
            "error": {"id": self.error.message_id, "en": self.error.message_en} if self.error else None,
        }

    @property
    def exit_code(self) -> int:
        """0 where all rows were accepted and sent, 1 where some were refused, 3 where a topic takes nothing."""
        if self.drained is not None and self.drained.blocked:
            return 3
        return 1 if self.result.refused or (self.drained is not None and self.drained.refused) else 0


def import_(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    mapping: Annotated[
        str,
        typer.Argument(
            help="Nama pemetaan, berkas YAML, atau templat Excel yang sudah diisi. / "
            "Name of a mapping, YAML file, or a filled Excel template."
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Berkas CSV, JSON (boleh .gz, .zip), atau XLSX. / Files.", show_default=False),
    ] = None,
    json_output: Json = False,  # noqa: FBT002  # an option of the command line
    report: Annotated[
        Path | None, typer.Option(help="Laporan baris yang ditolak: .csv atau JSON Lines. / Report of refused rows.")
    ] = None,
    dry_run: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--dry-run", help="Hanya memeriksa, tidak menyimpan. / Check only, take nothing.")
    ] = False,
    no_send: Annotated[  # noqa: FBT002  # an option of the command line
        bool, typer.Option("--no-send", help="Simpan di kotak keluar saja. / Leave events in the outbox.")
    ] = False,
    answer: Annotated[
        Path | None,
        typer.Option(help="Jawaban untuk templat yang diisi, sel salah ditandai. / Answer, with bad cells marked."),
    ] = None,
) -> None:
    """Impor tabel atau templat Excel ke bus: periksa, simpan, kirim. / Import tables or templates: check, take, send.

    Exits with 0 where all rows were accepted, 1 where some were refused, 2 for a wrong file or mapping, 3 where nobody
    answers (events are safe in the outbox).
    """
    settings = load_settings()
    filled = [Path(mapping), *(files or [])] if is_workbook(Path(mapping)) else []
    files = filled or files or []
    if not files:
        raise MappingError(mapping, "", "sebut juga berkas yang diimpor.", "name the file to import as well.")
    spec = None if filled else load_mapping(mapping)
    with ExitStack() as stack:
        refusals = stack.enter_context(RefusalReport(report or _report_path(settings, mapping)))
        outbox = None if dry_run else _open_outbox(settings, stack)
        forms = FilledRun(outbox, refusals, now_micros, answer)
        importer = forms if spec is None else Importer(spec, mapping, outbox, refusals, now_micros)
        # Every file is looked at before the first row is taken: a wrong third file is not found after an hour.
        for path in files:
            importer.check(path)
        outcome = ImportOutcome(mapping, [str(path) for path in files], dry_run, ImportResult(), refusals)
        outcome.answers = forms.answers
        try:
            _run(importer, files, outcome)
            if outbox is not None and not no_send:
                outcome.drained = _drain(outbox, settings)
        except SimpulError as error:
            outcome.error = error
            raise
        finally:
            _tell(outcome, outbox, json_output=json_output)
    raise typer.Exit(outcome.exit_code)


def outbox_status(json_output: Json = False) -> None:  # noqa: FBT002  # an option of the command line
    """Isi kotak keluar: terkirim, menunggu, ditolak broker. / The outbox: sent, waiting, refused by the broker.

    Example: simpul outbox status --json
    """
    with ExitStack() as stack:
        outbox = _open_outbox(load_settings(), stack)
        counts = asdict(outbox.counts())
        refused = [row._asdict() for row in outbox.refused(_LATEST_REFUSED)]
        if json_output:
            identity = {"outbox": outbox.mark.outbox, "incarnation": outbox.mark.incarnation}
            sizes = {"unreceipted": outbox.unreceipted(), "size_bytes": outbox.size_bytes()}
            print_json({"path": outbox.name, **counts, **sizes, **identity, "latest_refused": refused})
        else:
            show_status(outbox.name, counts, refused)
            if outbox.mark.incarnation > 1:
                sys.stderr.write(
                    f"Kotak keluar ini pernah dipulihkan dari cadangan (penjelmaan {outbox.mark.incarnation}). / "
                    f"This outbox was put back from a backup (incarnation {outbox.mark.incarnation}).\n"
                )


def drain_outbox(outbox: Outbox, settings: Settings) -> DrainResult:
    """Send what an outbox holds to the broker that the settings name, with a progress bar on a terminal."""
    return _drain(outbox, settings)


def _open_outbox(settings: Settings, stack: ExitStack) -> SqliteOutbox:
    return stack.enter_context(open_outbox(settings))


def _report_path(settings: Settings, mapping: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return settings.data_dir / "refusals" / f"{Path(mapping).stem}-{stamp}.jsonl"


def _run(importer: Importer | FilledRun, files: list[Path], outcome: ImportOutcome) -> None:
    with progress_bar() as bar:
        for path in files:
            importer.run(path, outcome.result, _reporter(bar, bar.add_task(path.name, total=1.0), path.name))


def _reporter(bar: ProgressBar, task: TaskID, name: str) -> Progress:
    def report(rows: int, share: float) -> None:
        bar.update(task, completed=share, description=f"{name}: {rows:,}")

    return report


def _drain(outbox: Outbox, settings: Settings) -> DrainResult:
    waiting = outbox.counts().pending
    if not waiting:
        return DrainResult()
    with sender_factory(outbox, settings) as make_sender, progress_bar() as bar:
        task = bar.add_task("Kirim / Send", total=float(waiting))
        return make_sender().drain(progress=lambda sent: bar.update(task, completed=sent))


def _tell(outcome: ImportOutcome, outbox: Outbox | None, *, json_output: bool) -> None:
    if outbox is not None:
        # An outbox in trouble has raised already; that is what the user must read, not this.
        with suppress(OutboxError):
            outcome.outbox = asdict(outbox.counts())
    if json_output:
        print_json(outcome.document())
    else:
        show_import(outcome.document())
