import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from simpul_connectors.control.heart import Heart, tell_failure
from simpul_connectors.errors import TargetUnavailable
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.sinks.target import Heartbeat, Sign, State
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas.errors import OutsideError, RegistryUnavailable

SPEC = load_spec("ministry_incident")


@dataclass
class Runner:
    """What a heart sees of a runner."""

    generation: int | None = 1
    paused: bool = False
    waits_for: OutsideError | None = None
    last_error: str = ""


@dataclass
class Body:
    """A runner, its heart, and the database that it beats in."""

    runner: Runner = field(default_factory=Runner)
    database: InMemoryDatabase = field(default_factory=InMemoryDatabase)
    beats: int = 0

    @property
    def target(self) -> InMemoryTarget:
        return InMemoryTarget(self.database, SPEC.name, SPEC.table)

    def heart(self, target: InMemoryTarget | None = None) -> Heart:
        return Heart(target or self.target, self.runner, "mesin:1", 0.01, self.count)

    def count(self) -> None:
        self.beats += 1

    @property
    def last(self) -> Heartbeat:
        found = self.target.heartbeat()
        assert found is not None
        return found

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():  # noqa: ASYNC110  # what stands in a database tells nobody
                await asyncio.sleep(0.002)


@pytest.fixture
def body() -> Body:
    return Body()


def test_it_beats_while_its_block_runs_and_says_goodbye(body: Body) -> None:
    async def go() -> None:
        async with body.heart():
            await body.until(lambda: body.beats > 3)
            assert body.last.state is State.RUNNING

    asyncio.run(go())
    assert (body.last.state, body.last.worker, body.last.interval_seconds) == (State.STOPPED, "mesin:1", 0.01)


def test_a_block_that_breaks_off_leaves_its_words(body: Body) -> None:
    async def go(error: Exception) -> None:
        async with body.heart():
            raise error

    with pytest.raises(TargetUnavailable):
        asyncio.run(go(TargetUnavailable("Jauh.", "Away.")))
    assert (body.last.state, body.last.words) == (State.FAILED, "Away.")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(go(ZeroDivisionError("by zero")))
    assert body.last.words == "ZeroDivisionError('by zero')"


def test_it_tells_of_pause_wait_and_what_went_wrong_at_once(body: Body) -> None:
    async def go() -> None:
        async with Heart(body.target, body.runner, "mesin:1", 3600):
            body.runner.waits_for = RegistryUnavailable("Jauh.", "Registry away.")
            body.runner.last_error = "Registry away."
            await body.until(lambda: body.target.heartbeat() is not None and body.last.state is State.WAITING)
            assert (body.last.words, body.last.error) == ("Registry away.", "Registry away.")
            assert body.runner.last_error == ""
            body.runner.waits_for, body.runner.paused = None, True
            await body.until(lambda: body.last.state is State.PAUSED)
            assert (body.last.words, body.last.error) == ("", "Registry away.")

    asyncio.run(go())


def test_a_copy_that_stands_by_says_nothing(body: Body) -> None:
    body.runner.generation = None

    async def go() -> None:
        async with body.heart():
            await asyncio.sleep(0.05)

    asyncio.run(go())
    assert body.target.heartbeat() is None


def test_a_request_to_restart_is_heard_and_no_goodbye_is_said_then(body: Body) -> None:
    async def go() -> None:
        heart = body.heart()
        async with heart:
            await body.until(lambda: body.beats > 0)
            assert not heart.must_restart
            body.target.ask_restart()
            await body.until(lambda: heart.must_restart)

    asyncio.run(go())
    assert (body.last.state, body.last.restart, body.last.restarted) == (State.RUNNING, 1, 0)

    async def again() -> None:
        async with body.heart():
            await body.until(lambda: body.last.restarted == 1)

    asyncio.run(again())


def test_a_request_to_a_newer_copy_is_none_to_this_one(body: Body) -> None:
    body.target.sign(Sign(9, State.RUNNING, 1))
    body.target.ask_restart()

    async def go() -> bool:
        heart = body.heart()
        async with heart:
            await body.until(lambda: body.beats > 3)
            return heart.must_restart

    assert not asyncio.run(go())


def test_a_database_that_is_away_stops_no_heart(body: Body) -> None:
    class Away(InMemoryTarget):
        left = 3

        def sign(self, sign: Sign) -> Heartbeat:
            if Away.left:
                Away.left -= 1
                raise TargetUnavailable("Jauh.", "Away.")
            return super().sign(sign)

    body.runner.last_error = "kept until it is written"

    async def go() -> None:
        async with body.heart(Away(body.database, SPEC.name, SPEC.table)):
            await body.until(lambda: body.beats > 1)

    asyncio.run(go())
    assert body.last.error == "kept until it is written"


def test_a_process_that_never_came_to_write_says_why_unless_another_lives(body: Body) -> None:
    why = TargetUnavailable("Jauh.", "The table does not fit.")
    tell_failure(body.target, why, 1)
    assert (body.last.state, body.last.words, body.last.error) == (State.FAILED, *["The table does not fit."] * 2)
    body.target.sign(Sign(4, State.RUNNING, 1))
    tell_failure(body.target, why, 1)
    assert body.last.state is State.RUNNING
    body.target.sign(Sign(4, State.STOPPED, 1))
    tell_failure(body.target, why, 1)
    assert body.last.state is State.FAILED
