"""Choosing loopback ports: those asked for, else those remembered, else the first free ones.

Clients write these ports into their settings, so a port stays the same as long as it can. The preferred ones are
not the services' well-known ones, which belong to whatever else the user runs, and lie below the range from which
the kernel takes ports for outgoing connections.
"""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from simpul_deploy.errors import PortTaken, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LOOPBACK = "127.0.0.1"
_STEP = 10
_TRIES = 500


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one instance; all on 127.0.0.1."""

    kafka: int
    controller: int
    registry: int
    postgresql: int


@dataclass(frozen=True, slots=True)
class PortWishes:
    """Ports the caller insists on; None leaves the choice to us."""

    kafka: int | None = None
    controller: int | None = None
    registry: int | None = None
    postgresql: int | None = None

    def __post_init__(self) -> None:
        given = [port for port in asdict(self).values() if port is not None]
        if any(not 1 <= port <= 65535 for port in given) or len(set(given)) != len(given):
            raise WrongUsage(
                "Nomor port harus antara 1 dan 65535 dan tidak boleh sama satu dengan yang lain.",
                "Port numbers must be between 1 and 65535 and differ from each other.",
            )


PREFERRED = Ports(kafka=19092, controller=19093, registry=18081, postgresql=15432)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended recently do no harm
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(
    wishes: PortWishes,
    remembered: Ports | None,
    *,
    running: Collection[str] = (),
    reserved: Collection[int] = (),
    free: Callable[[int], bool] = is_free,
) -> Ports:
    """The ports to use now.

    Args:
        wishes: Ports the caller insists on; a taken one is a PortTaken, never replaced by another.
        remembered: The ports of the last start.
        running: Names of ports whose own service runs already; they stay as remembered.
        reserved: Ports of other instances, which may be stopped just now.
        free: Tells whether a port is free.
    """
    chosen: dict[str, int] = {}
    asked = {port for port in asdict(wishes).values() if port is not None}
    for field in fields(Ports):
        name = field.name
        wish: int | None = getattr(wishes, name)
        last: int | None = getattr(remembered, name) if remembered else None
        if name in running and last is not None:
            chosen[name] = last
        elif wish is not None:
            if not free(wish):
                raise PortTaken(name, wish)
            chosen[name] = wish
        elif last is not None and last not in asked and free(last):
            chosen[name] = last
        else:
            avoid = {*chosen.values(), *reserved, *asked}
            chosen[name] = _search(name, getattr(PREFERRED, name), avoid, free)
    return Ports(**chosen)


def _search(name: str, first: int, avoid: set[int], free: Callable[[int], bool]) -> int:
    for port in range(first, first + _STEP * _TRIES, _STEP):
        if port not in avoid and free(port):
            return port
    raise PortTaken(name, first)
