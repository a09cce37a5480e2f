"""Every figure of every view, at every level and period, against the referee; and a view that nobody knew before."""

import importlib.util
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import fastavro
import polars as pl
import pytest

from simpul_processors import audit
from simpul_processors.figure_stage import FigureStage
from simpul_processors.fold import settle
from simpul_processors.partial_stage import PartialStage
from simpul_processors.stages import Stage
from simpul_processors.testing import InMemoryStore
from simpul_processors.view import View, by_day
from simpul_processors.views import VIEWS
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.figures import Named, ViewSpec
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.signing import new_signer
from simpul_schemas.testing import InMemoryLog, InMemoryRegistry
from simpul_schemas.topics import event_topic, partial_topic, receipt_topic, value_subject, view_topic
from simpul_schemas.wire import frame, unframe


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).with_name("every_view.py"))
EVENTS = 1200


class Bus:
    """A log in memory that holds events of one type, and the folds of a view over it."""

    def __init__(self, view: View, published: Sequence[dict[str, Any]]) -> None:
        self.view, self.log, self.registry = view, InMemoryLog(), InMemoryRegistry()
        spec, kind = view.spec, event_type(view.spec.event_type)
        self.registry.register(value_subject(partial_topic(spec.name)), spec.partial_schema)
        self.registry.register(value_subject(view_topic(spec.name)), spec.figure_schema)
        nothing = dict.fromkeys(field["name"] for field in kind.parsed_schema["fields"])
        for event in published:
            topic = event_topic(event["region"][:2], kind.name)
            schema_id = self.registry.register(value_subject(topic), kind.schema)
            value = frame(schema_id, rows.encode(kind.parsed_schema, nothing | event))
            self.log.append(Outgoing(topic, event["subject"].encode(), value))
            self.registry.register(value_subject(receipt_topic(event["region"][:2])), RECEIPT_SCHEMA)

    def fold(self, batch: int) -> None:
        """Run both stages over all that there is, in batches of their own."""
        self._run(PartialStage(self.view, self.registry, new_signer()), batch)
        self._run(FigureStage(self.view.spec, self.registry), batch)

    def _run(self, stage: Stage, batch: int) -> None:
        store = InMemoryStore()
        reached = {Partition(topic, 0): 0 for topic in stage.topics}
        while blocks := [block for at in reached if (block := self.log.read(at, reached[at], batch))]:
            with store.transaction() as transaction:
                sent = stage.apply(transaction, blocks)
            with store.snapshot() as snapshot:
                due = stage.due(snapshot)
            for record in [*sent, *due.records]:
                self.log.append(record)
            with store.transaction() as transaction:
                settle(transaction, due.entries)
            reached |= {block.partition: block.next_offset for block in blocks}

    def figures(self) -> dict[tuple[str, ...], dict[str, int]]:
        """What a reader of the view's topic holds: the highest revision of each figure that is not nothing."""
        spec = self.view.spec
        schema = fastavro.parse_schema(json.loads(spec.figure_schema))
        newest: dict[tuple[str, ...], dict[str, Any]] = {}
        for record, _ in self.log.topics[view_topic(spec.name)]:
            assert record.value is not None
            figure = rows.decode(schema, unframe(record.value)[1])
            key = tuple(figure[name] for name in ("level", "region", *spec.dimension_names))
            if key not in newest or figure["revision"] >= newest[key]["revision"]:
                newest[key] = figure
        measured = {key: {name: figure[name] for name in spec.measure_names} for key, figure in newest.items()}
        return {key: figure for key, figure in measured.items() if any(figure.values())}

    def refused(self) -> list[str]:
        """The codes of all that was refused; a notice of two that share a revision refuses neither."""
        topics = [topic for topic in self.log.topics if topic.endswith(".quarantine.v1")]
        codes = [dict(record.headers)["simpul_codes"] for topic in topics for record, _ in self.log.topics[topic]]
        return [code.decode() for code in codes if code != b"subject.conflict"]


def filled(view: View, expected: dict[tuple[str, ...], dict[str, int]]) -> dict[tuple[str, ...], dict[str, int]]:
    """Give every figure all measures of its view: what the referee did not name is 0, what the view lacks stays."""
    return {key: dict.fromkeys(view.spec.measure_names, 0) | figure for key, figure in expected.items()}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("batch", [EVENTS, 157])
def test_every_figure_of_a_view_is_what_the_referee_says_at_every_level_and_period(name: str, batch: int) -> None:
    view = VIEWS[name]
    published = oracle.events(random.Random(f"{name} {batch}"), view.spec.event_type, EVENTS)
    bus = Bus(view, published)
    bus.fold(batch)
    assert bus.refused() == []
    expected = filled(view, oracle.figures(name, published))
    assert bus.figures() == expected
    assert {key[2] for key in expected} == ({each.value for each in view.spec.periods} or {"NONE"})
    assert {key[0] for key in expected} == {"district", "regency", "province", "nation"}
    for measure in view.spec.measure_names:
        assert any(figure[measure] for figure in expected.values()), f"nothing tests {measure}"


@pytest.mark.parametrize("name", VIEWS)
def test_the_audit_adds_up_the_same_figures(name: str) -> None:
    view = VIEWS[name]
    published = oracle.events(random.Random(name), view.spec.event_type, EVENTS)
    bus = Bus(view, published)
    reached = [Partition(topic, 0) for topic in PartialStage(view, bus.registry).topics]
    blocks = [block for at in reached if (block := bus.log.read(at, 0, EVENTS))]
    found = audit.survey(view, bus.registry, blocks).figures
    keys, measures = audit.figure_keys(view.spec), view.spec.measure_names
    as_figures = {
        tuple(row[key] for key in keys): {name: row[name] for name in measures} for row in found.iter_rows(named=True)
    }
    assert as_figures == filled(view, oracle.figures(name, published))


def test_a_view_that_is_only_declared_computes_its_history_from_the_log() -> None:
    spec = ViewSpec(
        name="night",
        event_type="incident",
        doc="Kejadian malam. Incidents by category and source.",
        dimensions=(Named("category", "Kategori. Category."), Named("source_kind", "Sumber. Source.")),
        measures=(Named("incidents", "Kejadian. Incidents."), Named("killed", "Korban. Killed.")),
        coverage=("incidents", "incidents"),
        fields=frozenset({"category", "source_kind", "killed"}),
    )
    view = View(
        spec,
        by_day("recorded_at"),
        {"category": pl.col("category"), "source_kind": pl.col("source_kind")},
        {"incidents": pl.lit(1), "killed": pl.col("killed")},
    )
    published = oracle.events(random.Random("night"), "incident", 300)
    bus = Bus(view, published)
    bus.fold(50)
    found = bus.figures()
    expected = oracle.figures("incident", published)
    nation = {key: figure for key, figure in found.items() if key[:3] == ("nation", "ID", "YEAR")}
    assert {key[4:] for key in nation} == {("uji", "-")}
    for measure in ("incidents", "killed"):
        by_year = [figure[measure] for key, figure in expected.items() if key[:3] == ("nation", "ID", "YEAR")]
        assert sum(figure[measure] for figure in nation.values()) == sum(by_year) > 0


@pytest.mark.parametrize("name", ["aid_items", "incident"])
def test_partial_figures_in_any_order_and_twice_give_the_same_figures(name: str) -> None:
    rng = random.Random(name)
    bus = Bus(VIEWS[name], oracle.events(rng, VIEWS[name].spec.event_type, 400))
    bus.fold(37)
    expected = bus.figures()
    partials = bus.log.topics[partial_topic(name)]
    again = partials + rng.sample(partials, len(partials) // 3)
    rng.shuffle(again)
    bus.log.topics[partial_topic(name)], bus.log.topics[view_topic(name)] = again, []
    bus._run(FigureStage(VIEWS[name].spec, bus.registry), 53)
    assert bus.figures() == expected
    assert len(expected) > 500


def test_handovers_without_lines_are_in_no_figure_of_lines() -> None:
    published = oracle.events(random.Random("empty"), "aid_handover", 50)
    bus = Bus(VIEWS["aid_items"], [event | {"items": None} for event in published])
    bus.fold(7)
    assert bus.log.topics[partial_topic("aid_items")]
    assert bus.figures() == {}
