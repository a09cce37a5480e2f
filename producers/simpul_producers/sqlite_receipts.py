"""What the outbox file knows of receipts: the fate of its events, and the receipts that told it."""

import sqlite3
from collections.abc import Iterable, Sequence

from simpul_producers.outbox import OutboxRow, Record, Settlement, State
from simpul_producers.producer import Place
from simpul_schemas.receipts import Fate

_FATES = {1: Fate.ACCEPTED, 2: Fate.SUPERSEDED, 3: Fate.REFUSED}
_NUMBERS = {fate: number for number, fate in _FATES.items()}

_RECORD = """
SELECT event_id, event_type, subject, revision, events.topic, source, occurred_at, text, events.body,
    state, coalesce(reason, ''), taken_at, settled_at, wire_id, leaf, events.partition, at_offset, fate,
    coalesce(codes, ''), receipts.body, coalesce(verified, 0)
FROM events JOIN schemas ON schemas.id = schema_id LEFT JOIN receipts ON receipts.id = receipt_id
WHERE event_id = ?
"""

_AWAITING = "leaf IS NOT NULL AND (fate IS NULL OR fate > 1)"
# By a receipt an event that still waits is known to have arrived.
_TELL = """
UPDATE events SET fate = ?1, codes = ?2, receipt_id = ?3, settled_at = ?4, state = 1 WHERE seq = ?5
"""


def record(connection: sqlite3.Connection, event_id: str) -> Record | None:
    """Return all that is known of an event."""
    found = connection.execute(_RECORD, (event_id,)).fetchone()
    if found is None:
        return None
    state, reason, taken_at, settled_at, wire_id, leaf, partition, offset, fate, codes, receipt, verified = found[9:]
    return Record(
        row=OutboxRow(*found[:9]),
        state=State(state),
        reason=reason,
        taken_at=taken_at,
        settled_at=settled_at,
        wire_id=wire_id,
        leaf=leaf,
        place=None if offset is None else Place(partition, offset),
        fate=_FATES.get(fate),
        codes=tuple(codes.split()),
        receipt=receipt,
        verified=bool(verified),
    )


def settle(
    connection: sqlite3.Connection, settlements: Sequence[Settlement], log: str, next_offset: int, settled_at: int
) -> int:
    """Note what receipts say, within the caller's transaction; see `Outbox.settle`."""
    changed = sum(_settle_one(connection, each, settled_at) for each in settlements)
    connection.execute(
        "INSERT INTO receipt_logs VALUES (?, ?) ON CONFLICT (log) DO UPDATE SET next_offset = excluded.next_offset",
        (log, next_offset),
    )
    return changed


def _settle_one(connection: sqlite3.Connection, said: Settlement, settled_at: int) -> int:
    told: dict[int, tuple[Fate, tuple[str, ...]]] = {}
    waiting: set[int] = set()
    for seq, state, fate in _by_leaf(connection, said.topic, said.superseded):
        if fate is None:
            told[seq] = Fate.SUPERSEDED, ()
            waiting |= {seq} if state == State.PENDING else set()
    for seq, state, _ in _by_leaf(connection, said.topic, said.accepted):
        told[seq] = Fate.ACCEPTED, ()
        waiting |= {seq} if state == State.PENDING else set()
    for seq, codes in _refused(connection, said):
        told.setdefault(seq, (Fate.REFUSED, codes))
        # Whether it waits does not matter: it has been on the log, and would be refused again.
        (state,) = connection.execute("SELECT state FROM events WHERE seq = ?", (seq,)).fetchone()
        waiting |= {seq} if state == State.PENDING else set()
    if not told:
        return 0
    receipt = connection.execute(
        "INSERT INTO receipts (topic, partition, first_offset, next_offset, body, verified) VALUES (?, ?, ?, ?, ?, ?)",
        (said.topic, said.partition, said.first_offset, said.next_offset, said.body, said.verified),
    ).lastrowid
    connection.executemany(
        _TELL,
        [(_NUMBERS[fate], " ".join(codes), receipt, settled_at, seq) for seq, (fate, codes) in told.items()],
    )
    connection.execute("UPDATE totals SET published = published + ?1, pending = pending - ?1", (len(waiting),))
    return len(told)


def _by_leaf(
    connection: sqlite3.Connection, topic: str, leaves: Iterable[bytes]
) -> Iterable[tuple[int, int, int | None]]:
    query = f"SELECT seq, state, fate FROM events WHERE topic = ? AND leaf = ? AND {_AWAITING}"  # noqa: S608  # our own words
    for leaf in leaves:
        yield from connection.execute(query, (topic, leaf)).fetchall()


def _refused(connection: sqlite3.Connection, said: Settlement) -> Iterable[tuple[int, tuple[str, ...]]]:
    for event_id, (offset, codes) in said.refused.items():
        # Somebody else's record may bear the id of one of ours: the place must be the one that the broker told us,
        # if it has told us one.
        found = connection.execute(
            "SELECT seq FROM events WHERE event_id = ? AND topic = ? AND leaf IS NOT NULL AND fate IS NULL "
            "AND (at_offset IS NULL OR (partition = ? AND at_offset = ?))",
            (event_id, said.topic, said.partition, offset),
        ).fetchone()
        if found is not None:
            yield found[0], codes
    if said.refused_offsets:
        ours = connection.execute(
            "SELECT seq, at_offset FROM events WHERE topic = ? AND leaf IS NOT NULL AND fate IS NULL AND partition = ? "
            "AND at_offset >= ? AND at_offset < ?",
            (said.topic, said.partition, said.first_offset, said.next_offset),
        ).fetchall()
        yield from ((seq, said.refused_offsets[offset]) for seq, offset in ours if offset in said.refused_offsets)


def awaiting(connection: sqlite3.Connection) -> list[str]:
    """Return the topics of which events were handed over and have no receipt yet."""
    found = connection.execute(f"SELECT DISTINCT topic FROM events WHERE {_AWAITING} AND fate IS NULL")  # noqa: S608  # our own words
    return sorted(topic for (topic,) in found)


def unreceipted(connection: sqlite3.Connection) -> int:
    """Return how many acknowledged events have no receipt yet."""
    query = f"SELECT count(*) FROM events WHERE {_AWAITING} AND fate IS NULL AND state = 1"  # noqa: S608  # our own words
    return int(connection.execute(query).fetchone()[0])
