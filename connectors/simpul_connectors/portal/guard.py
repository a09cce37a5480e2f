"""The line between the network and uvicorn: time and number of what a client may hold open.

uvicorn waits for ever for a half-sent head; here a connection has a time for each. The portal answers almost only GET,
so a body is judged by the application's own border (`border`).
"""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from simpul_schemas.portal_settings import PortalLimits
from simpul_schemas.web.connections import Connections


class Door(Connections[PortalLimits]):
    """Counts open connections of a portal."""


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
