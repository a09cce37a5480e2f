"""The outbox on disk: one SQLite file, written through to the disk before `add` returns."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from simpul_producers import outbox_mark, sqlite_receipts, sqlite_upkeep
from simpul_producers.errors import SenderRunning
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
from simpul_producers.outbox_mark import Mark
from simpul_producers.producer import Place
from simpul_producers.sqlite_errors import explain
from simpul_producers.sqlite_layout import BUSY_TIMEOUT_SECONDS, prepare
from simpul_producers.sqlite_notes import note_keys_after, read_notes, write_notes
from simpul_producers.sqlite_upkeep import Limits

_INSERT = """
INSERT INTO events (event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body, taken_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING
"""

_PENDING = """
SELECT seq, event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body
FROM events WHERE state = 0 AND seq > ? ORDER BY seq LIMIT ?
"""

_SENT = """
UPDATE events SET state = 1, settled_at = ?, partition = ?, at_offset = ? WHERE seq = ? AND state = 0
"""

_LAST_REVISION = """
SELECT max(coalesce((SELECT max(revision) FROM events WHERE subject = ?1), 0),
    coalesce((SELECT revision FROM reserved WHERE subject = ?1), 0),
    (SELECT floor FROM identity))
"""

# The state that a subject was left in may stand in the table of what was pruned.
_LATEST = """
SELECT event_id, event_type, subject, revision, topic, source, occurred_at, text, body FROM (
    SELECT event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body
    FROM events WHERE subject = ?1 AND state <> 2 AND fate IS NOT 3
    UNION ALL
    SELECT event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body
    FROM last_states WHERE subject = ?1
) JOIN schemas ON schemas.id = schema_id ORDER BY revision DESC, event_id DESC LIMIT 1
"""

_FIND = """
SELECT event_id, event_type, subject, revision, topic, source, occurred_at, text, body,
    state, coalesce(reason, ''), taken_at, settled_at
FROM events JOIN schemas ON schemas.id = schema_id WHERE event_id = ?
"""
_PAGES_AT_ONCE = 256

_RESERVE = "INSERT INTO reserved VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision"


class SqliteOutbox:
    """An outbox in a SQLite file (WAL, every commit flushed); several threads and processes may share it.

    Raises a leaf of `OutboxError` wherever the file cannot be read or written; what was taken before is intact.
    """

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._limits = limits or Limits()
        self._schema_texts: dict[int, str] = {}
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                prepare(self._connection, path)
                self._mark = outbox_mark.open_identity(self._connection, path)
            except BaseException:
                self._connection.close()
                raise

    @property
    def name(self) -> str:
        """See `Outbox`."""
        return str(self._path)

    @property
    def mark(self) -> Mark:
        """Which outbox this is, and which incarnation of it: a file put back from a backup is a new one."""
        return self._mark

    def add(self, rows: Sequence[OutboxRow], taken_at: int, notes: Sequence[Note] = ()) -> int:
        """See `Outbox`. Raises `OutboxFull` where a limit is reached."""
        if not rows and not notes:
            return 0
        with self._lock, self._explained(), self._transaction():
            write_notes(self._connection, notes)
            sqlite_upkeep.check_room(self._connection, self._path, self._limits, len(rows))
            ids = {text: self._schema_id(text) for text in {row.schema for row in rows}}
            fresh = sqlite_upkeep.not_pruned(self._connection, rows)
            added = self._connection.executemany(
                _INSERT, [(*row[:7], ids[row.schema], row.body, taken_at) for row in fresh]
            ).rowcount
            added = max(added, 0)
            self._connection.execute("UPDATE totals SET pending = pending + ?", (added,))
        return added

    def note(self, scope: str, key: str) -> bytes | None:
        """See `Outbox`."""
        return self.notes(scope, [key]).get(key)

    def notes(self, scope: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """See `Outbox`."""
        with self._lock, self._explained():
            return read_notes(self._connection, scope, keys)

    def note_keys(self, scope: str) -> Iterator[str]:
        """See `Outbox`."""
        after: str | None = ""
        while after is not None:
            with self._lock, self._explained():
                found = note_keys_after(self._connection, scope, after)
            yield from found
            after = found[-1] if found else None

    def pending(self, limit: int, after_seq: int = 0) -> list[PendingRow]:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute(_PENDING, (after_seq, limit)).fetchall()
            texts = {schema_id: self._schema_text(schema_id) for schema_id in {row[8] for row in found}}
        return [PendingRow(row[0], OutboxRow._make((*row[1:8], texts[row[8]], row[9]))) for row in found]

    def mark_sent(
        self,
        seqs: Iterable[int],
        settled_at: int,
        places: Mapping[int, Place] = NO_PLACES,
        handed: Sequence[HandedOver] = (),
    ) -> None:
        """See `Outbox`."""
        none = (None, None)
        with self._lock, self._explained(), self._transaction():
            changed = self._connection.executemany(
                _SENT, [(settled_at, *places.get(seq, none), seq) for seq in seqs]
            ).rowcount
            self._connection.executemany(
                "UPDATE events SET wire_id = ?, leaf = ? WHERE seq = ? AND state = 0",
                [(wire_id, leaf, seq) for seq, wire_id, leaf in handed],
            )
            self._connection.execute(
                "UPDATE totals SET published = published + ?1, pending = pending - ?1", (max(changed, 0),)
            )

    def mark_refused(self, seq: int, reason: str, settled_at: int) -> None:
        """See `Outbox`."""
        with self._lock, self._explained(), self._transaction():
            changed = self._connection.execute(
                "UPDATE events SET state = 2, reason = ?, settled_at = ? WHERE seq = ? AND state = 0",
                (reason, settled_at, seq),
            ).rowcount
            self._connection.execute("UPDATE totals SET refused = refused + ?1, pending = pending - ?1", (changed,))

    def counts(self) -> Counts:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute("SELECT published, pending, refused FROM totals").fetchone()
        return Counts(*found)

    def event_ids(self, state: State) -> Iterator[str]:
        """See `Outbox`."""
        after = 0
        while True:
            with self._lock, self._explained():
                found = self._connection.execute(
                    "SELECT seq, event_id FROM events WHERE state = ? AND seq > ? ORDER BY seq LIMIT 1000",
                    (int(state), after),
                ).fetchall()
            if not found:
                return
            for after, event_id in found:  # noqa: B007  # the last one is where the next page begins
                yield event_id

    def refused(self, limit: int) -> list[RefusedRow]:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute(
                "SELECT event_id, topic, subject, reason FROM events WHERE state = 2 ORDER BY seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [RefusedRow(*row) for row in found]

    def last_revision(self, subject: str) -> int:
        """See `Outbox`."""
        with self._lock, self._explained():
            return self._last_revision(subject)

    def latest(self, subject: str) -> OutboxRow | None:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute(_LATEST, (subject,)).fetchone()
        return OutboxRow(*found) if found else None

    def find(self, event_id: str) -> Known | None:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute(_FIND, (event_id,)).fetchone()
        return Known(OutboxRow(*found[:9]), State(found[9]), *found[10:]) if found else None

    def latest_ids(self, limit: int) -> list[str]:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute("SELECT event_id FROM events ORDER BY seq DESC LIMIT ?", (limit,))
            return [event_id for (event_id,) in found]

    def record(self, event_id: str) -> Record | None:
        """See `Outbox`."""
        with self._lock, self._explained():
            return sqlite_receipts.record(self._connection, event_id)

    def settle(self, settlements: Sequence[Settlement], log: str, next_offset: int, settled_at: int) -> int:
        """See `Outbox`."""
        with self._lock, self._explained(), self._transaction():
            return sqlite_receipts.settle(self._connection, settlements, log, next_offset, settled_at)

    def receipts_read(self, log: str) -> int:
        """See `Outbox`."""
        with self._lock, self._explained():
            found = self._connection.execute("SELECT next_offset FROM receipt_logs WHERE log = ?", (log,)).fetchone()
        return int(found[0]) if found else 0

    def awaiting(self) -> list[str]:
        """See `Outbox`."""
        with self._lock, self._explained():
            return sqlite_receipts.awaiting(self._connection)

    def unreceipted(self) -> int:
        """See `Outbox`."""
        with self._lock, self._explained():
            return sqlite_receipts.unreceipted(self._connection)

    def prune(self, now_micros: int, keep: Keep, limit: int) -> int:
        """See `Outbox`."""
        with self._lock, self._explained():
            with self._transaction():
                pruned = sqlite_upkeep.prune(self._connection, now_micros, keep, limit)
            if pruned:
                # Only some pages at a time, so that nobody waits for it; `execute` would stop after the first one.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        return pruned

    def size_bytes(self) -> int:
        """Return how much room the events take, free pages of the file not counted."""
        with self._lock, self._explained():
            return sqlite_upkeep.used_bytes(self._connection)

    def reserve_revisions(self, subjects: Sequence[str], now_micros: int) -> list[int]:
        """See `Outbox`."""
        revisions = []
        with self._lock, self._explained():
            with self._transaction():
                for subject in subjects:
                    revision = next_revision(self._last_revision(subject), now_micros)
                    self._connection.execute(_RESERVE, (subject, revision))
                    revisions.append(revision)
                mark = outbox_mark.reserve_block(self._connection, max(revisions, default=0))
            if mark is not None:
                self._mark = mark
                outbox_mark.write_mark(self._path, mark)
        return revisions

    @contextmanager
    def sender_lock(self) -> Iterator[None]:
        """See `Outbox`."""
        # A lock on an empty database beside this one: unlike flock it is the same on Windows, and like it the system
        # frees it when its holder dies.
        beside = self._path.with_name(self._path.name + ".sender")
        with self._explained():
            connection = sqlite3.connect(beside, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                    raise SenderRunning(self._path) from error
                raise explain(self._path, error) from error
            yield
        finally:
            connection.close()

    def close(self) -> None:
        """See `Outbox`."""
        with self._lock:
            self._connection.close()

    def _last_revision(self, subject: str) -> int:
        (found,) = self._connection.execute(_LAST_REVISION, (subject,)).fetchone()
        return int(found)

    def _schema_id(self, text: str) -> int:
        self._connection.execute("INSERT INTO schemas (text) VALUES (?) ON CONFLICT (text) DO NOTHING", (text,))
        (found,) = self._connection.execute("SELECT id FROM schemas WHERE text = ?", (text,)).fetchone()
        return int(found)

    def _schema_text(self, schema_id: int) -> str:
        # A schema is a hundred times as long as an event, and the same for all: read once.
        text = self._schema_texts.get(schema_id)
        if text is None:
            (found,) = self._connection.execute("SELECT text FROM schemas WHERE id = ?", (schema_id,)).fetchone()
            text = self._schema_texts[schema_id] = str(found)
        return text

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: who is going to write waits at the door, instead of being refused halfway.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise explain(self._path, error) from error
