"""How the commands show what they did: tables on stdout, words and progress on stderr."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


def progress_bar() -> Progress:
    """Return a progress bar on stderr, which shows itself only on a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def show_import(outcome: Mapping[str, Any]) -> None:
    """Show what an import did; takes the same document that `--json` prints."""
    out, err = Console(), Console(stderr=True, soft_wrap=True)
    for written in _unlike(outcome["written_in"]):
        err.print(f"Ditulis dalam / written in: {escape(written)}", highlight=False)
    _show_counts(out, outcome)
    if outcome["examples"]:
        out.print(_refusal_table(outcome))
    if outcome["report"]:
        err.print(f"Laporan lengkap / full report: {escape(outcome['report'])}", highlight=False)
    for answer in outcome["answers"]:
        err.print(
            f"Sel yang salah ditandai di {escape(answer)}; perbaiki, lalu impor berkas itu. / "
            "The bad cells are marked there; mend them, then import that file.",
            highlight=False,
        )
    sent = outcome["sent"]
    if sent is not None:
        for topic, reason in sent["blocked"].items():
            err.print(
                f"Topik {escape(topic)} tidak menerima apa pun; peristiwanya tetap di kotak keluar. / The topic takes "
                f"nothing; its events stay in the outbox. ({escape(reason)})"
            )
    if outcome["dry_run"]:
        err.print("Hanya diperiksa, tidak ada yang disimpan. / Checked only, nothing was taken.")
    elif outcome["outbox"] and outcome["outbox"]["pending"]:
        err.print(
            f"{outcome['outbox']['pending']:,} peristiwa menunggu dikirim, aman di disk. / "
            "That many events wait to be sent, safe on disk."
        )


def _unlike(files: Sequence[Mapping[str, str]]) -> list[str]:
    """Return how files are written, each way once, with the first file and the number of those like it."""
    ways: dict[str, list[str]] = {}
    for file in files:
        way = ", ".join(repr(value) if name == "delimiter" else value for name, value in file.items() if name != "file")
        ways.setdefault(way, []).append(file["file"])
    return [f"{way} ({names[0]}{f' +{len(names) - 1}' if len(names) > 1 else ''})" for way, names in ways.items()]


def show_status(path: str, counts: Mapping[str, int], refused: Sequence[Mapping[str, str]]) -> None:
    """Show what stands in an outbox."""
    out = Console()
    table = Table(title=f"Kotak keluar / outbox {escape(path)}", title_justify="left")
    table.add_column("Keadaan / state")
    table.add_column("Jumlah / count", justify="right")
    table.add_row("Diterima broker / acknowledged", f"{counts['published']:,}")
    table.add_row("Menunggu / pending", f"{counts['pending']:,}")
    table.add_row("Ditolak broker / refused by the broker", f"{counts['refused_by_broker']:,}")
    out.print(table)
    for row in refused:
        out.print(f"  {escape(row['topic'])} {escape(row['subject'])}: {escape(row['reason'])}", highlight=False)


def _show_counts(out: Console, outcome: Mapping[str, Any]) -> None:
    table = Table(show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("Baris dibaca / rows read", f"{outcome['rows_read']:,}")
    if outcome["dry_run"]:
        table.add_row("Dapat diterima / acceptable", f"{outcome['acceptable']:,}")
    else:
        table.add_row("Peristiwa baru / newly published", f"{outcome['published']:,}")
        table.add_row("Sudah ada / unchanged", f"{outcome['unchanged']:,}")
    table.add_row("Ditolak / refused", f"{outcome['refused']:,}")
    if outcome["merged"]:
        table.add_row("Digabung / merged into an event", f"{outcome['merged']:,}")
    for reason, count in outcome["skipped"].items():
        table.add_row(f"Dilewati / skipped {escape(reason)}", f"{count:,}")
    for code, count in outcome["warnings"].items():
        table.add_row(f"Peringatan / warning {code}", f"{count:,}")
    if outcome["sent"] is not None:
        table.add_row("Diterima broker / acknowledged", f"{outcome['sent']['sent']:,}")
        table.add_row("Ditolak broker / refused by the broker", f"{outcome['sent']['refused']:,}")
    out.print(table)


def _refusal_table(outcome: Mapping[str, Any]) -> Table:
    examples = {example["code"]: example for example in outcome["examples"]}
    table = Table(title="Baris yang ditolak / refused rows", title_justify="left", show_lines=True)
    table.add_column("Kode / code", overflow="fold")
    table.add_column("Jumlah / count", justify="right")
    table.add_column("Contoh / example", overflow="fold")
    table.add_column("Sebab dan cara / reason and remedy", overflow="fold")
    for code, count in outcome["refused_by_code"].items():
        example = examples[code]
        place = f"{example['file']}, baris / row {example['row']}\n{example['field']}: {example['value']}"
        reason = f"{example['message_id']} {example['remedy_id']}\n{example['message_en']} {example['remedy_en']}"
        table.add_row(escape(code), f"{count:,}", escape(place), escape(reason))
    return table
