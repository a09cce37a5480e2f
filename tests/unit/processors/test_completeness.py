"""Completeness: who was expected, who reported, when; told by the time of the log alone."""

import importlib.util
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from simpul_processors.completeness_stage import CompletenessStage
from simpul_schemas import rows
from simpul_schemas.log import Partition
from simpul_schemas.roster import RosterAction, example
from simpul_schemas.topics import ROSTER_TOPIC
from simpul_schemas.wire import frame


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).parents[2] / "oracle/completeness.py")
IDS, REGISTRY, ROSTER, an_entry, at, blocks, put, report, roster, run, the_nation, tick = (
    oracle.IDS,
    oracle.REGISTRY,
    oracle.ROSTER,
    oracle.an_entry,
    oracle.at,
    oracle.blocks,
    oracle.put,
    oracle.report,
    oracle.roster,
    oracle.run,
    oracle.the_nation,
    oracle.tick,
)


def test_of_514_expected_3_silent_2_late_and_1_nil_are_told_with_their_names_by_the_clock_alone() -> None:
    logged = the_nation()
    before, _ = run([logged[:-1]])
    assert before.row()["closed"] is True, "the late reports came after the deadline"
    without_late = [one for one in logged if one[3] < at("2024-03-08")]
    waiting, _ = run([without_late])
    row = waiting.row()
    assert (row["expected"], row["reported"], row["silent"], row["closed"]) == (514, 509, 0, False)
    closed, _ = run([without_late, [tick(at("2024-03-07T17:00"))]])
    row = closed.row()
    assert (row["expected"], row["reported"], row["on_time"], row["late"], row["nil"]) == (514, 509, 509, 0, 1)
    # The days allowed end at midnight: 15:00 UTC in WIT, 16:00 in WITA, and now in WIB.
    assert (row["silent"], row["closed"]) == (5, True)
    done, _ = run([logged])
    row = done.row()
    assert (row["expected"], row["reported"], row["on_time"], row["late"], row["silent"], row["nil"]) == (
        514,
        511,
        509,
        2,
        3,
        1,
    )
    entries = example(date(2024, 2, 1))
    assert row["silent_units"] == sorted(entry.name for entry in entries[:3]) == row["missing"]
    assert row["late_units"] == sorted(entry.name for entry in entries[3:5])
    assert row["claimed"] == 510 * 3
    province = done.row(entries[0].region[:2])
    assert (province["expected"] - province["reported"], province["missing"]) == (3, row["missing"])


def test_each_zone_closes_at_its_own_midnight() -> None:
    regions = {"u7": "53.01", "u8": "73.71", "u9": "91.03"}  # NTT is WITA as well
    entries = [roster(an_entry(unit, region), at("2024-02-01")) for unit, region in regions.items()]
    reader, store = run([entries])
    seen = []
    start: dict[str, int] = {ROSTER_TOPIC: 3}
    for hour in ("14:59", "15:00", "15:59", "16:00", "16:59", "17:00"):
        put(
            CompletenessStage(REGISTRY),
            store,
            blocks([tick(at(f"2024-03-07T{hour}"))], start),
            reader,
        )
        seen.append(reader.row()["silent"])
    assert seen == [0, 1, 1, 3, 3, 3]


def test_a_report_is_on_time_until_the_last_moment_of_the_days_allowed() -> None:
    entries = [roster(an_entry(unit, "31.71"), at("2024-02-01")) for unit in ("a", "b")]
    due = at("2024-03-08T00:00+07:00")
    reader, _ = run([[*entries, report("a", "31.71", due - 1), report("b", "31.71", due)]])
    row = reader.row()
    assert (row["on_time"], row["late"], row["late_units"]) == (1, 1, ["Badan b"])


def test_a_corrected_report_stays_on_time_and_a_withdrawn_one_is_missing_again() -> None:
    entry = roster(an_entry(), at("2024-02-01"))
    first = report("u1", "53.01", at("2024-03-02"), claims={"incident": 3})
    correction = report("u1", "53.01", at("2024-04-02"), revision=2, claims={"incident": 5})
    withdrawal = report("u1", "53.01", at("2024-04-03"), revision=3, action="WITHDRAW")
    row = run([[entry, first, correction]])[0].row()
    assert (row["reported"], row["on_time"], row["claimed"]) == (1, 1, 5)
    row = run([[entry, first, correction, withdrawal]])[0].row()
    assert (row["expected"], row["reported"], row["silent"], row["claimed"], row["missing"]) == (
        1,
        0,
        1,
        0,
        ["Badan u1"],
    )


def test_a_report_that_was_meant_for_another_month_is_late_where_it_came_late() -> None:
    entry = roster(an_entry(), at("2024-01-01"))
    wrong = report("u1", "53.01", at("2024-02-02"), period="2024-01", subject="l")
    right = report("u1", "53.01", at("2024-04-02"), period="2024-02", subject="l", revision=2)
    reader, _ = run([[entry, wrong, right]])
    assert reader.row(period="2024-01")["reported"] == 0
    assert (reader.row()["reported"], reader.row()["on_time"]) == (1, 0)


@pytest.mark.parametrize("mode", ["TEST", "EXERCISE"])
def test_an_exercise_reports_nothing(mode: str) -> None:
    reader, _ = run(
        [
            [
                roster(an_entry(), at("2024-02-01")),
                report("u1", "53.01", at("2024-03-02"), mode=mode),
            ]
        ]
    )
    assert reader.row()["reported"] == 0


def test_a_report_that_nobody_expects_counts_nowhere_but_is_told() -> None:
    entry = roster(an_entry(), at("2024-02-01"))
    stranger = report("u9", "53.02", at("2024-03-02"))
    impostor = report("u1", "73.71", at("2024-03-02"))
    reader, store = run([[entry, stranger, impostor]])
    row = reader.row()
    assert (row["expected"], row["reported"], row["unexpected"]) == (1, 0, 2)
    assert (reader.row("53")["unexpected"], reader.row("73")["unexpected"]) == (1, 1)
    more = [roster(an_entry("u9", "53.02"), at("2024-03-03"))]
    run([[], more], store, reader)
    assert (reader.row()["expected"], reader.row()["reported"], reader.row()["unexpected"]) == (2, 1, 1)


def test_a_split_changes_expected_and_reported_alike_also_in_the_past() -> None:
    whole = an_entry("induk", "53.01")
    reports = [
        report("induk", "53.01", at("2024-03-02")),
        report("pemekaran", "53.02", at("2024-03-03")),
    ]
    reader, store = run([[roster(whole, at("2024-01-01")), *reports]])
    assert (reader.row()["expected"], reader.row()["reported"]) == (1, 1)
    split = [
        roster(an_entry("induk", "53.01", valid_to=date(2024, 2, 15)), at("2024-04-01"), 2),
        roster(an_entry("pemekaran", "53.02", valid_from=date(2024, 2, 15)), at("2024-04-01")),
    ]
    start = {ROSTER_TOPIC: 1}
    put(CompletenessStage(REGISTRY), store, blocks(split, start), reader)
    # February belongs to the unit that is there on its last day; January still to the older one.
    assert (reader.row()["expected"], reader.row()["reported"], reader.row()["unexpected"]) == (1, 1, 1)
    assert reader.row("53.01")["expected"] == 0
    assert reader.row("53.02")["reported"] == 1
    assert reader.row(period="2024-01")["expected"] == 1
    assert reader.row("53.01", period="2024-03")["expected"] == 0


def test_longer_periods_are_the_sums_of_their_months() -> None:
    entry = roster(an_entry(), at("2024-01-01"))
    reports = [report("u1", "53.01", at("2024-05-03"), period=f"2024-0{month}") for month in (1, 2, 4)]
    reader, _ = run([[entry, *reports]])
    for kind, period, expected in (("CATURWULAN", "2024-C1", 4), ("CATURWULAN", "2024-C2", 1), ("YEAR", "2024", 5)):
        row = reader.row("53", kind, period)
        assert row["expected"] == expected
        assert row["closed"] is False
    row = reader.row("53", "CATURWULAN", "2024-C1")
    assert (row["reported"], row["on_time"], row["missing"]) == (3, 1, ["Badan u1"])


def test_a_report_covers_what_it_claims_and_itself() -> None:
    entries = [
        roster(an_entry(event_type=name), at("2024-02-01")) for name in ("incident", "aspiration", "report", "budget")
    ]
    reader, _ = run([[*entries, report("u1", "53.01", at("2024-03-02"), claims={"incident": 0, "aspiration": 4})]])
    found = {name: reader.row(what=name) for name in ("incident", "aspiration", "report", "budget")}
    assert {name: row["reported"] for name, row in found.items()} == {
        "incident": 1,
        "aspiration": 1,
        "report": 1,
        "budget": 0,
    }
    assert {name: row["nil"] for name, row in found.items()} == {
        "incident": 1,
        "aspiration": 0,
        "report": 0,
        "budget": 0,
    }
    assert found["report"]["unexpected"] == 0


def test_a_withdrawn_entry_expects_nothing_any_more() -> None:
    entry = an_entry()
    logged = [
        roster(entry, at("2024-02-01")),
        roster(entry, at("2024-02-02"), 2, RosterAction.WITHDRAW),
    ]
    reader, store = run([logged[:1]])
    assert reader.row()["expected"] == 1
    put(CompletenessStage(REGISTRY), store, blocks(logged[1:], {ROSTER_TOPIC: 1}), reader)
    assert reader.row()["expected"] == 0


def test_a_record_of_the_roster_that_makes_no_sense_is_counted_as_refused() -> None:
    record = an_entry().to_record(RosterAction.SUBMIT, 1) | {"region": "99.99"}
    value = frame(IDS["roster"], rows.encode(ROSTER, record))
    reader, store = run([[(ROSTER_TOPIC, "k", value, 5), (ROSTER_TOPIC, "k", b"?", 6)]])
    position = store.positions()[Partition(ROSTER_TOPIC, 0)]
    assert (position.records, position.refused) == (2, 2)
    assert reader.rows == {}
