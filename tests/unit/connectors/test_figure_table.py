"""The read model: whatever comes in what order, it answers with the highest revision of each figure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.errors import NoSuchName
from simpul_connectors.subscribe.changes import FigurePlace
from simpul_connectors.subscribe.figure_table import Bounds, FigureClass, FigureTable, stamp
from simpul_connectors.subscribe.follow import Follower
from simpul_connectors.subscribe.pieces import figure_pieces
from simpul_connectors.subscribe.restatements import History, restatement_of
from simpul_connectors.subscribe.rows import FigureIntake
from simpul_connectors.subscribe.tail import TailLimits
from simpul_connectors.testing import FigureBus
from simpul_schemas.coverage import COVERAGE_SCHEMA, ROSTER_SHIFT
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.figures import Coverage, view_spec
from simpul_schemas.log import Block, Outgoing, Partition, StartOffset
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.testing import InMemoryReader
from simpul_schemas.topics import COVERAGE_TOPIC, restatement_topic, view_topic

MONTH = {"period_kind": "MONTH", "period": "2024-02"}
QUICK = TailLimits(max_records=7, poll_seconds=0.001, probe_seconds=0.0, first_wait_seconds=0.001)
#: A roster has spoken.
KNOWN = 1 << ROSTER_SHIFT


def followed(bus: FigureBus, table: FigureTable | None = None, limits: TailLimits = QUICK) -> FigureTable:
    """Return a table that has read what the bus holds."""
    table = table or FigureTable()
    follower = Follower(table, bus, limits=limits, piece_rows=3)

    async def use() -> None:
        task = asyncio.create_task(follower.run())
        async with asyncio.timeout(30):
            await follower.caught_up()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(use())
    return table


async def until(condition: Callable[[], bool]) -> None:
    """Let the follower go on until something is true; the callers' deadline ends it."""
    while not condition():  # noqa: ASYNC110  # the follower offers no event for everything that a test asks
        await asyncio.sleep(0)


def completeness(region: str, revision: int, **fields: Any) -> dict[str, Any]:
    names = ("expected", "reported", "on_time", "late", "silent", "nil", "claimed", "unexpected")
    record = {"event_type": "incident", "level": "province", "region": region, "revision": revision, **MONTH}
    record |= dict.fromkeys(names, 0) | {"closed": True, "direct": True, "as_of": 5}
    return record | {"missing": [], "silent_units": [], "late_units": []} | fields


def restatement(region: str, revision: int, before: int, after: int) -> dict[str, Any]:
    changes = [{"measure": "killed", "before": before, "after": after, "difference": after - before}]
    record = {"view": "incident", "level": "province", "region": region, **MONTH, "revision": revision}
    dimensions = [{"name": "kind", "value": "DISASTER"}]
    return record | {
        "dimensions": dimensions,
        "revision_before": 1,
        "changes": changes,
        "why": "LATE",
        "at": revision,
    }


def test_a_figure_is_answered_with_its_measures_and_its_coverage() -> None:
    bus = FigureBus()
    known = {"expected": 24, "reported": 22, "on_time": 20, "late": 2, "coverage": "OPEN", "missing": ["Bone"]}
    bus.publish("incident", "73", 9, **MONTH, kind="DISASTER", incidents=4, killed=1, **known)
    table = followed(bus)
    dimensions = {"kind": "DISASTER", "phase": "-", "severity": "-"}
    found = table.figure("incident", "73", "MONTH", "2024-02", dimensions)
    assert found is not None
    assert (found.level, found.region_name, found.value("incidents"), found.value("killed")) == (
        "province",
        "Sulawesi Selatan",
        4,
        1,
    )
    coverage = found.coverage
    assert (coverage.state, coverage.expected, coverage.reported, coverage.on_time, coverage.late) == (
        Coverage.OPEN,
        24,
        22,
        20,
        2,
    )
    assert coverage.missing == ("Bone",)
    assert coverage.share == 22 / 24
    assert table.figure("incident", "73", "MONTH", "2024-03", dimensions) is None
    assert table.figure("incident", "74", "MONTH", "2024-02", dimensions) is None


def test_without_a_roster_coverage_is_unknown_and_not_nothing() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 9, **MONTH, incidents=4)
    (found,) = followed(bus).figures("incident", "73", "MONTH", "2024-02")
    assert (found.coverage.state, found.coverage.expected, found.coverage.share) == (Coverage.NONE, None, None)


@given(
    st.lists(
        st.tuples(st.sampled_from(["ID", "53", "73", "73.71"]), st.sampled_from("ab"), st.integers(1, 9)), max_size=40
    ),
    st.integers(1, 9),
)
def test_in_any_order_the_highest_revision_of_each_group_is_what_is_answered(
    sent: list[tuple[str, str, int]], rows: int
) -> None:
    bus = FigureBus()
    for region, election, revision in sent:
        bus.publish("participation", region, revision, election=election, stations=revision)
    spec = view_spec("participation")
    table = FigureTable()
    block = bus.log.read(Partition(view_topic("participation"), 0), 0, 1000)
    if block is not None:
        for piece in figure_pieces(spec, FigureIntake(spec, bus.registry).take([block]).frame, rows):
            table.apply(piece)
    right: dict[tuple[str, str], int] = {}
    for region, election, revision in sent:
        right[region, election] = max(revision, right.get((region, election), 0))
    for region in ("ID", "53", "73", "73.71"):
        mine = {group: revision for group, revision in right.items() if group[0] == region}
        found = table.figures("participation", region, "NONE", "-")
        assert {(figure.region, figure.dimensions["election"]): figure.revision for figure in found} == mine
        assert all(figure.measures["stations"] == figure.revision for figure in found)
        total = table.total("participation", region, "NONE", "-")
        assert (total.value("stations") if total else 0) == sum(mine.values())
    assert table.held == len(right)


def test_a_figure_that_comes_again_is_no_change() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    spec, table = view_spec("incident"), FigureTable()
    block = bus.log.read(Partition(view_topic("incident"), 0), 0, 10)
    assert block is not None
    (piece,) = figure_pieces(spec, FigureIntake(spec, bus.registry).take([block]).frame, 10)
    place = FigurePlace("incident", "73", "MONTH", "2024-02")
    assert (table.apply(piece), table.version("incident")) == ({place}, 1)
    assert (table.apply(piece), table.version("incident")) == (set(), 1)


def test_an_older_missing_list_does_not_outlive_a_newer_figure_without_one() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=1, missing=["Bone"])
    bus.publish("incident", "73", 2, **MONTH, incidents=1)
    (found,) = followed(bus, limits=TailLimits(max_records=1, poll_seconds=0.001)).figures(
        "incident", "73", "MONTH", "2024-02"
    )
    assert found.coverage.missing == ()


def test_a_group_that_has_become_nothing_is_listed_no_more_but_is_still_0_when_asked_for() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    bus.publish("incident", "73", 2, **MONTH)
    table = followed(bus)
    assert table.figures("incident", "73", "MONTH", "2024-02") == []
    total = table.total("incident", "73", "MONTH", "2024-02")
    assert total is not None
    assert total.value("incidents") == 0


def test_the_children_of_the_nation_are_its_provinces_each_summed_over_the_dimensions() -> None:
    bus = FigureBus()
    for region in ("53", "73", "73.71", "ID"):
        bus.publish("incident", region, 3, **MONTH, kind="DISASTER", incidents=2, as_of=8, expected=2, reported=2)
        bus.publish("incident", region, 4, **MONTH, kind="CONFLICT", incidents=5, as_of=9, expected=3, reported=1)
    table = followed(bus)
    found = table.children("incident", "ID", "MONTH", "2024-02")
    assert {region: figure.value("incidents") for region, figure in found.items()} == {"53": 7, "73": 7}
    assert found["53"].coverage.expected == 3, "the newest of the figures that were added"
    only = table.children("incident", "ID", "MONTH", "2024-02", {"kind": "DISASTER"})
    assert {region: figure.value("incidents") for region, figure in only.items()} == {"53": 2, "73": 2}
    assert only["53"].dimensions == {"kind": "DISASTER"}
    assert set(table.children("incident", "73", "MONTH", "2024-02")) == {"73.71"}
    with pytest.raises(NoSuchName, match="severity"):
        table.children("incident", "ID", "MONTH", "2024-02", {"colour": "red"})


def test_sums_of_very_large_amounts_and_revisions_are_exact() -> None:
    bus = FigureBus()
    for kind in ("CONFLICT", "DISASTER", "DISTURBANCE"):
        bus.publish("incident", "73", 2**62, **MONTH, kind=kind, incidents=1, loss_idr=2**62)
    total = followed(bus).total("incident", "73", "MONTH", "2024-02")
    assert total is not None
    assert (total.value("loss_idr"), total.value("incidents"), total.revision) == (3 * 2**62, 3, 3 * 2**62)


def test_periods_kinds_and_values_are_listed_for_those_who_choose() -> None:
    bus = FigureBus()
    for period in ("2024-03", "2024-01"):
        bus.publish("incident", "ID", 1, period_kind="MONTH", period=period, kind="CONFLICT", incidents=1)
    bus.publish("incident", "ID", 1, period_kind="DAY", period="2024-01-05", kind="DISASTER", incidents=1)
    table = followed(bus)
    assert table.periods("incident", "MONTH") == ["2024-01", "2024-03"]
    assert table.periods("incident", "WEEK") == []
    assert table.period_kinds("incident") == ["DAY", "MONTH"]
    assert table.values("incident", "kind") == ["CONFLICT", "DISASTER"]
    with pytest.raises(NoSuchName):
        table.values("incident", "colour")


def test_who_is_silent_and_late_is_answered_by_place_with_the_names() -> None:
    bus = FigureBus()
    for revision, silent in ((KNOWN + 2, 1), (KNOWN + 1, 9)):
        row = completeness("73", revision, expected=3, reported=2, silent=silent, silent_units=["Bone"])
        bus.append(COVERAGE_TOPIC, COVERAGE_SCHEMA, row)
    bus.append(COVERAGE_TOPIC, COVERAGE_SCHEMA, completeness("53", 1))
    table = followed(bus)
    found = table.completenesses("incident", ["53", "73", "74"], "MONTH", "2024-02")
    assert set(found) == {"53", "73"}
    assert (found["73"].silent, found["73"].silent_units, found["73"].late_units) == (1, ("Bone",), ())
    assert (found["73"].share, found["73"].closed, found["73"].is_known) == (2 / 3, True, True)
    assert (found["53"].share, found["53"].is_known, found["53"].level) == (None, False, "province")
    assert table.completeness("incident", "73", "MONTH", "2024-03") is None


def test_restatements_are_a_history_by_place_the_newest_first_and_each_once() -> None:
    bus = FigureBus()
    for revision, before, after in ((2, 1, 3), (3, 3, 2), (2, 1, 3)):
        bus.append(restatement_topic("incident"), RESTATEMENT_SCHEMA, restatement("73", revision, before, after))
    table = followed(bus)
    found = table.restatements("incident", "73", "MONTH", "2024-02")
    assert [(one.revision, one.changes[0].difference, one.why) for one in found] == [(3, -1, "LATE"), (2, 2, "LATE")]
    assert found[0].dimensions == {"kind": "DISASTER"}
    assert table.restatements("incident", "74", "MONTH", "2024-02") == []
    assert [one.revision for one in table.history.newest(1)] == [3]
    assert table.history.newest(9, region="7") == [], "73 is no part of 7"


def test_a_history_is_bounded_and_says_what_it_let_go() -> None:
    history = History(2)
    history.put([restatement_of(restatement("73", revision, 0, revision)) for revision in (1, 2, 3)])
    assert ([one.revision for one in history.newest(9)], history.left_out, len(history)) == ([3, 2], 1, 2)
    place = FigurePlace("incident", "73", "MONTH", "2024-02")
    assert [one.revision for one in history.at(place)] == [3, 2]


def test_where_there_is_too_much_the_largest_class_goes_as_a_whole_and_is_named() -> None:
    bus = FigureBus()
    for day in range(1, 8):
        bus.publish("incident", "73", day, period_kind="DAY", period=f"2024-02-0{day}", incidents=1)
    bus.publish("incident", "73", 1, **MONTH, incidents=7)
    table = followed(bus, FigureTable(Bounds(figures=6)))
    assert table.left_out == (FigureClass("incident", "province", "DAY"),)
    assert not table.holds("incident", "province", "DAY")
    assert table.holds("incident", "province", "MONTH")
    assert table.held == 1
    assert table.periods("incident", "DAY", "73") == []
    total = table.total("incident", "73", "MONTH", "2024-02")
    assert total is not None
    assert total.value("incidents") == 7


def listening(bus: FigureBus, use: Callable[[FigureTable, Follower], Awaitable[None]]) -> None:
    async def run() -> None:
        table = FigureTable()
        follower = Follower(table, bus, limits=QUICK, piece_rows=3)
        task = asyncio.create_task(follower.run())
        try:
            async with asyncio.timeout(30):
                await follower.caught_up()
                await use(table, follower)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_listener_hears_of_its_places_only_and_of_all_of_them_at_once() -> None:
    bus = FigureBus()
    place = FigurePlace("incident", "73", "MONTH", "2024-02")

    async def use(table: FigureTable, follower: Follower) -> None:
        with table.listen([place]) as listener, table.listen() as nosy:
            before = table.version("incident")
            bus.publish("incident", "53", 1, **MONTH, incidents=1)
            bus.publish("incident", "73", 1, **MONTH, incidents=1)
            assert (await listener.changes()).places == {place}
            assert table.version("incident") > before
            heard: set[FigurePlace] = set()
            while len(heard) < 2:
                heard |= (await nosy.changes()).places
            bus.publish("incident", "73", 1, **MONTH, incidents=9)  # a repeat is no change
            bus.append(COVERAGE_TOPIC, COVERAGE_SCHEMA, completeness("73", KNOWN))
            assert (await listener.changes()).places == {place}
            assert table.listening == 2
        assert table.listening == 0

    listening(bus, use)


def test_a_slow_listener_is_told_to_load_all_anew_and_holds_nothing() -> None:
    bus = FigureBus()

    async def use(table: FigureTable, follower: Follower) -> None:
        with table.listen(at_most=2) as slow:
            for day in range(1, 8):
                bus.publish("incident", "73", 1, period_kind="DAY", period=f"2024-02-0{day}", incidents=1)
            await until(lambda: table.held == 7)
            found = await slow.changes()
            assert (found.reload, found.places) == (True, frozenset())
            bus.publish("incident", "73", 2, **MONTH, incidents=1)
            again = await slow.changes()
            assert (again.reload, len(again.places)) == (False, 1)

    listening(bus, use)


def test_a_broker_that_goes_away_and_comes_back_is_waited_for_and_nothing_is_missed() -> None:
    is_away = False

    class FrailReader(InMemoryReader):
        async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
            if is_away:
                raise BrokerUnavailable("pergi", "away")
            return await super().read(max_records, timeout_seconds)

    class FrailBus(FigureBus):
        def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
            return FrailReader(self.log, topics, start)

    bus = FrailBus()

    async def run() -> None:
        nonlocal is_away
        table = FigureTable()
        follower = Follower(table, bus, limits=QUICK)
        task = asyncio.create_task(follower.run())
        async with asyncio.timeout(30):
            await follower.caught_up()
            is_away = True
            await until(lambda: follower.problem is not None)
            bus.publish("incident", "73", 1, **MONTH, incidents=1)
            is_away = False
            with table.listen() as listener:
                await listener.changes()
            assert follower.problem is None
            await until(lambda: not follower.behind)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_topic_that_was_made_anew_is_read_from_its_start_and_the_old_figures_are_forgotten() -> None:
    bus = FigureBus()
    for revision in (5, 6):
        bus.publish("incident", "73", revision, **MONTH, incidents=revision)

    async def use(table: FigureTable, follower: Follower) -> None:
        with table.listen() as listener:
            bus.log.topics[view_topic("incident")].clear()
            assert (await listener.changes()).reload
        bus.publish("incident", "73", 1, **MONTH, incidents=1)
        await until(lambda: table.held == 1)
        found = table.total("incident", "73", "MONTH", "2024-02")
        assert found is not None
        assert found.value("incidents") == 1

    listening(bus, use)


def test_what_is_no_figure_is_counted_and_the_rest_is_taken() -> None:
    bus = FigureBus()
    bus.log.append(Outgoing(view_topic("incident"), b"k", None))
    bus.log.append(Outgoing(view_topic("incident"), b"k", b"\x00\x00\x00\x00\x09abc"))
    bus.publish("incident", "73", 1, **MONTH, incidents=1)

    async def use(table: FigureTable, follower: Follower) -> None:
        assert follower.unreadable == 2
        assert table.held == 1

    listening(bus, use)


def test_the_stamp_of_figures_changes_with_any_of_them_and_is_the_same_in_every_process() -> None:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, incidents=1)
    bus.publish("incident", "53", 1, **MONTH, incidents=1)
    codes = ["53", "73"]
    before = stamp(followed(bus).totals("incident", codes, "MONTH", "2024-02").values())
    assert stamp(followed(bus).totals("incident", codes, "MONTH", "2024-02").values()) == before
    bus.publish("incident", "53", 2, **MONTH, incidents=1)
    assert stamp(followed(bus).totals("incident", codes, "MONTH", "2024-02").values()) != before


def test_a_schema_of_before_coverage_is_read_as_of_no_known_coverage() -> None:
    spec = view_spec("incident")
    frame = pl.DataFrame(
        {
            "level": ["province"],
            "region": ["73"],
            **{name: ["-"] for name in spec.dimension_names},
            **{name: [1] for name in ("revision", *spec.measure_names)},
            **{name: pl.Series([None], dtype=pl.Int64) for name in ("expected", "reported", "on_time", "late")},
            "coverage": ["NONE"],
            "as_of": [0],
            "missing": pl.Series([None], dtype=pl.List(pl.String)),
        }
    ).with_columns(period_kind=pl.lit("MONTH"), period=pl.lit("2024-02"))
    table = FigureTable()
    for piece in figure_pieces(spec, frame, 10):
        table.apply(piece)
    (found,) = table.figures("incident", "73", "MONTH", "2024-02")
    assert (found.coverage.state, found.coverage.share, found.coverage.missing) == (Coverage.NONE, None, ())
