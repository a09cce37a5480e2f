"""What SQLite or the system says of the outbox file, as one of our errors."""

import errno
import shutil
import sqlite3
from pathlib import Path

from simpul_producers.errors import DiskFull, OutboxBusy, OutboxDamaged, OutboxError, OutboxNotWritable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_ROOM_BYTES = 1 << 20


def explain(path: Path, error: sqlite3.Error | OSError) -> OutboxError:
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
