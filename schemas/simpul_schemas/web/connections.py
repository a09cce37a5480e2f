"""How many connections a server holds open, in all and for one address."""

from collections import Counter
from typing import Generic, Protocol, TypeVar


class ConnectionLimits(Protocol):
    """The limits that are asked for here; a server's own may have more."""

    @property
    def connections(self) -> int:
        """Connections at most."""

    @property
    def connections_per_address(self) -> int:
        """Connections of one address at most."""


L = TypeVar("L", bound=ConnectionLimits)


class Connections(Generic[L]):
    """Counts open connections; shared by those of one server. A `trusted` proxy brings many clients."""

    def __init__(self, limits: L, trusted: frozenset[str] = frozenset()) -> None:
        self.limits = limits
        self._trusted = trusted
        self._by_address: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return self._by_address.total()

    def enter(self, address: str) -> bool:
        """Count a connection in; False where there are too many."""
        if self.open >= self.limits.connections:
            return False
        if address not in self._trusted and self._by_address[address] >= self.limits.connections_per_address:
            return False
        self._by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
