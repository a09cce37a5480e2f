"""How the demo shows itself: progress on stderr, and at the end figures, refusals and the tie-out on stdout."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from simpul_deploy.demo.tie_out import TieOut
from simpul_schemas.regions import NATION, Level, load_regions

_COLUMNS = ("TPS melapor / TPS", "%", "DPT", "Hadir / turned out", "Sah / valid", "Tidak sah / invalid", "Partisipasi")


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
    out.print(_figures(found))
    if found.refused_by_code:
        out.print(_refusals(found))
    out.print(_checks(found))
    if found.holds:
        out.print("[bold green]Cocok sampai satuan terakhir.[/] / Ties out to the last unit.")
    else:
        out.print("[bold red]TIDAK cocok.[/] / It does NOT tie out.")


def _figures(found: TieOut) -> Table:
    table = Table(
        title="Partisipasi pemilih menurut tabel kementerian / Voter participation by the ministry's table",
        caption="TPS = tempat pemungutan suara / polling stations: melapor dari yang diterima / reported of accepted. "
        "Partisipasi: TPS yang memberi DPT dan hadir / participation: stations that gave both numbers.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("Wilayah / region", no_wrap=True)
    for title in _COLUMNS:
        table.add_column(title, justify="right")
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


def _refusals(found: TieOut) -> Table:
    table = Table(title="Ditolak, dan cara memperbaikinya / Refused, and how to mend it", title_justify="left")
    table.add_column("Baris / rows", justify="right")
    table.add_column("Kode / code", no_wrap=True)
    table.add_column("Sebab / reason")
    table.add_column("Contoh / example")
    for code, count in found.refused_by_code.items():
        example = found.imported.examples.get(code)
        reason = (
            f"{example['message_id']} {example['remedy_id']}\n[dim]{escape(example['message_en'])}[/]"
            if example
            else ""
        )
        place = f"{example['file']}:{example['row']} {example['value']}" if example else ""
        table.add_row(f"{count:,}", code, reason, escape(place))
    return table


def _checks(found: TieOut) -> Table:
    table = Table(title="Pencocokan / tie-out", title_justify="left")
    table.add_column("Persamaan / equation")
    table.add_column("Kiri / left", justify="right")
    table.add_column("Kanan / right", justify="right")
    table.add_column("")
    for check in found.checks:
        mark = "[green]cocok / holds[/]" if check.holds else f"[red]beda / differs[/] {escape(check.difference)}"
        table.add_row(check.name, f"{check.left:,}", f"{check.right:,}", mark)
    return table
