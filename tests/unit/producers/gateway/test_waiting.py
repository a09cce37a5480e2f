"""Requests that share a flush: each gets its own answer, and one that fails spoils no other."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from simpul_producers.gateway.intake import Intake
from simpul_producers.gateway.submissions import Submission
from simpul_producers.gateway.waiting import WaitingRoom
from simpul_schemas.errors import OutsideError

MakeEvent = Callable[..., dict[str, Any]]
COUNT = 50


class Slow(Intake):
    """An intake whose first group waits until all other requests stand in the queue."""

    def __init__(self, inner: Intake) -> None:
        super().__init__(inner._outbox, inner._memory, inner._clock)
        self.groups: list[int] = []
        self.go = threading.Event()

    def take_together(self, requests: Sequence[Any]) -> Any:
        assert self.go.wait(20)
        self.groups.append(len(requests))
        for _, submissions in requests:
            if submissions[0].values.get("subject") == "fail":
                raise ValueError("fail")
            if submissions[0].values.get("subject") == "away":
                raise OutsideError("pergi", "away")
        return super().take_together(requests)


async def take_all(intake: Slow, requests: list[tuple[Any, list[Submission]]]) -> list[Any]:
    room = WaitingRoom(intake)
    tasks = [asyncio.create_task(room.take(key, submissions)) for key, submissions in requests]
    await asyncio.sleep(0)
    intake.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    room.close()
    return found


def test_requests_that_come_together_share_a_flush_and_each_gets_its_own_answer(
    bench: Any, make_event: MakeEvent
) -> None:
    intake = Slow(bench.intake)
    requests = [
        (bench.key, [Submission("incident", make_event(event_id=None, subject=f"s{number}"))])
        for number in range(COUNT)
    ]
    found = asyncio.run(take_all(intake, requests))
    assert all(len(one) == 1 and one[0].status == "accepted" for one in found)
    assert [bench.outbox.find(one[0].event_id).row.subject for one in found] == [
        f"s{number}" for number in range(COUNT)
    ]
    assert len(intake.groups) < COUNT / 10


def test_keys_are_not_mixed_within_a_flush(bench: Any, make_event: MakeEvent) -> None:
    intake = Slow(bench.intake)
    other = replace(bench.key, source="lain", region="73.72")
    same = make_event()
    foreign = same | {"source": "lain", "region": "73.72", "subject": "lain"}
    requests = [
        (bench.key, [Submission("incident", same)]),
        (other, [Submission("incident", same)]),
        (other, [Submission("incident", foreign)]),
    ]
    first, second, third = (one[0] for one in asyncio.run(take_all(intake, requests)))
    assert first.status == "accepted"
    assert second.faults[0].code == "key.region_differs"
    assert third.faults[0].code == "event.conflict"


@pytest.mark.parametrize(
    ("subject", "error", "others"), [("fail", ValueError, "accepted"), ("away", OutsideError, None)]
)
def test_a_mistake_about_one_request_spoils_no_other_but_a_disk_that_is_away_is_away_for_all(
    bench: Any, make_event: MakeEvent, subject: str, error: type[Exception], others: str | None
) -> None:
    intake = Slow(bench.intake)
    requests = [
        (bench.key, [Submission("incident", make_event(event_id=None, subject=name))]) for name in ("a", subject, "b")
    ]
    found = asyncio.run(take_all(intake, requests))
    assert isinstance(found[1], error)
    if others is None:
        assert isinstance(found[0], error)
        assert isinstance(found[2], error)
    else:
        assert (found[0][0].status, found[2][0].status) == (others, others)
