"""Real data through the mappings of the package: what is read, skipped, accepted, warned about and refused, by code.

Of each set the repository carries some dozens of rows (`tests/data/imports`). The whole sets are read where
SIMPUL_REAL_DATA names their folder. Both are held against `expected.json`, and so is the table of `docs/data.md`.
"""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.imports.mapping import load_mapping, mapping_names
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.outbox import State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.rows import decode

ROOT = Path(__file__).parents[4]
EXTRACTS = ROOT / "tests/data/imports"
REAL = os.environ.get("SIMPUL_REAL_DATA")
EXPECTED: dict[str, dict[str, Any]] = json.loads((EXTRACTS / "expected.json").read_text(encoding="utf-8"))
#: Where the files of a set stand in the folder of the whole data.
FULL = {
    "pilpres2024_tps": "pilpres2024_tps_*.csv.gz",
    "pilpres2019_tps": "pilpres2019_tps_aceh/*.csv.gz",
    "ucdp_ged": "ucdp_ged_conflict_data_idn.csv",
    "dibi_bnpb": "dibi_bnpb_province_events.csv",
    "bnpb_pantauan": "bnpb_pantauan_bencana_sample.csv",
    "banjir_jabar": "jabar_bpbd_jumlah_banjir.csv",
    "polda_tindak_pidana": "polda_tindak_pidana/*.csv",
    "petabencana": "petabencana_reports_*.geojson",
    "situbondo_nelayan": "situbondo_bantuan_nelayan.csv",
    "pkh_jabar": "jabar_pkh_penerima_2017.csv",
    "apbd_jatim": "apbd_jatim/*/*.csv",
    "dana_desa": "dana_desa_*.csv",
}
NOW = to_micros(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with closing(SqliteOutbox(tmp_path / "outbox.db")) as made:
        yield made


def counts(mapping: str, files: list[Path], outbox: SqliteOutbox) -> dict[str, Any]:
    assert files
    report, result = RefusalReport(None), ImportResult()
    importer = Importer(load_mapping(mapping), mapping, outbox, report, lambda: NOW)
    for path in files:
        importer.run(path, result)
    assert result.rows_read == result.acceptable + result.refused + result.merged + result.skipped.total()
    assert result.acceptable == result.published + result.unchanged
    assert result.refused == report.by_code.total()
    return {
        "read": result.rows_read,
        "skipped": dict(sorted(result.skipped.items())),
        "accepted": result.acceptable,
        "events": result.published,
        "warned": dict(sorted(result.warnings.items())),
        "refused": dict(sorted(report.by_code.items())),
    }


def files_of(mapping: str) -> list[Path]:
    return sorted(path for path in (EXTRACTS / mapping).rglob("*") if path.is_file())


def test_every_mapping_of_the_package_has_rows_here() -> None:
    assert set(mapping_names()) == set(FULL) == set(EXPECTED["full"]) == set(EXPECTED["extract"])


@pytest.mark.parametrize("mapping", FULL)
def test_the_rows_carried_here_are_told_apart_as_stated_and_a_second_import_adds_nothing(
    mapping: str, outbox: SqliteOutbox
) -> None:
    files = files_of(mapping)
    found = counts(mapping, files, outbox)
    assert found == EXPECTED["extract"][mapping]
    again = counts(mapping, list(reversed(files)), outbox)
    assert again == found | {"events": 0}


@pytest.mark.skipif(REAL is None, reason="SIMPUL_REAL_DATA names no folder with the whole data")
@pytest.mark.parametrize("mapping", FULL)
def test_the_whole_set_is_told_apart_as_stated(mapping: str, outbox: SqliteOutbox) -> None:
    files = sorted(Path(str(REAL)).glob(FULL[mapping]))
    assert counts(mapping, files, outbox) == EXPECTED["full"][mapping]


def events(outbox: SqliteOutbox) -> list[dict[str, Any]]:
    waiting = outbox.pending(1000)
    return [decode(event_type(row.row.event_type).parsed_schema, row.row.body) for row in waiting]


def imported(mapping: str, outbox: SqliteOutbox) -> list[dict[str, Any]]:
    counts(mapping, files_of(mapping), outbox)
    return events(outbox)


def test_interim_codes_of_papua_barat_daya_are_resolved_by_name(outbox: SqliteOutbox) -> None:
    stations = imported("pilpres2024_tps", outbox)
    found = {each["region"] for each in stations if each["subject"].startswith("tps:pilpres-2024:96.01.04.")}
    # KPU's 96.01.04 is Beraur, which the decree numbers 96.01.02; 96.01.04 is Seget today.
    assert found == {"96.01.02"}


def test_a_conflict_carries_its_parties_and_the_precision_of_its_time_and_place(outbox: SqliteOutbox) -> None:
    conflicts = imported("ucdp_ged", outbox)
    assert {each["time_precision"] for each in conflicts} == {"DAY", "MONTH", "YEAR"}
    for each in conflicts:
        assert [party["kind"] for party in each["parties"]] == [None, None]
        assert each["recorded_at"] == NOW
    aceh_utara = [each for each in conflicts if each["region"] == "11.08"]
    assert aceh_utara


def test_equal_rows_of_dibi_are_different_incidents_in_any_order(outbox: SqliteOutbox) -> None:
    subjects = [each["subject"] for each in imported("dibi_bnpb", outbox)]
    assert len(subjects) == len(set(subjects))
    (third,) = [subject for subject in subjects if subject.endswith(":3")]
    assert {f"{third[:-1]}{number}" for number in (1, 2, 3)} <= set(subjects)


def test_codes_of_bps_become_canonical_ones_and_serial_days_become_moments(outbox: SqliteOutbox) -> None:
    incidents = {each["subject"]: each for each in imported("bnpb_pantauan", outbox)}
    aceh_jaya = incidents["bnpb:1116 107 2020 02 07 1"]
    assert aceh_jaya["region"] == "11.14"
    assert aceh_jaya["recorded_at"] == to_micros(datetime(2020, 2, 9, 17, tzinfo=UTC))
    maluku = incidents["bnpb:8107 108 2020 02 08 1"]
    assert maluku["occurred_at"] == to_micros(datetime(2020, 2, 7, 15, tzinfo=UTC))


def test_a_budget_line_is_exact_in_sen_in_both_ways_of_writing(outbox: SqliteOutbox) -> None:
    lines = {each["subject"]: each for each in imported("apbd_jatim", outbox)}
    assert lines["apbd:2021:35.79:4"]["ceiling_sen"] == 998_770_000_000 * 100
    assert lines["apbd:2022:35.05:4.1"]["ceiling_sen"] == 518_000_000_000 * 100
    # Both of the lines that say it, parent and child, are one.
    assert lines["apbd:2023:35.72:5.1.01"]["ceiling_sen"] == 330_570_000_000 * 100


def test_a_report_of_a_resident_has_its_tags_and_depth(outbox: SqliteOutbox) -> None:
    reports = imported("petabencana", outbox)
    assert {each["region"] for each in reports} == {"31"}
    assert any(each["tags"] for each in reports)
    assert any((each["body"] or "").startswith("Kedalaman banjir ") for each in reports)
    assert outbox.counts().pending == len(list(outbox.event_ids(State.PENDING)))


def table_line(mapping: str, found: dict[str, Any]) -> str:
    def listed(codes: dict[str, int]) -> str:
        return "<br>".join(f"{count:,} `{code}`" for code, count in codes.items())

    return (
        f"| `{mapping}` | {found['read']:,} | {listed(found['skipped'])} | {found['accepted']:,} | {found['events']:,} "
        f"| {listed(found['warned'])} | {listed(found['refused'])} |"
    )


@pytest.mark.parametrize("mapping", FULL)
def test_the_table_of_the_docs_says_what_the_test_holds(mapping: str) -> None:
    lines = (ROOT / "docs/data.md").read_text(encoding="utf-8").splitlines()
    assert table_line(mapping, EXPECTED["full"][mapping]) in lines
