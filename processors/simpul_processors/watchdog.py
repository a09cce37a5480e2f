"""Tells when a stage stands still: a consumer can stop without a word, and only a new process gets it going again."""

import time
from collections.abc import Callable

#: Without a step done, and none under way, though there is work.
IDLE_SECONDS = 120.0
#: With one step under way. A long roster is one step and takes minutes on a small machine; ending the process in it
#: would lose the step, and the next process would begin it anew, for ever.
BUSY_SECONDS = 3600.0


class Watchdog:
    """Knows when the last step was done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.moved()

    def moved(self) -> None:
        """Note that a step was done, or that there was none to do."""
        self._moved_at = self._clock()

    def is_alarmed(self, *, busy: bool) -> bool:
        """Return whether nothing has moved for too long; `busy` says that a step is under way."""
        return self._clock() - self._moved_at >= (BUSY_SECONDS if busy else IDLE_SECONDS)
