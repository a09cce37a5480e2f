"""The sender in the background: a thread that drains the outbox, takes receipts and prunes, until it is stopped.

Whatever is wrong outside is waited out with growing pauses, and told to whoever asks; nothing is lost meanwhile.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from simpul_producers.admission import Clock
from simpul_producers.outbox import Keep, Outbox
from simpul_producers.receipts_taker import ReceiptTaker
from simpul_producers.sender import Sender
from simpul_schemas.errors import SimpulError
from simpul_schemas.link_settings import OutboxSettings

_DAY_MICROS = 86_400_000_000
#: Without a call to wake up one looks whether another process has put something in.
_IDLE_SECONDS = 1.0
#: How long one waits after a failure, the last one again and again.
_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_PRUNE_SECONDS = 60.0
_PRUNE_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Health:
    """How the background goes: why it does not send or take receipts just now, if so, and topics that take nothing."""

    sending: SimpulError | None = None
    receipts: SimpulError | None = None
    blocked: tuple[tuple[str, str], ...] = ()

    @property
    def trouble(self) -> tuple[str, str] | None:
        """What to tell of it, in Indonesian and in English."""
        error = self.sending or self.receipts
        if error is not None:
            return error.message_id, error.message_en
        if self.blocked:
            topic, reason = self.blocked[0]
            return f"Topik {topic} tidak menerima ({reason})", f"The topic {topic} takes nothing ({reason})"
        return None


class BackgroundSender:
    """Sends what an outbox holds as long as it runs; a context manager that starts and stops it.

    Two in different processes may share an outbox: one sends, the other one waits and takes over.
    """

    def __init__(
        self,
        outbox: Outbox,
        make_sender: Callable[[], Sender],
        taker: ReceiptTaker | None,
        clock: Clock,
        keep: Keep | None = None,
    ) -> None:
        self._outbox = outbox
        self._make_sender = make_sender
        self._taker = taker
        self._clock = clock
        self._keep = keep or keep_of(OutboxSettings())
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._moved = threading.Condition()
        self._rounds = 0
        self._thread: threading.Thread | None = None
        self.health = Health()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; harmless when it runs already."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="simpul-sender", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after what is under way; harmless when it does not run."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    def wait_for(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, looked at after every round; returns whether it does."""
        deadline = time.monotonic() + seconds
        self.wake()
        with self._moved:
            while not done():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._moved.wait(min(left, _IDLE_SECONDS))
        return True

    def _run(self) -> None:
        failures = 0
        pruned_at = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            sending = self._send()
            receipts = self._take()
            if sending is None and time.monotonic() - pruned_at > _PRUNE_SECONDS and not self._prune():
                pruned_at = time.monotonic()
            failures = failures + 1 if sending or receipts else 0
            with self._moved:
                self._moved.notify_all()
            if failures:
                # Waking does not shorten this: a broken link is not mended by more events.
                self._stopping.wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1])
            else:
                self._wake.wait(_IDLE_SECONDS)
        if self._taker is not None:
            self._taker.close()

    def _send(self) -> SimpulError | None:
        blocked: tuple[tuple[str, str], ...] = ()
        error: SimpulError | None = None
        try:
            if self._outbox.counts().pending:
                blocked = tuple(self._make_sender().drain().blocked.items())
        except SimpulError as found:
            error = found
        self.health = Health(error, self.health.receipts, blocked)
        return error

    def _take(self) -> SimpulError | None:
        error: SimpulError | None = None
        passing = False
        try:
            if self._taker is not None:
                # That one may not read receipts is told, and is no reason to send more slowly.
                error = next(iter(self._taker.take().not_readable.values()), None)
                passing = error is not None
        except SimpulError as found:
            error = found
        self.health = Health(self.health.sending, error, self.health.blocked)
        return None if passing else error

    def _prune(self) -> bool:
        """Prune a little; returns whether there is more."""
        try:
            return self._outbox.prune(self._clock(), self._keep, _PRUNE_ROWS) == _PRUNE_ROWS
        except SimpulError:
            return False


def keep_of(settings: OutboxSettings) -> Keep:
    """Return how long the settings let an outbox keep what is done with."""
    return Keep(settings.keep_settled_days * _DAY_MICROS, settings.keep_other_days * _DAY_MICROS)
