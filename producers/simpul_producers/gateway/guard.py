"""The guard between the network and uvicorn: time, size and number of what a client may hold open.

uvicorn waits for ever for a half-sent head or body, takes any size, and frames by what h11 lets pass (folded lines,
bare line feeds, two lengths). Here a connection goes through phases, each with its own end:

    HEAD      bytes are kept and judged (`heads`) until the head is whole; only then uvicorn sees them
    BODY      exactly as many bytes as the head says are handed on, within a time and above a rate
    ANSWER    the application works; what the client sends meanwhile is dropped, and ends the connection afterwards
    LINGER    refused: the answer has been written, the rest is read and dropped for a moment, so that it arrives
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from simpul_producers.gateway.heads import END, HeadRefused, body_length, look_early
from simpul_producers.gateway.problem import raw_response
from simpul_schemas.gateway_settings import GatewayLimits
from simpul_schemas.web.connections import Connections

#: What a refused client may still send while it is listened to, as a multiple of the largest body.
_LINGER_BODIES = 2
#: How often the rate of a body is looked at.
_RATE_CHECK_SECONDS = 1.0


class Phase(Enum):
    """Where a connection stands."""

    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    LINGER = "linger"


class Door(Connections[GatewayLimits]):
    """Counts open connections; `on_refused` is told of every refusal: status, code, address."""

    def __init__(
        self,
        limits: GatewayLimits,
        trusted: frozenset[str] = frozenset(),
        on_refused: Callable[[int, str, str], None] = lambda _status, _code, _address: None,
    ) -> None:
        super().__init__(limits, trusted)
        self.on_refused = on_refused


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
        self._limits = self.door.limits
        self._phase = Phase.HEAD
        self._head = bytearray()
        self._left = 0
        self._received = 0
        self._since = 0.0
        self._lingered = 0
        self._answered = False
        self._entered = False
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Count the connection in, and begin to wait for its head."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._entered = self.door.enter(self._address)
        if self._entered:
            self._within(self._limits.head_seconds, self._head_is_late)
        else:
            self._refuse(503, "http.too_many_connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._stop_timer()
        if self._entered:
            self._entered = False
            self.door.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes according to the phase."""
        if self._phase is Phase.HEAD:
            self._take_head(data)
        elif self._phase is Phase.BODY:
            self._take_body(data)
        elif self._phase is Phase.LINGER:
            self._lingered += len(data)
            if self._lingered > _LINGER_BODIES * self._limits.body_bytes:
                self.transport.abort()
        else:
            self._end_after_answer()

    def on_response_complete(self) -> None:
        """Wait for the next head, or for the rest of a body that was answered before it was whole."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif self._phase is Phase.ANSWER:
            self._phase = Phase.HEAD
            self._stop_timer()
        else:
            self._answered = True

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that rests."""
        super().timeout_keep_alive_handler()
        self._close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words; ours say the same in two languages
        """Refuse what h11 did not understand, although `heads` did."""
        self._refuse(400, "http.malformed")

    def _take_head(self, data: bytes) -> None:
        if not self._head and self.cycle is not None:
            # The first byte of a further request: its head has as much time as the first one had.
            self._unset_keepalive_if_required()
            self._within(self._limits.head_seconds, self._head_is_late)
        seen = max(len(self._head) - len(END) + 1, 0)
        self._head += data
        end = self._head.find(END, seen)
        try:
            if end < 0:
                look_early(self._head, self._limits)
                return
            head, rest = bytes(self._head[: end + len(END)]), bytes(self._head[end + len(END) :])
            self._left = body_length(head, self._limits)
        except HeadRefused as error:
            self._refuse(error.status, error.code)
            return
        self._head.clear()
        self._begin_body(head, rest)

    def _begin_body(self, head: bytes, rest: bytes) -> None:
        self._answered, self._received, self._since = False, 0, self.loop.time()
        if self._left:
            self._phase = Phase.BODY
            self._within(min(_RATE_CHECK_SECONDS, self._limits.body_seconds), self._check_body)
            super().data_received(head)
            if rest:
                self._take_body(rest)
        else:
            self._await_answer()
            super().data_received(head)
            if rest:
                self._end_after_answer()

    def _take_body(self, data: bytes) -> None:
        own, extra = data[: self._left], data[self._left :]
        self._left -= len(own)
        self._received += len(own)
        if not self._left:
            self._await_answer()
        super().data_received(own)
        if self._phase is not Phase.ANSWER:
            return
        if self._answered:
            self._close()
        elif extra:
            self._end_after_answer()

    def _await_answer(self) -> None:
        self._phase = Phase.ANSWER
        self._within(self._limits.answer_seconds, self.transport.abort)

    def _end_after_answer(self) -> None:
        """Let nothing that came behind a request ever be taken for another request."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self._close()

    def _head_is_late(self) -> None:
        if self._head:
            self._refuse(408, "http.head_too_slow")
        else:
            self._close()

    def _check_body(self) -> None:
        elapsed = self.loop.time() - self._since
        needed = self._limits.body_min_bytes_per_second * elapsed
        starved = elapsed >= self._limits.body_grace_seconds and self._received < needed
        if elapsed >= self._limits.body_seconds or starved:
            self._refuse(408, "http.body_too_slow")
        else:
            wait = min(_RATE_CHECK_SECONDS, self._limits.body_seconds - elapsed)
            self._within(max(wait, 0.01), self._check_body)

    def _refuse(self, status: int, code: str) -> None:
        """Answer in the application's place, and end the connection once the answer can have been read."""
        self.door.on_refused(status, code, self._address)
        self._unset_keepalive_if_required()
        if self._phase is Phase.BODY and self._answered:
            self.transport.abort()
            return
        self._phase = Phase.LINGER
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started:
                self.transport.abort()
                return
            # The application waits for a body that will not come: to it, the client has gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write(raw_response(status, code))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._within(self._limits.linger_seconds, self.transport.abort)

    def _close(self) -> None:
        """Close once what was written has left; a client that does not read it would hold the connection for ever."""
        self.transport.close()
        self._within(self._limits.answer_seconds, self.transport.abort)

    def _within(self, seconds: float, then: Callable[[], object]) -> None:
        """Set the one timer of this connection."""
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def guarded_by(door: Door) -> type[GuardedProtocol]:
    """Return the protocol class of a gateway; uvicorn makes one of it for each connection."""
    return type("GatewayProtocol", (GuardedProtocol,), {"door": door})
