"""What an instance remembers between commands: its ports, passwords and processes."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simpul_deploy.errors import StateDamaged, WrongUsage
from simpul_deploy.local.files import named_errors, write_atomically
from simpul_deploy.local.ports import Ports
from simpul_deploy.local.processes import Identity

if TYPE_CHECKING:
    from pathlib import Path


FORMAT = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class State:
    """One instance's memory.

    Attributes:
        owner_password: Of the role the bus uses in PostgreSQL.
        admin_password: Of the role that made it.
        ports: Those of the last start, None before the first.
        processes: The services that were started and not stopped since, by name.
    """

    owner_password: str
    admin_password: str
    ports: Ports | None = None
    processes: dict[str, Identity] = field(default_factory=dict)

    @classmethod
    def new(cls) -> State:
        """The memory of an instance that never ran."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))

    def with_process(self, service: str, identity: Identity | None) -> State:
        """The same, but with this process for the service; None forgets it."""
        processes = {name: known for name, known in self.processes.items() if name != service}
        if identity is not None:
            processes[service] = identity
        return replace(self, processes=processes)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an instance's things lie.

    Attributes:
        root: Holds all instances.
        instance: The instance's name.
    """

    root: Path
    instance: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.instance):
            raise WrongUsage(
                f"Nama instans {self.instance!r} tidak sah; pakai huruf kecil, angka dan tanda hubung, maksimal 32.",
                f"{self.instance!r} is no instance name; use lower-case letters, digits and hyphens, 32 at most.",
            )

    @property
    def data(self) -> Path:
        """All that `down --purge` deletes."""
        return self.root / self.instance

    @property
    def logs(self) -> Path:
        """The services' logs."""
        return self.data / "logs"

    @property
    def state(self) -> Path:
        """The memory; readable by its owner only, for the passwords in it."""
        return self.data / "state.json"

    @property
    def lock(self) -> Path:
        """Held while the instance is being changed; outside its data, which may be deleted under it."""
        return self.root / f".{self.instance}.lock"

    @property
    def ports_lock(self) -> Path:
        """Held while any instance chooses its ports."""
        return self.root / ".ports.lock"

    def make(self) -> None:
        """Make the folders, closed to other users."""
        for folder in (self.root, self.data, self.logs):
            with named_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)


def load(folders: Folders) -> State | None:
    """The instance's memory, None if it never ran; StateDamaged if it cannot be read."""
    try:
        with named_errors(folders.state):
            text = folders.state.read_text(encoding="utf-8")
    except FileNotFoundError:
        if (folders.data / "kafka").exists():  # the data is there, and the passwords to it are lost
            raise StateDamaged(folders.state, folders.instance) from None
        return None
    try:
        return _decode(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateDamaged(folders.state, folders.instance) from error


def save(folders: Folders, state: State) -> None:
    """Write the memory down as a whole."""
    document = {"format": FORMAT} | asdict(state)
    write_atomically(folders.state, json.dumps(document, indent=2) + "\n", mode=0o600)


def ports_of_others(folders: Folders) -> set[int]:
    """The ports other instances remember, running or not; those whose memory is damaged have no say."""
    taken: set[int] = set()
    for file in folders.root.glob("*/state.json"):
        if file.parent.name == folders.instance:
            continue
        try:
            ports = _decode(json.loads(file.read_text(encoding="utf-8"))).ports
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        taken.update(asdict(ports).values() if ports else ())
    return taken


def _decode(document: dict[str, Any]) -> State:
    if document["format"] != FORMAT:
        message = f"unknown format {document['format']!r}"
        raise ValueError(message)
    ports = document["ports"]
    return State(
        str(document["owner_password"]),
        str(document["admin_password"]),
        Ports(**{name: int(port) for name, port in ports.items()}) if ports else None,
        {name: Identity(int(known["pid"]), float(known["created"])) for name, known in document["processes"].items()},
    )
