"""The SDK: figures of a view as they are, and then as they change.

    with Subscription("incident", level="province", min_coverage=0.95, cursor=CursorFile("incident.cursor")) as figures:
        for figure in figures:
            print(figure.region_name, figure.period, figure.value("killed"), figure.coverage.share)

Or `async with` and `async for`. What is handed out is at least once: after a crash a figure may come again, and an
older revision of one that came before the cursor. So keep the highest `figure.revision` of each `figure.key`, and
nothing is counted twice. Within one run no older revision comes behind a newer one.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

from simpul_connectors.subscribe.cursor import Cursor, CursorStore, Reached
from simpul_connectors.subscribe.feed import Feed, RowBatch, Start
from simpul_connectors.subscribe.figure import Figure
from simpul_connectors.subscribe.rows import figures_of
from simpul_connectors.subscribe.source import FigureSource, KafkaSource
from simpul_connectors.subscribe.tail import TailLimits
from simpul_connectors.subscribe.wanted import Wanted
from simpul_schemas.connection import connect_from_settings
from simpul_schemas.errors import OutsideError
from simpul_schemas.figures import view_spec


@dataclass(frozen=True, slots=True)
class Batch:
    """Figures that came together, and the cursor that holds when they are all handled."""

    figures: Sequence[Figure]
    cursor: Cursor


class Subscription:
    """Figures of one view.

    Args:
        view: Name of the view.
        wanted: Which of its figures; all where it is not given.
        min_coverage: Share of the expected reports (0 to 1) below which a figure is withheld: no number of it is handed
            out. A figure whose coverage is not known is withheld too.
        start: Where to begin where `cursor` holds nothing; a `Cursor` that the caller has kept goes on from there.
        cursor: Keeps how far the reader has come. It is saved when the reader asks for what comes next, or leaves the
            block without an error: by then it has handled what it was given.
        once: End where the log ended when reading began, and raise when something is away instead of waiting.
        source: The bus; that of the settings of this process where it is not given.
        on_outage: Told when broker or registry go away, and with None when they are back.
        limits: How much is read at a time, and how long is waited.

    Memory: while the log is read up to where it ended at the start, all newest figures that are wanted, up to 2 kB each
    (measured with 14 measures); later their keys and revisions.
    """

    def __init__(  # noqa: PLR0913  # one option a question
        self,
        view: str,
        wanted: Wanted | None = None,
        *,
        min_coverage: float | None = None,
        start: Start | Cursor = Start.BEGINNING,
        cursor: CursorStore | None = None,
        once: bool = False,
        source: FigureSource | None = None,
        on_outage: Callable[[OutsideError | None], None] = lambda _error: None,
        limits: TailLimits | None = None,
    ) -> None:
        self._spec = view_spec(view)
        wanted = wanted or Wanted()
        wanted.check(self._spec)
        self._min_coverage = min_coverage
        self._store = cursor
        kept = cursor.load() if cursor is not None else None
        #: Whether it goes on from a cursor.
        self.is_resumed = kept is not None or isinstance(start, Cursor)
        begin = kept or start
        self._feed = Feed(
            self._spec,
            wanted,
            source or KafkaSource(connect_from_settings()),
            begin,
            name=begin.name if isinstance(begin, Cursor) else "-",
            once=once,
            on_outage=on_outage,
            limits=limits or TailLimits(),
        )
        #: Where to go on after the figure that was last handed out; None before reading has begun.
        self.cursor: Cursor | None = None
        self._before: Cursor | None = None
        self._saved = kept
        self._runner: asyncio.Runner | None = None
        self._batches: AsyncGenerator[RowBatch, None] | None = None
        # Kept, so that whoever leaves a loop and begins another one goes on where he was.
        self._figures: AsyncGenerator[Figure, None] | Generator[Figure, None, None] | None = None

    @property
    def unreadable(self) -> int:
        """How many records of the topic were no figures, as far as it was read."""
        return self._feed.unreadable

    # Figures, one by one.

    async def __aenter__(self) -> Self:
        self._batches = self._feed.batches()
        self._figures = self._following(self._batches)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._leave(handled=kind is None)

    def __aiter__(self) -> AsyncIterator[Figure]:
        if not isinstance(self._figures, AsyncGenerator):
            raise _outside("async with", "async for")
        return self._figures

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._batches = self._feed.batches()
        self._figures = self._waiting(self._runner, self._batches)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._runner is not None:
            with self._runner:
                self._runner.run(self._leave(handled=kind is None))
            self._runner = None

    def __iter__(self) -> Iterator[Figure]:
        if not isinstance(self._figures, Generator):
            raise _outside("with", "for")
        return self._figures

    async def _following(self, batches: AsyncGenerator[RowBatch, None]) -> AsyncGenerator[Figure, None]:
        async for batch in batches:
            for figure in self._handed_out(batch):
                yield figure

    def _waiting(
        self, runner: asyncio.Runner, batches: AsyncGenerator[RowBatch, None]
    ) -> Generator[Figure, None, None]:
        async def following() -> RowBatch | None:
            return await anext(batches, None)

        while (batch := runner.run(following())) is not None:
            yield from self._handed_out(batch)

    def _handed_out(self, batch: RowBatch) -> Iterator[Figure]:
        """Give figures, each when the one before is handled; the cursor goes with them."""
        rows, behind = batch
        for figure, (number, offset, appended) in figures_of(rows, self._spec):
            self._before = self.cursor
            reached = {**(self.cursor or behind).partitions, number: Reached(offset + 1, appended)}
            self.cursor = replace(behind, partitions=MappingProxyType(reached))
            yield figure.withhold_below(self._min_coverage)
        self._before = self.cursor = behind
        self._save(behind)

    async def _leave(self, *, handled: bool) -> None:
        if self._batches is not None:
            await self._batches.aclose()
        self._batches = self._figures = None
        await self._feed.close()
        reached = self.cursor if handled else self._before
        if reached is not None:
            self._save(reached)

    def _save(self, cursor: Cursor) -> None:
        if self._store is not None and cursor != self._saved:
            self._store.save(cursor)
            self._saved = cursor

    # Figures by the batch.

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Give figures as they come together; the caller saves the cursor of what it has handled.

        A batch without figures comes where others have moved the cursor, and from time to time.
        """
        try:
            async with aclosing(self._feed.batches()) as batches:
                async for rows, cursor in batches:
                    found = [figure.withhold_below(self._min_coverage) for figure, _ in figures_of(rows, self._spec)]
                    yield Batch(found, cursor)
        finally:
            await self._feed.close()


def _outside(block: str, loop: str) -> RuntimeError:
    return RuntimeError(f"use it as `{block} Subscription(...) as figures`, and `{loop}` inside")
