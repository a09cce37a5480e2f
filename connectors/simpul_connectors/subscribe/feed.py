"""The rows of one view's topic for one reader: what was there at the start, each group once, and then what changes."""

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import polars as pl

from simpul_connectors.errors import CursorUnusable, NoSuchTopic
from simpul_connectors.subscribe.cursor import Cursor, Reached
from simpul_connectors.subscribe.rows import FigureIntake, key_columns, newest
from simpul_connectors.subscribe.source import FigureSource
from simpul_connectors.subscribe.tail import LogBeganAnew, Tail, TailLimits
from simpul_connectors.subscribe.wanted import Wanted
from simpul_schemas.errors import OutsideError
from simpul_schemas.figures import ViewSpec
from simpul_schemas.log import Block, Partition
from simpul_schemas.rules import Text
from simpul_schemas.topics import view_topic

#: Rows of a batch of what was there at the start.
BATCH_ROWS = 1_000
#: Rows that are gathered before those that were overtaken are let go.
_REDUCE_ROWS = 50_000
#: The append time of a record that nobody has read yet.
_ANY = -1
_NOWHERE = Reached(0, 0)
RowBatch: TypeAlias = tuple[pl.DataFrame, Cursor]


class Start(StrEnum):
    """Where a reader without a cursor begins: with every figure there is, or with the next that changes."""

    BEGINNING = "beginning"
    NOW = "now"


class Feed:
    """Reads the wanted rows of a view from where it is told to start, and knows the cursor behind each batch.

    Args:
        spec: The view.
        wanted: Which of its figures.
        source: The bus.
        start: Where to begin.
        name: What messages call the cursor.
        once: End where the log ended when reading began, and raise when something is away instead of waiting.
        on_outage: Told when broker or registry go away, and with None when they are back.
        limits: How much is read at a time, and how long is waited.
    """

    def __init__(  # noqa: PLR0913  # one option a question
        self,
        spec: ViewSpec,
        wanted: Wanted,
        source: FigureSource,
        start: Start | Cursor,
        *,
        name: str,
        once: bool,
        on_outage: Callable[[OutsideError | None], None],
        limits: TailLimits,
    ) -> None:
        self._spec = spec
        self._wanted = wanted
        self._source = source
        self._start = start
        self._name = name
        self._once = once
        self._topic = view_topic(spec.name)
        self._intake = FigureIntake(spec, source.registry)
        self._tail = Tail(lambda at: source.reader([self._topic], at), limits, on_outage, is_patient=not once)
        self._cluster = ""
        #: Where reading has begun.
        self._began: Mapping[int, Reached] = {}
        self._reached: dict[int, Reached] = {}
        #: Partitions whose first record, which lies before where reading begins, is still to come.
        self._anchors: dict[int, Reached] = {}
        self._revisions: dict[tuple[str, ...], int] = {}
        #: Records of the topic that were no figures.
        self.unreadable = 0

    async def close(self) -> None:
        """Disconnect."""
        await self._tail.close()

    async def batches(self) -> AsyncGenerator[RowBatch, None]:
        """Give rows, and the cursor that holds when they are handled; no rows at the very start, and from time to time.

        Raises `CursorUnusable` where the start is a cursor whose offsets mean nothing here, and `NoSuchTopic`.
        """
        await self._begin()
        yield pl.DataFrame(), self._cursor(self._began)
        ends = dict(self._tail.ends)
        held = pl.DataFrame()
        waiting: list[pl.DataFrame] = []
        while not self._tail.has_reached(ends):
            waiting.append(await self._next())
            # Now and then only, so that each row is looked at a few times however long the log is.
            if sum(map(len, waiting)) > len(held) + _REDUCE_ROWS:
                held, waiting = newest(pl.concat([held, *waiting] if len(held) else waiting), self._spec), []
        if waiting:
            held = newest(pl.concat([held, *waiting] if len(held) else waiting), self._spec)
        for part in self._cut(held):
            yield part
        del held
        while not self._once:
            rows = newest(await self._next(), self._spec)
            yield self._unseen(rows), self._cursor(self._reached)

    async def _begin(self) -> None:
        """Find where to begin, and connect."""
        self._cluster = await self._source.cluster_id()
        if self._topic not in await self._source.topics():
            raise NoSuchTopic(self._topic)
        if isinstance(self._start, Cursor):
            self._check(self._start)
            self._anchors = dict(self._start.partitions)
        elif self._start is Start.NOW:
            await self._tail.open()
            self._anchors = {at.number: Reached(end, _ANY) for at, end in self._tail.ends.items()}
            await self._tail.close()
        self._began, self._reached = self._anchors, dict(self._anchors)
        self._anchors = {number: at for number, at in self._anchors.items() if at.next_offset}
        self._tail.positions = {
            Partition(self._topic, number): at.next_offset - 1 for number, at in self._anchors.items()
        }
        try:
            await self._tail.open()
        except LogBeganAnew:
            raise self._another_topic() from None
        if any(end < self._reached.get(at.number, _NOWHERE).next_offset for at, end in self._tail.ends.items()):
            raise self._another_topic()

    def _check(self, cursor: Cursor) -> None:
        """Refuse a cursor whose offsets mean nothing here."""
        if cursor.view != self._spec.name:
            raise CursorUnusable(
                self._name,
                Text(
                    f"milik tampilan '{cursor.view}', bukan '{self._spec.name}'.",
                    f"is of the view '{cursor.view}', not of '{self._spec.name}'.",
                ),
            )
        if cursor.cluster != self._cluster:
            raise CursorUnusable(
                self._name,
                Text(
                    f"berasal dari klaster Kafka '{cursor.cluster}', bukan '{self._cluster}'.",
                    f"comes from the Kafka cluster '{cursor.cluster}', not from '{self._cluster}'.",
                ),
            )

    def _another_topic(self) -> CursorUnusable:
        return CursorUnusable(
            self._name,
            Text(
                f"tidak cocok lagi: topik '{self._topic}' telah dibuat ulang.",
                f"fits no more: the topic '{self._topic}' has been made anew.",
            ),
        )

    async def _next(self) -> pl.DataFrame:
        """Read on, and return the rows that are wanted, in the order of the log."""
        try:
            blocks = await self._tail.read()
        except LogBeganAnew:
            raise self._another_topic() from None
        fresh = [block for each in blocks if (block := self._behind_anchor(each)) is not None]
        taken = await self._tail.patiently(lambda: self._intake.take(fresh))
        self.unreadable += taken.unreadable
        self._reached |= {block.partition.number: Reached(block.next_offset, block.timestamps[-1]) for block in blocks}
        self._tail.advance(blocks)
        return self._wanted.of(taken.frame)

    def _behind_anchor(self, block: Block) -> Block | None:
        """Leave out the record that was read before, after a look whether it is the same one."""
        anchor = self._anchors.pop(block.partition.number, None)
        if anchor is None or block.offsets[0] >= anchor.next_offset:
            return block
        if anchor.appended not in {_ANY, block.timestamps[0]}:
            raise self._another_topic()
        return block.since(anchor.next_offset)

    def _cut(self, rows: pl.DataFrame) -> Iterator[RowBatch]:
        """Cut what was there at the start into batches; the last one's cursor is the end of what was read."""
        for start in range(0, len(rows), BATCH_ROWS):
            part = rows.slice(start, BATCH_ROWS)
            if start + BATCH_ROWS >= len(rows):
                yield self._unseen(part), self._cursor(self._reached)
                return
            number, offset, appended = part.row(-1, named=False)[-3:]
            whole = {one: at for one, at in self._reached.items() if one < number}
            yield self._unseen(part), self._cursor({**self._began, **whole, number: Reached(offset + 1, appended)})
        yield rows, self._cursor(self._reached)

    def _unseen(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows that are newer than what was handed out of their groups, and remember them."""
        if self._once or rows.is_empty():
            return rows
        fresh = []
        for key, revision in zip(rows.select(key_columns(self._spec)).rows(), rows["revision"].to_list(), strict=True):
            is_newer = revision > self._revisions.get(key, -1)
            fresh.append(is_newer)
            if is_newer:
                # Its texts are few, and each stands in very many keys: one object for each.
                self._revisions[tuple(map(sys.intern, key))] = revision
        return rows.filter(pl.Series(fresh))

    def _cursor(self, partitions: Mapping[int, Reached]) -> Cursor:
        return Cursor(self._spec.name, self._cluster, MappingProxyType(dict(partitions)))
