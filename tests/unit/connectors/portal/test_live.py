import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.browser.nation import AS_OF, Nation

from simpul_connectors.portal.errors import Refused
from simpul_connectors.portal.live import Streams, message, stream
from simpul_connectors.portal.numbers import Language
from simpul_connectors.portal.view_page import read_wish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COVER = {"expected": 25, "reported": 24, "on_time": 24, "late": 0, "coverage": "CLOSED", "missing": ["x"]}


def small_nation() -> Nation:
    nation = Nation()
    for region in ("ID", "73"):
        nation.figure("incident", region, kind="CONFLICT", incidents=1, **COVER)
    return nation


async def told(
    nation: Nation, count: int, path: str = "", language: Language = "id", period: str = "2024-02"
) -> list[str]:
    """Listen as a page does while two figures change, and return what it is told."""
    follower = nation.follower()
    task = asyncio.create_task(follower.run())
    await follower.caught_up()
    asked = {"periode": period} if period else {}
    wish = read_wish(nation.table, "incident", path, asked)
    messages: AsyncIterator[bytes] = stream(nation.table, wish, "incidents", language, lambda: False, moves=not period)
    found = [(await anext(messages)).decode()]
    nation.figure("incident", "73", kind="CONFLICT", incidents=4, as_of=AS_OF + 1, **COVER)
    nation.figure("incident", "53", kind="CONFLICT", incidents=9, **COVER)
    nation.figure("incident", "ID", ("MONTH", "2024-03"), kind="CONFLICT", incidents=1, **COVER)
    async with asyncio.timeout(30):
        while len(found) < count:
            found.append((await anext(messages)).decode())
    task.cancel()
    return found


def test_a_page_is_told_what_changed_in_it_in_its_language() -> None:
    ready, changed, news = asyncio.run(told(small_nation(), 3, language="en"))
    assert ready.startswith("retry:")
    assert changed.startswith("event: berubah\n")
    assert "event: kabar\n" in news
    assert "Updated: " in news
    assert "Sulawesi Selatan 4 (24 of 25)" in news


def test_a_page_of_the_newest_period_is_told_that_there_is_a_newer_one_and_asks_anew() -> None:
    assert asyncio.run(told(small_nation(), 2, period=""))[1].startswith("event: berubah\n")


def test_too_many_streams_are_refused_and_closed_ones_are_not_counted() -> None:
    streams = Streams(at_most=3, per_address=2)
    with streams.counted("a"), streams.counted("a"):
        with pytest.raises(Refused):
            streams.check("a")
        streams.check("b")
        with streams.counted("b"), pytest.raises(Refused):
            streams.check("c")
    streams.check("a")
    assert streams.open == 0


def test_a_message_of_several_lines_stays_one_message() -> None:
    assert message("kabar", "satu\ndua") == b"event: kabar\ndata: satu\ndata: dua\n\n"
