"""The heart of a running sink: signs of life at an interval, whatever the sink is busy with.

It beats on a connection of its own, since a batch holds the other one. It beats in the event loop that the sink runs
in, so a process that is frozen or killed falls silent; a batch that takes long, a pause and a wait do not.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from simpul_connectors.errors import TargetRefused, TargetUnavailable
from simpul_connectors.sinks.target import Heartbeat, Sign, State, Target
from simpul_schemas.errors import OutsideError, SimpulError

_log = logging.getLogger(__name__)

#: How often a change of state is looked for, so that a pause is seen before the next beat is due.
_LOOK_SECONDS = 0.2


class Beating(Protocol):
    """What a heart asks of the runner whose heart it is."""

    paused: bool
    waits_for: OutsideError | None
    last_error: str

    @property
    def generation(self) -> int | None:
        """The generation it writes as; None while it has not claimed, or a newer copy writes."""


def worker_name() -> str:
    """Return the name of this process: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heart:
    """Beats while its block runs; its last sign says how the block ended.

    Args:
        target: The database, on a connection of its own.
        runner: Whose heart it is.
        worker: Name of the process.
        interval_seconds: How often it beats; a reader takes it for dead after a few of them.
        on_beat: Called after every sign that was written down.
    """

    def __init__(
        self,
        target: Target,
        runner: Beating,
        worker: str,
        interval_seconds: float,
        on_beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._target = target
        self._runner = runner
        self._worker = worker
        self._interval_seconds = interval_seconds
        self._on_beat = on_beat
        self._lock = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._first = True
        self._last: tuple[State, str] | None = None
        #: Somebody asked to restart this sink.
        self.must_restart = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if error is not None or not self.must_restart:  # else it goes on at once, and the request stands until then
            await asyncio.to_thread(self._give, *_ending(error))
        await asyncio.to_thread(self._target.close)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            state = self._state()
            if self._runner.generation is not None and (loop.time() >= due or state != self._last):
                found = await asyncio.to_thread(self._give, *state)
                if found is not None and found.generation == self._runner.generation:
                    self.must_restart = found.restart > found.restarted
                self._last, due = state, loop.time() + self._interval_seconds
            await asyncio.sleep(min(_LOOK_SECONDS, self._interval_seconds))

    def _state(self) -> tuple[State, str]:
        waits_for = self._runner.waits_for
        if waits_for is not None:
            return State.WAITING, waits_for.message_en
        return (State.PAUSED if self._runner.paused else State.RUNNING), ""

    def _give(self, state: State, words: str) -> Heartbeat | None:
        """Give a sign; None where this copy has nothing to say, or the database is away."""
        generation = self._runner.generation
        if generation is None:
            return None
        error = self._runner.last_error
        sign = Sign(generation, state, self._interval_seconds, words, error, self._worker, self._first)
        try:
            with self._lock:  # a beat that was cut off may still be on its way when the last one is given
                found = self._target.sign(sign)
        except (TargetUnavailable, TargetRefused) as away:
            _log.info("no sign of life could be written down: %s", away)
            return None
        self._first = False
        self._on_beat()
        if self._runner.last_error == error:
            self._runner.last_error = ""
        return found


def tell_failure(target: Target, error: SimpulError, interval_seconds: float) -> None:
    """Write down why a process ends that never came to write, unless another copy lives."""
    try:
        held, name = target.heartbeat(), worker_name()
        if held is not None and held.worker != name and not held.is_over:
            return
        generation, words = held.generation if held else 0, error.message_en
        target.sign(Sign(generation, State.FAILED, interval_seconds, words, words, name))
    except (TargetUnavailable, TargetRefused) as away:
        _log.info("the failure could not be written down: %s", away)


def _ending(error: BaseException | None) -> tuple[State, str]:
    if error is None or isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return State.STOPPED, ""
    return State.FAILED, error.message_en if isinstance(error, SimpulError) else repr(error)
