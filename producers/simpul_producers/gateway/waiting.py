"""Requests that wait for the disk: those that come while it is busy share its next flush."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from simpul_producers.gateway.intake import Intake
from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.results import Result
from simpul_producers.gateway.submissions import Submission
from simpul_schemas.errors import OutsideError

#: Requests that go to the disk together.
_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: Key
    submissions: Sequence[Submission]
    answer: asyncio.Future[list[Result]]


class WaitingRoom:
    """Hands requests to an intake in the order they came, from the event loop that it was first used on."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        # One thread: SQLite has one writer.
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="gateway-intake")
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def take(self, key: Key, submissions: Sequence[Submission]) -> list[Result]:
        """See `Intake.take`."""
        loop = asyncio.get_running_loop()
        one = _Waiting(key, submissions, loop.create_future())
        self._waiting.append(one)
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._serve())
        return await one.answer

    def close(self) -> None:
        """Return once what was begun has ended."""
        self._storing.shutdown(wait=True)

    async def _serve(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            await self._serve_group(group)

    async def _serve_group(self, group: list[_Waiting]) -> None:
        requests = [(one.key, one.submissions) for one in group]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(
                self._storing, self._intake.take_together, requests
            )
        except Exception as error:  # noqa: BLE001  # each of them must hear of it
            if len(group) > 1 and not isinstance(error, OutsideError):
                # A mistake of ours about one request must not spoil its neighbours.
                for one in group:
                    await self._serve_group([one])
                return
            for one in group:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            for one, answer in zip(group, answers, strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)
