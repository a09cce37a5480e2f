"""The background sender of a gateway: it drains the outbox while there is a broker, and waits while there is none."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simpul_producers.sender import DrainResult
from simpul_schemas.errors import SimpulError

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
#: Events that come within this time of each other go by one connection to the broker.
_GATHER_SECONDS = 0.2
_STOP_SECONDS = 5.0


class Drains(Protocol):
    """What a `Sender` can do."""

    def drain(self) -> DrainResult:
        """Send what waits; see `simpul_producers.sender.Sender.drain`."""


@dataclass(frozen=True, slots=True)
class SendState:
    """How sending stands: when it last worked (monotonic seconds), why it does not now ("" where it does)."""

    worked_at: float | None
    reason: str
    sent: int
    refused: int


class Drainer:
    """Runs `drain` in a thread of its own; `connect` makes the sender, and may raise while nothing is configured."""

    def __init__(
        self, connect: Callable[[], Drains], waiting: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._waiting = waiting
        self._monotonic = monotonic
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-sender", daemon=True)
        self.state = SendState(None, "", 0, 0)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something waits."""
        self._wake.set()

    def stop(self) -> None:
        """Stop once what is under way is sent; what takes longer stays in the outbox, and nothing is lost."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while not self._stop.is_set():
            self._wake.clear()
            if self._drain_once():
                wait = _FIRST_WAIT_SECONDS
                self._wake.wait(wait)
                self._stop.wait(_GATHER_SECONDS)
            else:
                # New events do not make a broker come back: only time does.
                self._stop.wait(wait)
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _drain_once(self) -> bool:
        state = self.state
        try:
            sent = refused = 0
            blocked: dict[str, str] = {}
            if self._waiting():
                result = self._connect().drain()
                sent, refused, blocked = result.sent, result.refused, result.blocked
        except SimpulError as error:
            self.state = SendState(state.worked_at, error.message_en, state.sent, state.refused)
            return False
        reason = "; ".join(f"{topic}: {why}" for topic, why in sorted(blocked.items())[:3])
        now = self._monotonic()
        self.state = SendState(now, reason, state.sent + sent, state.refused + refused)
        return not reason
