"""The line between the network and uvicorn: time and number of what a client may hold open.

uvicorn waits for ever for a half-sent head; here a connection has a time for each. The portal answers almost only GET,
so a body is judged by the application's own border (`border`).
"""

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from simpul_schemas.portal_settings import PortalLimits


class Door:
    """Counts open connections, all and per address."""

    def __init__(self, limits: PortalLimits, trusted: frozenset[str] = frozenset()) -> None:
        self.limits = limits
        self._trusted = trusted
        self._by_address: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return self._by_address.total()

    def enter(self, address: str) -> bool:
        """Count a connection in; False where there are too many. A trusted proxy brings many clients."""
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


class GuardedProtocol(H11Protocol):
    """One connection; see the module."""

    door: Door

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._address = ""
        self._entered = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Count the connection in, and begin to wait for its head."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._entered = self.door.enter(self._address)
        if not self._entered:
            transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._stop_waiting()
        if self._entered:
            self._entered = False
            self.door.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that is not whole in time ends the connection."""
        if not self._entered:
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self._head_timer is None:
                self._wait_for_head()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Give a further head its time where a part of it has come already, behind the request before."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0] and self._head_timer is None:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.door.limits.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def guarded_by(door: Door) -> type[GuardedProtocol]:
    """Return the protocol class of a portal; uvicorn makes one of it for each connection."""
    return type("PortalProtocol", (GuardedProtocol,), {"door": door})
