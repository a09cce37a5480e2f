"""Files come in the wrong order and twice, which changes nothing; and what is wrong is seen by this harness."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from simpul_deploy.demo.tie_out import TieOut

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]


@dataclass
class Done:
    """A demo that has taken the corrections first, then the originals, and nothing else yet."""

    bench: Any
    imported: Any
    after_corrections: list[str]

    def tie_out(self) -> TieOut:
        found: TieOut = self.bench.running.tie_out(self.imported)
        return found


@pytest.fixture(scope="module")
def done(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    with harness.open_bench(tmp_path_factory.mktemp("again"), 0, workers=1, max_records=50_000) as bench:
        everything = bench.files
        originals, corrections = everything
        bench.files = [corrections]
        imported = bench.import_all()
        bench.running.wait()
        after_corrections = harness.wrong(bench, imported)
        bench.files = everything
        bench.import_all([originals])
        bench.running.wait()
        yield Done(bench, bench.import_all(), after_corrections)


@pytest.fixture
def database(done: Done) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(done.bench.running.endpoints.postgresql_url, autocommit=True) as connection:
        yield connection


def test_corrections_that_come_before_the_originals_win_all_the_same(harness: Any, done: Done) -> None:
    assert done.after_corrections == []
    assert harness.wrong(done.bench, done.imported) == []


def test_files_imported_a_second_time_also_in_one_go_publish_nothing_and_change_nothing(
    harness: Any, done: Done, database: psycopg.Connection[Any]
) -> None:
    def state() -> Any:
        return database.execute("SELECT * FROM simpul_offset ORDER BY 1, 2, 3").fetchall()

    before = state()
    again = done.bench.import_all([*done.bench.files, *reversed(done.bench.files)])
    done.bench.running.wait()
    assert again.published == 0
    assert again.unchanged == again.rows_read - again.refused
    assert state() == before
    assert harness.wrong(done.bench, done.imported) == []


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        pytest.param(
            "UPDATE partisipasi SET valid = valid + 1 WHERE level = 'district' AND region = '21.01.04'",
            "UPDATE partisipasi SET valid = valid - 1 WHERE level = 'district' AND region = '21.01.04'",
            id="a figure of one kecamatan is one vote too high",
        ),
        pytest.param(
            "UPDATE partisipasi SET region = '21.98' WHERE level = 'regency' AND region = '21.01'",
            "UPDATE partisipasi SET region = '21.01' WHERE level = 'regency' AND region = '21.98'",
            id="a figure stands under another region",
        ),
        pytest.param(
            "CREATE TABLE kept AS SELECT * FROM partisipasi WHERE level = 'nation';"
            "DELETE FROM partisipasi WHERE level = 'nation'",
            "INSERT INTO partisipasi SELECT * FROM kept; DROP TABLE kept",
            id="a figure is missing",
        ),
        pytest.param(
            "CREATE TABLE kept AS SELECT * FROM peristiwa_partisipasi LIMIT 1;"
            "DELETE FROM peristiwa_partisipasi WHERE subject IN (SELECT subject FROM kept)",
            "INSERT INTO peristiwa_partisipasi SELECT * FROM kept; DROP TABLE kept",
            id="an event is missing",
        ),
        pytest.param(
            "CREATE TABLE kept AS SELECT * FROM peristiwa_partisipasi LIMIT 1;"
            "UPDATE peristiwa_partisipasi SET event_id = 'x' || substr(event_id, 2)"
            " WHERE subject IN (SELECT subject FROM kept)",
            "UPDATE peristiwa_partisipasi SET event_id = kept.event_id FROM kept"
            " WHERE kept.subject = peristiwa_partisipasi.subject; DROP TABLE kept",
            id="an event is another one",
        ),
    ],
)
def test_a_table_that_is_altered_by_one_row_is_seen(
    harness: Any, done: Done, database: psycopg.Connection[Any], damage: str, repair: str
) -> None:
    database.execute(damage)
    try:
        assert harness.wrong(done.bench, done.imported) != []
        assert not done.tie_out().holds
    finally:
        database.execute(repair)
    assert done.tie_out().holds


def test_an_altered_count_of_one_station_is_seen_by_the_referee(
    harness: Any, done: Done, database: psycopg.Connection[Any]
) -> None:
    with database.transaction(force_rollback=True):
        database.execute(
            "UPDATE peristiwa_partisipasi SET registered = registered + 1 WHERE subject ="
            " (SELECT min(subject) FROM peristiwa_partisipasi WHERE registered IS NOT NULL)"
        )
        expected = harness.oracle.truth(done.bench.files).statements
        assert len(expected ^ harness.statements(database)) == 2


def test_a_row_that_never_came_into_the_log_is_seen(harness: Any, done: Done, tmp_path: Path) -> None:
    more = tmp_path / "pilpres2024_tps_satu_lagi.csv"
    harness.oracle.write_file(more, [harness.oracle.Row("001", 8, {"registered": 1})])
    files = done.bench.files
    done.bench.files = [*files, more]
    try:
        found = " ".join(harness.wrong(done.bench, done.imported))
    finally:
        done.bench.files = files
    for name in ("district 73.71.01", "nation ID", "statement", "rows read", "published", "accepted", "stored"):
        assert name in found


def test_an_import_that_lost_count_of_a_row_is_seen(harness: Any, done: Done) -> None:
    fewer = replace(done.imported, rows_read=done.imported.rows_read - 1)
    assert not done.bench.running.tie_out(fewer).holds
    assert harness.wrong(done.bench, fewer) != []
