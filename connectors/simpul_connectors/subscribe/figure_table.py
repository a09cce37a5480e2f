"""The read model: the newest figures of all views, completeness and restatements, in memory, quick to ask. Pure.

Figures are held by view, level and kind of period. Memory is bounded by a number of figures: where there are more, the
largest of these classes is let go as a whole, and `left_out` names it, so what is held is always whole and never a part
that looks like all. About 420 bytes a figure of 14 measures: 1,000,000 take 0.4 GB.

For one event loop: whoever applies and whoever asks are in the same thread.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simpul_connectors.errors import NoSuchName
from simpul_connectors.subscribe.changes import FigurePlace, Listener, Listeners
from simpul_connectors.subscribe.completeness import NUMBERS, Completeness, CompletenessPiece, completeness_at
from simpul_connectors.subscribe.figure import Figure
from simpul_connectors.subscribe.held_rows import HeldRows, Key
from simpul_connectors.subscribe.pieces import FigurePiece, figures_at, sum_at, width
from simpul_connectors.subscribe.restatements import History, Restatement
from simpul_schemas.figures import VIEW_SPECS, ViewSpec, view_spec
from simpul_schemas.regions import NATION, level_of, load_regions


class FigureClass(NamedTuple):
    """What is held or let go as a whole: a view (or `completeness:` and an event type), a level, a kind of period."""

    view: str
    level: str
    period_kind: str


@dataclass(frozen=True)
class Bounds:
    """How much is held at most: figures and rows of completeness together, and restatements."""

    figures: int = 1_000_000
    restatements: int = 20_000


_COMPLETENESS = "completeness:"


class FigureTable:
    """Newest figures of all views with their coverage; `follow` keeps it in step with the bus."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._classes: dict[FigureClass, HeldRows] = {}
        self._left_out: dict[FigureClass, None] = {}
        self._versions: dict[str, int] = dict.fromkeys(VIEW_SPECS, 0)
        self._by_event_type: dict[str, list[str]] = {}
        for spec in VIEW_SPECS.values():
            self._by_event_type.setdefault(spec.event_type, []).append(spec.name)
        self._values: dict[tuple[str, int], set[str]] = {}
        self.history = History(self._bounds.restatements)
        self._listeners = Listeners()
        self._held = 0

    # What is put in.

    def clear(self) -> None:
        """Forget everything, because it is read anew from another log; every listener is told to load all again."""
        self._classes.clear()
        self._left_out.clear()
        self._values.clear()
        self.history = History(self._bounds.restatements)
        self._held = 0
        self._versions = {view: version + 1 for view, version in self._versions.items()}
        self._listeners.tell_all_to_reload()

    def apply(self, piece: FigurePiece) -> set[FigurePlace]:
        """Take in figures; returns, and tells listeners, the places that have changed."""
        spec = piece.spec
        held = self._class(FigureClass(spec.name, piece.level, piece.period_kind), width(spec))
        if held is None:
            return set()
        spots, fresh = held.put(piece.rows)
        for key in fresh:
            for at, value in enumerate(key[2:]):
                self._values.setdefault((spec.name, at), set()).add(value)
        self._grown(len(fresh))
        return self._changed({FigurePlace(spec.name, region, piece.period_kind, period) for region, period in spots})

    def apply_completeness(self, piece: CompletenessPiece) -> set[FigurePlace]:
        """Take in rows of completeness; what changes is told as a change of every view of the event type."""
        held_as = FigureClass(_COMPLETENESS + piece.event_type, piece.level, piece.period_kind)
        held = self._class(held_as, len(NUMBERS))
        if held is None:
            return set()
        spots, fresh = held.put(piece.rows)
        self._grown(len(fresh))
        views = self._by_event_type.get(piece.event_type, ())
        return self._changed(
            {FigurePlace(view, region, piece.period_kind, period) for view in views for region, period in spots}
        )

    def apply_restatements(self, found: Sequence[Restatement]) -> set[FigurePlace]:
        """Take in restatements, in the order of their log."""
        return self._changed(self.history.put(found))

    # What is asked.

    def figure(
        self, view: str, region: str, period_kind: str, period: str, dimensions: Mapping[str, str]
    ) -> Figure | None:
        """Return one figure; None where the bus has none, or its class is not held."""
        spec = view_spec(view)
        held = self._found(view, region, period_kind)
        key = (region, period, *(dimensions[name] for name in spec.dimension_names[2:]))
        if held is None or key not in held:
            return None
        return next(figures_at(spec, (level_of(region).value, period_kind), held, [key]))

    def figures(
        self, view: str, region: str, period_kind: str, period: str, where: Mapping[str, str] | None = None
    ) -> list[Figure]:
        """Return the figures of a place, one for each set of dimensions, those that have become nothing left out.

        `where` gives values that dimensions must have.
        """
        spec = view_spec(view)
        held = self._found(view, region, period_kind)
        if held is None:
            return []
        chosen = _chosen(spec, held, (region, period), where)
        found = figures_at(spec, (level_of(region).value, period_kind), held, chosen)
        return sorted((figure for figure in found if not figure.is_empty), key=lambda figure: figure.key)

    def total(
        self, view: str, region: str, period_kind: str, period: str, where: Mapping[str, str] | None = None
    ) -> Figure | None:
        """Return the sum over the dimensions of a place; None where the bus has no figure of it.

        Dimensions of which values must not be added (`budget`: `account_level`; `aid_items`: `unit`; `report`:
        `report_kind`; `participation`: `election`) belong into `where`.
        """
        return self.totals(view, [region], period_kind, period, where).get(region)

    def totals(
        self,
        view: str,
        regions: Iterable[str],
        period_kind: str,
        period: str,
        where: Mapping[str, str] | None = None,
    ) -> dict[str, Figure]:
        """Return `total` for each of some regions that has figures."""
        spec = view_spec(view)
        fixed = dict(where or {})
        found: dict[str, Figure] = {}
        for region in regions:
            held = self._found(view, region, period_kind)
            chosen = () if held is None else _chosen(spec, held, (region, period), fixed)
            if held is not None and chosen:
                found[region] = sum_at(spec, (level_of(region).value, period_kind), held, chosen, fixed)
        return found

    def children(
        self, view: str, parent: str, period_kind: str, period: str, where: Mapping[str, str] | None = None
    ) -> dict[str, Figure]:
        """Return `total` for each region directly inside another one, or inside the nation."""
        codes = [region.code for region in load_regions().children(parent)]
        return self.totals(view, codes, period_kind, period, where)

    def periods(self, view: str, period_kind: str, region: str = NATION) -> list[str]:
        """Return the periods of a kind that a region has figures of, in order; every figure is in the nation's too."""
        held = self._found(view, region, period_kind)
        return [] if held is None else sorted({period for code, period in held.spots if code == region})

    def period_kinds(self, view: str) -> list[str]:
        """Return the kinds of periods that a view has figures of."""
        return sorted({found.period_kind for found, held in self._classes.items() if found.view == view and len(held)})

    def values(self, view: str, dimension: str) -> list[str]:
        """Return the values that a dimension has anywhere."""
        return sorted(self._values.get((view, _place_of(view_spec(view), dimension)), ()))

    def completeness(self, event_type: str, region: str, period_kind: str, period: str) -> Completeness | None:
        """Return who was expected in a place, and who reported; None where the bus has no such row."""
        return self.completenesses(event_type, [region], period_kind, period).get(region)

    def completenesses(
        self, event_type: str, regions: Iterable[str], period_kind: str, period: str
    ) -> dict[str, Completeness]:
        """Return `completeness` for each of some regions that has it."""
        found: dict[str, Completeness] = {}
        for region in regions:
            held = self._found(_COMPLETENESS + event_type, region, period_kind)
            if held is not None and (region, period) in held:
                found[region] = completeness_at(event_type, period_kind, held, (region, period))
        return found

    def restatements(self, view: str, region: str, period_kind: str, period: str) -> list[Restatement]:
        """Return what changed in a place after it was closed, the newest first; `history` has more ways to ask."""
        return self.history.at(FigurePlace(view, region, period_kind, period))

    def version(self, view: str) -> int:
        """Return a number that rises with every change of a view's figures, completeness or restatements."""
        return self._versions[view]

    def listen(self, places: Collection[FigurePlace] | None = None, at_most: int = 1000) -> Listener:
        """Return a listener for changes of some places, or of all; see `Listener`."""
        return self._listeners.listen(places, at_most)

    @property
    def listening(self) -> int:
        """How many listeners there are."""
        return len(self._listeners)

    @property
    def held(self) -> int:
        """How many figures and rows of completeness are held."""
        return self._held

    @property
    def left_out(self) -> tuple[FigureClass, ...]:
        """What was let go because there was too much of it: these have no figures here, though the bus has."""
        return tuple(self._left_out)

    def holds(self, view: str, level: str, period_kind: str) -> bool:
        """Return whether a class is held, as far as the bus has it."""
        return FigureClass(view, level, period_kind) not in self._left_out

    def _found(self, view: str, region: str, period_kind: str) -> HeldRows | None:
        return self._classes.get(FigureClass(view, level_of(region).value, period_kind))

    def _class(self, wanted: FigureClass, numbers: int) -> HeldRows | None:
        """Return where rows of a class are put; None where it was let go."""
        if wanted in self._left_out:
            return None
        found = self._classes.get(wanted)
        if found is None:
            found = self._classes[wanted] = HeldRows(numbers)
        return found

    def _grown(self, by: int) -> None:
        self._held += by
        while self._held > self._bounds.figures:
            largest = max(self._classes, key=lambda one: len(self._classes[one]))
            self._held -= len(self._classes.pop(largest))
            self._left_out[largest] = None

    def _changed(self, places: set[FigurePlace]) -> set[FigurePlace]:
        for view in {place.view for place in places}:
            self._versions[view] += 1
        self._listeners.tell(places)
        return places


def stamp(figures: Iterable[Figure]) -> str:
    """Return a text that changes whenever one of some figures does, the same in every process: for an ETag."""
    named = [(*figure.key, figure.revision) for figure in figures]
    return hashlib.blake2b(repr(named).encode(), digest_size=12).hexdigest()


def _chosen(spec: ViewSpec, held: HeldRows, spot: tuple[str, str], where: Mapping[str, str] | None) -> Sequence[Key]:
    """Return the keys of a place whose dimensions have the values that are asked for."""
    there = held.at(spot)
    if not where:
        return there
    wanted = [(2 + _place_of(spec, name), value) for name, value in where.items()]
    return [key for key in there if all(key[at] == value for at, value in wanted)]


def _place_of(spec: ViewSpec, dimension: str) -> int:
    """Return which of a view's own dimensions has a name."""
    own = spec.dimension_names[2:]
    if dimension not in own:
        raise NoSuchName(spec.name, dimension, own)
    return own.index(dimension)
