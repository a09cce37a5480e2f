"""The audit: published = accepted + refused = counted, or the place where it breaks.

Everything is worked out anew from the log, one province's topic at a time, and held against each place that says
something of it: the workers' stores, byte for byte; the receipts, record by record; the published figures, group by
group; this machine's outbox, event by event.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from simpul_processors import audit
from simpul_processors.as_of import KnownBy
from simpul_processors.lmdb_store import peek
from simpul_processors.partial_stage import PartialStage, input_topics
from simpul_processors.receipt_audit import check_receipts
from simpul_processors.store import Space
from simpul_processors.store_audit import COMPARED, Snapshot, differences, gaps, rebuild
from simpul_processors.view import View
from simpul_processors.whole_topics import filled_topics, read_topics
from simpul_producers.outbox import State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.connection import Connection
from simpul_schemas.log import Block
from simpul_schemas.receipts import Receipt, Verify, read_receipt
from simpul_schemas.topics import province_of_topic, receipt_topic, view_topic
from simpul_schemas.wire import unframe

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was compared: of which view, how much, and the first differences."""

    view: str
    check: str
    compared: int
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


class Auditor:
    """Audits view after view; at the end it knows the ids of every event that it has seen."""

    def __init__(self, connection: Connection, verify: Verify | None) -> None:
        self._connection = connection
        self._verify = verify
        self._seen: set[str] = set()
        self._filled: frozenset[str] = frozenset()

    def view(self, view: View) -> Iterator[Finding]:
        """Yield what was found of one view; without public keys receipts are not looked at."""
        registry, data_dir = self._connection.registry, self._connection.settings.data_dir
        self._filled = self._with_records(view)
        # What may only follow the log is read before it, so that it cannot be ahead.
        stores = sorted(data_dir.glob(f"workers/*/{view.spec.name}.partial"))
        snapshots = {folder: Snapshot(*peek(folder, COMPARED)) for folder in stores}
        published = audit.newest_figures(view.spec, registry, self._read([view_topic(view.spec.name)]))
        known = KnownBy(view, registry)
        yield from self._walk(view, known)
        figures = audit.check_frames("", known.figures(), published)
        yield Finding(view.spec.name, "log = figures", figures.right, _difference(figures))
        for folder, found in snapshots.items():
            expected = rebuild(lambda: PartialStage(view, registry), self._blocks(view), found.positions)
            named = tuple(str(each) for each in differences(found, expected))
            compared = len(found.items[Space.ENTITIES])
            yield Finding(view.spec.name, f"log = store {folder.parent.name}", compared, named)

    def outbox(self) -> Iterator[Finding]:
        """Yield whether all that this machine's outbox has sent was seen; nothing where there is no outbox."""
        path = self._connection.settings.data_dir / "outbox.db"
        if not path.exists():
            return
        with closing(SqliteOutbox(path)) as outbox:
            sent = set(outbox.event_ids(State.SENT))
        yield Finding("-", "outbox = log", len(sent), tuple(sorted(sent - self._seen)[:_NAMED]))

    def _walk(self, view: View, known: KnownBy) -> Iterator[Finding]:
        """Read the log once: gaps in it, and its receipts."""
        records = covered = 0
        missing: list[str] = []
        receipts: list[str] = []
        for topic in self._topics(view):
            blocks = self._read([topic])
            records += sum(len(block.values) for block in blocks)
            missing += [str(each) for each in gaps(blocks)]
            self._seen.update(known.take(blocks))
            if self._verify is not None and blocks:
                checked = check_receipts(self._receipts(topic), blocks, self._verify)
                covered += checked.covered
                receipts += [str(each) for each in checked.differences]
                if checked.uncovered:
                    receipts.append(f"{topic}: {checked.uncovered} tanpa tanda terima / without a receipt")
        yield Finding(view.spec.name, "offsets", records, tuple(missing[:_NAMED]))
        if self._verify is not None:
            yield Finding(view.spec.name, "receipts = log", covered, tuple(receipts[:_NAMED]))

    def _blocks(self, view: View) -> Iterator[Block]:
        for topic in self._topics(view):
            yield from self._read([topic])

    def _receipts(self, topic: str) -> Iterator[Receipt]:
        """Yield the receipts of one event topic."""
        province = province_of_topic(topic)
        assert province is not None  # noqa: S101  # an event topic
        for block in self._read([receipt_topic(province)]):
            for value in block.values:
                receipt = read_receipt(unframe(value)[1])
                if receipt.statement.topic == topic:
                    yield receipt

    def _topics(self, view: View) -> list[str]:
        return [topic for topic in input_topics(view.spec) if topic in self._filled]

    def _with_records(self, view: View) -> frozenset[str]:
        """Return the topics of a view that hold anything, as most provinces are silent in a young bus."""
        return asyncio.run(filled_topics(self._connection, input_topics(view.spec)))

    def _read(self, topics: Sequence[str]) -> list[Block]:
        return asyncio.run(read_topics(self._connection, topics))


def _difference(check: audit.Check) -> tuple[str, ...]:
    return () if check.holds else (check.difference or f"{check.left} != {check.right}",)
