"""Keys in a SQLite file, readable by its owner only."""

import json
from pathlib import Path

from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.sqlite_files import SqliteFile

#: The name of the file within the data folder.
KEYS_FILE = "gateway-keys.db"

_LAYOUT = """
CREATE TABLE IF NOT EXISTS keys (
    key_id TEXT PRIMARY KEY,
    mac BLOB NOT NULL,
    region TEXT NOT NULL,
    source TEXT NOT NULL,
    event_types TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
"""


_PUT = """
INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id) DO UPDATE SET
    mac = excluded.mac, region = excluded.region, source = excluded.source, event_types = excluded.event_types,
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at
"""


class SqliteKeyStore:
    """See `simpul_producers.gateway.keys.KeyStore`; raises `GatewayFileError`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _LAYOUT, private=True)
        self._own_changes = 0

    def all_keys(self) -> list[Key]:
        """See `KeyStore`."""
        with self._file.explained():
            found = self._file.connection.execute("SELECT * FROM keys ORDER BY rowid").fetchall()
        return [Key(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])), *row[5:]) for row in found]

    def put(self, key: Key) -> None:
        """See `KeyStore`."""
        values = (
            key.key_id,
            key.mac,
            key.region,
            key.source,
            json.dumps(key.event_types),
            key.created_at,
            key.expires_at,
            key.revoked_at,
        )
        with self._file.explained():
            self._file.connection.execute(_PUT, values)
            self._own_changes += 1

    def version(self) -> int:
        """See `KeyStore`."""
        # SQLite counts what others changed; what went through this connection it does not.
        with self._file.explained():
            (others,) = self._file.connection.execute("PRAGMA data_version").fetchone()
        return int(others) * 1_000_000 + self._own_changes

    def close(self) -> None:
        """See `KeyStore`."""
        self._file.close()
