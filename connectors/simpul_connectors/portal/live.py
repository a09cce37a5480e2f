"""Server-sent events: a page is told that one of its figures has changed, and what to say of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from markupsafe import escape

from simpul_connectors.portal.errors import Refused
from simpul_connectors.portal.measures import measures_of
from simpul_connectors.portal.numbers import Language, value_text
from simpul_connectors.portal.reading import Row, Wish, newest_period, read_rows
from simpul_connectors.portal.words import say
from simpul_connectors.subscribe.changes import FigurePlace
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_schemas.regions import load_regions
from simpul_schemas.rules import Text

#: Two messages to one page are at least so far apart.
EVERY_SECONDS = 1.0
#: A line that says nothing, so that proxies keep the connection and a gone reader is noticed.
_BEAT_SECONDS = 15.0
#: Places that one message names.
_NAMED_AT_MOST = 3
_STREAMS_AT_MOST = 500
_STREAMS_PER_ADDRESS = 12


@dataclass(slots=True)
class Streams:
    """Counts open streams, all and per address."""

    at_most: int = _STREAMS_AT_MOST
    per_address: int = _STREAMS_PER_ADDRESS
    _open: Counter[str] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open.total()

    def check(self, address: str) -> None:
        """Raise `Refused` where one more would be too many."""
        if self.open >= self.at_most or self._open[address] >= self.per_address:
            said = Text(
                "Terlalu banyak siaran terbuka; tutup tab lain, halaman tetap bisa dimuat ulang.",
                "Too many streams are open; close other tabs, pages can still be reloaded.",
            )
            raise Refused(503, "portal.too_many_streams", said, {"retry-after": "30"})

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Count one in while it is open."""
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


async def stream(  # noqa: PLR0913  # what a page is of, and how long it is told
    table: FigureTable,
    wish: Wish,
    measure: str,
    language: Language,
    stopping: Callable[[], bool],
    *,
    moves: bool = False,
) -> AsyncIterator[bytes]:
    """Yield a message each time that a figure of a page changes: of the place, or of a region directly inside it.

    A page that `moves` is of the newest period: where there is a newer one, it is told, and the stream ends, for the
    reader to ask for that one's.
    """
    regions = [wish.region, *(region.code for region in load_regions().children(wish.region))]
    places = [FigurePlace(wish.spec.name, region, wish.period_kind, wish.period) for region in regions]
    with table.listen(places) as listener:
        known = read_rows(table, wish, regions)
        yield b"retry: 3000\n: siap\n\n"
        quiet = 0.0
        while not stopping():
            if moves and newest_period(wish.spec, table) != (wish.period_kind, wish.period):
                yield message("berubah", str(table.version(wish.spec.name)))
                return
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await listener.changes()
            except TimeoutError:
                quiet += EVERY_SECONDS
                if quiet >= _BEAT_SECONDS:
                    quiet = 0.0
                    yield b": hidup\n\n"
                continue
            now = read_rows(table, wish, regions)
            changed = [row for row, before in zip(now, known, strict=True) if row != before]
            known, quiet = now, 0.0
            yield message("berubah", str(table.version(wish.spec.name)))
            if changed:
                yield message("kabar", news(changed, wish, measure, language))
            await asyncio.sleep(EVERY_SECONDS)


def news(changed: Sequence[Row], wish: Wish, measure: str, language: Language) -> str:
    """Say in one sentence what has changed, the smaller places first: they say more than their sum."""
    told = measures_of(wish.spec)[measure]
    inside = [row for row in changed if row.region != wish.region] or changed
    parts = []
    for row in inside[:_NAMED_AT_MOST]:
        text = f"{row.name} {value_text(row.values[measure], told.unit, language)}"
        if row.cover.expected is not None:
            text += f" ({row.cover.reported} {say('of', language)} {row.cover.expected})"
        parts.append(text)
    if len(inside) > _NAMED_AT_MOST:
        parts.append(say("and_more", language, count=len(inside) - _NAMED_AT_MOST))
    return str(escape(f"{say('updated', language)}: {', '.join(parts)}"))


def message(name: str, data: str) -> bytes:
    """Return one message of the stream."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
