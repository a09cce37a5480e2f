"""What lies in quarantine: refusals and what became of them, filtered, grouped by reason, found by id."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field

from simpul_processors.errors import RefusalUnknown
from simpul_processors.quarantine_events import EventReader
from simpul_processors.snapshots import Snapshots, Stored
from simpul_schemas.quarantine import Marker, Origin, Refusal, parse, parse_id
from simpul_schemas.topics import quarantine_topic

#: Called with every record that was looked at.
OnRecord = Callable[[], None]


def _ignore() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which refusals are meant; empty means all. `since` is in microseconds, by when their first copies came."""

    provinces: Sequence[str]
    since: int | None = None
    codes: Collection[str] = ()
    event_types: Collection[str] = ()
    ids: Collection[str] = ()

    def takes(self, refusal: Refusal) -> bool:
        """Return whether a refusal of these provinces is meant."""
        origin = refusal.origin
        return (
            (self.since is None or refusal.quarantined_at >= self.since)
            and (not self.codes or any(code in self.codes for code in refusal.codes))
            and (not self.event_types or origin.event_type in self.event_types)
            and (not self.ids or origin.id in self.ids)
        )


@dataclass(slots=True)
class Group:
    """Refusals of one reason: main code, event type, province and source (`-` where the record cannot be read).

    `first` and `last` are when they came into quarantine, `example` is the id of the newest open one, or of the newest.
    """

    code: str
    event_type: str
    province: str
    source: str
    open: int = 0
    redriven: int = 0
    first: int = 0
    last: int = 0
    example: str = ""


@dataclass(slots=True)
class Ledger:
    """Counts refusals by reason; each id once, whatever number of copies there are."""

    read_event: EventReader
    wanted: Filter
    _groups: dict[tuple[str, str, str, str], Group] = field(default_factory=dict)
    _found: dict[Origin, tuple[Group, int]] = field(default_factory=dict)
    _seen: set[Origin] = field(default_factory=set)
    _redriven: set[str] = field(default_factory=set)

    def add(self, item: Refusal | Marker) -> None:
        """Take in a record of a quarantine topic, in the order of the topic."""
        if isinstance(item, Marker):
            self._redriven.add(item.id)
        elif item.origin not in self._seen:
            self._seen.add(item.origin)
            if self.wanted.takes(item):
                self._found[item.origin] = self._group(item), item.quarantined_at

    def groups(self) -> list[Group]:
        """Return the groups: open ones first, the largest before the others."""
        for origin, (group, at) in self._found.items():
            redriven = origin.id in self._redriven
            group.redriven += redriven
            group.open += not redriven
            group.first = min(group.first or at, at)
            if not redriven or not group.open:
                group.example = origin.id
            group.last = max(group.last, at)
        self._found = {}
        return sorted(
            self._groups.values(), key=lambda group: (-group.open, -group.redriven, group.code, group.province)
        )

    def _group(self, refusal: Refusal) -> Group:
        decoded = self.read_event.read(refusal)
        source = str(decoded.event.get("source", "-")) if decoded else "-"
        origin = refusal.origin
        key = (refusal.codes[0], origin.event_type, origin.province, source)
        return self._groups.setdefault(key, Group(*key))


@dataclass(frozen=True, slots=True)
class Found:
    """One refusal and what became of it; `marker` is None while it is open."""

    refusal: Refusal
    marker: Marker | None


async def items(
    snapshots: Snapshots, provinces: Sequence[str], on_record: OnRecord = _ignore
) -> AsyncIterator[Refusal | Marker]:
    """Yield what lies in the quarantine of some provinces; records of others than the bus are left out.

    Always from the beginning: a fold that starts anew writes copies behind the markers of what was redriven.
    """
    async for stored in snapshots.read([quarantine_topic(province) for province in provinces]):
        on_record()
        item = _parse(stored)
        if item is not None:
            yield item


async def find(snapshots: Snapshots, name: str) -> Found:
    """Return the refusal of an id, or raise `RefusalUnknown`."""
    origin = parse_id(name)
    if origin is None:
        raise RefusalUnknown(
            f"'{name}' bukan id karantina; bentuknya 53.incident/0@1234, lihat 'simpul quarantine list'.",
            f"'{name}' is no id of the quarantine; it looks like 53.incident/0@1234, see 'simpul quarantine list'.",
        )
    refusal: Refusal | None = None
    marker: Marker | None = None
    async for item in items(snapshots, [origin.province]):
        if isinstance(item, Refusal) and refusal is None and item.origin == origin:
            refusal = item
        elif isinstance(item, Marker) and marker is None and item.id == name:
            marker = item
    if refusal is None:
        raise RefusalUnknown(
            f"Tidak ada '{name}' di karantina provinsi {origin.province}; karantina disimpan satu tahun.",
            f"There is no '{name}' in the quarantine of province {origin.province}; it is kept for one year.",
        )
    return Found(refusal, marker)


def _parse(stored: Stored) -> Refusal | Marker | None:
    return parse(stored.key, stored.value, stored.headers, stored.timestamp)
