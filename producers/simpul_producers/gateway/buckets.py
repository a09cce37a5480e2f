"""Token buckets: so much at once, then so much per second; a bounded number is kept. Pure, the clock passed in."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

_MOST_BUCKETS = 10_000


class Buckets:
    """One bucket for each name, full at first; the least used are forgotten (and full again) beyond a bound."""

    def __init__(self, burst: float, per_second: float, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._monotonic = monotonic
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, name: Hashable, tokens: float = 1.0) -> float:
        """Take tokens and return 0.0, or take none and return the seconds to wait until there are enough.

        Who asks for more than a full bucket waits for a full one.
        """
        level, now = self._level(name)
        wanted = min(tokens, self._burst)
        if level >= wanted:
            self._keep(name, level - wanted, now)
            return 0.0
        return (wanted - level) / self._per_second

    def wait_seconds(self, name: Hashable) -> float:
        """Return how long until one token is there; takes none."""
        level, _ = self._level(name)
        return max(0.0, (1.0 - level) / self._per_second)

    def _level(self, name: Hashable) -> tuple[float, float]:
        now = self._monotonic()
        level, then = self._levels.get(name, (self._burst, now))
        return min(self._burst, level + (now - then) * self._per_second), now

    def _keep(self, name: Hashable, level: float, now: float) -> None:
        self._levels[name] = (level, now)
        self._levels.move_to_end(name)
        if len(self._levels) > _MOST_BUCKETS:
            self._levels.popitem(last=False)


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that says how long to wait, in whole seconds."""
    return {"retry-after": str(max(1, math.ceil(seconds)))}
