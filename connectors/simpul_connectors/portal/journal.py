"""Log lines of a portal, and the audit of what operators did, which outlives the process."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from simpul_schemas.web import journal


class Journal(journal.Journal):
    """Writes lines to a stream, and audit lines to a file as well, each on disk before it goes on."""

    def __init__(self, stream: TextIO, clock: Callable[[], int], audit: Path | None = None) -> None:
        super().__init__(stream, clock)
        self._audit = audit

    def audit(self, action: str, **fields: object) -> None:
        """Write what an operator did; raises `OSError` where it cannot be kept, and then it must not be done."""
        line = self.line("audit", {"action": action, **fields})
        self.put(line)
        if self._audit is None:
            return
        self._audit.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
