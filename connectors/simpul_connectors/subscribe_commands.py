"""The command `simpul subscribe`: figures on stdout as they are and as they change, words on stderr."""

import asyncio
import errno
import os
import select
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simpul_connectors.errors import FileUnwritable
from simpul_schemas.errors import SettingsError

if TYPE_CHECKING:
    from simpul_connectors.subscribe import Cursor, CursorFile, Start, Subscription, Wanted
    from simpul_connectors.subscribe.output import Printer
    from simpul_schemas.errors import OutsideError


def subscribe(  # noqa: PLR0913, PLR0917  # typer makes an option of each argument
    view: Annotated[str, typer.Argument(help="Nama tampilan. / Name of the view; see 'simpul views'.")],
    region: Annotated[
        str | None,
        typer.Option(help="Kode wilayah; dengan --level: semua di dalamnya. / Region; with --level all inside it."),
    ] = None,
    level: Annotated[str | None, typer.Option(help="nation, province, regency, district.")] = None,
    period_kind: Annotated[str | None, typer.Option(help="DAY, WEEK, MONTH, CATURWULAN, YEAR, ...")] = None,
    period: Annotated[str | None, typer.Option(help="Periode, mis. 2024-02. / Period.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Nilai dimensi. / Value of a dimension: kind=DISASTER.", metavar="NAME=VALUE"),
    ] = None,
    start: Annotated[
        str, typer.Option("--from", help="beginning, now, atau berkas kursor. / Or a cursor file, which stays.")
    ] = "beginning",
    cursor: Annotated[
        Path | None,
        typer.Option(
            help="Berkas posisi: lanjut dari sana, lalu disimpan. / Go on from there, and keep it.", metavar="FILE"
        ),
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Tanpa angka di bawah cakupan ini. / No number below this coverage, e.g. 0.95."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Satu JSON per baris. / One JSON document a line.")] = False,  # noqa: FBT002  # a flag of the command line
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV ke stdout. / CSV to stdout.")] = False,  # noqa: FBT002  # the same
    parquet: Annotated[
        Path | None, typer.Option(help="Potret ke berkas Parquet. / A snapshot into a Parquet file.", metavar="FILE")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Berhenti di akhir log. / Stop where the log ends now.")] = False,  # noqa: FBT002  # the same
) -> None:
    """Angka sebuah tampilan, kini dan setiap kali berubah. / Figures of a view, as they are and as they change.

    Each figure comes with its coverage. Below --min-coverage, or where coverage is not known, no number is given: the
    line says "withheld". A table on a terminal, JSON lines into a pipe. At least once: of each key the highest revision
    is right. Ctrl-C stops it; with --cursor it goes on later where it was.

    Examples: simpul subscribe incident --level province --period 2024-02 --once | simpul subscribe incident --region 73
    --level regency --min-coverage 0.95 --json --cursor sulsel.cursor | simpul subscribe participation --once --csv |
    simpul subscribe incident --parquet incident.parquet
    """
    from simpul_connectors.subscribe import CursorFile, Subscription  # noqa: PLC0415  # heavy; only when it is run

    _check_options(as_json=as_json, as_csv=as_csv, parquet=parquet, cursor=cursor, start=start)
    store = None if cursor is None else CursorFile(cursor)
    subscription = Subscription(
        view,
        _wanted(region, level, period_kind, period, where or []),
        min_coverage=min_coverage,
        start=_start(start),
        cursor=store,
        once=once or parquet is not None,
        on_outage=_say_outage,
    )
    told = _Told()
    if parquet is not None:
        _run(_into_parquet(subscription, view, parquet, told))
    else:
        if not once:
            _say(f"Mengikuti '{view}'; Ctrl-C untuk berhenti.", f"Following '{view}'; Ctrl-C stops it.")
        form = "csv" if as_csv else "json" if as_json or not sys.stdout.isatty() else "table"
        _run(_print(subscription, _printer(form, view, header=not subscription.is_resumed), store, told))
    if not told.figures and (once or parquet is not None):
        if subscription.is_resumed or start == "now":
            _say("Tidak ada perubahan sejak posisi itu.", "Nothing has changed since that position.")
        else:
            _say("Tidak ada angka yang cocok.", "There are no figures that fit.")
    if told.withheld:
        _say(
            f"{told.withheld} dari {told.figures} angka ditahan karena cakupannya.",
            f"{told.withheld} of {told.figures} figures were withheld for their coverage.",
        )
    if subscription.unreadable:
        _say(
            f"{subscription.unreadable} rekaman bukan angka dan dilewati.",
            f"{subscription.unreadable} records are no figures and were left out.",
        )


class _Told:
    """How many figures were given out, and how many of them without their numbers."""

    def __init__(self) -> None:
        self.figures = 0
        self.withheld = 0

    def add(self, withheld: Sequence[bool]) -> None:
        self.figures += len(withheld)
        self.withheld += sum(withheld)


async def _print(subscription: "Subscription", printer: "Printer", store: "CursorFile | None", told: _Told) -> None:
    saved = None
    async with aclosing(subscription.batches()) as batches:
        async for batch in batches:
            printer.write(batch.figures)
            told.add([figure.withheld for figure in batch.figures])
            # Behind the flush: what is lost on the way to the reader comes again.
            if store is not None and batch.cursor != saved:
                store.save(batch.cursor)
                saved = batch.cursor
            if not batch.figures and _nobody_reads():
                raise BrokenPipeError


async def _into_parquet(subscription: "Subscription", view: str, path: Path, told: _Told) -> None:
    import polars as pl  # noqa: PLC0415  # heavy; only when it is run

    from simpul_connectors.subscribe.output import as_frame, write_parquet  # noqa: PLC0415  # the same
    from simpul_schemas.figures import view_spec  # noqa: PLC0415  # the same

    spec = view_spec(view)
    parts: list[pl.DataFrame] = [as_frame(spec, [])]
    async with aclosing(subscription.batches()) as batches:
        async for batch in batches:
            parts.append(as_frame(spec, batch.figures))
            told.add([figure.withheld for figure in batch.figures])
    write_parquet(path, pl.concat(parts))
    _say(f"{told.figures} angka di '{path}'.", f"{told.figures} figures in '{path}'.")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends; Ctrl-C, SIGTERM or a reader of our pipe that goes end the command, and are no mistakes."""
    # As Ctrl-C, also while a reader that has stopped keeps us waiting in a write.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit from None
    except BrokenPipeError:
        # Else Python flushes once more at its end, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _nobody_reads() -> bool:
    """Return whether the reader of our pipe has gone; it would be noticed only with the next figure."""
    if not hasattr(select, "poll"):
        return False
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # a stdout without a file, as in tests
        return False
    return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))


def _check_options(*, as_json: bool, as_csv: bool, parquet: Path | None, cursor: Path | None, start: str) -> None:
    if as_json + as_csv + (parquet is not None) > 1:
        raise _usage("Pilih satu: --json, --csv atau --parquet.", "Choose one of --json, --csv and --parquet.")
    if parquet is not None and (cursor is not None or start != "beginning"):
        raise _usage(
            "--parquet adalah potret seluruhnya; tanpa --cursor dan --from.",
            "--parquet is a snapshot of all; leave --cursor and --from out.",
        )
    for path in (parquet, cursor):
        if path is not None:
            _check_folder(path)


def _wanted(
    region: str | None, level: str | None, period_kind: str | None, period: str | None, where: Sequence[str]
) -> "Wanted":
    from simpul_connectors.subscribe import Wanted  # noqa: PLC0415  # heavy; only when it is run
    from simpul_schemas.periods import FIGURE_KINDS  # noqa: PLC0415  # the same
    from simpul_schemas.regions import Level  # noqa: PLC0415  # the same

    for name, value, known in (("--level", level, [*Level]), ("--period-kind", period_kind, FIGURE_KINDS)):
        if value is not None and value not in known:
            there = ", ".join(known)
            raise _usage(f"'{value}' bukan {name}; yang ada: {there}.", f"'{value}' is no {name}; there are: {there}.")
    pairs = [each.partition("=") for each in where]
    for each, (name, equals, _) in zip(where, pairs, strict=True):
        if not (name and equals):
            raise _usage(f"'{each}' bukan NAMA=NILAI, mis. kind=DISASTER.", f"'{each}' is no NAME=VALUE.")
    return Wanted(region, level, period_kind, period, {name: value for name, _, value in pairs})


def _start(text: str) -> "Start | Cursor":
    from simpul_connectors.subscribe import CursorFile, Start  # noqa: PLC0415  # heavy; only when it is run

    if text in {*Start}:
        return Start(text)
    found = CursorFile(Path(text)).load()
    if found is None:
        raise _usage(
            f"Berkas kursor '{text}' tidak ada; pakai --from beginning, now, atau berkas kursor.",
            f"There is no cursor file '{text}'; use --from beginning, now, or a cursor file.",
        )
    return found


def _printer(form: str, view: str, *, header: bool) -> "Printer":
    from simpul_connectors.subscribe import output  # noqa: PLC0415  # heavy; only when it is run
    from simpul_schemas.figures import view_spec  # noqa: PLC0415  # the same

    if form == "csv":
        return output.CsvPrinter(sys.stdout, view_spec(view), header=header)
    return output.JsonPrinter(sys.stdout) if form == "json" else output.TablePrinter(sys.stdout)


def _usage(indonesian: str, english: str) -> SettingsError:
    return SettingsError(indonesian, english)


def _check_folder(path: Path) -> None:
    """Refuse a file that could not be written, before the log is read for it."""
    if path.is_dir():
        raise FileUnwritable(path, os.strerror(errno.EISDIR))
    if not path.parent.is_dir():
        raise FileUnwritable(path, os.strerror(errno.ENOENT))


def _say_outage(error: "OutsideError | None") -> None:
    if error is None:
        _say("Tersambung lagi.", "Connected again.")
    else:
        sys.stderr.write(f"{error}\n")


def _say(indonesian: str, english: str) -> None:
    sys.stderr.write(f"{indonesian} / {english}\n")
