"""Keeps a `FigureTable` in step with the bus: an asyncio task that reads all topics of figures for ever.

The table is made anew from the log at every start; while the broker or the registry is away, it keeps what it has and
says so. Decoding is done in a thread, and rows are put in by small pieces, so that whoever asks meanwhile waits for
milliseconds only.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from simpul_connectors.subscribe.completeness import CompletenessPiece, completeness_pieces
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_connectors.subscribe.pieces import FigurePiece, figure_pieces
from simpul_connectors.subscribe.restatements import Restatement, restatement_of
from simpul_connectors.subscribe.rows import FigureIntake, newest
from simpul_schemas.connection import Connection, client_options
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryRefused, RegistryUnavailable
from simpul_schemas.figures import VIEW_SPECS, ViewSpec
from simpul_schemas.intake import RecordIntake
from simpul_schemas.kafka_log import AssignedReader
from simpul_schemas.log import Block, LogReader, Partition, StartOffset
from simpul_schemas.registry import Registry
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.topics import COVERAGE_TOPIC, restatement_topic, view_topic

#: Makes a reader of some topics that begins where it is told.
MakeReader: TypeAlias = Callable[[Sequence[str], StartOffset], LogReader]
_Piece: TypeAlias = FigurePiece | CompletenessPiece | Sequence[Restatement]


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """How much is read and put in at a time, and how long is waited.

    While nothing comes, the broker is asked every `probe_seconds` whether there is more. A reader that brings nothing
    for `stuck_seconds` though there is more is made anew, as is one whose broker does not answer within them.
    """

    max_records: int = 5_000
    piece_rows: int = 500
    poll_seconds: float = 0.5
    probe_seconds: float = 5.0
    stuck_seconds: float = 20.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 15.0


@dataclass
class FollowState:
    """How far a follower has come. `problem` says what is away; `appended` the newest append time put in, by topic."""

    is_caught_up: bool = False
    problem: OutsideError | None = None
    positions: dict[Partition, int] = field(default_factory=dict)
    ends: Mapping[Partition, int] = field(default_factory=dict)
    appended: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0

    @property
    def behind(self) -> int:
        """How many records there were behind what is put in, when the broker was last asked."""
        return sum(max(end - self.positions.get(at, 0), 0) for at, end in self.ends.items())


def reader_from(connection: Connection) -> MakeReader:
    """Return what makes readers of the broker that settings name."""
    options = client_options(connection.settings.kafka)
    return lambda topics, start: AssignedReader(connection.bootstrap_servers, topics, start, **options)


class _LogBeganAnew(Exception):
    """A topic ends before what was read of it: it is another one of the same name, whose revisions begin anew."""


class Follower:
    """Reads the topics of some views, of completeness and of restatements into a table.

    Args:
        table: Where rows are put.
        registry: Where schemas are found.
        make_reader: See `reader_from`.
        views: Those that are followed; all where none are named.
        limits: How much at a time, and how long to wait.
    """

    def __init__(
        self,
        table: FigureTable,
        registry: Registry,
        make_reader: MakeReader,
        views: Sequence[str] = tuple(VIEW_SPECS),
        limits: FollowLimits | None = None,
    ) -> None:
        self.state = FollowState()
        self._table = table
        self._limits = limits or FollowLimits()
        self._views: dict[str, tuple[ViewSpec, FigureIntake]] = {
            view_topic(name): (VIEW_SPECS[name], FigureIntake(VIEW_SPECS[name], registry)) for name in views
        }
        self._completeness = RecordIntake(COVERAGE_SCHEMA, registry)
        self._restatements = RecordIntake(RESTATEMENT_SCHEMA, registry)
        topics = [*self._views, COVERAGE_TOPIC, *(restatement_topic(name) for name in views)]
        self._reader = make_reader(topics, lambda partition: self.state.positions.get(partition, 0))
        self._caught_up = asyncio.Event()

    async def caught_up(self) -> None:
        """Wait until the table holds all that the log held when it was begun."""
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled; an outage is waited out."""
        wait = self._limits.first_wait_seconds
        try:
            while True:
                read_before = dict(self.state.positions)
                try:
                    await self._follow()
                except (BrokerUnavailable, RegistryUnavailable, RegistryRefused, TimeoutError) as error:
                    self.state.problem = error if isinstance(error, OutsideError) else _silent()
                except _LogBeganAnew:
                    self.state.positions.clear()
                    self._table.clear()
                await self._reader.stop()
                if self.state.positions != read_before:
                    wait = self._limits.first_wait_seconds
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  # jitter is no secret
                wait = min(wait * 2, self._limits.longest_wait_seconds)
        finally:
            await self._reader.stop()

    async def _follow(self) -> None:
        """Read until something is away, or the reader is stuck."""
        await self._reader.start()
        await self._probe()
        self.state.problem = None
        until = dict(self.state.ends)
        clock = asyncio.get_running_loop().time
        probed = read = clock()
        while True:
            blocks = await self._reader.read(self._limits.max_records, self._limits.poll_seconds)
            if blocks:
                await self._take(blocks)
                read = clock()
            if not self._caught_up.is_set() and self._has_reached(until):
                self.state.is_caught_up = True
                self._caught_up.set()
            if clock() - probed > self._limits.probe_seconds:
                await self._probe()
                probed = clock()
                if not self.state.behind:
                    read = probed
                elif probed - read > self._limits.stuck_seconds:
                    return

    async def _probe(self) -> None:
        async with asyncio.timeout(self._limits.stuck_seconds):
            self.state.ends = await self._reader.end_offsets()
        if any(end < self.state.positions.get(at, 0) for at, end in self.state.ends.items()):
            raise _LogBeganAnew

    def _has_reached(self, ends: Mapping[Partition, int]) -> bool:
        return all(self.state.positions.get(at, 0) >= end for at, end in ends.items())

    async def _take(self, blocks: Sequence[Block]) -> None:
        for piece in await asyncio.to_thread(self._digest, blocks):
            if isinstance(piece, FigurePiece):
                self._table.apply(piece)
            elif isinstance(piece, CompletenessPiece):
                self._table.apply_completeness(piece)
            else:
                self._table.apply_restatements(piece)
            await asyncio.sleep(0)  # those who ask come first
        for block in blocks:
            self.state.positions[block.partition] = block.next_offset
            newest_at = int(max(block.timestamps))
            topic = block.partition.topic
            self.state.appended[topic] = max(newest_at, self.state.appended.get(topic, 0))

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
                self.state.unreadable += taken.unreadable
                found += figure_pieces(spec, newest(taken.frame, spec), self._limits.piece_rows)
            elif topic == COVERAGE_TOPIC:
                rows = self._completeness.take(those)
                self.state.unreadable += len(rows.refused)
                found += completeness_pieces(rows.frame, self._limits.piece_rows)
            else:
                records = self._restatements.take(those)
                self.state.unreadable += len(records.refused)
                found.append([restatement_of(row) for row in records.frame.to_dicts()])
        return found


def _silent() -> BrokerUnavailable:
    return BrokerUnavailable(
        "Broker Kafka tidak menjawab; dicoba lagi, angka yang ada tetap ditampilkan.",
        "The Kafka broker does not answer; it is tried again, the figures that are here stay.",
    )
