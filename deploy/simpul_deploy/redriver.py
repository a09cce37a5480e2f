"""The redrive of the processors behind the portal's port: only here both may be imported."""

import time
from collections.abc import Callable, Sequence

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.redriving import Redriven, Shown
from simpul_processors.errors import ChangeUnreadable, RefusalUnknown, RepairRefused
from simpul_processors.kafka_snapshots import KafkaSnapshots
from simpul_processors.quarantine_changes import set_fields
from simpul_processors.quarantine_events import Decoded, EventReader
from simpul_processors.quarantine_ledger import Found, find
from simpul_processors.quarantine_redrive import Redrive, Redriver
from simpul_processors.quarantine_repair import Wish
from simpul_processors.quarantine_show import redrive_document
from simpul_processors.snapshots import Snapshots
from simpul_schemas.connection import Connection
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import LogWriter
from simpul_schemas.registry import Registry
from simpul_schemas.rules import Text


class BusRedriver:
    """See `simpul_connectors.portal.redriving.Redriver`; each call reads the province's quarantine.

    `make_writer` gives a writer for one redrive, which is stopped afterwards.
    """

    def __init__(self, registry: Registry, snapshots: Snapshots, make_writer: Callable[[], LogWriter]) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._make_writer = make_writer

    async def show(self, name: str) -> Shown:
        """See `simpul_connectors.portal.redriving.Redriver`."""
        found, decoded = await self._find(name)
        refusal = found.refusal
        event = None if decoded is None else decoded.masked
        return Shown(name, refusal.codes, event, refusal.quarantined_at, found.marker is not None)

    async def redrive(
        self, name: str, changes: Sequence[tuple[str, str]], by: str, reason: str, *, really: bool
    ) -> Redriven:
        """See `simpul_connectors.portal.redriving.Redriver`."""
        found, decoded = await self._find(name)
        kind = decoded.kind.name if decoded and decoded.kind else found.refusal.origin.event_type
        try:
            mend = set_fields(kind, [f"{field}={value}" for field, value in changes])
        except ChangeUnreadable as error:
            return Redriven(refused=Text(error.message_id, error.message_en))
        writer = self._make_writer() if really else None
        # Naming a region outright is as explicit as `--move`.
        wish = Wish(reason, move=any(field == "region" for field, _ in changes))
        redriver = Redriver(self._registry, writer, by, wish, lambda: time.time_ns() // 1000)
        result = Redrive()
        try:
            await redriver.one(found, decoded, mend, result)
        finally:
            if writer is not None:
                await writer.stop()
        return _told(result)

    async def _find(self, name: str) -> tuple[Found, Decoded | None]:
        try:
            found = await find(self._snapshots, name)
        except RefusalUnknown as error:
            raise Unreadable(Text(error.message_id, error.message_en), "/karantina") from error
        return found, EventReader(self._registry).read(found.refusal)


def redriver_of(connection: Connection) -> BusRedriver:
    """Return what redrives on the bus that the settings name."""
    servers, options = connection.bootstrap_servers, connection.kafka_options

    def make_writer() -> LogWriter:
        return KafkaWriter(servers, **options)

    return BusRedriver(connection.registry, KafkaSnapshots(servers, **options), make_writer)


def _told(result: Redrive) -> Redriven:
    if result.already:
        return Redriven(already=True, topic=result.already[0].topic)
    if result.refused:
        error: RepairRefused = result.refused[0]
        return Redriven(refused=Text(error.message_id, error.message_en))
    if result.unreadable:
        return Redriven(
            refused=Text(
                "Catatan ini tidak terbaca; perbaiki dengan 'simpul quarantine redrive --edit'.",
                "This record cannot be read; mend it by 'simpul quarantine redrive --edit'.",
            )
        )
    (sent,) = redrive_document(result, dry_run=False, unmask=False)["sent"]
    changes = [(one["field"], _plain(one["before"]), _plain(one["after"])) for one in sent["changes"]]
    return Redriven(topic=sent["topic"], changes=changes)


def _plain(value: object) -> str:
    return "-" if value is None else str(value)
