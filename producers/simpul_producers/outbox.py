"""The durable outbox: what it holds, and what every outbox can do.

An event is taken when `add` has returned, and from then on it is never lost: it waits until the broker has
acknowledged it. The body is kept without its frame, together with the schema that wrote it, so that an event can be
taken while neither broker nor registry can be reached, and is still framed rightly after the contract has moved on.

`sqlite_outbox` holds the adapter on disk, `testing` the twin in memory; `tests/contract/test_outbox.py` runs on both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

from simpul_schemas.errors import InvalidEvent

_HIGHEST_REVISION = 2**63 - 1


class State(IntEnum):
    """What has become of an event that was taken."""

    PENDING = 0
    SENT = 1
    REFUSED = 2


class OutboxRow(NamedTuple):
    """An event as the outbox takes it; times are microseconds since the epoch.

    `body` is the Avro body without its frame, `schema` the text of the schema that wrote it. `source` and
    `occurred_at` stand beside it for the headers, so that sending needs no decoding.
    """

    event_id: str
    event_type: str
    subject: str
    revision: int
    topic: str
    source: str
    occurred_at: int
    schema: str
    body: bytes


class PendingRow(NamedTuple):
    """An event that waits, and its place in the order of sending."""

    seq: int
    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events stand where: `published` were acknowledged by the broker, ever."""

    published: int
    pending: int
    refused_by_broker: int


class RefusedRow(NamedTuple):
    """An event that the broker refused for itself, and the broker's reason."""

    event_id: str
    topic: str
    subject: str
    reason: str


class Note(NamedTuple):
    """What a source must remember as surely as its events: a value under scope and key; None takes it away."""

    scope: str
    key: str
    value: bytes | None


class Known(NamedTuple):
    """An event that was taken once, and what has become of it; `reason` is the broker's where it refused it."""

    row: OutboxRow
    state: State
    reason: str
    taken_at: int
    settled_at: int | None


class Outbox(Protocol):
    """Keeps events from the moment they are taken until the broker has them."""

    @property
    def name(self) -> str:
        """What to call this outbox in a message: the path of its file."""

    def add(self, rows: Sequence[OutboxRow], taken_at: int, notes: Sequence[Note] = ()) -> int:
        """Take events in their order and the notes beside them, all or none, and return how many events were new.

        An event whose id is there already, in whatever state, adds nothing and changes nothing.
        """

    def note(self, scope: str, key: str) -> bytes | None:
        """Return what was noted; None where nothing was."""

    def notes(self, scope: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return what was noted under several keys, for those that are there."""

    def note_keys(self, scope: str) -> Iterator[str]:
        """Yield the keys of a scope."""

    def pending(self, limit: int, after_seq: int = 0) -> list[PendingRow]:
        """Return the first events that wait behind a place in the order, without taking them out."""

    def mark_sent(self, seqs: Iterable[int], settled_at: int) -> None:
        """Note that the broker has acknowledged events; only those that wait change."""

    def mark_refused(self, seq: int, reason: str, settled_at: int) -> None:
        """Note that the broker refused an event for itself; only one that waits changes."""

    def counts(self) -> Counts:
        """Return how many events stand where."""

    def event_ids(self, state: State) -> Iterator[str]:
        """Yield the ids of all events in a state, in the order they were taken."""

    def refused(self, limit: int) -> list[RefusedRow]:
        """Return the latest events that the broker refused, newest first."""

    def last_revision(self, subject: str) -> int:
        """Return the highest revision ever taken or reserved for a subject; 0 where there is none."""

    def latest(self, subject: str) -> OutboxRow | None:
        """Return a subject's event of the highest revision that the broker did not refuse; None where there is none."""

    def find(self, event_id: str) -> Known | None:
        """Return what is known of an event; None where it was never taken, or was pruned."""

    def reserve_revisions(self, subjects: Sequence[str], now_micros: int) -> list[int]:
        """Reserve a new revision for each subject, above all earlier ones and not below the clock.

        A reserved revision is never handed out again, also not to another process or after a kill. A subject that is
        named twice gets two.
        """

    def sender_lock(self) -> AbstractContextManager[None]:
        """Hold the right to send; raises `SenderRunning` where somebody else holds it. A killed holder frees it."""

    def close(self) -> None:
        """Release the file; harmless when called twice."""


def next_revision(last: int, now_micros: int) -> int:
    """Return the revision after `last`: the clock's microseconds, or one more where the clock went back."""
    if last >= _HIGHEST_REVISION:
        raise InvalidEvent(
            ("envelope.revision_exhausted",),
            "Revisi subjek ini sudah yang tertinggi; pakai subjek baru.",
            "The revision of this subject is the highest there is; use a new subject.",
        )
    return max(now_micros, last + 1)
