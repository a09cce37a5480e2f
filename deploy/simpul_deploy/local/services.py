"""What the stack needs to know of a service, whichever it is."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simpul_deploy.local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simpul_deploy.local.java import Java
    from simpul_deploy.local.processes import Command
    from simpul_deploy.local.report import ServiceName


@dataclass(frozen=True, slots=True)
class Tools:
    """What services are started with; looked for only when one has to be started.

    Attributes:
        java: Runs Kafka and the registry.
        kafka_jars: Kafka's whole class path.
        registry: The registry's unpacked archive.
    """

    java: Java
    kafka_jars: Sequence[Path]
    registry: Path


class Service(Protocol):
    """One server of the stack, on the ports it was made with."""

    @property
    def name(self) -> ServiceName:
        """Its name, as shown to the user."""

    @property
    def version(self) -> str:
        """Version of the server's software."""

    @property
    def ports(self) -> Sequence[int]:
        """The ports it listens on; clients connect to the first."""

    @property
    def endpoint(self) -> str:
        """What clients are configured with; may hold a password."""

    @property
    def mark(self) -> str:
        """An argument on its command line that no other process on the machine has."""

    @property
    def stop_signal(self) -> int:
        """What asks it to end in good order."""

    def prepare(self, tools: Tools, /) -> None:
        """Make what the first start needs, whole or not at all; called before every start, never while it runs."""

    def command(self, tools: Tools, /) -> Command:
        """How it is started."""

    def is_ready(self) -> bool:
        """Whether it does its real work, set up as the bus needs it; called again and again after a start."""

    def answers(self) -> bool:
        """Whether it answers a small question now; changes nothing and takes a few seconds at most."""

    def purge(self) -> None:
        """Delete what it keeps outside the instance's folder; called when it does not run."""


def accepts(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
