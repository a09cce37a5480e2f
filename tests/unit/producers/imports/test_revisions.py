"""Rows without a time stamp: the outbox decides what is new, what is a correction and what was said already."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.imports.mapping import parse_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.outbox import Outbox, State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.rows import decode

NOW = to_micros(datetime(2024, 4, 1, tzinfo=UTC))
HEADER = "no,tanggal,kecamatan,meninggal,status"
MAPPING = """
event_type: incident
times:
  day: {column: tanggal, format: '%d %b %Y', timezone: wita}
regions:
  place: {day_from: day, parent: '53.13', steps: [{scheme: name, given: '{kecamatan}'}]}
fields:
  subject: {template: 'banjir:{no}'}
  region: {region: place}
  occurred_at: {time: day}
  recorded_at: {now: true}
  source: {constant: bpbd.53.13}
  kind: {constant: DISASTER}
  category: {constant: banjir}
  severity: {constant: UNKNOWN}
  verification: {column: status}
  time_precision: {constant: DAY}
  killed: {column: meninggal}
"""
ROWS = ["1,13 Des 2023,Nubatukan,0,UNVERIFIED", "2,24 Agu 2023,Ile Ape,,UNVERIFIED"]
Import = Callable[..., tuple[ImportResult, RefusalReport]]


@pytest.fixture
def outbox() -> InMemoryOutbox:
    return InMemoryOutbox()


@pytest.fixture
def run(tmp_path: Path) -> Import:
    def do(
        rows: list[str], outbox: Outbox | None, now: int = NOW, batch_rows: int = 2
    ) -> tuple[ImportResult, RefusalReport]:
        path = tmp_path / "banjir.csv"
        path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
        report, result = RefusalReport(None), ImportResult()
        spec = parse_mapping(MAPPING, "map.yaml")
        Importer(spec, "map.yaml", outbox, report, lambda: now, batch_rows).run(path, result)
        return result, report

    return do


def said(outbox: InMemoryOutbox, subject: str) -> list[dict[str, Any]]:
    schema = event_type("incident").parsed_schema
    rows = [waiting.row for waiting in outbox.pending(100)]
    return [decode(schema, row.body) for row in rows if row.subject == subject]


def test_a_second_import_adds_nothing_though_the_clock_went_on(run: Import, outbox: InMemoryOutbox) -> None:
    first, _ = run(ROWS, outbox)
    again, _ = run(ROWS, outbox, NOW + 10**9)
    assert (first.published, first.unchanged) == (2, 0)
    assert (again.published, again.unchanged) == (0, 2)
    assert {row["revision"] for row in said(outbox, "banjir:1")} == {NOW}
    assert {row["recorded_at"] for row in said(outbox, "banjir:1")} == {NOW}


def test_a_changed_row_is_a_correction_also_where_the_clock_went_back(run: Import, outbox: InMemoryOutbox) -> None:
    run(ROWS, outbox)
    changed = ["1,13 Des 2023,Nubatukan,3,UNVERIFIED", ROWS[1]]
    result, _ = run(changed, outbox, NOW - 10**9)
    assert (result.published, result.unchanged) == (1, 1)
    first, second = said(outbox, "banjir:1")
    assert (first["killed"], second["killed"]) == (0, 3)
    assert second["revision"] == first["revision"] + 1
    assert first["event_id"] != second["event_id"]


def test_what_goes_back_to_what_it_was_is_said_anew(run: Import, outbox: InMemoryOutbox) -> None:
    changed = ["1,13 Des 2023,Nubatukan,3,UNVERIFIED"]
    for rows in (ROWS, changed, ROWS, ROWS):
        run(rows, outbox)
    told = said(outbox, "banjir:1")
    assert [row["killed"] for row in told] == [0, 3, 0]
    assert len({row["event_id"] for row in told}) == 3


def test_the_same_rows_give_the_same_ids_in_another_outbox_at_another_time(run: Import, outbox: InMemoryOutbox) -> None:
    other = InMemoryOutbox()
    run(ROWS, outbox)
    run(list(reversed(ROWS)), other, NOW + 10**9)
    assert set(outbox.event_ids(State.PENDING)) == set(other.event_ids(State.PENDING))


def test_a_row_that_says_otherwise_of_the_same_thing_is_refused_and_a_repeated_one_is_not(
    run: Import, outbox: InMemoryOutbox
) -> None:
    result, report = run([ROWS[0], ROWS[0], "1,13 Des 2023,Nubatukan,9,UNVERIFIED"], outbox)
    assert (result.published, result.unchanged, result.refused) == (1, 1, 1)
    assert report.by_code == {"import.subject_repeated": 1}
    assert [row["killed"] for row in said(outbox, "banjir:1")] == [0]


def test_a_step_that_the_lifecycle_does_not_know_is_refused(run: Import, outbox: InMemoryOutbox) -> None:
    run(["1,13 Des 2023,Nubatukan,0,VERIFIED"], outbox)
    result, report = run(ROWS, outbox)
    assert report.by_code == {"incident.verification_taken_back": 1}
    assert (result.acceptable, result.published, result.refused) == (1, 1, 1)


def test_a_name_that_is_not_known_is_refused_with_the_nearest(run: Import, outbox: InMemoryOutbox) -> None:
    result, report = run(["1,13 Des 2023,Nubatukanbarat,0,UNVERIFIED"], outbox)
    assert result.refused == 1
    example = report.examples["import.region_unknown_name"]
    assert "Nubatukan" in example.remedy_en
    assert (example.field, example.value) == ("region", "Nubatukanbarat")


def test_a_dry_run_judges_all_and_takes_nothing(run: Import) -> None:
    result, _ = run([*ROWS, ROWS[0]], None)
    assert (result.acceptable, result.published, result.unchanged) == (3, 0, 0)


IMPORT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from simpul_producers.imports.mapping import load_mapping
    from simpul_producers.imports.refusals import RefusalReport
    from simpul_producers.imports.run import Importer, ImportResult
    from simpul_producers.sqlite_outbox import SqliteOutbox

    importer = Importer(
        load_mapping(sys.argv[1]), "m", SqliteOutbox(Path(sys.argv[2])), RefusalReport(None),
        lambda: time.time_ns() // 1000, batch_rows=20,
    )
    importer.run(Path(sys.argv[3]), ImportResult(), lambda rows, share: print(rows, flush=True))
""")


def test_a_killed_import_that_is_begun_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    mapping, table, database = tmp_path / "map.yaml", tmp_path / "banjir.csv", tmp_path / "outbox.db"
    mapping.write_text(MAPPING, encoding="utf-8")
    rows = [f"{number},13 Des 2023,Nubatukan,{number % 7},UNVERIFIED" for number in range(3000)]
    table.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    arguments = [sys.executable, "-c", IMPORT, str(mapping), str(database), str(table)]
    for _ in range(3):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    with closing(SqliteOutbox(database)) as outbox:
        survived = outbox.counts().pending
        assert 60 <= survived < 3000, "killed too early or too late to be in the middle"
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    with closing(SqliteOutbox(database)) as outbox:
        subjects = [waiting.row.subject for waiting in outbox.pending(5000)]
    assert sorted(subjects) == sorted(f"banjir:{number}" for number in range(3000))
