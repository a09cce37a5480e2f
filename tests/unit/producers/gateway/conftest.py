"""An intake on twins in memory, with a clock that stands until it is moved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from simpul_producers.gateway.intake import Intake
from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.openapi import plain_example
from simpul_producers.gateway.results import Result
from simpul_producers.gateway.submissions import Submission
from simpul_producers.testing import InMemoryAnswerMemory, InMemoryOutbox

#: 2026-11-22, after every example of the contract.
NOW = 1_795_300_000_000_000
KEY = Key("ab12", b"", "73.71", "sitimdu.73", (), 0, 2**62)


@dataclass
class Bench:
    """What a test of the intake works with."""

    now: int = NOW
    key: Key = KEY
    outbox: InMemoryOutbox = field(default_factory=InMemoryOutbox)
    memory: InMemoryAnswerMemory = field(default_factory=InMemoryAnswerMemory)

    def __post_init__(self) -> None:
        self.intake = Intake(self.outbox, self.memory, lambda: self.now)

    def take(self, *events: dict[str, Any], key: Key | None = None, event_type: str = "incident") -> list[Result]:
        """Hand events in as a JSON list."""
        submissions = [Submission(event_type, event, base=(place,)) for place, event in enumerate(events)]
        return self.intake.take(key or self.key, submissions)

    def one(self, event: dict[str, Any], key: Key | None = None, event_type: str = "incident") -> Result:
        """Hand one event in."""
        return self.take(event, key=key, event_type=event_type)[0]

    def stored(self) -> list[str]:
        """Return the ids in the outbox."""
        return [waiting.row.event_id for waiting in self.outbox.pending(1000)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_event() -> Callable[..., dict[str, Any]]:
    """Make an incident with an id, or without one where `event_id` is None."""

    def make(**changes: Any) -> dict[str, Any]:
        event = plain_example("incident") | changes
        return {name: value for name, value in event.items() if not (name == "event_id" and value is None)}

    return make
