"""The `simpul demo` command."""

import signal
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simpul_schemas.stdout import print_json

if TYPE_CHECKING:
    from simpul_deploy.demo.run import RunningDemo


def demo(
    once: Annotated[bool, typer.Option("--once", help="Keluar setelah selesai. / Exit when it is done.")] = False,  # noqa: FBT002  # a flag of the command line
    data: Annotated[
        Path | None,
        typer.Option(help="Folder dengan berkas TPS sendiri. / Folder with polling-station files of your own."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Jumlah pekerja. / Number of workers.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")] = False,  # noqa: FBT002  # the same
) -> None:
    """Jalur lengkap dengan data TPS asli, sampai tabel kementerian. / The whole way on real polling-station data.

    A stack of its own, emptied at every start: files are imported, folded to national figures, stored in a ministry's
    PostgreSQL tables, and everything is compared with the log. Exits with 0 only when it ties out.

    Examples: simpul demo | simpul demo --once --json | simpul demo --data ./tps --workers 2
    """
    from simpul_deploy.demo import run  # noqa: PLC0415  # heavy, and needs the `deploy` extra
    from simpul_deploy.demo.show import ProgressBars, show_tie_out  # noqa: PLC0415  # the same
    from simpul_deploy.local.commands import make_stack  # noqa: PLC0415  # the same
    from simpul_deploy.local.screen import Screen  # noqa: PLC0415  # the same

    files = run.find_files(data if data is not None else _extract())
    run.check_files(files)
    # A supervisor's SIGTERM ends the demo as Ctrl-C does: in order, with everything it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        ProgressBars() as bars,
        Screen() as screen,
        run.running_demo(make_stack(run.INSTANCE), workers, screen.show, bars.show) as running,
    ):
        bars.hide()
        imported = running.publish(files)
        running.wait()
        bars.hide()
        found = running.tie_out(imported)
        if as_json:
            print_json(found.document())
            sys.stdout.flush()
        else:
            show_tie_out(found)
        if not (once or as_json) and sys.stdout.isatty():
            _stay(running)
    raise typer.Exit(0 if found.holds else 1)


def _extract() -> Path:
    """Return the folder of the extract that the project carries."""
    return Path(str(resources.files("simpul_deploy").joinpath("demo/data")))


def _stay(running: "RunningDemo") -> None:
    """Say what to open and type next, and stay until Ctrl-C."""
    for line in (
        "",
        "Semuanya tetap berjalan; Ctrl-C menghentikannya. / All of it stays up; Ctrl-C stops it.",
        "Di terminal lain, coba / in another terminal, try:",
        f"  psql '{running.endpoints.postgresql_url}' \\",
        "    -c \"select region_name, stations_reported, turned_out from partisipasi where level = 'province'\"",
        "  simpul status --instance demo",
        f"Broker Kafka: {running.endpoints.bootstrap_servers}   Registri / registry: {running.endpoints.registry_url}",
        f"Catatan / logs: {running.children.logs}",
    ):
        sys.stderr.write(line + "\n")
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
