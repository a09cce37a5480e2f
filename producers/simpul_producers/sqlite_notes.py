"""Notes in the outbox's file: what a source must remember as surely as its events. See `outbox.Note`."""

import sqlite3
from collections.abc import Mapping, Sequence

from simpul_producers.outbox import Note

_PAGE_KEYS = 1000
#: Below SQLite's own limit of parameters in every version.
_KEYS_AT_ONCE = 500


def write_notes(connection: sqlite3.Connection, notes: Sequence[Note]) -> None:
    """Write notes in the transaction that is open."""
    for scope, key, value in notes:
        if value is None:
            connection.execute("DELETE FROM notes WHERE scope = ? AND key = ?", (scope, key))
        else:
            connection.execute(
                "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
                (scope, key, value),
            )


def read_notes(connection: sqlite3.Connection, scope: str, keys: Sequence[str]) -> Mapping[str, bytes]:
    """Return the values of those keys that are there."""
    found: dict[str, bytes] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        places = ",".join("?" * len(some))
        found.update(
            connection.execute(f"SELECT key, value FROM notes WHERE scope = ? AND key IN ({places})", (scope, *some))  # noqa: S608  # only question marks
        )
    return found


def note_keys_after(connection: sqlite3.Connection, scope: str, after: str) -> list[str]:
    """Return a page of the keys of a scope behind one, in their order."""
    rows = connection.execute(
        "SELECT key FROM notes WHERE scope = ? AND key > ? ORDER BY key LIMIT ?", (scope, after, _PAGE_KEYS)
    )
    return [key for (key,) in rows]
