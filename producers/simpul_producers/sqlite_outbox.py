"""The outbox on disk: one SQLite file, written through to the disk before `add` returns."""

import errno
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from simpul_producers.errors import (
    DiskFull,
    OutboxBusy,
    OutboxDamaged,
    OutboxError,
    OutboxNotWritable,
    SenderRunning,
)
from simpul_producers.outbox import Counts, Known, Note, OutboxRow, PendingRow, RefusedRow, State, next_revision
from simpul_producers.sqlite_notes import note_keys_after, read_notes, write_notes

#: How long one waits for another process's transaction.
_BUSY_TIMEOUT_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.01
_LAYOUT_VERSION = 2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_ROOM_BYTES = 1 << 20

_LAYOUT = """
CREATE TABLE IF NOT EXISTS schemas (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    revision INTEGER NOT NULL,
    topic TEXT NOT NULL,
    source TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    schema_id INTEGER NOT NULL REFERENCES schemas (id),
    body BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    taken_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS events_pending ON events (seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS events_refused ON events (seq) WHERE state = 2;
CREATE INDEX IF NOT EXISTS events_by_subject ON events (subject, revision);
CREATE TABLE IF NOT EXISTS notes (scope TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (scope, key))
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reserved (subject TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_INSERT = """
INSERT INTO events (event_id, event_type, subject, revision, topic, source, occurred_at, schema_id, body, taken_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING
"""

_PENDING = """
SELECT seq, event_id, event_type, subject, revision, topic, source, occurred_at, text, body
FROM events JOIN schemas ON schemas.id = schema_id
WHERE state = 0 AND seq > ? ORDER BY seq LIMIT ?
"""

# The three indexes make this cheap: no body is read.
_COUNTS = """
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM events WHERE state = 0),
    (SELECT count(*) FROM events WHERE state = 2)
"""

_LAST_REVISION = """
SELECT max(coalesce((SELECT max(revision) FROM events WHERE subject = ?1), 0),
    coalesce((SELECT revision FROM reserved WHERE subject = ?1), 0))
"""

_LATEST = """
SELECT event_id, event_type, subject, revision, topic, source, occurred_at, text, body
FROM events JOIN schemas ON schemas.id = schema_id
WHERE subject = ? AND state <> 2 ORDER BY revision DESC, event_id DESC LIMIT 1
"""

_FIND = """
SELECT event_id, event_type, subject, revision, topic, source, occurred_at, text, body,
    state, coalesce(reason, ''), taken_at, settled_at
FROM events JOIN schemas ON schemas.id = schema_id WHERE event_id = ?
"""

_RESERVE = "INSERT INTO reserved VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision"


class SqliteOutbox:
    """An outbox in a SQLite file (WAL, every commit flushed); several threads and processes may share it.

    Raises a leaf of `OutboxError` wherever the file cannot be read or written; what was taken before is intact.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        run = self._connection.execute
        _write_ahead(self._connection)
        # FULL flushes the log at every commit: an acknowledged event survives a power cut, not only a kill.
        run("PRAGMA synchronous = FULL")
        run("PRAGMA cache_size = -32768")
        (found,) = run("PRAGMA user_version").fetchone()
        if found > _LAYOUT_VERSION:
            raise OutboxDamaged(self._path, f"layout {found} > {_LAYOUT_VERSION}: simpul is too old")
        if found < _LAYOUT_VERSION:
            with self._transaction():
                for statement in _LAYOUT.split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {_LAYOUT_VERSION}")

    @property
    def name(self) -> str:
        """See `Outbox`."""
        return str(self._path)

    def add(self, rows: Sequence[OutboxRow], taken_at: int, notes: Sequence[Note] = ()) -> int:
        """See `Outbox`."""
        with self._lock, self._explained(), self._transaction():
            write_notes(self._connection, notes)
            ids = {text: self._schema_id(text) for text in {row.schema for row in rows}}
            cursor = self._connection.executemany(
                _INSERT, ((*row[:7], ids[row.schema], row.body, taken_at) for row in rows)
            )
            return cursor.rowcount if rows else 0

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
        return [PendingRow(seq, OutboxRow(*rest)) for seq, *rest in found]

    def mark_sent(self, seqs: Iterable[int], settled_at: int) -> None:
        """See `Outbox`."""
        with self._lock, self._explained(), self._transaction():
            self._connection.executemany(
                "UPDATE events SET state = 1, settled_at = ? WHERE seq = ? AND state = 0",
                ((settled_at, seq) for seq in seqs),
            )

    def mark_refused(self, seq: int, reason: str, settled_at: int) -> None:
        """See `Outbox`."""
        with self._lock, self._explained(), self._transaction():
            self._connection.execute(
                "UPDATE events SET state = 2, reason = ?, settled_at = ? WHERE seq = ? AND state = 0",
                (reason, settled_at, seq),
            )

    def counts(self) -> Counts:
        """See `Outbox`."""
        with self._lock, self._explained():
            taken, pending, refused = self._connection.execute(_COUNTS).fetchone()
        return Counts(taken - pending - refused, pending, refused)

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

    def reserve_revisions(self, subjects: Sequence[str], now_micros: int) -> list[int]:
        """See `Outbox`."""
        revisions = []
        with self._lock, self._explained(), self._transaction():
            for subject in subjects:
                revision = next_revision(self._last_revision(subject), now_micros)
                self._connection.execute(
                    _RESERVE,
                    (subject, revision),
                )
                revisions.append(revision)
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
                raise _explain(self._path, error) from error
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
            raise _explain(self._path, error) from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. SQLite does not wait here when two open the file at once, so we do."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)
        else:
            return


def _explain(path: Path, error: sqlite3.Error | OSError) -> OutboxError:
    """Turn what SQLite or the system says into one of our errors."""
    if isinstance(error, OSError):
        kind = DiskFull if error.errno in _NO_ROOM else OutboxNotWritable
        return kind(path, error.strerror or str(error))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_IOERR and _no_room_beside(path):
        # A full disk is an I/O error to SQLite where it happens in the file that its processes share.
        return DiskFull(path, str(error))
    return _KINDS.get(code, OutboxError)(path, str(error))


def _no_room_beside(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _ROOM_BYTES
    except OSError:
        return False


_KINDS: dict[int, type[OutboxError]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_BUSY: OutboxBusy,
    sqlite3.SQLITE_LOCKED: OutboxBusy,
    sqlite3.SQLITE_CANTOPEN: OutboxNotWritable,
    sqlite3.SQLITE_PERM: OutboxNotWritable,
    sqlite3.SQLITE_READONLY: OutboxNotWritable,
    sqlite3.SQLITE_CORRUPT: OutboxDamaged,
    sqlite3.SQLITE_NOTADB: OutboxDamaged,
}
