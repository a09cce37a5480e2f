"""The import from end to end, on small tables with the header and the dirt of the real ones."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.errors import DiskFull, ReportNotWritable, TableError
from simpul_producers.imports.mapping import load_mapping
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.outbox import OutboxRow, State
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.events.participation import COUNTS, Participation
from simpul_schemas.rows import decode

NOW = to_micros(datetime(2024, 4, 1, tzinfo=UTC))
MAPPING = "pilpres2024_tps"
WriteTable = Callable[..., Path]
Station = Callable[..., str]


def import_file(
    path: Path, outbox: InMemoryOutbox | SqliteOutbox | None, report: RefusalReport | None = None, batch_rows: int = 3
) -> ImportResult:
    result = ImportResult()
    importer = Importer(
        load_mapping(MAPPING), MAPPING, outbox, report or RefusalReport(None), lambda: NOW, batch_rows=batch_rows
    )
    importer.run(path, result)
    return result


def records(outbox: InMemoryOutbox) -> list[dict[str, Any]]:
    schema = event_type("participation").parsed_schema
    return [decode(schema, waiting.row.body) for waiting in outbox.pending(1000)]


def refusals(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_row_becomes_the_event_that_the_form_says(write_table: WriteTable, a_station: Station) -> None:
    outbox = InMemoryOutbox()
    result = import_file(write_table([a_station()]), outbox)
    assert (result.rows_read, result.published, result.unchanged, result.refused) == (1, 1, 0, 0)
    (record,) = records(outbox)
    moment = to_micros(datetime(2024, 2, 15, 5, 0, 28, tzinfo=UTC))
    assert record.pop("event_id")[14] == "7"
    expected_counts = (233, 118, 115, 184, 89, 95, 2, 2, 0, 0, 0, 0, 186, 91, 95, 184, 2, 186)
    assert record == {
        "subject": "tps:pilpres-2024:17.01.01.2001.001",
        "revision": moment,
        "action": "SUBMIT",
        "region": "17.01.01",
        "occurred_at": moment,
        "recorded_at": moment,
        "published_at": NOW,
        "source": "sirekap.kpu",
        "mode": "ACTUAL",
        "reason": None,
        "election": "pilpres-2024",
        "village": "2001",
        "station": "001",
        "vote_kind": None,
        **dict(zip(COUNTS, expected_counts, strict=True)),
        "candidates": None,
    }
    assert outbox.pending(1)[0].row.topic == "simpul.17.participation.v1"


def test_what_is_imported_passes_the_strict_model(write_table: WriteTable, a_station: Station) -> None:
    from simpul_schemas.events.envelope import Action, Mode, from_micros

    outbox = InMemoryOutbox()
    import_file(write_table([a_station(), a_station(2, counts="," * 20)]), outbox)
    for record in records(outbox):
        times = {name: from_micros(record[name]) for name in ("occurred_at", "recorded_at", "published_at")}
        enums = {"action": Action(record["action"]), "mode": Mode(record["mode"])}
        assert Participation.model_validate(record | times | enums).to_record() == record


def test_an_empty_count_is_unknown_and_never_zero(
    write_table: WriteTable, a_station: Station, empty_counts: str
) -> None:
    outbox = InMemoryOutbox()
    import_file(write_table([a_station(counts=empty_counts)]), outbox)
    assert {records(outbox)[0][name] for name in COUNTS} == {None}


def test_a_second_import_adds_nothing(write_table: WriteTable, a_station: Station) -> None:
    outbox, path = InMemoryOutbox(), write_table([a_station(number) for number in range(1, 9)])
    assert import_file(path, outbox).published == 8
    again = import_file(path, outbox)
    assert (again.published, again.unchanged) == (0, 8)


def test_the_same_row_is_the_same_event_in_either_file(
    write_table: WriteTable, a_station: Station, corrections_header: str
) -> None:
    outbox = InMemoryOutbox()
    old, new = a_station(counts="," * 20), a_station(time="2024-03-19 12:30:00")
    commit = "2024-03-19T14:05:09+07:00"
    main = write_table([new])
    corrections = write_table(
        [f"{commit},before,{old}", f"{commit},after,{new}"], "corrections.csv.gz", corrections_header
    )
    assert import_file(main, outbox).published == 1
    later = import_file(corrections, outbox)
    assert (later.published, later.unchanged) == (1, 1)
    subjects = {record["subject"] for record in records(outbox)}
    assert len(subjects) == 1


@pytest.mark.parametrize("order", [("main", "corrections"), ("corrections", "main")])
def test_corrections_may_come_before_their_originals(
    write_table: WriteTable, a_station: Station, corrections_header: str, order: tuple[str, str]
) -> None:
    outbox = InMemoryOutbox()
    old, new = a_station(counts="," * 20), a_station(time="2024-03-19 12:30:00")
    files = {
        "main": write_table([old], "main.csv"),
        "corrections": write_table([f"2024-03-19T14:05:09+07:00,after,{new}"], "late.csv", corrections_header),
    }
    for name in order:
        assert import_file(files[name], outbox).published == 1
    highest = max(records(outbox), key=lambda record: record["revision"])
    assert highest["registered"] == 233


def test_a_correction_of_the_time_stamp_alone_is_a_new_revision(write_table: WriteTable, a_station: Station) -> None:
    outbox = InMemoryOutbox()
    assert import_file(write_table([a_station(), a_station(time="2024-02-16 01:00:00")]), outbox).published == 2


DIRT = [
    ({"place": "99-luar-negeri,53-jeddah,01-jeddah,0001-jeddah"}, "import.region_unknown_code", "region"),
    ({"place": "96-papua-barat-daya,03-raja-ampat,05-ayau,2001-x"}, "import.region_ambiguous", "region"),
    ({"place": "96-papua-barat-daya,01-sorong,04-nowhere,2001-x"}, "import.region_unknown_name", "region"),
    ({"place": "17-bengkulu,01-bengkulu-selatan,99-nowhere,2001-x"}, "import.region_unknown_name", "region"),
    ({"counts": "206" + "," * 12 + "260" + "," * 8}, "participation.turnout_above_limit", "turned_out, registered"),
    ({"counts": "," * 15 + "0,3,245,,,"}, "participation.votes_do_not_sum", "valid, invalid, votes_total"),
    ({"counts": "1001" + "," * 20}, "participation.registered_above_limit", "registered"),
    ({"counts": "dua ratus" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": "1.234" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": "-5" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": " 233" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": "\u0662\u0663" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": "\u00b2" + "," * 20}, "import.not_a_number", "registered"),
    ({"counts": "99999999999" + "," * 20}, "import.number_too_large", "registered"),
    ({"counts": "9" * 5000 + "," * 20}, "import.number_too_large", "registered"),
    ({"time": "15/02/2024 12.00"}, "import.time_unreadable", "revision"),
    ({"time": "2024-02-30 12:00:00"}, "import.time_unreadable", "revision"),
    ({"time": ""}, "import.time_unreadable", "revision"),
    ({"time": "2031-01-01 00:00:00"}, "envelope.occurred_in_future", "occurred_at"),
    ({"place": "bengkulu,01-x,01-kedurang,2001-batu-ampar"}, "import.part_missing", "province (provinsi)"),
    ({"place": ",01-x,01-kedurang,2001-batu-ampar"}, "import.part_missing", "province (provinsi)"),
    ({"counts": "233,118"}, "import.row_malformed", ""),
    ({"counts": "," * 25}, "import.row_malformed", ""),
    ({"counts": "\0" + "," * 20}, "import.row_malformed", ""),
    ({"place": "17-bengkulu,01-x,01-kedurang,2001-batu\udcff"}, "import.row_malformed", ""),
    ({"place": '17-bengkulu,"01"-x,01-kedurang,2001-x'}, "import.row_malformed", ""),
]


@pytest.mark.parametrize(("dirt", "code", "field"), DIRT)
def test_a_bad_row_is_refused_with_its_code_and_stops_nobody_else(
    write_table: WriteTable, a_station: Station, tmp_path: Path, dirt: dict[str, str], code: str, field: str
) -> None:
    outbox = InMemoryOutbox()
    path = write_table([a_station(1), a_station(2, **dirt), a_station(3)])
    with RefusalReport(tmp_path / "report.jsonl") as report:
        result = import_file(path, outbox, report)
    assert (result.rows_read, result.published, result.refused) == (3, 2, 1)
    assert report.by_code == {code: 1}
    (refusal,) = refusals(tmp_path / "report.jsonl")
    assert (refusal["file"], refusal["row"], refusal["field"]) == ("tps.csv", 3, field)
    assert all(refusal[key] for key in ("message_id", "message_en", "remedy_id", "remedy_en"))
    assert [record["station"] for record in records(outbox)] == ["001", "003"]


def test_a_refusal_shows_the_raw_cells_with_their_columns(
    write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    counts = "206" + "," * 12 + "260" + "," * 8
    with RefusalReport(tmp_path / "report.jsonl") as report:
        import_file(write_table([a_station(counts=counts)]), InMemoryOutbox(), report)
    (refusal,) = refusals(tmp_path / "report.jsonl")
    assert refusal["value"] == "Jumlah pengguna hak pilih = 260; Jumlah pemilih dalam DPT = 206"
    assert refusal["also"] == ["participation.turnout_above_registered"]


def test_a_warning_is_counted_and_the_row_is_taken(write_table: WriteTable, a_station: Station) -> None:
    counts = "206" + "," * 12 + "210" + "," * 8
    outbox = InMemoryOutbox()
    result = import_file(write_table([a_station(counts=counts), a_station(2)]), outbox)
    assert result.published == 2
    assert result.warnings == {"participation.turnout_above_registered": 1}


def test_a_byte_order_mark_and_empty_lines_do_no_harm(write_table: WriteTable, a_station: Station) -> None:
    outbox = InMemoryOutbox()
    path = write_table([a_station(), "", a_station(2), ""], mark=b"\xef\xbb\xbf")
    result = import_file(path, outbox)
    assert (result.rows_read, result.published) == (2, 2)


def test_a_row_number_is_the_one_a_spreadsheet_shows(
    write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    two_lines = a_station(2, place='17-bengkulu,01-bengkulu-selatan,01-kedurang,"2001-batu\nampar"')
    with RefusalReport(tmp_path / "report.jsonl") as report:
        result = import_file(write_table([a_station(), "", two_lines, a_station(time="x")]), InMemoryOutbox(), report)
    assert result.published == 2
    assert refusals(tmp_path / "report.jsonl")[0]["row"] == 5


def test_a_dry_run_judges_all_and_takes_nothing(write_table: WriteTable, a_station: Station) -> None:
    result = import_file(write_table([a_station(), a_station(2, time="x")]), None)
    assert (result.rows_read, result.acceptable, result.published, result.refused) == (2, 1, 0, 1)


def test_a_file_that_breaks_off_keeps_what_was_read(write_table: WriteTable, a_station: Station) -> None:
    path = write_table(
        [a_station(number % 900 + 1, counts=f"{number},,," + "," * 17) for number in range(900)], "t.csv.gz"
    )
    path.write_bytes(path.read_bytes()[:-400])
    outbox, result = InMemoryOutbox(), ImportResult()
    importer = Importer(load_mapping(MAPPING), MAPPING, outbox, RefusalReport(None), lambda: NOW, batch_rows=7)
    with pytest.raises(TableError, match="breaks off after row"):
        importer.run(path, result)
    assert 0 < result.published == outbox.counts().pending < 900
    assert result.rows_read == result.published + result.refused


def test_a_wrong_file_is_found_before_a_row_is_taken(write_table: WriteTable, a_station: Station) -> None:
    path = write_table([a_station()], header="a,b,c")
    importer = Importer(load_mapping(MAPPING), MAPPING, InMemoryOutbox(), RefusalReport(None), lambda: NOW)
    with pytest.raises(TableError, match="there is no column"):
        importer.check(path)


def test_a_full_disk_ends_the_import_with_a_right_count(write_table: WriteTable, a_station: Station) -> None:
    class Full(InMemoryOutbox):
        def add(self, rows: list[OutboxRow], taken_at: int) -> int:  # type: ignore[override]
            if self.counts().pending >= 3:
                raise DiskFull(Path("outbox.db"), "full")
            return super().add(rows, taken_at)

    result = ImportResult()
    importer = Importer(load_mapping(MAPPING), MAPPING, Full(), RefusalReport(None), lambda: NOW, batch_rows=3)
    with pytest.raises(DiskFull):
        importer.run(write_table([a_station(number) for number in range(1, 9)]), result)
    assert (result.rows_read, result.published) == (3, 3)


def test_a_report_that_cannot_be_written_is_said(write_table: WriteTable, a_station: Station, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with RefusalReport(tmp_path / "file" / "report.jsonl") as report, pytest.raises(ReportNotWritable):
        import_file(write_table([a_station(time="x")]), InMemoryOutbox(), report)


def test_progress_tells_rows_and_share(write_table: WriteTable, a_station: Station) -> None:
    told: list[tuple[int, float]] = []
    importer = Importer(load_mapping(MAPPING), MAPPING, None, RefusalReport(None), lambda: NOW, batch_rows=3)
    path = write_table([a_station(number) for number in range(1, 8)])
    importer.run(path, ImportResult(), lambda rows, share: told.append((rows, share)))
    assert [rows for rows, _ in told] == [3, 6, 7]
    assert told[-1][1] == 1.0


IMPORT = textwrap.dedent("""
    import sys
    from pathlib import Path
    from simpul_producers.imports.mapping import load_mapping
    from simpul_producers.imports.refusals import RefusalReport
    from simpul_producers.imports.run import Importer, ImportResult
    from simpul_producers.sqlite_outbox import SqliteOutbox

    importer = Importer(
        load_mapping("pilpres2024_tps"), "m", SqliteOutbox(Path(sys.argv[1])), RefusalReport(None),
        lambda: 1711900000000000, batch_rows=20,
    )
    importer.run(Path(sys.argv[2]), ImportResult(), lambda rows, share: print(rows, flush=True))
""")


def test_an_import_killed_halfway_is_resumed_by_importing_again(
    write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    path = write_table([a_station(number % 999 + 1, f"2024-02-15 12:00:{number // 999:02}") for number in range(4000)])
    database = tmp_path / "outbox.db"
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(database), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = int([process.stdout.readline() for _ in range(3)][-1])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    outbox = SqliteOutbox(database)
    survived = set(outbox.event_ids(State.PENDING))
    assert acknowledged <= len(survived) < 4000
    result = import_file(path, outbox, batch_rows=1000)
    assert (result.published, result.unchanged) == (4000 - len(survived), len(survived))
    whole = InMemoryOutbox()
    import_file(path, whole, batch_rows=1000)
    assert set(outbox.event_ids(State.PENDING)) == set(whole.event_ids(State.PENDING))
    outbox.close()
