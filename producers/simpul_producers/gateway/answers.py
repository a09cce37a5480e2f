"""What was answered to events that were refused, so that a repeat is told the same.

An accepted event needs no such memory: the outbox holds it. `sqlite_answers` holds the adapter on disk, `testing` the
twin in memory.
"""

from typing import NamedTuple, Protocol

#: A repeat within this time gets the first refusal; later it is judged anew, since what it lacked may have come.
REPEAT_MICROS = 600_000_000
#: So long one can ask what was answered.
KEPT_MICROS = 7 * 86_400_000_000


class Refusal(NamedTuple):
    """A refusal as it is kept: digest of what was handed in, when it was answered, and the faults as JSON."""

    source: str
    event_id: str
    digest: bytes
    at: int
    faults: str


class AnswerMemory(Protocol):
    """Keeps the last refusal for each source and event id, for `KEPT_MICROS`."""

    def recall(self, source: str, event_id: str) -> Refusal | None:
        """Return the last refusal of an event; None where there was none."""

    def remember(self, refusals: list[Refusal]) -> None:
        """Keep refusals, each in the place of an earlier one of the same event, and forget what is too old."""

    def close(self) -> None:
        """Release the file; harmless when called twice."""
