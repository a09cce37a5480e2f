"""Twins in memory of what the portal reads and does. For tests of this and other code."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.model import Completeness, Figure, Restated, Touched
from simpul_connectors.portal.redriving import Redriven, Shown
from simpul_schemas.regions import NATION
from simpul_schemas.rules import Text

_Place = tuple[str, str, str, str]


class InMemoryListener:
    """See `simpul_connectors.portal.model.Listener`."""

    def __init__(self) -> None:
        self._touched: set[Touched] = set()
        self._event = asyncio.Event()

    def tell(self, touched: Touched) -> None:
        """Keep what has changed until it is asked for."""
        self._touched.add(touched)
        self._event.set()

    async def wait(self, timeout_seconds: float) -> frozenset[Touched] | None:
        """See `simpul_connectors.portal.model.Listener`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_seconds)
        self._event.clear()
        found, self._touched = frozenset(self._touched), set()
        return found


class InMemoryFigures:
    """See `simpul_connectors.portal.model.Figures`; what is put in is there at once."""

    def __init__(self) -> None:
        self._places: dict[_Place, dict[tuple[str, ...], Figure]] = defaultdict(dict)
        self._completeness: dict[_Place, Completeness] = {}
        self._restated: dict[str, list[Restated]] = defaultdict(list)
        self._listeners: dict[str, list[InMemoryListener]] = defaultdict(list)
        self._version = 0
        self.is_caught_up = True

    def put(self, view: str, region: str, period_kind: str, period: str, figure: Figure) -> None:
        """Publish a figure; an older revision changes nothing."""
        groups = self._places[view, region, period_kind, period]
        held = groups.get(figure.dimensions)
        if held is None or held.revision < figure.revision:
            groups[figure.dimensions] = figure
            self._changed(view, region, period)

    def put_completeness(self, place: _Place, row: Completeness) -> None:
        """Publish who reported; `place` is event type, region, kind and period."""
        self._completeness[place] = row
        for view in list(self._listeners):
            self._changed(view, place[1], place[3])

    def restate(self, view: str, restated: Restated) -> None:
        """Publish a restatement."""
        self._restated[view].append(restated)
        self._changed(view, restated.region, restated.period)

    def caught_up(self) -> bool:
        """See `simpul_connectors.portal.model.Figures`."""
        return self.is_caught_up

    def version(self) -> str:
        """See `simpul_connectors.portal.model.Figures`."""
        return f"{id(self)}.{self._version}"

    def periods(self, view: str) -> Sequence[tuple[str, str]]:
        """See `simpul_connectors.portal.model.Figures`."""
        return list({(kind, period) for name, region, kind, period in self._places if (name, region) == (view, NATION)})

    def place(self, view: str, region: str, period_kind: str, period: str) -> Sequence[Figure]:
        """See `simpul_connectors.portal.model.Figures`."""
        return list(self._places.get((view, region, period_kind, period), {}).values())

    def completeness(self, event_type: str, region: str, period_kind: str, period: str) -> Completeness | None:
        """See `simpul_connectors.portal.model.Figures`."""
        return self._completeness.get((event_type, region, period_kind, period))

    def restatements(self, view: str, region: str | None) -> Sequence[Restated]:
        """See `simpul_connectors.portal.model.Figures`."""
        return [one for one in reversed(self._restated[view]) if region in {None, one.region}]

    @contextmanager
    def listen(self, view: str) -> Iterator[InMemoryListener]:
        """See `simpul_connectors.portal.model.Figures`."""
        listener = InMemoryListener()
        self._listeners[view].append(listener)
        try:
            yield listener
        finally:
            self._listeners[view].remove(listener)

    def _changed(self, view: str, region: str, period: str) -> None:
        self._version += 1
        for listener in self._listeners[view]:
            listener.tell(Touched(region, period))


class InMemoryRedriver:
    """See `simpul_connectors.portal.redriving.Redriver`: records by id, as plain events that need a value mended."""

    def __init__(self, records: Mapping[str, Shown]) -> None:
        self.records = dict(records)
        #: What was sent: id, changes, who, why.
        self.sent: dict[str, tuple[Mapping[str, str], str, str]] = {}

    async def show(self, name: str) -> Shown:
        """See `simpul_connectors.portal.redriving.Redriver`."""
        if name not in self.records:
            raise Unreadable(Text(f"Tidak ada '{name}'.", f"There is no '{name}'."), "/karantina")
        return self.records[name]

    async def redrive(
        self, name: str, changes: Sequence[tuple[str, str]], by: str, reason: str, *, really: bool
    ) -> Redriven:
        """See `simpul_connectors.portal.redriving.Redriver`."""
        shown = await self.show(name)
        if name in self.sent:
            return Redriven(already=True)
        event = shown.event or {}
        if really:
            self.sent[name] = (dict(changes), by, reason)
        topic = f"simpul.{name[:2]}.{name[3:].partition('/')[0]}.v1"
        return Redriven(topic=topic, changes=[(field, str(event.get(field, "")), value) for field, value in changes])
