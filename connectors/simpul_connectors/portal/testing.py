"""The twin in memory of what redrives for the portal; figures are put into a `FigureTable`. For tests."""

from collections.abc import Mapping, Sequence

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.redriving import Redriven, Shown
from simpul_schemas.rules import Text


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
