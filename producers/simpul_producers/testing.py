"""Twins in memory of the outside things of this package: outbox, Kafka client, keys, answers. For tests."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from simpul_producers.errors import SenderRunning
from simpul_producers.gateway.answers import KEPT_MICROS, Refusal
from simpul_producers.gateway.keys import Key
from simpul_producers.outbox import Counts, Known, Note, OutboxRow, PendingRow, RefusedRow, State, next_revision
from simpul_producers.poller.source import Cursor, TableRow
from simpul_producers.producer import Delivery, Failure, FailureKind
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing
from simpul_schemas.testing import InMemoryLog


@dataclass(slots=True)
class _Kept:
    row: OutboxRow
    taken_at: int
    settled_at: int | None = None
    state: State = State.PENDING
    reason: str = ""


class InMemoryOutbox:
    """An outbox without a disk."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._notes: dict[tuple[str, str], bytes] = {}
        self._ids: set[str] = set()
        self._revisions: dict[str, int] = {}
        self._sending = threading.Lock()

    @property
    def name(self) -> str:
        """See `Outbox`."""
        return "(memory)"

    def add(self, rows: Sequence[OutboxRow], taken_at: int, notes: Sequence[Note] = ()) -> int:
        """See `Outbox`."""
        for scope, key, value in notes:
            if value is None:
                self._notes.pop((scope, key), None)
            else:
                self._notes[scope, key] = value
        before = len(self._kept)
        for row in rows:
            if row.event_id not in self._ids:
                self._ids.add(row.event_id)
                self._kept.append(_Kept(row, taken_at))
                self._revisions[row.subject] = max(self.last_revision(row.subject), row.revision)
        return len(self._kept) - before

    def note(self, scope: str, key: str) -> bytes | None:
        """See `Outbox`."""
        return self._notes.get((scope, key))

    def notes(self, scope: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """See `Outbox`."""
        return {key: self._notes[scope, key] for key in keys if (scope, key) in self._notes}

    def note_keys(self, scope: str) -> Iterator[str]:
        """See `Outbox`."""
        return iter(sorted(key for found, key in self._notes if found == scope))

    def pending(self, limit: int, after_seq: int = 0) -> list[PendingRow]:
        """See `Outbox`."""
        waiting = [
            PendingRow(seq, kept.row)
            for seq, kept in enumerate(self._kept[after_seq:], after_seq + 1)
            if kept.state is State.PENDING
        ]
        return waiting[:limit]

    def mark_sent(self, seqs: Iterable[int], settled_at: int) -> None:
        """See `Outbox`."""
        for seq in seqs:
            self._settle(seq, State.SENT, "", settled_at)

    def mark_refused(self, seq: int, reason: str, settled_at: int) -> None:
        """See `Outbox`."""
        self._settle(seq, State.REFUSED, reason, settled_at)

    def counts(self) -> Counts:
        """See `Outbox`."""
        found = Counter(kept.state for kept in self._kept)
        return Counts(found[State.SENT], found[State.PENDING], found[State.REFUSED])

    def event_ids(self, state: State) -> Iterator[str]:
        """See `Outbox`."""
        return (kept.row.event_id for kept in self._kept if kept.state is state)

    def refused(self, limit: int) -> list[RefusedRow]:
        """See `Outbox`."""
        found = [
            RefusedRow(kept.row.event_id, kept.row.topic, kept.row.subject, kept.reason)
            for kept in reversed(self._kept)
            if kept.state is State.REFUSED
        ]
        return found[:limit]

    def last_revision(self, subject: str) -> int:
        """See `Outbox`."""
        return self._revisions.get(subject, 0)

    def latest(self, subject: str) -> OutboxRow | None:
        """See `Outbox`."""
        rows = [kept.row for kept in self._kept if kept.row.subject == subject and kept.state is not State.REFUSED]
        return max(rows, key=lambda row: (row.revision, row.event_id), default=None)

    def find(self, event_id: str) -> Known | None:
        """See `Outbox`."""
        for kept in self._kept:
            if kept.row.event_id == event_id:
                return Known(kept.row, kept.state, kept.reason, kept.taken_at, kept.settled_at)
        return None

    def reserve_revisions(self, subjects: Sequence[str], now_micros: int) -> list[int]:
        """See `Outbox`."""
        before = dict(self._revisions)
        revisions = []
        try:
            for subject in subjects:
                self._revisions[subject] = next_revision(self.last_revision(subject), now_micros)
                revisions.append(self._revisions[subject])
        except BaseException:
            self._revisions = before
            raise
        return revisions

    @contextmanager
    def sender_lock(self) -> Iterator[None]:
        """See `Outbox`."""
        if not self._sending.acquire(blocking=False):
            raise SenderRunning(self.name)
        try:
            yield
        finally:
            self._sending.release()

    def close(self) -> None:
        """See `Outbox`."""

    def _settle(self, seq: int, state: State, reason: str, settled_at: int) -> None:
        kept = self._kept[seq - 1] if 0 < seq <= len(self._kept) else None
        if kept is not None and kept.state is State.PENDING:
            kept.state, kept.reason, kept.settled_at = state, reason, settled_at


class InMemoryTable:
    """A table without a database; `rows` are its cells by column, which a test changes as it likes.

    `key` and `cursor` name columns of theirs; an empty cursor is NULL. Cursors are compared as texts.
    """

    def __init__(self, columns: Sequence[str], key: Sequence[str], cursor: str) -> None:
        self.columns = list(columns)
        self.rows: list[dict[str, str]] = []
        self._key = key
        self._cursor = cursor

    def behind(self, cursor: Cursor | None, rows: int) -> Cursor | None:
        """See `TableSource`."""
        if cursor is None or rows == 0:
            return cursor
        below = sorted((row[self._cursor] for row in self.rows if "" < row[self._cursor] < cursor), reverse=True)
        return below[rows - 1] if len(below) >= rows else None

    def changed(self, since: Cursor | None) -> Iterator[TableRow]:
        """See `TableSource`."""
        found = [row for row in map(self._row, self.rows) if row.cursor is not None]
        return iter(sorted((row for row in found if since is None or row.cursor >= since), key=lambda row: row.cursor))

    def everything(self) -> Iterator[TableRow]:
        """See `TableSource`."""
        return iter([self._row(row) for row in self.rows])

    def close(self) -> None:
        """See `TableSource`."""

    def _row(self, cells: Mapping[str, str]) -> TableRow:
        key = json.dumps([cells[name] for name in self._key], ensure_ascii=False)
        return TableRow(key, cells[self._cursor] or None, {name: cells[name] for name in self.columns})


#: Decides what becomes of a record: None is acknowledged.
Judge = Callable[[Outgoing], Failure | None]


class FakeBroker:
    """A broker without a server, and the clients that connect to it; what it acknowledged is in `log`.

    `judge` may fail chosen records. A client behaves as kafka-python's: answers are known after `flush`, and once one
    delivery failed every later one of that client fails too, whatever its topic. `reachable` False plays a broker
    that is away: connecting raises, and a connected client gets no answers.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self.log = InMemoryLog()
        self.judge: Judge = judge or (lambda _record: None)
        self.reachable = True
        self.connections = 0
        #: Records larger than this the client refuses by itself, before anything is sent.
        self.client_limit_bytes = 1 << 20

    def connect(self) -> "FakeProducer":
        """Make a client; a `ProducerFactory`."""
        if not self.reachable:
            raise BrokerUnavailable("Broker tidak menjawab.", "The broker does not answer.")
        self.connections += 1
        return FakeProducer(self)

    def records(self) -> list[Outgoing]:
        """Return every acknowledged record, topic by topic."""
        return [record for topic in self.log.topics.values() for record, _ in topic]


class FakeProducer:
    """A client of a `FakeBroker`; see `simpul_producers.producer.Producer`."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._poisoned = False
        self._waiting: list[_FakeDelivery] = []
        self.closed = False

    def send(self, record: Outgoing) -> Delivery | Failure:
        """See `Producer`."""
        if self.closed:
            return Failure(FailureKind.OTHER, "closed")
        if len(record.value or b"") > self._broker.client_limit_bytes:
            return Failure(FailureKind.RECORD, "MessageSizeTooLargeError")
        delivery = _FakeDelivery(record)
        self._waiting.append(delivery)
        return delivery

    def flush(self, timeout_seconds: float) -> None:  # noqa: ARG002  # the port says so; here nothing takes time
        """See `Producer`."""
        for delivery in self._waiting:
            delivery.answer = self._answer(delivery.record)
        self._waiting.clear()

    def close(self) -> None:
        """See `Producer`."""
        self.closed = True

    def _answer(self, record: Outgoing) -> Failure | None:
        if self._poisoned:
            return Failure(FailureKind.OTHER, "producer in fatal state")
        if not self._broker.reachable:
            return Failure(FailureKind.UNREACHABLE, "timed out")
        failure = self._broker.judge(record)
        if failure is None:
            self._broker.log.append(record)
        elif failure.kind is not FailureKind.UNREACHABLE:
            self._poisoned = True
        return failure


class _FakeDelivery:
    def __init__(self, record: Outgoing) -> None:
        self.record = record
        self.answer: Failure | None = Failure(FailureKind.UNREACHABLE, "not flushed")

    def failure(self, timeout_seconds: float) -> Failure | None:  # noqa: ARG002  # as `flush`
        """See `Delivery`."""
        return self.answer


class InMemoryKeyStore:
    """Keys without a disk; see `simpul_producers.gateway.keys.KeyStore`."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._changes = 0

    def all_keys(self) -> list[Key]:
        """See `KeyStore`."""
        return list(self._keys.values())

    def put(self, key: Key) -> None:
        """See `KeyStore`."""
        self._keys[key.key_id] = key
        self._changes += 1

    def version(self) -> int:
        """See `KeyStore`."""
        return self._changes

    def close(self) -> None:
        """See `KeyStore`."""


class InMemoryAnswerMemory:
    """Refusals without a disk; see `simpul_producers.gateway.answers.AnswerMemory`."""

    def __init__(self) -> None:
        self._refusals: dict[tuple[str, str], Refusal] = {}

    def recall(self, source: str, event_id: str) -> Refusal | None:
        """See `AnswerMemory`."""
        return self._refusals.get((source, event_id))

    def remember(self, refusals: list[Refusal]) -> None:
        """See `AnswerMemory`."""
        self._refusals |= {(refusal.source, refusal.event_id): refusal for refusal in refusals}
        oldest = max((refusal.at for refusal in refusals), default=0) - KEPT_MICROS
        self._refusals = {name: kept for name, kept in self._refusals.items() if kept.at >= oldest}

    def close(self) -> None:
        """See `AnswerMemory`."""
