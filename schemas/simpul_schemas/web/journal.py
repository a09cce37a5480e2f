"""Log lines of a server: one JSON object each, made of named fields only.

No line ever holds a body, a key, a query or a raw address: what a client writes there may be personal or secret.
"""

import json
import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from simpul_schemas.times import iso_utc


class Journal:
    """Writes lines to a stream; `clock` gives microseconds since the epoch."""

    def __init__(self, stream: TextIO, clock: Callable[[], int]) -> None:
        self._stream = stream
        self._clock = clock

    def write(self, event: str, **fields: object) -> None:
        """Write one line."""
        self.put(self.line(event, fields))

    def write_error(self, where: str, error: BaseException) -> None:
        """Write that something of ours failed: its kind and places in the code, not its words, which may quote data."""
        self.write("error", where=where, kind=type(error).__name__, at=_places(error.__traceback__))

    def line(self, event: str, fields: dict[str, object]) -> str:
        """Return a line as it is written."""
        return json.dumps({"time": iso_utc(self._clock()), "event": event, **fields}, ensure_ascii=False) + "\n"

    def put(self, line: str) -> None:
        """Write a line as it is."""
        self._stream.write(line)
        self._stream.flush()


class JournalHandler(logging.Handler):
    """Brings what libraries log into the journal, without the words of exceptions."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of a library: its template, never its arguments."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._journal.write_error(record.name, error)
        else:
            self._journal.write("library", logger=record.name, level=record.levelname, message=str(record.msg))


def to_journal(journal: Journal) -> None:
    """Send what uvicorn and asyncio log to a journal, and nowhere else; the Kafka clients' troubles are told by us."""
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [JournalHandler(journal)]
        logger.propagate = False
    for name in ("kafka", "aiokafka", "httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


def to_stderr(clock: Callable[[], int]) -> Journal:
    """Return the journal of a process."""
    return Journal(sys.stderr, clock)


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-4:]]
