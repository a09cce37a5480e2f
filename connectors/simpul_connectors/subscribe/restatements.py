"""Restatements as a history: what changed in figures after their place was closed, the newest first.

The topics keep them for ever; here the newest are kept, and how many were let go is told.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from simpul_connectors.subscribe.changes import FigurePlace


@dataclass(frozen=True, slots=True)
class RestatedMeasure:
    """One measure that has changed."""

    measure: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """After less before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Restatement:
    """One restatement; `at` is the broker's time of the newer figure, microseconds; `why` LATE or CORRECTION."""

    view: str
    level: str
    region: str
    period_kind: str
    period: str
    dimensions: Mapping[str, str]
    revision: int
    revision_before: int
    changes: tuple[RestatedMeasure, ...]
    why: str
    at: int

    @property
    def place(self) -> FigurePlace:
        """What it is of."""
        return FigurePlace(self.view, self.region, self.period_kind, self.period)

    @property
    def name(self) -> tuple[Any, ...]:
        """What names a restatement: one that comes twice is the same."""
        return (*self.place, self.level, *self.dimensions.values(), self.revision)


def restatement_of(row: Mapping[str, Any]) -> Restatement:
    """Return a decoded record as its readers get it."""
    return Restatement(
        view=row["view"],
        level=row["level"],
        region=row["region"],
        period_kind=row["period_kind"],
        period=row["period"],
        dimensions=MappingProxyType({one["name"]: one["value"] for one in row["dimensions"]}),
        revision=row["revision"],
        revision_before=row["revision_before"],
        changes=tuple(RestatedMeasure(one["measure"], one["before"], one["after"]) for one in row["changes"]),
        why=row["why"],
        at=row["at"],
    )


class History:
    """The newest restatements, at most so many."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._order: deque[Restatement] = deque()
        self._by_place: dict[FigurePlace, list[Restatement]] = {}
        self._names: set[tuple[Any, ...]] = set()
        #: How many older ones were let go.
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._order)

    def put(self, found: Sequence[Restatement]) -> set[FigurePlace]:
        """Take in restatements in the order of their log; returns the places that have a new one."""
        changed: set[FigurePlace] = set()
        for one in found:
            if one.name in self._names:
                continue
            self._names.add(one.name)
            self._order.append(one)
            self._by_place.setdefault(one.place, []).append(one)
            changed.add(one.place)
            if len(self._order) > self._at_most:
                self._let_go()
        return changed

    def at(self, place: FigurePlace) -> list[Restatement]:
        """Return those of a place, the newest first."""
        return list(reversed(self._by_place.get(place, ())))

    def newest(self, at_most: int, view: str | None = None, region: str | None = None) -> list[Restatement]:
        """Return the newest of all, or of one view, or of a region and all below it."""
        found: list[Restatement] = []
        for one in reversed(self._order):
            if len(found) == at_most:
                break
            inside = region is None or one.region == region or one.region.startswith(f"{region}.")
            if inside and view in {None, one.view}:
                found.append(one)
        return found

    def _let_go(self) -> None:
        oldest = self._order.popleft()
        self._names.discard(oldest.name)
        left = self._by_place[oldest.place]
        left.remove(oldest)
        if not left:
            del self._by_place[oldest.place]
        self.left_out += 1
