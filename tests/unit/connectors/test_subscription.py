"""The SDK: figures as they are and as they change, at least once, never without their coverage."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.errors import CursorUnusable, NoSuchName
from simpul_connectors.subscribe import Cursor, Figure, FigureCoverage, Start, Subscription, Wanted, feed
from simpul_connectors.subscribe.tail import TailLimits
from simpul_connectors.testing import FigureBus, InMemoryCursor
from simpul_schemas.errors import BrokerUnavailable, InvalidPeriod, InvalidRegion, RegistryUnavailable, UnknownView
from simpul_schemas.figures import Coverage, view_spec
from simpul_schemas.log import Block, Outgoing, StartOffset
from simpul_schemas.testing import InMemoryReader, InMemoryRegistry
from simpul_schemas.topics import view_topic

MONTH = {"period_kind": "MONTH", "period": "2024-02"}
QUICK = TailLimits(max_records=5, poll_seconds=0.001, probe_seconds=0.0, first_wait_seconds=0.001)
TOPIC = view_topic("incident")


def subscribed(bus: FigureBus, *args: Any, view: str = "incident", **options: Any) -> Subscription:
    return Subscription(view, *args, source=bus, limits=QUICK, **options)


def all_of(bus: FigureBus, *args: Any, **options: Any) -> list[Figure]:
    with subscribed(bus, *args, once=True, **options) as figures:
        return list(figures)


def told(figures: Sequence[Figure]) -> list[tuple[str, int]]:
    return [(figure.region, figure.revision) for figure in figures]


def test_what_is_there_comes_once_a_group_in_its_highest_revision() -> None:
    bus = FigureBus()
    for region, revision in (("73", 4), ("53", 1), ("73", 3), ("53", 2)):
        bus.publish("incident", region, revision, **MONTH, incidents=revision)
    assert told(all_of(bus)) == [("73", 4), ("53", 2)]


def test_then_come_the_changes_and_an_older_figure_behind_a_newer_one_is_left_out() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 4, **MONTH, incidents=1)

    async def use() -> list[tuple[str, int]]:
        found = []
        async with asyncio.timeout(30), subscribed(bus) as figures:
            async for figure in figures:
                found.append(figure)
                if len(found) == 1:
                    bus.publish("incident", "73", 3, **MONTH, incidents=9)
                    bus.publish("incident", "73", 5, **MONTH, incidents=2)
                if len(found) == 2:
                    bus.publish("incident", "73", 5, **MONTH, incidents=2)
                    bus.publish("incident", "73", 4, **MONTH, incidents=2)
                    bus.publish("incident", "53", 1, **MONTH, incidents=1)
                if len(found) == 3:
                    break
        return told(found)

    assert asyncio.run(use()) == [("73", 4), ("73", 5), ("53", 1)]


def test_a_group_that_has_become_nothing_is_told_as_zeros() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    bus.publish("incident", "73", 2, **MONTH)
    (found,) = all_of(bus)
    assert (found.value("incidents"), found.is_empty, found.rate("verified")) == (0, True, None)


def test_what_is_no_figure_is_counted_and_the_rest_is_read() -> None:
    bus = FigureBus()
    bus.log.append(Outgoing(TOPIC, b"k", None))
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    bus.log.append(Outgoing(TOPIC, b"k", b"no frame"))
    with subscribed(bus, once=True) as figures:
        assert told(list(figures)) == [("73", 1)]
        assert figures.unreadable == 2


# Coverage.

REPORTS = {"expected": 24, "reported": 22, "on_time": 20, "late": 2, "coverage": "OPEN", "missing": ["Bone", "Wajo"]}


@pytest.mark.parametrize(
    ("reports", "wanted", "is_told"),
    [
        (REPORTS, None, True),
        (REPORTS, 22 / 24, True),
        (REPORTS, 0.92, False),
        (REPORTS | {"coverage": "CLOSED"}, 0.92, False),
        (REPORTS | {"reported": 24}, 1.0, True),
        ({}, None, True),
        ({}, 0.0, False),
        (REPORTS | {"expected": 0, "reported": 0}, 0.0, False),
    ],
)
def test_below_the_coverage_that_is_asked_for_there_is_no_number_at_all(
    reports: Mapping[str, Any], wanted: float | None, is_told: bool
) -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, kind="DISASTER", incidents=4, verified=1, **reports)
    (found,) = all_of(bus, min_coverage=wanted)
    assert found.withheld is not is_told
    assert found.value("incidents") == (4 if is_told else None)
    assert found.rate("verified") == (0.25 if is_told else None)
    if not is_told:
        assert set(found.measures.values()) == set(found.rates.values()) == {None}
    assert found.coverage.expected == reports.get("expected")
    assert not found.is_empty


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.sampled_from(list(Coverage)))
def test_no_number_ever_stands_on_less_than_was_asked_for(
    expected: int, reported: int, wanted: float, state: Coverage
) -> None:
    counts = (expected, min(reported, expected), 0, 0) if state is not Coverage.NONE else (None,) * 4
    coverage = FigureCoverage(state, *counts, missing=(), as_of=0)
    measures = dict.fromkeys(view_spec("incident").measure_names, 4)
    figure = Figure("incident", "province", "73", "MONTH", "2024-02", {}, measures, coverage, 1)
    found = figure.withhold_below(wanted)
    if found.value("incidents") is not None:
        assert state is not Coverage.NONE
        assert expected > 0
        assert min(reported, expected) >= wanted * expected * (1 - 1e-12)


def test_a_figure_that_gains_enough_coverage_comes_again_with_its_numbers() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=4, **REPORTS)
    with subscribed(bus, min_coverage=0.95) as figures:
        each = iter(figures)
        assert next(each).withheld
        bus.publish("incident", "73", 2, **MONTH, incidents=4, **(REPORTS | {"reported": 24}))
        assert next(each).value("incidents") == 4


def test_a_name_that_the_view_does_not_have_is_refused_with_those_it_has() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=4)
    (found,) = all_of(bus)
    with pytest.raises(NoSuchName, match="killed"):
        found.value("dead")
    with pytest.raises(NoSuchName, match="resolved"):
        found.rate("dead")


def test_the_document_of_a_figure_has_its_place_numbers_rates_and_coverage() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 7, **MONTH, kind="DISASTER", incidents=4, verified=1, **REPORTS)
    (found,) = all_of(bus)
    document = found.document()
    assert document["region_name"] == "Sulawesi Selatan"
    assert document["dimensions"] == {"kind": "DISASTER", "phase": "-", "severity": "-"}
    assert document["measures"]["incidents"] == 4
    assert document["rates"] == {"verified": 0.25, "resolved": 0.0}
    assert document["coverage"] == {
        "state": "OPEN",
        "share": 22 / 24,
        "expected": 24,
        "reported": 22,
        "on_time": 20,
        "late": 2,
        "missing": ["Bone", "Wajo"],
        "as_of": "2023-11-14T22:13:20+00:00",
    }
    assert (document["withheld"], document["revision"]) == (False, 7)


# What is wanted.


@pytest.fixture
def nation() -> FigureBus:
    bus = FigureBus()
    for number, region in enumerate(("ID", "7", "53", "73", "73.71", "73.71.01", "73.08")):
        for kind in ("CONFLICT", "DISASTER"):
            for period in ("2024-02", "2024-03"):
                place = {"period_kind": "MONTH", "period": period, "kind": kind}
                bus.publish("incident", region, number + 1, **place, incidents=1)
    return bus


@pytest.mark.parametrize(
    ("wanted", "regions"),
    [
        (Wanted(), {"ID", "7", "53", "73", "73.71", "73.71.01", "73.08"}),
        (Wanted(region="73"), {"73"}),
        (Wanted(level="province"), {"7", "53", "73"}),
        (Wanted(region="73", level="regency"), {"73.71", "73.08"}),
        (Wanted(region="73", level="province"), {"73"}),
        (Wanted(region="ID", level="regency"), {"73.71", "73.08"}),
        (Wanted(region="ID"), {"ID"}),
        (Wanted(period="2024-04"), set()),
        (Wanted(period_kind="DAY"), set()),
    ],
)
def test_a_region_alone_is_that_region_and_with_a_level_what_lies_in_it(
    nation: FigureBus, wanted: Wanted, regions: set[str]
) -> None:
    assert {figure.region for figure in all_of(nation, wanted)} == regions


def test_periods_and_dimensions_are_chosen_by_their_values(nation: FigureBus) -> None:
    found = all_of(nation, Wanted(region="73", period="2024-02", where={"kind": "CONFLICT"}))
    assert [figure.key for figure in found] == [("province", "73", "MONTH", "2024-02", "CONFLICT", "-", "-")]


def test_what_can_never_be_found_is_refused(nation: FigureBus) -> None:
    with pytest.raises(InvalidRegion):
        subscribed(nation, Wanted(region="99"))
    with pytest.raises(InvalidPeriod):
        subscribed(nation, Wanted(period="2024-13"))
    with pytest.raises(NoSuchName, match="severity"):
        subscribed(nation, Wanted(where={"colour": "red"}))
    with pytest.raises(UnknownView):
        subscribed(nation, view="incidents")


# Cursors.


def published(bus: FigureBus, count: int, start: int = 1) -> None:
    for revision in range(start, start + count):
        bus.publish("incident", ("53", "73", "74")[revision % 3], revision, **MONTH, incidents=revision)


def test_whoever_stops_anywhere_and_goes_on_misses_nothing() -> None:
    """Whatever the number of figures handled before each stop, the newest of each group are all seen in the end."""
    for handled in range(8):
        bus, cursor = FigureBus(), InMemoryCursor()
        published(bus, 7)
        seen: dict[tuple[str, ...], int] = {}
        for stop, begin in enumerate((8, 11, 14)):
            with subscribed(bus, cursor=cursor, once=True) as figures:
                for figure in itertools.islice(figures, handled if stop < 2 else None):
                    seen[figure.key] = max(figure.revision, seen.get(figure.key, 0))
            if stop < 2:
                published(bus, 3, begin)
        assert sorted(seen.values()) == [11, 12, 13]


def test_a_batch_that_is_larger_than_the_rest_can_be_left_in_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH_ROWS", 4)
    bus, cursor = FigureBus(), InMemoryCursor()
    for number, month in enumerate(range(1, 13), start=1):
        bus.publish("incident", "73", number, period_kind="MONTH", period=f"2024-{month:02}", incidents=1)
    with subscribed(bus, cursor=cursor, once=True) as figures:
        first = [figure.revision for figure in itertools.islice(figures, 6)]
    with subscribed(bus, cursor=cursor, once=True) as figures:
        rest = [figure.revision for figure in figures]
    assert (first, rest) == (list(range(1, 7)), list(range(7, 13)))
    with subscribed(bus, cursor=cursor, once=True) as figures:
        assert list(figures) == []


def test_an_error_while_a_figure_is_handled_brings_it_again() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    for number in range(1, 4):
        bus.publish("incident", "73", number, period_kind="MONTH", period=f"2024-0{number}", incidents=1)

    def handle(fails_at: int) -> Iterator[int]:
        with subscribed(bus, cursor=cursor, once=True) as figures:
            for figure in figures:
                yield figure.revision
                if figure.revision == fails_at:
                    raise ValueError

    seen = []
    with pytest.raises(ValueError):  # noqa: PT011  # the one above
        seen.extend(handle(2))
    assert [*handle(0)] == [2, 3]


def test_whoever_leaves_a_loop_and_begins_another_goes_on_where_he_was() -> None:
    bus = FigureBus()
    for number in range(1, 5):
        bus.publish("incident", "73", number, period_kind="MONTH", period=f"2024-0{number}", incidents=1)

    with subscribed(bus, once=True) as figures:
        assert [figure.revision for figure in itertools.islice(figures, 2)] == [1, 2]
        assert [figure.revision for figure in figures] == [3, 4]

    async def use() -> list[int]:
        async with subscribed(bus, once=True) as figures:
            async for _ in figures:
                break
            return [figure.revision async for figure in figures]

    assert asyncio.run(use()) == [2, 3, 4]


def test_now_begins_with_the_next_change_also_after_a_stop_before_anything_came() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    assert all_of(bus, start=Start.NOW, cursor=cursor) == []
    bus.publish("incident", "73", 2, **MONTH, incidents=1)
    assert told(all_of(bus, start=Start.NOW, cursor=cursor)) == [("73", 2)]


def test_a_cursor_moves_past_what_is_not_wanted() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    published(bus, 9)
    assert all_of(bus, Wanted(region="16"), cursor=cursor) == []
    assert cursor.saved[-1].partitions[0].next_offset == 9
    assert len(all_of(bus, Wanted(region="73"), cursor=(again := InMemoryCursor()))) == 1
    assert again.saved[-1].partitions[0].next_offset == 9, "behind the last record, not behind the last figure"


def test_a_cursor_can_be_kept_by_the_caller() -> None:
    bus = FigureBus()
    published(bus, 3)
    with subscribed(bus, once=True) as figures:
        next(iter(figures))
        kept = str(figures.cursor)
    assert len(all_of(bus, start=Cursor.read(kept))) == 2
    assert all_of(bus, start=Cursor.read(kept), cursor=InMemoryCursor())


def test_of_an_older_figure_behind_the_cursor_the_reader_can_tell_by_its_revision() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    bus.publish("incident", "73", 5, **MONTH, incidents=5)
    (first,) = all_of(bus, cursor=cursor)
    bus.publish("incident", "73", 4, **MONTH, incidents=4)
    (again,) = all_of(bus, cursor=cursor)
    assert again.key == first.key
    assert again.revision < first.revision


def test_a_cursor_of_another_view_cluster_or_topic_is_refused_and_left_as_it_is() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    published(bus, 4)
    all_of(bus, cursor=cursor)
    kept = cursor.saved[-1]
    with pytest.raises(CursorUnusable, match="incident"):
        all_of(bus, view="aid", cursor=InMemoryCursor(kept))
    elsewhere = FigureBus("elsewhere")
    published(elsewhere, 4)
    with pytest.raises(CursorUnusable, match="elsewhere"):
        all_of(elsewhere, cursor=cursor)
    for count in (3, 4, 5):  # shorter than before, as long, longer
        anew = FigureBus()
        published(anew, 1)
        anew.log.topics[TOPIC].clear()  # the clock has moved on, as it does
        published(anew, count)
        with pytest.raises(CursorUnusable, match="anew"):
            all_of(anew, cursor=cursor)
    assert cursor.saved[-1] == kept


def test_a_cursor_whose_record_was_compacted_away_is_gone_on_from() -> None:
    bus, cursor = FigureBus(), InMemoryCursor()
    published(bus, 4)
    all_of(bus, cursor=cursor)
    published(bus, 2, 5)

    class Compacted(FigureBus):
        def __init__(self) -> None:
            super().__init__()
            self.log, self.registry = bus.log, bus.registry

        def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
            # The record at 3 is no longer there: a reader that asks for it gets the next one.
            return super().reader(topics, lambda at: 4 if start(at) == 3 else start(at))

    assert {figure.revision for figure in all_of(Compacted(), cursor=cursor)} == {5, 6}


def test_a_topic_that_is_made_anew_while_it_is_read_ends_the_reading() -> None:
    bus = FigureBus()
    published(bus, 4)
    with subscribed(bus) as figures:
        each = iter(figures)
        assert next(each)
        bus.log.topics[TOPIC].clear()
        with pytest.raises(CursorUnusable, match="anew"):
            list(each)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "12",
        '{"version": 2}',
        '{"version": 1, "view": "incident", "cluster": "c", "partitions": {"0": [-1, 0]}}',
        '{"version": 1, "view": "incident", "cluster": "c", "partitions": {"x": [1, 0]}}',
        '{"version": 1, "view": "incident", "cluster": "c", "partitions": [1]}',
    ],
)
def test_what_is_no_cursor_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(CursorUnusable, match="from the start"):
        Cursor.read(text)


@given(
    st.text(),
    st.text(),
    st.dictionaries(st.integers(0, 99), st.tuples(st.integers(0, 2**62), st.integers(-1, 2**62))),
)
def test_a_cursor_is_read_back_from_its_text(view: str, cluster: str, at: dict[int, tuple[int, int]]) -> None:
    cursor = Cursor(view, cluster, {number: feed.Reached(*reached) for number, reached in at.items()})
    assert Cursor.read(str(cursor)) == cursor


# When something is away.


def test_outages_are_waited_out_and_told_once_and_with_once_they_raise() -> None:
    class FrailRegistry(InMemoryRegistry):
        failures = 0

        def schema(self, schema_id: int) -> str:
            if self.failures:
                self.failures -= 1
                raise RegistryUnavailable("pergi", "away")
            return super().schema(schema_id)

    class FrailReader(InMemoryReader):
        failures = 2

        async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
            if FrailReader.failures:
                FrailReader.failures -= 1
                raise BrokerUnavailable("pergi", "away")
            return await super().read(max_records, timeout_seconds)

    class FrailBus(FigureBus):
        def __init__(self) -> None:
            super().__init__()
            self.registry = FrailRegistry()

        def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
            return FrailReader(self.log, topics, start)

    bus = FrailBus()
    assert isinstance(bus.registry, FrailRegistry)
    published(bus, 1)
    bus.registry.failures = 2
    outages: list[bool] = []
    with subscribed(bus, on_outage=lambda error: outages.append(error is not None)) as figures:
        assert next(iter(figures)).revision == 1
    assert outages == [True, False, True, False]
    FrailReader.failures = 1
    with subscribed(bus, once=True) as figures, pytest.raises(BrokerUnavailable):
        next(iter(figures))
    bus.registry.failures = 1
    with subscribed(bus, once=True) as figures, pytest.raises(RegistryUnavailable):
        next(iter(figures))


def test_a_reader_that_brings_nothing_though_there_is_more_is_made_anew() -> None:
    starts: list[int] = []

    class Stuck(InMemoryReader):
        async def start(self) -> None:
            starts.append(1)
            await super().start()

        async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
            return await super().read(max_records, timeout_seconds) if len(starts) > 1 else []

    class StuckBus(FigureBus):
        def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
            return Stuck(self.log, topics, start)

    bus = StuckBus()
    published(bus, 1)
    limits = TailLimits(poll_seconds=0.001, probe_seconds=0.0, stuck_seconds=0.01)
    with Subscription("incident", source=bus, limits=limits) as figures:
        assert next(iter(figures)).revision == 1


def test_a_reader_that_has_nothing_to_bring_is_left_alone() -> None:
    starts: list[int] = []

    class Counted(InMemoryReader):
        async def start(self) -> None:
            starts.append(1)
            await super().start()

    class Quiet(FigureBus):
        def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
            return Counted(self.log, topics, start)

    async def use() -> None:
        limits = TailLimits(poll_seconds=0.01, probe_seconds=0.0, stuck_seconds=0.05)
        batches = Subscription("incident", source=Quiet(), limits=limits).batches()
        for _ in range(30):
            assert not (await anext(batches)).figures
        await batches.aclose()

    asyncio.run(use())
    assert len(starts) == 1


def test_it_is_used_as_a_block_and_says_so() -> None:
    bus = FigureBus()
    with pytest.raises(RuntimeError, match="with Subscription"):
        iter(subscribed(bus))
    with pytest.raises(RuntimeError, match="async with Subscription"):
        aiter(subscribed(bus))
