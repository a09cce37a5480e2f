"""Log lines of a portal, one JSON object each, and the audit of what operators did, which outlives the process.

No line holds a body, a key, a query or the address that was asked for: what a client writes there may be secret.
"""

import json
import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from simpul_schemas.times import iso_utc


class Journal:
    """Writes lines to a stream, and audit lines to a file as well, each on disk before it goes on."""

    def __init__(self, stream: TextIO, clock: Callable[[], int], audit: Path | None = None) -> None:
        self._stream = stream
        self._clock = clock
        self._audit = audit

    def write(self, event: str, **fields: object) -> None:
        """Write one line."""
        self._stream.write(self._line(event, fields))
        self._stream.flush()

    def error(self, where: str, error: BaseException) -> None:
        """Write that something of ours failed: its kind and places in the code, not its words, which may quote data."""
        places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
        self.write("error", where=where, kind=type(error).__name__, at=places)

    def audit(self, action: str, **fields: object) -> None:
        """Write what an operator did; raises `OSError` where it cannot be kept, and then it must not be done."""
        line = self._line("audit", {"action": action, **fields})
        self._stream.write(line)
        self._stream.flush()
        if self._audit is None:
            return
        self._audit.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _line(self, event: str, fields: dict[str, object]) -> str:
        return json.dumps({"time": iso_utc(self._clock()), "event": event, **fields}, ensure_ascii=False) + "\n"


class _Handler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._journal.error(record.name, error)
        else:
            self._journal.write("library", logger=record.name, level=record.levelname, message=str(record.msg))


def take_over_logging(journal: Journal) -> None:
    """Send what uvicorn and asyncio log to a journal, and nowhere else; the Kafka client's troubles are told by us."""
    for name, handler in (("uvicorn", _Handler(journal)), ("asyncio", _Handler(journal))):
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False
    for name in ("aiokafka", "httpx", "httpcore"):
        logging.getLogger(name).handlers = [logging.NullHandler()]
        logging.getLogger(name).propagate = False
