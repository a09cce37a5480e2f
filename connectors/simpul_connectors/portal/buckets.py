"""A bucket for each name: so much at once, then so much per second; a bounded number is kept. Pure."""

from collections import OrderedDict
from collections.abc import Callable

_MOST_BUCKETS = 10_000


class Buckets:
    """Full at first; the least used are forgotten (and full again) beyond a bound."""

    def __init__(self, burst: float, per_second: float, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._monotonic = monotonic
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has(self, name: str) -> bool:
        """Return whether there is one to be taken."""
        return self._level(name) >= 1

    def take(self, name: str) -> None:
        """Take one."""
        self._levels[name] = (max(0.0, self._level(name) - 1), self._monotonic())
        self._levels.move_to_end(name)
        if len(self._levels) > _MOST_BUCKETS:
            self._levels.popitem(last=False)

    def _level(self, name: str) -> float:
        level, then = self._levels.get(name, (self._burst, self._monotonic()))
        return min(self._burst, level + (self._monotonic() - then) * self._per_second)
