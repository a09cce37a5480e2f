"""Looks at all sinks at once, and never for long: a database that hangs does not make a console wait.

What was seen is good for a moment, so many consoles ask a database no more often than one.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from simpul_connectors.control.desk import Desk
from simpul_connectors.control.health import Look
from simpul_connectors.control.lag import Lag, LagMeter, lag
from simpul_connectors.errors import TargetUnavailable
from simpul_schemas.errors import BrokerUnavailable

_Result = TypeVar("_Result")

#: How long a database may take to answer before it is told as one that cannot be reached.
ANSWER_SECONDS = 5.0
#: How long what was seen is good for.
_FRESH_SECONDS = 1.0
_LAG_FRESH_SECONDS = 10.0


def _now_micros() -> int:
    return time.time_ns() // 1000


class Watch:
    """Sees the sinks of some desks.

    Args:
        desks: By the names of their sinks.
        meter: Asks the log how far they are behind; None where no broker is named.
        answer_seconds: How long a database, or the broker, may take.
        now: The clock, microseconds since the epoch; only ages of waiting records are taken from it.
    """

    def __init__(
        self,
        desks: Mapping[str, Desk],
        meter: LagMeter | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        now: Callable[[], int] = _now_micros,
    ) -> None:
        self.desks = desks
        self._meter = meter
        self._answer_seconds = answer_seconds
        self._now = now
        self._doing: set[str] = set()
        self._looking: dict[str, asyncio.Task[Look]] = {}
        self._seen: dict[str, tuple[float, Look]] = {}
        self._lags: dict[str, tuple[float, Lag | None]] = {}
        self._measuring: dict[str, asyncio.Task[Lag | None]] = {}

    async def look(self, name: str) -> Look:
        """Return what stands in the database of a sink."""
        loop = asyncio.get_running_loop()
        at, seen = self._seen.get(name, (-_FRESH_SECONDS, Look()))
        if loop.time() - at < _FRESH_SECONDS:
            return seen
        task = self._looking.get(name)
        if task is None:
            task = self._looking[name] = asyncio.create_task(self._look(name))
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._answer_seconds)
        except TimeoutError:
            return Look(problem=_unanswered(self._answer_seconds).message_en)

    async def look_at_all(self) -> Mapping[str, Look]:
        """Return what stands in the databases of all sinks."""
        found = await asyncio.gather(*map(self.look, self.desks))
        return dict(zip(self.desks, found, strict=True))

    async def _look(self, name: str) -> Look:
        loop = asyncio.get_running_loop()
        try:
            found = await _in_thread(self.desks[name].look)
            self._seen[name] = loop.time(), found
            return found
        finally:
            self._looking.pop(name, None)

    async def do(self, name: str, work: Callable[[], object]) -> None:
        """Do something at a desk; what was seen of its sink is no longer good.

        Raises what the database says, and `TargetUnavailable` where it does not answer in time: then the work may
        still be done, and until it is over no other is begun.
        """
        if name in self._doing:
            raise _unanswered(self._answer_seconds)
        self._doing.add(name)
        task = asyncio.create_task(self._do(name, work))
        try:
            await asyncio.wait_for(asyncio.shield(task), self._answer_seconds)
        except TimeoutError:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise _unanswered(self._answer_seconds) from None

    async def _do(self, name: str, work: Callable[[], object]) -> None:
        try:
            await _in_thread(work)
        finally:
            self._doing.discard(name)
            self._seen.pop(name, None)

    async def lag(self, name: str) -> Lag | None:
        """Return how far a sink is behind; None where broker or database cannot be asked, or do not answer in time."""
        loop = asyncio.get_running_loop()
        at, seen = self._lags.get(name, (-_LAG_FRESH_SECONDS, None))
        if loop.time() - at < _LAG_FRESH_SECONDS:
            return seen
        task = self._measuring.get(name)
        if task is None:
            task = self._measuring[name] = asyncio.create_task(self._measure(name))
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._answer_seconds)
        except TimeoutError:
            return None

    async def _measure(self, name: str) -> Lag | None:
        try:
            look = await self.look(name)
            found = None
            if self._meter is not None and not look.problem:
                stored = {partition: position.next_offset for partition, position in look.positions.items()}
                waiting = await self._meter.measure(self.desks[name].spec.source.topics, stored)
                found = lag(waiting, self._now())
        except BrokerUnavailable:
            found = None
        finally:
            self._measuring.pop(name, None)
        self._lags[name] = asyncio.get_running_loop().time(), found
        return found


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Do blocking work in a thread that keeps nobody from ending the process: a database may hang for ever."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def tell(result: _Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # where there is no error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001  # it is handed on
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name="sink", daemon=True).start()
    return await future


def _unanswered(seconds: float) -> TargetUnavailable:
    return TargetUnavailable(
        f"Basis data tidak menjawab dalam {seconds:g} detik; periksa alamat dan jaringan.",
        f"The database did not answer within {seconds:g} s; check address and network.",
    )
