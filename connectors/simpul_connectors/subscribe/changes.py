"""Who wants to hear of which figures, and what has changed for them since they last asked. For one event loop.

A listener never holds more than `at_most` places, however slow its reader is: it is then told to load all anew.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self


class FigurePlace(NamedTuple):
    """What a page shows: a view's figures of one region and period."""

    view: str
    region: str
    period_kind: str
    period: str


@dataclass(frozen=True)
class Changes:
    """The places that have changed since the last time; with `reload` too many to be told one by one."""

    places: frozenset[FigurePlace]
    reload: bool = False


class Listener:
    """Waits for changes; made by `Listeners.listen`, and closed by its reader (a context manager does so)."""

    def __init__(self, owner: "Listeners", wanted: frozenset[FigurePlace] | None, at_most: int) -> None:
        self.wanted = wanted
        self._owner = owner
        self._at_most = at_most
        self._pending: set[FigurePlace] = set()
        self._reload = False
        self._something = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def changes(self) -> Changes:
        """Wait until something has changed, and return all that has since the last time."""
        await self._something.wait()
        found = Changes(frozenset(self._pending), self._reload)
        self._pending, self._reload = set(), False
        self._something.clear()
        return found

    def tell_to_reload(self) -> None:
        """Note that all is to be loaded anew; for `Listeners`."""
        self._pending, self._reload = set(), True
        self._something.set()

    def close(self) -> None:
        """Hear no more; harmless when called twice."""
        self._owner.forget(self)

    def tell(self, places: Iterable[FigurePlace]) -> None:
        """Note changes for the next `changes`; for `Listeners`."""
        if not self._reload:
            self._pending.update(places)
            if len(self._pending) > self._at_most:
                self.tell_to_reload()
        self._something.set()


class Listeners:
    """All listeners of a table; a change costs one look-up a place, however many listen."""

    def __init__(self) -> None:
        self._by_place: dict[FigurePlace, set[Listener]] = defaultdict(set)
        self._to_all: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._all())

    def listen(self, places: Collection[FigurePlace] | None = None, at_most: int = 1000) -> Listener:
        """Return a listener for some places; for all there are where none are given."""
        listener = Listener(self, None if places is None else frozenset(places), at_most)
        if listener.wanted is None:
            self._to_all.add(listener)
        else:
            for place in listener.wanted:
                self._by_place[place].add(listener)
        return listener

    def tell(self, places: Collection[FigurePlace]) -> None:
        """Tell everybody whom it concerns."""
        if not places:
            return
        for listener in self._to_all:
            listener.tell(places)
        if self._by_place:
            for place in places:
                for listener in self._by_place.get(place, ()):
                    listener.tell((place,))

    def tell_all_to_reload(self) -> None:
        """Tell everybody that nothing is as it was."""
        for listener in self._all():
            listener.tell_to_reload()

    def _all(self) -> set[Listener]:
        return self._to_all.union(*self._by_place.values())

    def forget(self, listener: Listener) -> None:
        """Tell a listener no more."""
        self._to_all.discard(listener)
        for place in listener.wanted or ():
            those = self._by_place.get(place)
            if those is not None:
                those.discard(listener)
                if not those:
                    del self._by_place[place]
