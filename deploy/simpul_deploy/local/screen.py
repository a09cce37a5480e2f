"""Words for people on stderr: a progress bar where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from simpul_deploy.errors import megabytes

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

    from simpul_deploy.local.report import Step

TITLES = {"kafka": "Kafka", "registry": "Registry", "postgresql": "PostgreSQL"}


def words(step: Step) -> str | None:
    """The line that tells a step, Indonesian first; None for a step that a line is too much for."""
    title = TITLES.get(step.service or "", "")
    match step.kind:
        case "plan":
            size = megabytes(step.total_bytes)
            return (
                f"Mengunduh {step.files} berkas, {size} (sekali saja) / Downloading {step.files} files, {size} (once)"
            )
        case "unpack":
            return f"Membuka arsip {title} / Unpacking {title}"
        case "start":
            return f"Menjalankan {title} / Starting {title}"
        case "ready":
            return f"{title} siap / ready ({step.seconds:.1f} s)"
        case "stop":
            return f"Menghentikan {title} / Stopping {title}"
        case "download":
            return None


class Screen:
    """Shows steps; a context manager, so that the bar is gone before anything else is written."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def show(self, step: Step) -> None:
        """Show one step."""
        if step.kind == "download":
            self._advance(step)
            return
        self._end_bar()
        line = words(step)
        if line is not None:
            self._console.print(line, markup=False)

    def _advance(self, step: Step) -> None:
        if not self._console.is_terminal:
            return
        if self._bar is None or self._task is None:
            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.percentage:>3.0f}%"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=step.total_bytes)
            self._bar.start()
        self._bar.update(self._task, completed=step.done_bytes)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


def say(line: str) -> None:
    """One line for people."""
    sys.stderr.write(f"{line}\n")
