"""Keeps a `FigureTable` in step with the bus: an asyncio task that reads all topics of figures for ever.

The table is made anew from the log at every start; while the broker or the registry is away, it keeps what it has and
says so. Decoding is done in a thread, and rows are put in by small pieces, so that whoever asks meanwhile waits for
milliseconds only.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from simpul_connectors.subscribe.completeness import CompletenessPiece, completeness_pieces
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.pieces import FigurePiece, figure_pieces
from simpul_connectors.subscribe.restatements import Restatement, restatement_of
from simpul_connectors.subscribe.rows import FigureIntake, newest
from simpul_connectors.subscribe.source import FigureSource
from simpul_connectors.subscribe.tail import LogBeganAnew, Tail, TailLimits
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.errors import OutsideError
from simpul_schemas.figures import VIEW_SPECS, ViewSpec
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Block
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.topics import COVERAGE_TOPIC, restatement_topic, view_topic

#: Rows that are put in at a time: some milliseconds.
PIECE_ROWS = 500
_Piece: TypeAlias = FigurePiece | CompletenessPiece | Sequence[Restatement]


class Follower:
    """Reads the topics of some views, of completeness and of restatements into a table.

    Args:
        table: Where rows are put.
        source: The bus.
        views: Those that are followed; all where none are named.
        limits: How much is read at a time, and how long is waited.
        piece_rows: How many rows are put in before others are let in.
        rest_seconds: Once the table is caught up, those who ask get as much time as the last read took, up to this.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what is read, and how gently
        self,
        table: FigureTable,
        source: FigureSource,
        views: Sequence[str] = tuple(VIEW_SPECS),
        limits: TailLimits | None = None,
        piece_rows: int = PIECE_ROWS,
        rest_seconds: float = 0.0,
    ) -> None:
        #: The newest append time that was put in, by topic; microseconds since the epoch.
        self.appended: dict[str, int] = {}
        #: How many records were no figures, as far as they were read in this process.
        self.unreadable = 0
        self._table = table
        self._piece_rows = piece_rows
        self._rest_seconds = rest_seconds
        self._views: dict[str, tuple[ViewSpec, FigureIntake]] = {
            view_topic(name): (VIEW_SPECS[name], FigureIntake(VIEW_SPECS[name], source.registry)) for name in views
        }
        self._completeness = RecordIntake(COVERAGE_SCHEMA, source.registry)
        self._restatements = RecordIntake(RESTATEMENT_SCHEMA, source.registry)
        topics = [*self._views, COVERAGE_TOPIC, *(restatement_topic(name) for name in views)]
        self._tail = Tail(lambda start: source.reader(topics, start), limits or TailLimits())
        self._caught_up = asyncio.Event()

    @property
    def problem(self) -> OutsideError | None:
        """What is away right now; None where all is well."""
        return self._tail.problem

    @property
    def behind(self) -> int:
        """How many records there were behind what is put in, when the broker was last asked, some seconds ago."""
        return self._tail.behind

    @property
    def is_caught_up(self) -> bool:
        """Whether the table has once held all that the log held when it was begun."""
        return self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Wait until the table holds all that the log held when it was begun.

        A process that answers requests does well to call `gc.collect()` and `gc.freeze()` then: the collector's walks
        over a full table are what takes longest otherwise (0.1 s for half a million figures).
        """
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled; an outage is waited out."""
        until = None
        try:
            while True:
                try:
                    blocks = await self._tail.read()
                except LogBeganAnew:
                    await self._tail.close()
                    self._tail.positions.clear()
                    self._table.clear()
                    continue
                if until is None and self._tail.ends:
                    until = dict(self._tail.ends)
                if blocks:
                    began = asyncio.get_running_loop().time()
                    await self._take(blocks)
                    await self._rest(asyncio.get_running_loop().time() - began)
                if until is not None and self._tail.has_reached(until):
                    self._caught_up.set()
        finally:
            await self._tail.close()

    async def _rest(self, spent_seconds: float) -> None:
        if self.is_caught_up and self._rest_seconds:
            await asyncio.sleep(min(spent_seconds, self._rest_seconds))

    async def _take(self, blocks: Sequence[Block]) -> None:
        for piece in await self._tail.patiently(lambda: self._digest(blocks)):
            if isinstance(piece, FigurePiece):
                self._table.apply(piece)
            elif isinstance(piece, CompletenessPiece):
                self._table.apply_completeness(piece)
            else:
                self._table.apply_restatements(piece)
            await asyncio.sleep(0)  # those who ask come first
        self._tail.advance(blocks)
        for block in blocks:
            topic = block.partition.topic
            self.appended[topic] = max(*block.timestamps, self.appended.get(topic, 0))

    def _digest(self, blocks: Sequence[Block]) -> list[_Piece]:
        """Decode blocks into pieces that are quick to put in; in a thread."""
        found: list[_Piece] = []
        by_topic: dict[str, list[Block]] = {}
        for block in blocks:
            by_topic.setdefault(block.partition.topic, []).append(block)
        for topic, those in by_topic.items():
            if topic in self._views:
                spec, intake = self._views[topic]
                taken = intake.take(those)
                self.unreadable += taken.unreadable
                found += figure_pieces(spec, newest(taken.frame, spec), self._piece_rows)
            elif topic == COVERAGE_TOPIC:
                rows = self._completeness.take(those)
                self.unreadable += len(rows.refused)
                found += completeness_pieces(rows.frame, self._piece_rows)
            else:
                records = self._restatements.take(those)
                self.unreadable += len(records.refused)
                found.append([restatement_of(row) for row in records.frame.to_dicts()])
        return found
