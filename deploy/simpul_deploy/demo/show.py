"""How the demo shows itself: progress on stderr, and at the end figures, refusals and the tie-out on stdout."""

from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from simpul_deploy.demo.tie_out import TieOut
from simpul_schemas.regions import NATION, Level, load_regions

#: Narrower, and numbers would be cut off; a terminal that is narrower wraps whole lines instead.
_WIDTH = 112
_COLUMNS = ("Melapor / TPS", "", "DPT", "Hadir", "Sah", "Tidak sah", "Partisipasi")


class ProgressBars:
    """One bar a step, on stderr, only where that is a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()

    def show(self, title: str, done: int, total: int) -> None:
        """Show how much of a step is done."""
        if not self._shown:
            self._progress.start()
            self._shown = True
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=total)
        self._progress.update(self._tasks[title], completed=done, total=total)
        if done == total:
            self._progress.stop_task(self._tasks[title])

    def hide(self) -> None:
        """Leave the terminal to others; what was shown stays above."""
        if self._shown:
            self._progress.stop()
            for task in self._tasks.values():
                self._progress.remove_task(task)
            self._tasks.clear()
            self._shown = False


def show_tie_out(found: TieOut) -> None:
    """Show the figures with their coverage, what was refused and why, and the equations."""
    out = Console()
    out = Console(width=max(out.width, _WIDTH), highlight=False)
    out.print(_figures(found))
    _print_refusals(out, found)
    out.print(_checks(found))
    if found.holds:
        out.print("[bold green]Cocok sampai satuan terakhir.[/] / Ties out to the last unit.")
    else:
        out.print("[bold red]TIDAK cocok.[/] / It does NOT tie out.")


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _figures(found: TieOut) -> Table:
    table = _table("Partisipasi pemilih dari tabel kementerian / Voter participation from the ministry's table")
    table.caption = (
        "Melapor / TPS: yang melapor dari yang diterima / stations that reported, of the accepted. Hadir: turned out. "
        "Sah, tidak sah: valid, invalid votes. Partisipasi: TPS dengan DPT dan hadir / stations that gave both numbers."
    )
    table.caption_justify = "left"
    table.add_column("Wilayah / region", no_wrap=True)
    for title in _COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    regions = load_regions()
    for code, figure in found.level(Level.PROVINCE).items():
        table.add_row(f"{code} {regions.name(code)}", *_cells(figure))
    table.add_section()
    table.add_row(regions.name(NATION), *_cells(found.nation), style="bold")
    return table


def _cells(figure: dict[str, int]) -> list[str]:
    reported, stations = figure["stations_reported"], figure["stations"]
    return [
        f"{reported:,} / {stations:,}",
        _percent(reported, stations),
        *(f"{figure[name]:,}" for name in ("registered", "turned_out", "valid", "invalid")),
        _percent(figure["rate_turned_out"], figure["rate_registered"]),
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _print_refusals(out: Console, found: TieOut) -> None:
    """Print for every code how many rows it refused, why, how to mend them, and one of them."""
    if not found.refused_by_code:
        return
    out.print("[bold]Ditolak, dan cara memperbaikinya / Refused, and how to mend it[/]")
    for code, count in found.refused_by_code.items():
        out.print(f"  {count:>7,}  [bold]{code}[/]")
        example = found.imported.examples.get(code)
        if example:
            out.print(f"           {escape(example['message_id'])} {escape(example['remedy_id'])}")
            out.print(f"           [dim]{escape(example['message_en'])} {escape(example['remedy_en'])}[/]")
            place = f"{example['file']}, baris / row {example['row']}: {example['value']}"
            out.print(f"           [dim]{escape(place)}[/]")
    if found.imported.report:
        out.print(f"  Semua baris / all rows: {escape(found.imported.report)}", soft_wrap=True)
    out.print()


def _checks(found: TieOut) -> Table:
    table = _table("Pencocokan / tie-out")
    table.add_column("Persamaan / equation", no_wrap=True)
    table.add_column("Kiri / left", justify="right", no_wrap=True)
    table.add_column("Kanan / right", justify="right", no_wrap=True)
    table.add_column("")
    for check in found.checks:
        mark = "[green]cocok / holds[/]" if check.holds else f"[red]beda / differs[/] {escape(check.difference)}"
        table.add_row(check.name, f"{check.left:,}", f"{check.right:,}", mark)
    return table
