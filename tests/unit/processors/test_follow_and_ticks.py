"""A reader that follows, and the clock's hand: both with the twins in memory."""

import asyncio
from collections.abc import Mapping

import pytest

from simpul_processors.follow import FollowingReader
from simpul_processors.ticks import PATIENCE_SECONDS, Ticker, tick_is_due
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.roster import ROSTER_SCHEMA
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import ROSTER_TOPIC, value_subject

HOUR = 3_600_000_000
DAY = 24 * HOUR


class Seat(InMemoryReader):
    """A seat that can be taken away."""

    taken = False

    def assigned(self) -> frozenset[Partition]:
        return frozenset() if self.taken else super().assigned()


def a_reader(log: InMemoryLog, stored: Mapping[Partition, int]) -> tuple[Seat, FollowingReader]:
    def start(partition: Partition) -> int:
        return stored.get(partition, 0)

    seat = Seat(log, ["seat"], start)
    return seat, FollowingReader(seat, lambda: InMemoryReader(log, ["one", "two"], start))


def append(log: InMemoryLog, topic: str, count: int) -> None:
    for number in range(count):
        log.append(Outgoing(topic, b"k", b"%d" % number))


async def read(reader: FollowingReader, records: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    async with asyncio.timeout(10):
        while sum(map(len, found.values())) < records:
            blocks: list[Block] = await reader.read(4, 0.01)
            for block in blocks:
                found.setdefault(block.partition.topic, []).extend(block.offsets)
    return found


def test_who_has_the_seat_reads_all_of_the_followed_topics_from_its_own_positions() -> None:
    async def use() -> None:
        log = InMemoryLog()
        for topic in ("seat", "one", "two"):
            append(log, topic, 5)
        _, reader = a_reader(log, {Partition("one", 0): 3})
        await reader.start()
        assert await read(reader, 12) == {"seat": [0, 1, 2, 3, 4], "one": [3, 4], "two": [0, 1, 2, 3, 4]}
        assert {partition.topic: end for partition, end in (await reader.end_offsets()).items()} == {
            "seat": 5,
            "one": 5,
            "two": 5,
        }
        append(log, "two", 1)
        assert await read(reader, 1) == {"two": [5]}
        await reader.stop()
        await reader.stop()

    asyncio.run(use())


def test_who_loses_the_seat_reads_nothing_more_and_begins_at_its_positions_when_it_comes_back() -> None:
    async def use() -> None:
        log = InMemoryLog()
        append(log, "one", 3)
        stored: dict[Partition, int] = {}
        seat, reader = a_reader(log, stored)
        await reader.start()
        assert await read(reader, 3) == {"one": [0, 1, 2]}
        seat.taken = True
        append(log, "one", 2)
        assert [await reader.read(4, 0.01) for _ in range(3)] == [[], [], []]
        assert reader.assigned() == frozenset()
        seat.taken = False
        stored[Partition("one", 0)] = 2
        assert await read(reader, 3) == {"one": [2, 3, 4]}
        await reader.stop()

    asyncio.run(use())


@pytest.mark.parametrize(
    ("log_hour", "clock_hour", "due"),
    [
        (14, 14.9, False),
        (14, 15, True),  # midnight in WIT
        (15, 15.9, False),
        (15.5, 16, True),  # in WITA
        (16.5, 17, True),  # in WIB
        (17, 30, False),
        (17, 39, True),
        (30, 17, False),  # a clock that is behind
    ],
)
def test_a_tick_is_due_when_a_day_has_begun_in_some_zone_that_the_log_has_not_heard_of(
    log_hour: float, clock_hour: float, due: bool
) -> None:
    noon = 20_000 * DAY
    assert tick_is_due(noon + int(clock_hour * HOUR), noon + int(log_hour * HOUR)) is due
    assert not tick_is_due(noon + int(clock_hour * HOUR), 0)


def test_a_day_is_ticked_for_once_by_who_has_the_seat_and_again_only_when_the_log_stands_still() -> None:
    async def use() -> None:
        log, registry = InMemoryLog(), InMemoryRegistry()
        registry.register(value_subject(ROSTER_TOPIC), ROSTER_SCHEMA)
        now, heard = 20_000 * DAY + 18 * HOUR, [None, 20_000 * DAY]
        ticker = Ticker(InMemoryWriter(log), registry, lambda: now, lambda: heard[0])
        assert not await ticker.look(0)
        heard.pop(0)
        assert await ticker.look(1)
        assert not await ticker.look(2)
        assert await ticker.look(1 + PATIENCE_SECONDS)  # the broker's clock was behind: its midnight comes later
        heard[0] = now
        assert not await ticker.look(1000)
        assert [record.key for record, _ in log.topics[ROSTER_TOPIC]] == [b"tick", b"tick"]

    asyncio.run(use())
