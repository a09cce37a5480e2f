"""From events to an alert on its topic: through the real fold, the feed and the desk, all in memory."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import fastavro
import pytest

from simpul_processors.alert_agent import AlertDesk
from simpul_processors.alert_commands import newest_alerts
from simpul_processors.alert_engine import DayFigure
from simpul_processors.alert_feed import AlertFeed, Sieve
from simpul_processors.alert_rules import AlertRule, parse_rule
from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.testing import InMemoryStore
from simpul_processors.view import as_text
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas import rows
from simpul_schemas.alerts import ALERT_SCHEMA, Alert, AlertState
from simpul_schemas.errors import BrokerUnavailable, OutsideError
from simpul_schemas.figures import FIGURE_COVERAGE, VIEW_SPECS
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Block, LogReader, Outgoing, Partition, StartOffset
from simpul_schemas.slices import Slices
from simpul_schemas.testing import InMemoryReader, InMemoryWriter
from simpul_schemas.topics import ALERT_TOPIC, partial_topic, value_subject, view_topic
from simpul_schemas.wire import frame

#: The day of the incidents of `conftest`, 06:13 WITA on 2023-11-15.
NOW = 1_700_000_100_000_000
DAY = 86_400_000_000
SPEC = VIEW_SPECS["incident"]
RULES = [
    parse_rule(
        "konflik.yaml",
        "text: {id: Konflik, en: Conflict}\nfigures: {view: incident, measure: incidents, where: {kind: [CONFLICT]}}\n"
        "level: regency\nwithin_days: 7\nat_least: 3\n",
    ),
    parse_rule(
        "berat.yaml",
        "text: {id: Berat, en: Severe}\nfigures: {view: incident, measure: incidents, where: {severity: {at_least: "
        "SEVERE}}}\nlevel: province\nwithin_days: 2\nat_least: 1\n",
    ),
    parse_rule(
        "diam.yaml",
        "text: {id: Diam, en: Silent}\nsilence: {event_type: incident, period_kind: MONTH}\nlevel: regency\n"
        "at_least_days: 30\n",
    ),
]


class Watch:
    """One process that watches: a feed and a desk over a bus in memory."""

    def __init__(self, bus: Any, rules: Sequence[AlertRule] = RULES, fail: Any = None) -> None:
        def follow(topics: Sequence[str], start: StartOffset) -> LogReader:
            return InMemoryReader(bus.log, topics, start)

        async def existing(topics: Sequence[str]) -> list[str]:
            return [topic for topic in topics if topic in bus.log.topics]

        self.seat = InMemoryReader(bus.log, [ALERT_TOPIC], lambda _: 0)
        self.feed = AlertFeed(self.seat, follow, existing, Sieve(rules, bus.registry))
        self.now = NOW
        self.desk = AlertDesk(rules, bus.registry, InMemoryWriter(bus.log, fail), lambda: self.now)

    async def look(self) -> list[Alert]:
        glance = await self.feed.look(0.0)
        return [] if glance is None else await self.desk.handle(glance)


async def fold(bus: Any) -> None:
    """Fold what is new; the stores are kept beside the bus, so that a correction finds what it corrects."""
    for stage in (PartialStage(VIEWS["incident"], bus.registry), FigureStage(SPEC, bus.registry)):
        worker = Worker(
            stage, bus.stores.setdefault(stage.name, InMemoryStore()), InMemoryWriter(bus.log), Limits(poll_seconds=0)
        )
        reader = InMemoryReader(bus.log, stage.topics, worker.start_offset)
        await reader.start()
        while await worker.step(reader):
            pass


@pytest.fixture
def watched(bus: Any) -> Any:
    bus.registry.register(value_subject(partial_topic("incident")), SPEC.partial_schema)
    bus.registry.register(value_subject(view_topic("incident")), SPEC.figure_schema)
    bus.registry.register(value_subject(ALERT_TOPIC), ALERT_SCHEMA)
    bus.stores = {}
    return bus


def test_incidents_become_an_alert_on_its_topic_with_the_figures_it_rests_on(
    watched: Any, incident: Callable[..., dict[str, Any]]
) -> None:
    for number in range(3):
        watched.publish(incident(subject=f"a{number}"))
    watched.publish(incident(subject="b", kind="DISASTER", severity="EXTREME"))
    watched.publish(incident(subject="c", severity="EXTREME", mode="EXERCISE"))

    async def use() -> None:
        await fold(watched)
        watch = Watch(watched)
        await watch.feed.start()
        raised = await watch.look()
        assert [(alert.id, alert.count) for alert in raised] == [
            ("berat/53/2023-11-14", 1),
            ("konflik/53.71/2023-11-09", 3),
        ]
        (evidence,) = raised[1].evidence
        assert evidence.value == 3
        keys = [record.key.decode() for record, _ in watched.log.topics[view_topic("incident")] if record.key]
        assert evidence.what in keys
        assert await watch.look() == []
        # The next day nothing is new, and the clock alone clears what has passed.
        watch.now = NOW + 2 * DAY
        changed = await watch.look()
        assert [(alert.id, alert.state) for alert in changed if alert.rule == "berat"] == [
            ("berat/53/2023-11-14", AlertState.CLEARED)
        ]
        # Another process that takes over finds all as it stands, and says nothing twice.
        other = Watch(watched)
        other.now = watch.now
        await other.feed.start()
        assert await other.look() == []
        from simpul_processors.testing import InMemorySnapshots

        newest = await newest_alerts(InMemorySnapshots(watched.log))
        assert [(alert.rule, alert.state.value) for alert in newest] == [("konflik", "RAISED"), ("berat", "CLEARED")]

    asyncio.run(use())


def test_a_withdrawn_incident_takes_its_alert_back(watched: Any, incident: Callable[..., dict[str, Any]]) -> None:
    async def use() -> None:
        watched.publish(incident(severity="SEVERE"))
        await fold(watched)
        watch = Watch(watched)
        await watch.feed.start()
        assert [alert.state.value for alert in await watch.look()] == ["RAISED"]
        watched.publish(incident(severity="SEVERE", action="WITHDRAW", revision=1_700_000_000_000_001))
        await fold(watched)
        assert [alert.state.value for alert in await watch.look()] == ["CLEARED"]

    asyncio.run(use())


def test_an_alert_that_the_broker_did_not_take_is_sent_by_a_new_beginning(
    watched: Any, incident: Callable[..., dict[str, Any]]
) -> None:
    down = [True]

    def fail(_: Sequence[Outgoing]) -> None:
        if down[0]:
            raise BrokerUnavailable("mati", "down")

    async def use() -> None:
        watched.publish(incident(severity="SEVERE"))
        await fold(watched)
        watch = Watch(watched, fail=fail)
        await watch.feed.start()
        with pytest.raises(BrokerUnavailable):
            await watch.look()
        down[0] = False
        # As the service does it: the readers are made anew, and the first glance is fresh.
        await watch.feed.stop()
        await watch.feed.start()
        assert [alert.state.value for alert in await watch.look()] == ["RAISED"]

    asyncio.run(use())


def test_who_has_not_the_seat_looks_at_nothing(watched: Any) -> None:
    class NoSeat(InMemoryReader):
        async def end_offsets(self) -> Any:
            return {}

    async def use() -> None:
        watch = Watch(watched)
        watch.feed._seat = NoSeat(watched.log, [ALERT_TOPIC], lambda _: 0)
        await watch.feed.start()
        assert await watch.feed.look(0.0) is None
        await watch.feed.stop()

    asyncio.run(use())


def test_a_bus_without_the_topics_of_the_rules_is_said_in_a_sentence(watched: Any) -> None:
    async def use() -> None:
        watch = Watch(watched)
        await watch.feed.start()
        with pytest.raises(OutsideError, match="simpul up"):
            await watch.look()

    asyncio.run(use())


def test_nothing_is_judged_before_all_that_was_there_has_been_read(
    watched: Any, incident: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simpul_processors.alert_feed._MAX_RECORDS", 1)
    monkeypatch.setattr("simpul_processors.alert_feed._READS", 3)

    async def use() -> None:
        # The first figure of the day would raise it, the corrected one does not.
        watched.publish(incident(severity="SEVERE"))
        await fold(watched)
        watched.publish(incident(severity="SEVERE", action="WITHDRAW", revision=1_700_000_000_000_001))
        await fold(watched)
        watch = Watch(watched)
        await watch.feed.start()
        glances = []
        while not glances or not glances[-1].caught_up:
            glance = await watch.feed.look(0.0)
            assert glance is not None
            glances.append(glance)
            assert await watch.desk.handle(glance) == []
        assert len(glances) > 2
        assert [glance.fresh for glance in glances] == [True] + [False] * (len(glances) - 1)

    asyncio.run(use())


HEADS = {"level": "regency", "region": "53.71", "period_kind": "DAY", "period": "2023-11-15"}
DIMENSIONS = {"kind": "CONFLICT", "phase": "-", "severity": "MINOR"}
PARSED = fastavro.parse_schema(json.loads(SPEC.figure_schema))


def a_figure(bus: Any, **changes: Any) -> tuple[bytes, bytes]:
    """Return key and value of a figure of two incidents in Kupang, but for what is changed."""
    named = {name: changes.pop(name, value) for name, value in {**HEADS, **DIMENSIONS}.items()}
    counted = dict.fromkeys(SPEC.measure_names, 0) | {"revision": 7, "incidents": 2}
    covered = dict.fromkeys(FIGURE_COVERAGE) | {"coverage": "NONE", "missing": [], "as_of": 0}
    record = {**named, **counted, **covered, **changes}
    schema_id = bus.registry.lookup(value_subject(view_topic("incident")), SPEC.figure_schema)
    return as_text(list(named.values())).encode(), frame(schema_id, rows.encode(PARSED, record))


def figures_of(bus: Any, *records: tuple[bytes | None, bytes | None], rules: Any = RULES) -> list[DayFigure]:
    keys, values = zip(*records, strict=True)
    partition = Partition(view_topic("incident"), 0)
    block = Block(partition, values, keys, range(len(keys)), range(len(keys)))
    packed = Block(partition, Slices.of(values), Slices.of(keys), range(len(keys)), range(len(keys)))
    found = list(Sieve(rules, bus.registry).figures(block))
    assert found == list(Sieve(rules, bus.registry).figures(packed))  # as a broker's reader gives them
    return found


def test_a_watched_figure_comes_with_its_key_as_evidence_for_every_rule_that_watches_it(watched: Any) -> None:
    here = a_figure(watched)
    severe = a_figure(watched, level="province", region="53", kind="DISASTER", severity="EXTREME", missing=["Ende"])
    kupang = date(2023, 11, 15).toordinal()
    assert set(figures_of(watched, here, severe)) == {
        ("konflik", "53.71", kupang, here[0].decode(), 7, 2),
        ("berat", "53", kupang, severe[0].decode(), 7, 2),
    }
    twice = [RULES[0], RULES[0].model_copy(update={"name": "lagi", "regions": ["53"]})]
    assert [found.rule for found in figures_of(watched, here, rules=twice)] == ["konflik", "lagi"]


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "district", "region": "53.71.01"},
        {"period_kind": "MONTH", "period": "2023-11"},
        {"period_kind": "MONTH", "period": "2023-11", "phase": "DAY"},
        {"period": "2023-02-30"},
        {"kind": "DISASTER"},
        {"level": "province", "region": "53"},
    ],
)
def test_a_figure_that_no_rule_watches_is_let_go(watched: Any, changes: dict[str, Any]) -> None:
    assert figures_of(watched, a_figure(watched, **changes)) == []


def test_a_rule_of_some_regions_watches_no_other_whose_code_only_begins_alike(watched: Any) -> None:
    rule = RULES[0].model_copy(update={"regions": ["53.7"]})
    assert figures_of(watched, a_figure(watched), rules=[rule]) == []
    own, within = (RULES[0].model_copy(update={"regions": [code]}) for code in ("53.71", "53"))
    assert [len(figures_of(watched, a_figure(watched), rules=[one])) for one in (own, within)] == [1, 1]


@pytest.mark.parametrize("key", [None, b"", b"\xff", b'["district","53.71.01","DAY"', b'["regency","53.71","MONTH"'])
def test_a_key_that_no_rule_can_watch_is_let_go_without_a_look_at_its_value(
    watched: Any, key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecordIntake, "take", None)
    assert figures_of(watched, (key, a_figure(watched)[1])) == []


def test_a_figure_that_cannot_be_read_raises_nothing_and_hides_no_other(watched: Any) -> None:
    key, value = a_figure(watched)
    bad = [b"\x01x", b"\x00\x00\x01\x00\x00x", value + b"x", None]
    (found,) = figures_of(watched, *((key, one) for one in bad), (key, value))
    assert found.value == 2


def test_coverage_is_read_by_its_own_schema_and_what_is_not_coverage_is_let_go(watched: Any) -> None:
    fields = [
        *({"name": name, "type": "string"} for name in ("event_type", "region", "period_kind", "period")),
        *({"name": name, "type": "long"} for name in ("revision", "expected", "reported", "silent")),
        {"name": "missing", "type": {"type": "array", "items": "string"}},
    ]
    schema = json.dumps({"type": "record", "name": "C", "fields": fields})
    schema_id = watched.registry.register("simpul.view.completeness.v1-value", schema)
    row = {
        "event_type": "incident",
        "region": "53.71",
        "period_kind": "MONTH",
        "period": "2023-10",
        "revision": 3,
        "expected": 1,
        "reported": 0,
        "silent": 1,
        "missing": ["Kesbangpol"],
    }
    parsed = fastavro.parse_schema(json.loads(schema))
    good = frame(schema_id, rows.encode(parsed, row))
    bad = frame(schema_id, rows.encode(parsed, row | {"period": "2023-13"}))
    values = [(b"k", good), (b"k", bad), (b"k", b"\x01"), (None, good), (b"k", None)]
    (found,) = Sieve(RULES, watched.registry).coverage(values)
    assert (found.region, found.silent, found.missing) == ("53.71", 1, ("Kesbangpol",))

    async def use() -> None:
        watched.log.append(Outgoing("simpul.view.completeness.v1", b"k", good))
        watch = Watch(watched)
        await watch.feed.start()
        (alert,) = await watch.look()
        assert (alert.id, alert.evidence[0].what) == ("diam/53.71/2023-10-01", "Kesbangpol")

    asyncio.run(use())
