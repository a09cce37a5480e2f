"""What keeps the outbox file within bounds: limits on what it takes, and the pruning of what is done with."""

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simpul_producers.errors import DiskFull, OutboxFull
from simpul_producers.outbox import Keep, OutboxRow
from simpul_schemas.link_settings import OutboxSettings

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What an outbox may grow to: bytes of events, events that wait, and what it must leave free of its disk."""

    max_bytes: int = OutboxSettings().max_bytes
    max_waiting: int = OutboxSettings().max_waiting_events
    min_free_bytes: int = 0

    @classmethod
    def of(cls, settings: OutboxSettings) -> "Limits":
        """Return the limits that the settings name."""
        return cls(settings.max_bytes, settings.max_waiting_events, settings.min_free_disk_bytes)


# Done with: acknowledged and receipted as accepted or superseded, long enough ago; or refused, or never receipted, as
# long ago as the bus keeps receipts. Never what waits.
_DONE = """
SELECT seq FROM events WHERE state <> 0 AND (
    (state = 1 AND fate IN (1, 2) AND settled_at < ?1) OR settled_at < ?2
) ORDER BY seq LIMIT ?3
"""

# The state that a subject was left in, unless a later one stays in the outbox or was kept before.
_KEEP_STATE = """
INSERT INTO last_states (subject, event_id, event_type, revision, topic, source, occurred_at, schema_id, body)
SELECT subject, event_id, event_type, revision, topic, source, occurred_at, schema_id, body
FROM events AS mine WHERE seq = ?1 AND state = 1 AND fate IS NOT 3 AND NOT EXISTS (
    SELECT 1 FROM events AS other WHERE other.subject = mine.subject AND other.state <> 2 AND other.fate IS NOT 3
    AND (other.revision, other.event_id) > (mine.revision, mine.event_id)
)
ON CONFLICT (subject) DO UPDATE SET event_id = excluded.event_id, event_type = excluded.event_type,
    revision = excluded.revision, topic = excluded.topic, source = excluded.source,
    occurred_at = excluded.occurred_at, schema_id = excluded.schema_id, body = excluded.body
WHERE (excluded.revision, excluded.event_id) > (last_states.revision, last_states.event_id)
"""

_KEEP_REVISION = """
INSERT INTO reserved SELECT subject, revision FROM events WHERE seq = ?
ON CONFLICT (subject) DO UPDATE SET revision = max(reserved.revision, excluded.revision)
"""


def check_room(connection: sqlite3.Connection, path: Path, limits: Limits, rows: int) -> None:
    """Raise `OutboxFull` or `DiskFull` where so many more rows are too many."""
    (waiting,) = connection.execute("SELECT pending FROM totals").fetchone()
    if waiting + rows > limits.max_waiting:
        raise OutboxFull(path, f"{waiting:,} + {rows:,} > outbox.max_waiting_events = {limits.max_waiting:,}")
    used = used_bytes(connection)
    if used > limits.max_bytes:
        raise OutboxFull(path, f"{used:,} > outbox.max_bytes = {limits.max_bytes:,}")
    if limits.min_free_bytes:
        free = shutil.disk_usage(path.parent).free
        if free < limits.min_free_bytes:
            raise DiskFull(path, f"{free:,} B < outbox.min_free_disk_bytes = {limits.min_free_bytes:,}")


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much room the events take."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def not_pruned(connection: sqlite3.Connection, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
    """Return the rows that were not here before and pruned since."""
    if connection.execute("SELECT 1 FROM pruned_ids LIMIT 1").fetchone() is None:
        return rows
    known = "SELECT 1 FROM pruned_ids WHERE digest = ?"
    return [row for row in rows if connection.execute(known, (_digest(row.event_id),)).fetchone() is None]


def prune(connection: sqlite3.Connection, now_micros: int, keep: Keep, limit: int) -> int:
    """Remove what is done with for long enough, within the caller's transaction; see `Outbox.prune`."""
    done = [(seq,) for (seq,) in connection.execute(_DONE, (now_micros - keep.settled, now_micros - keep.other, limit))]
    if not done:
        return 0
    run_many = connection.executemany
    run_many(_KEEP_STATE, done)
    run_many(_KEEP_REVISION, done)
    ids = [connection.execute("SELECT event_id FROM events WHERE seq = ?", seq).fetchone()[0] for seq in done]
    run_many("INSERT OR IGNORE INTO pruned_ids VALUES (?)", [(_digest(event_id),) for event_id in ids])
    run_many("DELETE FROM events WHERE seq = ?", done)
    connection.execute("DELETE FROM receipts WHERE NOT EXISTS (SELECT 1 FROM events WHERE receipt_id = receipts.id)")
    return len(done)


def _digest(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()
