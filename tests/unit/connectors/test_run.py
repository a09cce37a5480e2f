import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_connectors.errors import RowRefused, SinkOfAnotherBus, TargetRefused, TargetUnavailable
from simpul_connectors.sinks import run as running
from simpul_connectors.sinks.run import Limits, SinkRunner, status
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.spec import SinkSpec, load_spec, parse_spec
from simpul_connectors.sinks.target import Move, Position, State
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryUnavailable
from simpul_schemas.figures import FIGURE_COVERAGE, PARTICIPATION
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.wire import frame

EVENTS = load_spec("ministry_participation_events")
FIGURES = load_spec("ministry_participation")
TYPE = EVENT_TYPES["participation"]
MAKASSAR, AMBON = "simpul.73.participation.v1", "simpul.81.participation.v1"
QUICK = Limits(
    max_records=10,
    poll_seconds=0.001,
    first_wait_seconds=0.001,
    longest_wait_seconds=0.002,
    control_seconds=0.001,
    takeover_seconds=0.05,
)


def event(subject: str, revision: int, region: str = "73.71.01", **more: object) -> dict[str, Any]:
    required: dict[str, Any] = {
        "event_id": f"018f0000-0000-7000-8000-{revision:012x}",
        "subject": subject,
        "revision": revision,
        "action": "SUBMIT",
        "region": region,
        "source": "sitimdu.73",
        "mode": "ACTUAL",
        "election": "pilgub-2024-73",
    }
    times = dict.fromkeys(("occurred_at", "recorded_at", "published_at"), 1_700_000_000_000_000)
    return dict.fromkeys(TYPE.model.model_fields) | required | times | more


class Bus:
    """A bus in memory and a ministry's database, with copies of one sink."""

    def __init__(self, spec: SinkSpec = EVENTS) -> None:
        self.spec = spec
        self.log = InMemoryLog()
        self.registry = InMemoryRegistry()
        self.database = InMemoryDatabase()
        self.target = self.make_target()
        self.target.prepare()
        self.outages: list[OutsideError | None] = []

    def make_target(self) -> InMemoryTarget:
        return InMemoryTarget(self.database, self.spec.name, self.spec.table)

    def publish(self, *events: dict[str, Any], topic: str = MAKASSAR) -> None:
        schema_id = self.registry.register("events", TYPE.schema)
        for found in events:
            self.log.append(Outgoing(topic, b"k", frame(schema_id, encode(TYPE.parsed_schema, found))))

    def publish_figure(self, **figure: object) -> None:
        schema = PARTICIPATION.figure_schema
        named = {"level": "province", "region": "73", "period_kind": "NONE", "period": "-", "election": "pilgub"}
        nothing = dict.fromkeys(FIGURE_COVERAGE) | {"coverage": "NONE", "missing": [], "as_of": 0}
        record = {"revision": 0} | dict.fromkeys(PARTICIPATION.measure_names, 0) | nothing | named | figure
        body = encode(fastavro.parse_schema(json.loads(schema)), record)
        self.log.append(
            Outgoing("simpul.view.participation.v1", b"k", frame(self.registry.register("figures", schema), body))
        )

    def runner(self, target: InMemoryTarget | None = None, registry: Any = None) -> SinkRunner:
        return SinkRunner(self.spec, registry or self.registry, target or self.target, QUICK, self.outages.append)

    def reader(self, runner: SinkRunner) -> InMemoryReader:
        return InMemoryReader(self.log, self.spec.source.topics, runner.start_offset)

    def drain(self, runner: SinkRunner | None = None, should_stop: Callable[[], bool] | None = None) -> None:
        runner = runner or self.runner()

        async def go() -> None:
            reader = self.reader(runner)
            await reader.start()
            ends = await reader.end_offsets()
            await runner.run(reader, should_stop or (lambda: runner.has_reached(ends)))
            await reader.stop()

        asyncio.run(go())

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["subject"]: dict(row) for row in self.database.tables[str(self.spec.table)].values()}


def failing(times: int, error: Exception) -> Callable[[], None]:
    left = [error] * times

    def fail() -> None:
        if left:
            raise left.pop()

    return fail


AWAY = TargetUnavailable("Jauh.", "Away.")


def test_accepted_events_become_rows_with_every_field() -> None:
    bus = Bus()
    bus.publish(event("a", 1, registered=300), event("b", 2))
    bus.drain()
    assert bus.rows()["a"] == event("a", 1, registered=300)
    assert set(bus.rows()) == {"a", "b"}


def test_what_the_rules_refuse_is_counted_by_partition_and_not_stored() -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("b", 1, valid=-1), event("c", 1, region="81.71.01"))
    bus.log.append(Outgoing(MAKASSAR, b"k", b"garbage"))
    bus.publish(event("d", 1, region="81.71.01"), topic=AMBON)
    bus.drain()
    assert set(bus.rows()) == {"a", "d"}
    assert bus.target.positions() == {
        Partition(MAKASSAR, 0): Position(4, 4, 3),
        Partition(AMBON, 0): Position(1, 1, 0),
    }


def test_figures_become_rows_with_the_name_of_their_region() -> None:
    bus = Bus(FIGURES)
    bus.publish_figure(revision=1, stations=5)
    bus.publish_figure(revision=3, stations=7)
    bus.publish_figure(revision=2, stations=6)
    bus.publish_figure(revision=3, level="nation", region="ID")
    bus.drain()
    found = {row["region_name"]: row["stations"] for row in bus.database.tables["partisipasi"].values()}
    assert found == {"Sulawesi Selatan": 7, "Indonesia": 0}


def test_a_status_says_rows_records_refused_and_positions() -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("a", 2), event("b", 1, valid=-1))
    bus.drain()
    found = status(bus.spec, bus.target)
    assert (found.sink, found.table) == ("ministry_participation_events", "peristiwa_partisipasi")
    assert (found.rows, found.records, found.refused) == (1, 3, 1)
    assert found.positions[Partition(MAKASSAR, 0)].next_offset == 3


def test_a_new_runner_goes_on_where_the_target_stands() -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number}", 1) for number in range(25)))
    bus.drain()
    bus.publish(event("last", 1))
    runner = bus.runner()
    assert runner.start_offset(Partition(MAKASSAR, 0)) == 25
    assert runner.start_offset(Partition(AMBON, 0)) == 0
    bus.drain(runner)
    assert len(bus.rows()) == 26
    assert status(bus.spec, bus.target).records == 26


def test_a_database_that_is_away_is_waited_for_and_told_about_once() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    bus.target.before_commit = failing(5, AWAY)
    runner = bus.runner()
    bus.drain(runner)
    assert set(bus.rows()) == {"a"}
    assert bus.outages == [AWAY, None]
    # What its heart tells of it: that it waits no longer, and what went wrong last.
    assert (runner.waits_for, runner.last_error) == (None, "Away.")


def test_a_registry_that_is_away_is_waited_for_and_skips_nothing() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    fail = failing(3, RegistryUnavailable("Jauh.", "Away."))

    class Away(InMemoryRegistry):
        def schema(self, schema_id: int) -> str:
            fail()
            return bus.registry.schema(schema_id)

    bus.drain(bus.runner(registry=Away()))
    assert set(bus.rows()) == {"a"}
    assert len(bus.outages) == 2


def test_an_answer_cut_off_behind_its_commit_stores_nothing_twice() -> None:
    bus = Bus()
    bus.publish(*(event(f"s{number}", 1, valid=-1 if number % 2 else None) for number in range(30)))
    bus.target.after_commit = failing(1, AWAY)
    bus.drain()
    assert bus.target.positions() == {Partition(MAKASSAR, 0): Position(30, 30, 15)}


def test_told_to_stop_while_the_database_is_away_it_stops_and_loses_nothing() -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("b", 1))
    bus.target.before_commit = failing(10**6, AWAY)
    runner = bus.runner()
    bus.drain(runner, should_stop=lambda: bool(bus.outages))
    assert bus.rows() == {}
    bus.target.before_commit = lambda: None
    bus.drain(runner)
    assert set(bus.rows()) == {"a", "b"}


def test_a_refusal_ends_the_run_and_the_same_runner_can_try_the_batch_again() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    bus.target.before_commit = failing(1, TargetRefused("no", "Tidak.", "No."))

    async def go() -> None:
        runner = bus.runner()
        reader = bus.reader(runner)
        await reader.start()
        with pytest.raises(TargetRefused):
            await runner.step(reader)
        assert await runner.step(reader) == 1

    asyncio.run(go())
    assert set(bus.rows()) == {"a"}


def test_waits_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float, should_stop: object) -> None:
        waits.append(seconds)

    monkeypatch.setattr(running, "_sleep", note)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    bus = Bus()
    bus.publish(event("a", 1))
    bus.target.before_commit = failing(9, AWAY)
    bus.drain(SinkRunner(bus.spec, bus.registry, bus.target))
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_fenced_runner_follows_the_copy_that_moved_on() -> None:
    bus = Bus()
    late = bus.runner(bus.make_target())
    bus.publish(event("a", 1))
    bus.drain()
    bus.publish(event("b", 1))
    bus.drain(late)
    assert set(bus.rows()) == {"a", "b"}
    assert status(bus.spec, bus.target).records == 2


def test_a_table_made_anew_sends_a_running_sink_back_to_the_beginning() -> None:
    bus = Bus()
    runner = bus.runner()
    bus.publish(event("a", 1))
    bus.drain(runner)
    bus.database.tables.clear()
    bus.make_target().prepare()
    bus.publish(event("b", 1))
    bus.drain(runner)
    bus.drain(runner)
    assert set(bus.rows()) == {"a", "b"}
    assert status(bus.spec, bus.target).records == 2


def test_records_given_twice_by_a_reader_are_counted_once() -> None:
    bus = Bus()
    bus.publish(event("a", 1), event("b", 1))
    runner = bus.runner()
    bus.drain(runner)

    async def again() -> None:
        reader = InMemoryReader(bus.log, [MAKASSAR], lambda _: 1)
        await reader.start()
        bus.publish(event("c", 1))
        assert await runner.step(reader) == 1

    asyncio.run(again())
    assert status(bus.spec, bus.target).records == 3


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_two_copies_under_any_faults_store_each_record_once(data: st.DataObject) -> None:
    bus = Bus()
    expected: dict[str, int] = {}
    for number in range(data.draw(st.integers(1, 40))):
        subject, revision = data.draw(st.sampled_from("abcdef")), data.draw(st.integers(1, 9))
        bad = data.draw(st.booleans()) and number % 3 == 0
        bus.publish(event(subject, revision, valid=-1 if bad else None))
        if not bad:
            expected[subject] = max(expected.get(subject, 0), revision)

    faults = data.draw(st.lists(st.booleans(), max_size=60))  # drawn now: a step runs in another thread

    def fault() -> None:
        if faults and faults.pop():
            raise AWAY

    async def go() -> None:
        copies = []
        for _ in range(2):
            target = bus.make_target()
            target.before_commit = target.after_commit = fault
            runner = bus.runner(target)
            reader = bus.reader(runner)
            await reader.start()
            copies.append((runner, reader))
        end = {Partition(MAKASSAR, 0): bus.log.end_offset(Partition(MAKASSAR, 0))}
        while not any(runner.has_reached(end) for runner, _ in copies):
            runner, reader = data.draw(st.sampled_from(copies))
            await runner.step(reader)

    asyncio.run(go())
    assert {subject: row["revision"] for subject, row in bus.rows().items()} == expected
    assert status(bus.spec, bus.target).records == len(bus.log.topics[MAKASSAR])


# What the database refuses.


def test_a_row_that_the_database_refuses_goes_home_with_its_words_and_the_others_go_on() -> None:
    bus = Bus()
    bus.target.refuses = lambda row: "value too long" if row["subject"] == "b" else ""
    bus.publish(*(event(subject, 1) for subject in "abc"), event("d", 1, valid=-1))
    bus.drain(SinkRunner(bus.spec, bus.registry, bus.target, QUICK, quarantine=InMemoryWriter(bus.log)))
    assert set(bus.rows()) == {"a", "c"}
    assert bus.target.positions() == {Partition(MAKASSAR, 0): Position(4, 4, 2)}
    ((record, _),) = bus.log.topics["simpul.73.quarantine.v1"]
    assert record.value == bus.log.topics[MAKASSAR][1][0].value
    headers = dict(record.headers)
    assert headers["simpul_origin_offset"] == headers["__connect.errors.offset"] == b"1"
    assert headers["simpul_codes"] == b"sink.row_refused"
    assert headers["__connect.errors.exception.message"] == b"value too long"
    assert headers["__connect.errors.connector.name"] == b"ministry_participation_events"


def test_a_refused_correction_leaves_the_older_statement_also_within_one_batch() -> None:
    bus = Bus()
    bus.target.refuses = lambda row: "out of range" if row["revision"] > 2 else ""
    bus.publish(event("a", 1), event("a", 2), event("a", 3), event("a", 4))
    bus.drain(SinkRunner(bus.spec, bus.registry, bus.target, QUICK, quarantine=InMemoryWriter(bus.log)))
    assert bus.rows()["a"]["revision"] == 2
    assert len(bus.log.topics["simpul.73.quarantine.v1"]) == 2


def test_a_figure_that_the_database_refuses_goes_to_the_sinks_own_quarantine() -> None:
    bus = Bus(FIGURES)
    bus.target.refuses = lambda row: "out of range"
    bus.publish_figure(revision=1)
    runner = SinkRunner(bus.spec, bus.registry, bus.target, QUICK, quarantine=InMemoryWriter(bus.log))
    bus.drain(runner)
    assert runner.last_error == "out of range"
    assert len(bus.log.topics["simpul.sink.quarantine.v1"]) == 1
    assert status(bus.spec, bus.target).refused == 1


def test_a_quarantine_that_cannot_be_reached_stores_nothing_until_it_can() -> None:
    bus = Bus()
    bus.target.refuses = lambda row: "no" if row["subject"] == "b" else ""
    bus.publish(event("a", 1), event("b", 1))
    away = [BrokerUnavailable("Jauh.", "Away.")] * 3

    def before_send(_records: object) -> None:
        assert bus.rows() == {}
        if away:
            raise away.pop()

    writer = InMemoryWriter(bus.log, before_send)
    bus.drain(SinkRunner(bus.spec, bus.registry, bus.target, QUICK, bus.outages.append, writer))
    assert bus.outages[-1] is None
    assert set(bus.rows()) == {"a"}
    assert len(bus.log.topics["simpul.73.quarantine.v1"]) == 1


def test_a_table_that_refuses_nearly_everything_ends_the_run_and_sends_nothing_away() -> None:
    bus = Bus()
    bus.target.refuses = lambda row: "value too long"
    bus.publish(*(event(f"s{number}", 1) for number in range(9)))
    limits = replace(QUICK, max_bad_rows=8)
    with pytest.raises(RowRefused, match="value too long"):
        bus.drain(SinkRunner(bus.spec, bus.registry, bus.target, limits, quarantine=InMemoryWriter(bus.log)))
    assert bus.target.positions() == {}
    assert "simpul.73.quarantine.v1" not in bus.log.topics


# Copies and pauses.


def test_a_pause_holds_a_running_sink_and_a_resume_lets_it_go_on() -> None:
    bus = Bus()
    bus.target.pause(paused=True)
    bus.publish(event("a", 1))
    runner = bus.runner()
    looks: list[bool] = []

    def should_stop() -> bool:
        looks.append(runner.paused)
        if sum(looks) < 3:
            assert bus.rows() == {}
        elif bus.target.control().paused:
            assert bus.target.control().state is State.PAUSED
            bus.make_target().pause(paused=False)
        return runner.has_reached({Partition(MAKASSAR, 0): 1})

    bus.drain(runner, should_stop)
    assert set(bus.rows()) == {"a"}
    assert bus.target.control().state is State.STOPPED


def test_the_newest_copy_writes_and_the_older_takes_over_when_it_falls_silent() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    older = bus.make_target()
    older.claim("")
    newer = bus.make_target()
    newer.claim("")  # and then it is killed: no sign of life, no goodbye
    runner = SinkRunner(bus.spec, bus.registry, older, QUICK)
    bus.drain(runner)
    assert set(bus.rows()) == {"a"}
    assert bus.target.control().generation == 3


def test_a_copy_that_stands_by_sees_what_the_other_stores() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    other = bus.make_target()
    target = bus.make_target()
    runner = SinkRunner(bus.spec, bus.registry, target, replace(QUICK, takeover_seconds=60))

    def taken_over(_sink: str, count: int) -> None:
        # Another copy takes over, stores the next record and stays alive.
        bus.publish(event("b", 1))
        other.claim("")
        other.write(target_rows(bus), [Move(Partition(MAKASSAR, 0), Position(1, 1, 0), Position(2, 2, 0))])

    async def go() -> None:
        reader = bus.reader(runner)
        await reader.start()
        await runner.run(reader, lambda: runner.has_reached({Partition(MAKASSAR, 0): 2}), taken_over)

    asyncio.run(go())
    assert bus.target.control().generation == 2
    assert bus.target.positions() == {Partition(MAKASSAR, 0): Position(2, 2, 0)}


def target_rows(bus: Bus) -> pl.DataFrame:
    block = bus.log.read(Partition(MAKASSAR, 0), 0, 100)
    assert block is not None
    return shape(bus.spec.source.open(bus.registry).take([block]).frame, bus.spec.table)


def test_offsets_of_another_cluster_end_the_run_with_a_remedy() -> None:
    bus = Bus()
    bus.drain(SinkRunner(bus.spec, bus.registry, bus.target, QUICK, cluster="one"))
    with pytest.raises(SinkOfAnotherBus, match="--new-cluster"):
        bus.drain(SinkRunner(bus.spec, bus.registry, bus.make_target(), QUICK, cluster="two"))


def test_a_registry_that_is_away_is_written_into_the_status() -> None:
    bus = Bus()
    bus.publish(event("a", 1))
    said: list[str] = []

    class Away(InMemoryRegistry):
        def schema(self, schema_id: int) -> str:
            if len(said) < 2:
                said.append(bus.target.control().words)
                raise RegistryUnavailable("Jauh.", "Away.")
            assert bus.target.control().state is State.WAITING
            return bus.registry.schema(schema_id)

    bus.drain(bus.runner(registry=Away()))
    assert said == ["", "Away."]
    assert set(bus.rows()) == {"a"}


def test_a_sink_that_appends_keeps_every_record_with_its_place_in_the_log() -> None:
    spec = parse_spec("{name: s, from: {events: participation}, table: semua, mode: append}", "s.yaml")
    bus = Bus(spec)
    bus.publish(event("a", 1), event("a", 1), event("b", 1, valid=-1), event("a", 2))
    bus.drain()
    found = sorted((row["log_topic"], row["log_offset"]) for row in bus.database.tables["semua"].values())
    assert found == [(MAKASSAR, 0), (MAKASSAR, 1), (MAKASSAR, 3)]
