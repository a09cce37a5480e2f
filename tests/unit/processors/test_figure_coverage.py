"""Every figure carries its coverage, whichever of the two topics was read first."""

import json
import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import fastavro
import pytest

from simpul_processors.figure_stage import FigureStage
from simpul_processors.fold import settle
from simpul_processors.restatement_stage import RestatementStage
from simpul_processors.testing import InMemoryStore
from simpul_schemas import rows
from simpul_schemas.coverage import COVERAGE_SCHEMA, ROSTER_SHIFT
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.subjects import schemas_by_subject
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import (
    COVERAGE_TOPIC,
    partial_topic,
    restatement_topic,
    value_subject,
    view_topic,
)
from simpul_schemas.wire import frame, unframe

if TYPE_CHECKING:
    from simpul_processors.store import Store

SPEC = VIEW_SPECS["prevention"]
PARTIAL = fastavro.parse_schema(json.loads(SPEC.partial_schema))
COVERAGE = fastavro.parse_schema(json.loads(COVERAGE_SCHEMA))
RESTATEMENT = fastavro.parse_schema(json.loads(RESTATEMENT_SCHEMA))
TOPICS = (partial_topic(SPEC.name), COVERAGE_TOPIC, view_topic(SPEC.name), restatement_topic(SPEC.name))
REGISTRY = InMemoryRegistry()
for _subject, _schema in schemas_by_subject().items():
    if _subject in {value_subject(topic) for topic in TOPICS}:
        REGISTRY.register(_subject, _schema)
Record = tuple[str, bytes]


def partial(
    region: str, period: str, position: int, findings: int, origin: str = "simpul.53.prevention.v1/0"
) -> Record:
    kind = "DAY" if len(period) == 10 else "MONTH"
    value: dict[str, Any] = {"region": region, "period_kind": kind, "period": period, "origin": origin}
    value |= {"revision": position} | dict.fromkeys((one.name for one in SPEC.dimensions), "X")
    value |= dict.fromkeys(SPEC.measure_names, findings)
    topic = partial_topic(SPEC.name)
    schema_id = REGISTRY.lookup(value_subject(topic), SPEC.partial_schema)
    return topic, frame(schema_id, rows.encode(PARTIAL, value))


def coverage(region: str, period: str, changes: int, reported: int, **values: Any) -> Record:
    level = "nation" if region == "ID" else ("province", "regency", "district")[region.count(".")]
    row: dict[str, Any] = dict.fromkeys(("late", "silent", "nil", "claimed", "unexpected"), 0)
    row |= {"event_type": "prevention", "level": level, "region": region, "period": period}
    row |= {"period_kind": {4: "YEAR", 7: "MONTH", 8: "WEEK", 10: "DAY"}[len(period)], "closed": False, "direct": True}
    row |= {"revision": values.pop("roster", 1) << ROSTER_SHIFT | changes, "expected": 3, "reported": reported}
    row |= {"on_time": reported, "missing": [f"unit {n}" for n in range(3 - reported)]}
    row |= {"silent_units": [], "late_units": [], "as_of": 1} | values
    schema_id = REGISTRY.lookup(value_subject(COVERAGE_TOPIC), COVERAGE_SCHEMA)
    return COVERAGE_TOPIC, frame(schema_id, rows.encode(COVERAGE, row))


def blocks(records: Sequence[Record], start: dict[str, int], moment: int) -> list[Block]:
    found = []
    for topic in TOPICS:
        mine = [value for name, value in records if name == topic]
        if mine:
            first = start.get(topic, 0)
            start[topic] = first + len(mine)
            offsets = range(first, first + len(mine))
            found.append(Block(Partition(topic, 0), mine, [b"k"] * len(mine), offsets, [moment] * len(mine)))
    return found


Figures = dict[tuple[str, str, str], dict[str, Any]]


def run(batches: Iterable[Sequence[Record]], figures: Figures | None = None) -> tuple[Figures, list[Outgoing]]:
    """Fold batches with an empty store; a reader's figures of the highest revision, and all that was published."""
    figures = {} if figures is None else figures
    published: list[Outgoing] = []
    store: Store = InMemoryStore()
    stage = FigureStage(SPEC, REGISTRY)
    start: dict[str, int] = {}
    for number, batch in enumerate(batches, 1):
        if not batch:
            continue
        with store.transaction() as transaction:
            stage.apply(transaction, blocks(batch, start, number * 1000))
        with store.snapshot() as snapshot:
            due = stage.due(snapshot)
        with store.transaction() as transaction:
            settle(transaction, due.entries)
        published += due.records
        for record in due.records:
            assert record.value is not None
            row = rows.decode(fastavro.parse_schema(json.loads(SPEC.figure_schema)), unframe(record.value)[1])
            place = (row["region"], row["period_kind"], row["period"])
            if place not in figures or row["revision"] > figures[place]["revision"]:
                figures[place] = row
    return figures, published


DAY = ("53.01.05", "DAY", "2024-02-14")


def test_without_a_roster_a_figure_says_that_its_coverage_is_not_known() -> None:
    figures, _ = run([[partial("53.01.05", "2024-02-14", 7, 2)]])
    row = figures[DAY]
    told = [row[name] for name in ("findings", "expected", "reported", "coverage", "missing")]
    assert told == [2, None, None, "NONE", []]
    assert (row["revision"], row["as_of"]) == (7, 1000)


def test_a_figure_has_the_coverage_of_its_own_place() -> None:
    figures, _ = run([[partial("53.01.05", "2024-02-14", 7, 2), coverage("53.01", "2024-02", 1, 2, closed=True)]])
    row = figures["53.01", "MONTH", "2024-02"]
    assert (row["findings"], row["expected"], row["reported"], row["on_time"], row["late"]) == (2, 3, 2, 2, 0)
    assert (row["coverage"], row["missing"]) == ("CLOSED", ["unit 0"])


def test_a_day_of_a_kecamatan_has_the_month_of_the_kabupaten_whose_unit_stands_for_it() -> None:
    day, kabupaten = partial("53.01.05", "2024-02-14", 7, 2), coverage("53.01", "2024-02", 1, 2)
    figures, _ = run([[day, kabupaten, coverage("53", "2024", 1, 1), coverage("ID", "2024-02", 1, 0)]])
    assert figures[DAY]["reported"] == 2
    assert figures["53.01.05", "WEEK", "2024-W07"]["reported"] == 2
    assert figures["53", "YEAR", "2024"]["reported"] == 1
    assert figures["53", "CATURWULAN", "2024-C1"]["reported"] == 1
    assert figures["ID", "MONTH", "2024-02"]["reported"] == 0
    assert figures["ID", "DAY", "2024-02-14"]["reported"] == 0


def test_a_row_that_is_only_a_sum_says_nothing_of_what_is_below_it() -> None:
    figures, _ = run([[partial("53.01.05", "2024-02-14", 7, 2), coverage("53", "2024-02", 1, 2, direct=False)]])
    assert figures["53", "MONTH", "2024-02"]["reported"] == 2
    assert figures["53.01", "MONTH", "2024-02"]["reported"] is None
    assert figures["53", "DAY", "2024-02-14"]["reported"] is None


def test_a_place_that_no_roster_has_spoken_of_has_no_coverage_though_someone_reports_there() -> None:
    strange = coverage("53.01", "2024-02", 1, 0, roster=0, expected=0, unexpected=1)
    figures, _ = run([[partial("53.01.05", "2024-02-14", 7, 2), strange]])
    assert figures["53.01", "MONTH", "2024-02"]["expected"] is None


def test_figures_are_published_again_when_their_coverage_changes_and_no_others() -> None:
    base = [
        partial("53.01.05", "2024-02-14", 7, 2),
        partial("53.02", "2024-02-14", 8, 1),
        coverage("53.01", "2024-02", 1, 1),
    ]
    _, before = run([base])
    figures, after = run([base, [coverage("53.01", "2024-02", 2, 3)]])
    assert figures[DAY]["reported"] == 3
    again = {tuple(json.loads(record.key or b"")[:2]) for record in after[len(before) :]}
    assert again == {("district", "53.01.05"), ("regency", "53.01")}
    _, other_type = run([base, [coverage("53.01", "2024-02", 9, 3, event_type="incident")]])
    assert len(other_type) == len(before)


def test_more_than_twenty_missing_are_listed_by_twenty_names() -> None:
    many = [f"unit {number:02d}" for number in range(30)]
    row = coverage("53.01", "2024-02", 1, 0, missing=many, expected=30)
    figures, _ = run([[partial("53.01", "2024-02-14", 7, 2), row]])
    assert figures["53.01", "MONTH", "2024-02"]["missing"] == many[:20]


def interleaved(partials: list[Record], coverages: list[Record], chance: random.Random) -> list[list[Record]]:
    """Batches in which each topic keeps its order."""
    left, right = list(partials), list(coverages)
    found = []
    while left or right:
        one, two = chance.randint(0, 3), chance.randint(0, 3)
        found.append(left[:one] + right[:two])
        del left[:one], right[:two]
    return found


@pytest.mark.parametrize("seed", range(25))
def test_a_worker_that_takes_over_or_wakes_up_cannot_make_an_older_coverage_win(seed: int) -> None:
    chance = random.Random(seed)
    origins = ("simpul.53.prevention.v1/0", "simpul.73.prevention.v1/0")
    days = ("2024-02-14", "2024-02-29", "2024-03")
    partials = [
        partial(
            chance.choice(("53.01.05", "53.01")), chance.choice(days), n, chance.randint(0, 9), chance.choice(origins)
        )
        for n in range(1, 15)
    ]
    coverages = [
        coverage(
            chance.choice(("53.01.05", "53.01", "53", "ID")), chance.choice(("2024-02", "2024-02-14", "2024")), n, n % 4
        )
        for n in range(1, 15)
    ]
    truth, _ = run([[*partials, *coverages]])
    stale = interleaved(partials, coverages, chance)
    shared, _ = run(stale[: chance.randint(0, len(stale))])
    run(interleaved(partials, coverages, chance), shared)
    run(stale[: chance.randint(0, len(stale))], shared)
    without_time = [{place: row | {"as_of": 0} for place, row in each.items()} for each in (shared, truth)]
    assert without_time[0] == without_time[1]


def restatements(published: Sequence[Outgoing], cuts: int) -> list[dict[str, Any]]:
    store: Store = InMemoryStore()
    found = []
    for number in range(0, len(published), cuts):
        part = published[number : number + cuts]
        offsets = range(number, number + len(part))
        block = Block(
            Partition(view_topic(SPEC.name), 0),
            [one.value for one in part],
            [one.key for one in part],
            offsets,
            [5_000 + offset for offset in offsets],
        )
        with store.transaction() as transaction:
            found += RestatementStage(REGISTRY).apply(transaction, [block])
    return [rows.decode(RESTATEMENT, unframe(one.value or b"")[1]) for one in found]


@pytest.mark.parametrize("cuts", [1, 4, 1000])
def test_what_changes_in_a_closed_figure_is_restated_with_the_difference_and_the_cause(cuts: int) -> None:
    closed = {"closed": True}
    _, published = run(
        [
            [partial("53.01", "2024-02-14", 1, 2), coverage("53.01", "2024-02", 1, 2)],
            [partial("53.01", "2024-02-14", 2, 5)],  # still open
            [coverage("53.01", "2024-02", 2, 2, **closed)],
            [partial("53.01", "2024-02-14", 3, 4)],  # a correction
            [
                partial("53.01", "2024-02-14", 4, 9),
                coverage("53.01", "2024-02", 3, 3, late=1, **closed),
            ],  # a late report
        ]
    )
    found = [one for one in restatements(published, cuts) if (one["level"], one["period_kind"]) == ("regency", "MONTH")]
    told = [(one["why"], *[(c["before"], c["after"], c["difference"]) for c in one["changes"][:1]]) for one in found]
    assert told == [("CORRECTION", (5, 4, -1)), ("LATE", (4, 9, 5))]
    assert found[1]["revision_before"] == found[0]["revision"]
    assert {change["measure"] for change in found[0]["changes"]} == set(SPEC.measure_names)


def test_a_closed_figure_that_is_published_again_without_a_change_restates_nothing() -> None:
    closed = coverage("53.01", "2024-02", 1, 2, closed=True)
    _, published = run(
        [[partial("53.01", "2024-02-14", 1, 2), closed], [coverage("53.01", "2024-02", 2, 3, closed=True)]]
    )
    assert restatements([*published, *published], 3) == []
