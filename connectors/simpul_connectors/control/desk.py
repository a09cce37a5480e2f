"""A desk for each sink: what its operator may see and do, in the sink's own database and in its file.

A desk holds no connection between two calls, so a database with few of them is not burdened.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simpul_connectors.control.health import Look
from simpul_connectors.errors import DriverMissing, SinkSpecError, TargetRefused, TargetUnavailable
from simpul_connectors.sinks.spec import SinkSpec, load_spec, ready_sinks
from simpul_connectors.sinks.target import Target
from simpul_schemas.errors import SettingsError
from simpul_schemas.rules import Text

#: Opens the database of a sink; a secret that is missing raises `SettingsError` or `SinkSpecError`.
OpenTarget = Callable[[SinkSpec], Target]
#: What may be wrong with a sink's database, its address or its rights.
_PROBLEMS = (TargetUnavailable, TargetRefused, SettingsError, SinkSpecError, DriverMissing)


@dataclass(frozen=True)
class Desk:
    """The desk of one sink; every method blocks, and may be called from any thread."""

    spec: SinkSpec
    open_target: OpenTarget

    def look(self) -> Look:
        """Return what stands in the database, or what keeps us from seeing it."""
        try:
            with self._target() as target:
                return Look(target.control(), target.heartbeat(), target.positions())
        except _PROBLEMS as error:
            return Look(problem=error.message_en)

    def pause(self, *, paused: bool) -> None:
        """Set or lift the pause; raises what the database says."""
        with self._target() as target:
            target.pause(paused)

    def ask_restart(self) -> int:
        """Ask the running process to open everything anew; raises what the database says."""
        with self._target() as target:
            return target.ask_restart()

    @contextmanager
    def _target(self) -> Iterator[Target]:
        target = self.open_target(self.spec)
        try:
            yield target
        finally:
            target.close()


def open_desks(names: Sequence[str], open_target: OpenTarget) -> dict[str, Desk]:
    """Return a desk for each sink: ready ones by name, files, and the YAML files of folders; without names all ready.

    Two sinks of one name are refused, as consoles know a sink by its name alone.
    """
    desks: dict[str, Desk] = {}
    for name in _spread(names or ready_sinks()):
        spec = load_spec(name)
        if spec.name in desks:
            raise SinkSpecError(
                name,
                "name",
                Text(f"Nama '{spec.name}' dipakai dua sink.", f"Two sinks have the name '{spec.name}'."),
                Text("Beri salah satunya nama lain.", "Give one of them another name."),
            )
        desks[spec.name] = Desk(spec, open_target)
    return desks


def _spread(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        folder = Path(name)
        if name in ready_sinks() or not folder.is_dir():
            yield name
            continue
        files = sorted(str(file) for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
        if not files:
            raise SinkSpecError(
                name,
                "",
                Text("Tidak ada berkas sink di folder ini.", "There is no file of a sink in this folder."),
                Text("Taruh berkas .yaml di dalamnya.", "Put .yaml files into it."),
            )
        yield from files
