"""The tables of the outbox file, and how a file of an older version becomes one of this version."""

import sqlite3
import time
from pathlib import Path

from simpul_producers.errors import OutboxDamaged

#: How long one waits for another process's transaction.
BUSY_TIMEOUT_SECONDS = 30.0
_BUSY_PAUSE_SECONDS = 0.01
LAYOUT_VERSION = 2

_VERSION_1 = """
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
CREATE TABLE IF NOT EXISTS reserved (subject TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID
"""

# What is sent and not proved accepted is looked for by its leaf, which is all that a receipt says of it. `totals` are
# kept by those who change them, so that nobody counts a million rows. `identity` has one row; see `outbox_mark`.
_VERSION_2 = """
ALTER TABLE events ADD COLUMN wire_id INTEGER;
ALTER TABLE events ADD COLUMN leaf BLOB;
ALTER TABLE events ADD COLUMN partition INTEGER;
ALTER TABLE events ADD COLUMN at_offset INTEGER;
ALTER TABLE events ADD COLUMN fate INTEGER;
ALTER TABLE events ADD COLUMN codes TEXT;
ALTER TABLE events ADD COLUMN receipt_id INTEGER;
CREATE INDEX events_awaiting ON events (topic, leaf) WHERE leaf IS NOT NULL AND (fate IS NULL OR fate > 1);
CREATE INDEX events_of_receipt ON events (receipt_id) WHERE receipt_id IS NOT NULL;
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    body BLOB NOT NULL,
    verified INTEGER NOT NULL
) STRICT;
CREATE INDEX receipts_by_place ON receipts (topic, partition, first_offset);
CREATE TABLE receipt_logs (log TEXT PRIMARY KEY, next_offset INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE last_states (
    subject TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    revision INTEGER NOT NULL,
    topic TEXT NOT NULL,
    source TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    schema_id INTEGER NOT NULL REFERENCES schemas (id),
    body BLOB NOT NULL
) STRICT;
CREATE TABLE notes (scope TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (scope, key)) STRICT, WITHOUT ROWID;
CREATE TABLE pruned_ids (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    published INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    refused INTEGER NOT NULL
) STRICT;
INSERT INTO totals SELECT 1, (SELECT count(*) FROM events WHERE state = 1),
    (SELECT count(*) FROM events WHERE state = 0), (SELECT count(*) FROM events WHERE state = 2);
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    outbox TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    tick INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    bound INTEGER NOT NULL
) STRICT
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set a connection up, and make or bring up the tables; raises `OutboxDamaged` for a file of a later version."""
    run = connection.execute
    # Only a new file takes this: room that was freed is handed back to the disk in small steps.
    run("PRAGMA auto_vacuum = INCREMENTAL")
    _write_ahead(connection)
    # FULL flushes the log at every commit: an acknowledged event survives a power cut, not only a kill.
    run("PRAGMA synchronous = FULL")
    run("PRAGMA cache_size = -32768")
    if _version(connection) < LAYOUT_VERSION:
        run("BEGIN IMMEDIATE")
        try:
            # Another process may have been quicker.
            found = _version(connection)
            for number, statements in enumerate((_VERSION_1, _VERSION_2), start=1):
                if found < number:
                    for statement in statements.split(";"):
                        run(statement)
                    run(f"PRAGMA user_version = {number}")
            run("COMMIT")
        except BaseException:
            if connection.in_transaction:
                run("ROLLBACK")
            raise
    found = _version(connection)
    if found > LAYOUT_VERSION:
        raise OutboxDamaged(path, f"layout {found} > {LAYOUT_VERSION}: simpul is too old")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. SQLite does not wait here when two open the file at once, so we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)
        else:
            return
