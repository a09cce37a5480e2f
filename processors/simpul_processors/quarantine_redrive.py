"""Sending repaired events again: each as its own topic's next record, then a marker that says so in quarantine.

The event goes first. A crash in between leaves a refusal that looks open; redriven again it becomes the very same
event id, which changes nothing, and gets its marker.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from simpul_processors.errors import RepairRefused
from simpul_processors.quarantine_changes import apply
from simpul_processors.quarantine_events import Decoded, EventReader, Plain
from simpul_processors.quarantine_ledger import Filter, Found, OnRecord, items
from simpul_processors.quarantine_repair import Mend, Repaired, Wish, repair
from simpul_processors.snapshots import Snapshots
from simpul_schemas.cloud_events import cloud_event_headers
from simpul_schemas.log import LogWriter, Outgoing
from simpul_schemas.quarantine import Marker, Refusal, lineage_headers, marker_record
from simpul_schemas.registry import Registry
from simpul_schemas.rows import encode
from simpul_schemas.topics import value_subject
from simpul_schemas.wire import frame

#: Events sent at a time: so many are repeated, harmlessly, when the command dies.
_CHUNK = 500


@dataclass(slots=True)
class Redrive:
    """What a redrive did with each refusal that it was asked about.

    `already` were redriven before (id and event), `refused` did not pass the door or failed in the script, `skipped`
    the script left as they are, `unreadable` are no events that a script could mend.
    """

    sent: list[Repaired] = field(default_factory=list)
    already: list[Marker] = field(default_factory=list)
    refused: list[RepairRefused] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 where nothing was refused, 4 where a part was, 1 where all was."""
        if not (self.refused or self.unreadable):
            return 0
        return 4 if self.sent else 1


@dataclass(frozen=True, slots=True)
class Redriver:
    """Mends, judges and sends; `writer` is None for a dry run, which does all but send."""

    registry: Registry
    writer: LogWriter | None
    by: str
    wish: Wish
    now_micros: Callable[[], int]

    async def one(
        self, found: Found, decoded: Decoded | None, mend: Mend, result: Redrive, *, whole: bool = False
    ) -> None:
        """Redrive one refusal by hand; one that cannot be read must be given `whole`."""
        if found.marker is not None:
            result.already.append(found.marker)
        elif decoded is None and not whole:
            result.unreadable.append(found.refusal.origin.id)
        else:
            await self._send(self._repair(found.refusal, decoded, mend, result), result)

    async def all(self, snapshots: Snapshots, wanted: Filter, mend: Mend, result: Redrive, on_record: OnRecord) -> None:
        """Redrive every open refusal that a filter takes and a script mends."""
        markers = [item async for item in items(snapshots, wanted.provinces, on_record) if isinstance(item, Marker)]
        known = {marker.id: marker for marker in reversed(markers)}
        reader = EventReader(self.registry)
        ready: list[Repaired] = []
        async for refusal in _once(snapshots, wanted, on_record):
            name = refusal.origin.id
            if name in known:
                result.already.append(known[name])
                continue
            decoded = reader.read(refusal)
            if decoded is None:
                result.unreadable.append(name)
                continue
            ready += self._repair(refusal, decoded, mend, result)
            if len(ready) >= _CHUNK:
                await self._send(ready, result)
                ready = []
        await self._send(ready, result)

    def _repair(self, refusal: Refusal, decoded: Decoded | None, mend: Mend, result: Redrive) -> list[Repaired]:
        name = refusal.origin.id
        before: Plain = decoded.event if decoded else {}
        try:
            mended = apply(mend, name, before)
            if mended is None:
                result.skipped.append(name)
                return []
            return [repair(refusal, decoded, mended, self.wish, self.now_micros())]
        except RepairRefused as error:
            result.refused.append(error)
            return []

    async def _send(self, ready: Sequence[Repaired], result: Redrive) -> None:
        if self.writer is not None and ready:
            marked = [(one, self._marker(one)) for one in ready]
            await self.writer.send([self._event(one, marker) for one, marker in marked])
            await self.writer.send([marker_record(one.refusal.origin.province, marker) for one, marker in marked])
        result.sent += ready

    def _marker(self, one: Repaired) -> Marker:
        event_id = str(one.record["event_id"])
        return Marker(one.refusal.origin.id, event_id, one.topic, self.by, self.wish.reason, self.now_micros())

    def _event(self, one: Repaired, marker: Marker) -> Outgoing:
        schema_id = self.registry.lookup(value_subject(one.topic), one.kind.schema)
        body = encode(one.kind.parsed_schema, dict(one.record))
        headers = (*cloud_event_headers(one.kind.name, one.record), *lineage_headers(marker))
        return Outgoing(one.topic, str(one.record["subject"]).encode(), frame(schema_id, body), headers)


async def _once(snapshots: Snapshots, wanted: Filter, on_record: OnRecord) -> AsyncIterator[Refusal]:
    """Yield each refusal that a filter takes, the first copy of it only."""
    seen: set[str] = set()
    async for item in items(snapshots, wanted.provinces, on_record):
        if isinstance(item, Refusal) and item.origin.id not in seen:
            seen.add(item.origin.id)
            if wanted.takes(item):
                yield item
