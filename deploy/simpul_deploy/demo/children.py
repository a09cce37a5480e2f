"""The demo's own processes: workers and sinks, restarted when they end, ended when the demo ends."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from simpul_deploy.errors import StartFailed
from simpul_deploy.local.files import last_line

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 15.0
#: A child that ends so often cannot be helped by starting it once more.
_MOST_STARTS = 40


@dataclass
class Child:
    """One process of the demo: what it is called, the arguments of `simpul`, its log."""

    name: str
    arguments: Sequence[str]
    log: Path
    starts: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


class Children:
    """A context manager that holds the demo's processes; all are gone behind it."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(environment)
        self.logs = logs
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {
            child.name: child.process.pid
            for child in self._children
            if child.process is not None and child.process.poll() is None
        }

    def add(self, name: str, *arguments: str) -> None:
        """Start `simpul` with some arguments, and keep it running from now on."""
        child = Child(name, arguments, self.logs / f"{name}.log")
        self._children.append(child)
        self._start(child)

    def keep_running(self) -> None:
        """Start again what has ended; raises `StartFailed` for what ends over and over."""
        for child in self._children:
            if child.process is None or child.process.poll() is not None:
                if child.starts >= _MOST_STARTS:
                    raise StartFailed(child.name, child.log, last_line(child.log))
                self._start(child)

    def stop(self) -> None:
        """Ask all to end, and kill what does not in time."""
        running = [child.process for child in self._children if child.process is not None]
        self._children.clear()
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: Child) -> None:
        child.starts += 1
        self.logs.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603  # our own program and arguments
                simpul(*child.arguments),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the demo, which ends its children in order
                preexec_fn=die_with_parent,  # noqa: PLW1509  # one prctl call; this process has no threads that matter
            )


def simpul(*arguments: str) -> list[str]:
    """Return the command line of this very `simpul`."""
    return [sys.executable, "-m", "simpul_deploy.cli", *arguments]


def die_with_parent() -> None:
    """Let the kernel end this process when the demo is killed, so that none is left behind (Linux)."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
