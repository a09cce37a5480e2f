"""Twins in memory of the outside things of this package: outbox, Kafka client, keys, answers. For tests."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from simpul_producers.errors import ReceiptsNotReadable, SenderRunning
from simpul_producers.gateway.answers import KEPT_MICROS, Refusal
from simpul_producers.gateway.keys import Key
from simpul_producers.outbox import (
    NO_PLACES,
    Counts,
    HandedOver,
    Keep,
    Known,
    Note,
    OutboxRow,
    PendingRow,
    Record,
    RefusedRow,
    Settlement,
    State,
    next_revision,
)
from simpul_producers.poller.source import Cursor, TableRow
from simpul_producers.producer import Failure, FailureKind, Place
from simpul_producers.receipts_taker import Taken
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.log import Outgoing
from simpul_schemas.receipts import Fate
from simpul_schemas.testing import InMemoryLog


@dataclass(slots=True)
class _Kept:
    row: OutboxRow
    taken_at: int
    settled_at: int | None = None
    state: State = State.PENDING
    reason: str = ""
    wire_id: int | None = None
    leaf: bytes | None = None
    place: Place | None = None
    fate: Fate | None = None
    codes: tuple[str, ...] = ()
    receipt: Settlement | None = None
    pruned: bool = False


class InMemoryOutbox:
    """An outbox without a disk."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._notes: dict[tuple[str, str], bytes] = {}
        self._ids: set[str] = set()
        self._revisions: dict[str, int] = {}
        self._totals: Counter[State] = Counter()
        self._logs: dict[str, int] = {}
        self._sending = threading.Lock()

    @property
    def _there(self) -> list[_Kept]:
        return [kept for kept in self._kept if not kept.pruned]

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
                self._totals[State.PENDING] += 1
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

    def mark_sent(
        self,
        seqs: Iterable[int],
        settled_at: int,
        places: Mapping[int, Place] = NO_PLACES,
        handed: Sequence[HandedOver] = (),
    ) -> None:
        """See `Outbox`."""
        for seq in seqs:
            if self._settle(seq, State.SENT, "", settled_at):
                self._kept[seq - 1].place = places.get(seq)
        for seq, wire_id, leaf in handed:
            kept = self._kept[seq - 1]
            if kept.state is State.PENDING:
                kept.wire_id, kept.leaf = wire_id, leaf

    def mark_refused(self, seq: int, reason: str, settled_at: int) -> None:
        """See `Outbox`."""
        self._settle(seq, State.REFUSED, reason, settled_at)

    def counts(self) -> Counts:
        """See `Outbox`."""
        found = self._totals
        return Counts(found[State.SENT], found[State.PENDING], found[State.REFUSED])

    def event_ids(self, state: State) -> Iterator[str]:
        """See `Outbox`."""
        return (kept.row.event_id for kept in self._there if kept.state is state)

    def refused(self, limit: int) -> list[RefusedRow]:
        """See `Outbox`."""
        found = [
            RefusedRow(kept.row.event_id, kept.row.topic, kept.row.subject, kept.reason)
            for kept in reversed(self._there)
            if kept.state is State.REFUSED
        ]
        return found[:limit]

    def last_revision(self, subject: str) -> int:
        """See `Outbox`."""
        return self._revisions.get(subject, 0)

    def latest(self, subject: str) -> OutboxRow | None:
        """See `Outbox`."""
        # What was pruned still says in what state it left its subject.
        rows = [
            kept.row
            for kept in self._kept
            if kept.row.subject == subject and kept.state is not State.REFUSED and kept.fate is not Fate.REFUSED
        ]
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

    def latest_ids(self, limit: int) -> list[str]:
        """See `Outbox`."""
        return [kept.row.event_id for kept in reversed(self._there)][:limit]

    def record(self, event_id: str) -> Record | None:
        """See `Outbox`."""
        for kept in self._there:
            if kept.row.event_id == event_id:
                return Record(
                    kept.row, kept.state, kept.reason, kept.taken_at, kept.settled_at, kept.wire_id, kept.leaf,
                    kept.place, kept.fate, kept.codes, kept.receipt.body if kept.receipt else None,
                    kept.receipt.verified if kept.receipt else False,
                )  # fmt: skip
        return None

    def settle(self, settlements: Sequence[Settlement], log: str, next_offset: int, settled_at: int) -> int:
        """See `Outbox`."""
        self._logs[log] = next_offset
        return sum(
            self._tell(kept, said, settled_at)
            for said in settlements
            for kept in self._there
            if kept.row.topic == said.topic and kept.leaf is not None
        )

    def _tell(self, kept: _Kept, said: Settlement, settled_at: int) -> bool:
        fate, codes = _fate_of(kept, said)
        if fate is None:
            return False
        self._totals[kept.state] -= 1
        self._totals[State.SENT] += 1
        kept.state, kept.fate, kept.codes, kept.receipt, kept.settled_at = State.SENT, fate, codes, said, settled_at
        return True

    def receipts_read(self, log: str) -> int:
        """See `Outbox`."""
        return self._logs.get(log, 0)

    def awaiting(self) -> list[str]:
        """See `Outbox`."""
        return sorted({kept.row.topic for kept in self._there if kept.leaf is not None and kept.fate is None})

    def unreceipted(self) -> int:
        """See `Outbox`."""
        return sum(kept.state is State.SENT and kept.leaf is not None and kept.fate is None for kept in self._there)

    def prune(self, now_micros: int, keep: Keep, limit: int) -> int:
        """See `Outbox`."""
        done = []
        for kept in self._there:
            settled = kept.settled_at
            if settled is None:
                continue
            well = kept.state is State.SENT and kept.fate in {Fate.ACCEPTED, Fate.SUPERSEDED}
            if (well and settled < now_micros - keep.settled) or settled < now_micros - keep.other:
                done.append(kept)
        for kept in done[:limit]:
            kept.pruned = True
        return len(done[:limit])

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

    def _settle(self, seq: int, state: State, reason: str, settled_at: int) -> bool:
        kept = self._kept[seq - 1] if 0 < seq <= len(self._kept) else None
        if kept is None or kept.state is not State.PENDING:
            return False
        kept.state, kept.reason, kept.settled_at = state, reason, settled_at
        self._totals[State.PENDING] -= 1
        self._totals[state] += 1
        return True


def _fate_of(kept: _Kept, said: Settlement) -> tuple[Fate | None, tuple[str, ...]]:
    if kept.fate is not Fate.ACCEPTED and kept.leaf in said.accepted:
        return Fate.ACCEPTED, ()
    if kept.fate is not None:
        return None, ()
    if kept.leaf in said.superseded:
        return Fate.SUPERSEDED, ()
    offset, codes = said.refused.get(kept.row.event_id, (-1, ()))
    if offset >= 0 and kept.place in {None, Place(said.partition, offset)}:
        return Fate.REFUSED, codes
    if kept.place is not None and kept.place.partition == said.partition and kept.place.offset in said.refused_offsets:
        return Fate.REFUSED, said.refused_offsets[kept.place.offset]
    return None, ()


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


class InMemoryReceiptLog:
    """The receipts of a `FakeBroker`; topics in `forbidden` may not be read."""

    cluster = "memory"

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self.forbidden: set[str] = set()

    def read(self, topic: str, offset: int) -> Taken:
        """See `simpul_producers.receipts_taker.ReceiptLog`."""
        if topic in self.forbidden:
            raise ReceiptsNotReadable(topic, "TopicAuthorizationFailedError")
        if not self._broker.reachable:
            raise BrokerUnavailable("Broker tidak menjawab.", "The broker does not answer.")
        values = [record.value or b"" for record, _ in self._broker.log.topics[topic][offset : offset + 2]]
        return Taken(values, offset + len(values))

    def close(self) -> None:
        """See `ReceiptLog`."""


class FakeProducer:
    """A client of a `FakeBroker`; see `simpul_producers.producer.Producer`."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._poisoned = False
        self.closed = False

    def send_all(self, records: Sequence[Outgoing]) -> "FakeSending":
        """See `Producer`."""
        return FakeSending([self._send(record) for record in records])

    def close(self) -> None:
        """See `Producer`."""
        self.closed = True

    def _send(self, record: Outgoing) -> Place | Failure:
        if len(record.value or b"") > self._broker.client_limit_bytes:
            return Failure(FailureKind.RECORD, "MessageSizeTooLargeError", kept_back=True)
        if self.closed or self._poisoned:
            return Failure(FailureKind.OTHER, "producer in fatal state")
        if not self._broker.reachable:
            return Failure(FailureKind.UNREACHABLE, "timed out")
        failure = self._broker.judge(record)
        if failure is None:
            return Place(0, self._broker.log.append(record))
        if failure.kind is not FailureKind.UNREACHABLE:
            self._poisoned = True
        return failure


class FakeSending:
    """Records that were answered at once; see `simpul_producers.producer.Sending`."""

    def __init__(self, answers: list[Place | Failure]) -> None:
        self._answers = answers

    def answers(self, timeout_seconds: float) -> list[Place | Failure]:  # noqa: ARG002  # the port says so; here nothing takes time
        """See `Sending`."""
        return self._answers


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
