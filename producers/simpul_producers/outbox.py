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
from types import MappingProxyType
from typing import NamedTuple, Protocol

from simpul_producers.producer import Place
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.receipts import Fate

_HIGHEST_REVISION = 2**63 - 1
NO_PLACES: Mapping[int, Place] = MappingProxyType({})


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


class HandedOver(NamedTuple):
    """An event that is about to be sent: its place in the order, the id of its frame, the leaf hash of its value.

    Noted before it leaves, so that a receipt finds it also where the broker's answer was never heard.
    """

    seq: int
    wire_id: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one receipt says of events of ours, to be noted in one transaction; see `receipts_taker`.

    `accepted` are all leaf hashes that are in its tree and won, `superseded` those that came too late, `refused` what
    was refused by event id, and `refused_offsets` where its event id could not be read.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    body: bytes
    verified: bool
    accepted: frozenset[bytes]
    superseded: frozenset[bytes]
    refused: Mapping[str, tuple[int, tuple[str, ...]]]
    refused_offsets: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Record:
    """All that the outbox holds of one event; `body` of the receipt is the one that told its fate."""

    row: OutboxRow
    state: State
    reason: str
    taken_at: int
    settled_at: int | None
    wire_id: int | None
    leaf: bytes | None
    place: Place | None
    fate: Fate | None
    codes: tuple[str, ...]
    receipt: bytes | None
    verified: bool


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is done with stays, in microseconds: from the receipt on; refused, or never receipted."""

    settled: int
    other: int


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

    def mark_sent(
        self,
        seqs: Iterable[int],
        settled_at: int,
        places: Mapping[int, Place] = NO_PLACES,
        handed: Sequence[HandedOver] = (),
    ) -> None:
        """Note that the broker has acknowledged events, and where it put them; only those that wait change.

        `handed` are those that are about to be sent next: noted in the same transaction, as each costs a flush.
        """

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
        """Return a subject's event of the highest revision that was not refused; None where there is none."""

    def latest_ids(self, limit: int) -> list[str]:
        """Return the ids of the events that were taken last, newest first."""

    def record(self, event_id: str) -> Record | None:
        """Return all that is known of an event; None where it was never taken, or was pruned."""

    def settle(self, settlements: Sequence[Settlement], log: str, next_offset: int, settled_at: int) -> int:
        """Note what receipts say, and how far their log was read, in one transaction; returns how many events changed.

        Only events of the same topic change. Accepted is proved by the hash of the very value, so it stands against
        all else that is said; an event that still waits is known to have arrived by it. The receipts are kept.
        """

    def receipts_read(self, log: str) -> int:
        """Return the offset that the next receipts of a log are to be read from; 0 at first."""

    def awaiting(self) -> list[str]:
        """Return the topics of which events were handed over and have no receipt yet."""

    def unreceipted(self) -> int:
        """Return how many events the broker has acknowledged that have no receipt yet."""

    def prune(self, now_micros: int, keep: Keep, limit: int) -> int:
        """Remove at most so many events that are done with for long enough, and return how many.

        What they said last of their subjects, their revisions and their ids stay known: a revision is never handed out
        twice, and an event that comes again still adds nothing.
        """

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
