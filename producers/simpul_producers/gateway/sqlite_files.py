"""Small SQLite files beside the outbox: opened, explained and closed alike."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simpul_producers.errors import GatewayFileError

_BUSY_TIMEOUT_SECONDS = 5.0


class SqliteFile:
    """A SQLite file (WAL) that threads share; raises `GatewayFileError` wherever it cannot be read or written."""

    def __init__(self, path: Path, layout: str, *, private: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self.explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            if private:
                path.touch(mode=0o600)
            self.connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.executescript(layout)
            except BaseException:
                self.connection.close()
                raise

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Hold the connection for one thread, and turn what SQLite says into our error."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise GatewayFileError(self._path, str(error)) from error

    def close(self) -> None:
        """Release the file; harmless when called twice."""
        with self._lock:
            self.connection.close()
