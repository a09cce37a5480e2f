"""The stage that keeps completeness: the roster, all reports of the country and the time of the log, to coverage."""

import json
from collections.abc import Iterator, Sequence

import polars as pl

from simpul_processors.completeness import Roster
from simpul_processors.completeness_book import Book, Said, load_roster, log_time, rows_due
from simpul_processors.stages import Due, Publisher, advance
from simpul_processors.store import Snapshot, Transaction
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.contract import event_type
from simpul_schemas.coverage import COVERAGE_SCHEMA, Place
from simpul_schemas.events.envelope import Action, Mode
from simpul_schemas.intake import BLOCK, OFFSET, EventIntake, Intake, RecordIntake, Refused
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry
from simpul_schemas.roster import ROSTER_SCHEMA, Held, RosterAction, held_of
from simpul_schemas.rules import NOW
from simpul_schemas.topics import COVERAGE_TOPIC, ROSTER_TOPIC, event_topic, province_of_topic

#: Changes when what the stage computes does, so that its store is made anew from the log.
_VERSION = 1
#: The columns of a row, typed as the schema has them, also where there is none.
_COLUMNS = BlockDecoder(COVERAGE_SCHEMA).decode([]).frame.drop(ROW).schema
_SAID = ("subject", "revision", "event_id", "action", "mode", "region", "unit", "period_kind", "period", "claims", NOW)


class CompletenessStage:
    """Tells for every place and period who was expected to report, and who did.

    Its seat is the one partition of the roster's topic: whoever has it follows the reports of all provinces, from the
    positions in its own store.
    """

    def __init__(self, registry: Registry) -> None:
        self.name = "completeness"
        self.topics: Sequence[str] = [ROSTER_TOPIC]
        self.follows: Sequence[str] = [event_topic(province, "report") for province in load_regions().provinces()]
        self.whole: Sequence[str] = [*self.topics, *self.follows]
        self.declaration = json.dumps(
            [
                _VERSION,
                ROSTER_SCHEMA,
                COVERAGE_SCHEMA,
                event_type("report").schema,
                event_type("report").rules.declaration,
            ]
        )
        self._roster_intake = RecordIntake(ROSTER_SCHEMA, registry)
        self._report_intake = EventIntake(event_type("report"), registry)
        self._publisher = Publisher(COVERAGE_TOPIC, COVERAGE_SCHEMA, registry)
        self._held: dict[str, Held] | None = None
        self._roster = Roster()
        #: Highest append time read: the time of the log; 0 before the first record. See `remember`.
        self.now = 0

    def remember(self, snapshot: Snapshot) -> None:
        """Take up the time of the log where the store has left it."""
        self.now = log_time(snapshot)

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        if self._held is None:
            self._held = load_roster(transaction)
            self._roster = Roster(self._held.values())
        book = Book(transaction, self._roster, self._held)
        self.now = book.pass_time(max(at for block in blocks for at in block.timestamps))
        self._take_roster(transaction, book, [block for block in blocks if block.partition.topic == ROSTER_TOPIC])
        self._take_reports(transaction, book, [block for block in blocks if block.partition.topic != ROSTER_TOPIC])
        book.close()
        return []

    def due(self, snapshot: Snapshot) -> Due:
        """See `Stage`."""
        rows, entries = rows_due(snapshot)
        keys = pl.Series([Place(*(row[name] for name in Place._fields)).key for row in rows], dtype=pl.String)
        return Due(self._publisher.records(keys, pl.DataFrame(rows, _COLUMNS, orient="row")), entries)

    def _take_roster(self, transaction: Transaction, book: Book, blocks: Sequence[Block]) -> None:
        if not blocks:
            return
        taken = self._roster_intake.take(blocks)
        refused, fresh = list(taken.refused), []
        times = {offset: at for block in blocks for offset, at in zip(block.offsets, block.timestamps, strict=True)}
        for row in taken.frame.iter_rows(named=True):
            if row["action"] == RosterAction.TICK:
                continue
            held = held_of(row)
            if held is None:
                refused.append(Refused(blocks[row[BLOCK]].partition, row[OFFSET], None, None, ("roster.invalid",)))
            elif book.enter(held, row[OFFSET], times[row[OFFSET]]):
                fresh.append(row[BLOCK])
        advance(transaction, blocks, refused, pl.Series(fresh, dtype=pl.UInt32))

    def _take_reports(self, transaction: Transaction, book: Book, blocks: Sequence[Block]) -> None:
        """Take in reports; those that the contract refuses go to quarantine by the fold of reports, not by this."""
        if not blocks:
            return
        taken = self._report_intake.take(blocks)
        said = list(_said(blocks, taken))
        book.expect_subjects(one for _, one in said)
        fresh = [block for block, one in said if book.report(one)]
        advance(transaction, blocks, taken.refused, pl.Series(fresh, dtype=pl.UInt32))

    def forget(self) -> None:
        """See `Stage`."""
        self._held = None


def _said(blocks: Sequence[Block], taken: Intake) -> Iterator[tuple[int, Said]]:
    lanes = [f"{province_of_topic(block.partition.topic)}/{block.partition.number}" for block in blocks]
    for row in taken.frame.select(*_SAID, BLOCK).iter_rows(named=True):
        counts = row["action"] == Action.SUBMIT and row["mode"] == Mode.ACTUAL
        claims = {claim["event_type"]: claim["count"] for claim in row["claims"]}
        names = ("subject", "revision", "event_id", "region", "unit", "period_kind", "period")
        yield (
            row[BLOCK],
            Said(
                lane=lanes[row[BLOCK]], counts=counts, claims=claims, at=row[NOW], **{name: row[name] for name in names}
            ),
        )
