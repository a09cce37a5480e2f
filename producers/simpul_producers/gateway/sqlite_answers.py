"""Refusals in a SQLite file. A lost one costs only that an event is judged anew, so nothing waits for the disk."""

from pathlib import Path

from simpul_producers.gateway.answers import KEPT_MICROS, Refusal
from simpul_producers.gateway.sqlite_files import SqliteFile

_LAYOUT = """
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS refusals (
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    at INTEGER NOT NULL,
    faults TEXT NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refusals_by_age ON refusals (at);
"""


class SqliteAnswerMemory:
    """See `simpul_producers.gateway.answers.AnswerMemory`; raises `GatewayFileError`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _LAYOUT, private=True)

    def recall(self, source: str, event_id: str) -> Refusal | None:
        """See `AnswerMemory`."""
        with self._file.explained():
            found = self._file.connection.execute(
                "SELECT * FROM refusals WHERE source = ? AND event_id = ?", (source, event_id)
            ).fetchone()
        return Refusal(*found) if found else None

    def remember(self, refusals: list[Refusal]) -> None:
        """See `AnswerMemory`."""
        if not refusals:
            return
        oldest = max(refusal.at for refusal in refusals) - KEPT_MICROS
        with self._file.explained():
            run = self._file.connection
            run.execute("BEGIN IMMEDIATE")
            try:
                run.executemany("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?, ?)", refusals)
                run.execute("DELETE FROM refusals WHERE at < ?", (oldest,))
                run.execute("COMMIT")
            except BaseException:
                if run.in_transaction:
                    run.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """See `AnswerMemory`."""
        self._file.close()
