"""Small habits with files that every part of the stack shares: atomic writes, locks, hashes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simpul_deploy.errors import from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator

_STACK_FRAME = re.compile(r"\s*(at \S+\(|\.\.\. \d+ (more|common frames))")


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing right at this path into DiskFull or NotWritable."""
    try:
        yield
    except OSError as error:
        known = from_os_error(error, str(path))
        if known is None:
            raise
        raise known from error


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader, or a kill in the middle, sees the old text or the new one."""
    with named_errors(path):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes, waiting for it; the kernel frees it however the holder ends."""
    with named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock right now."""
    try:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def sha256_of(path: Path) -> str:
    """The file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_line(log: Path, limit_bytes: int = 16_384) -> str:
    """The last line of a log that says something, stack frames left out; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - limit_bytes))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in tail.splitlines() if line.strip() and not _STACK_FRAME.match(line)]
    return lines[-1] if lines else ""
