"""One row into one record: the sources and types that the polling stations do not use."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.errors import TableError
from simpul_producers.imports.convert import RowMapper, compile_mapping
from simpul_producers.imports.mapping import parse_mapping
from simpul_producers.imports.refusals import Unmappable
from simpul_schemas.contract import event_type

MAPPING = """
event_type: incident
parts:
  code: {column: kode, pattern: '^(\\d{2})'}
times:
  day: {column: tanggal, format: '%d/%m/%Y %H:%M', timezone: %ZONE%}
  solved: {column: selesai, format: '%Y-%m-%dT%H:%M%z'}
fields:
  subject: {template: 'incident:{code}:{nomor}'}
  revision: {column: revisi}
  region: {template: '{code}'}
  occurred_at: {time: day}
  recorded_at: {time: day}
  source: {constant: bpbd.91}
  kind: {constant: DISASTER}
  category: {column: jenis}
  severity: {column: tingkat}
  phase: {column: fase}
  verification: {constant: UNVERIFIED}
  time_precision: {constant: MINUTE}
  latitude: {column: lintang}
  longitude: {constant: 140.5}
  killed: {column: meninggal}
  loss_idr: {column: kerugian}
  resolved_at: {time: solved}
"""
GOOD = {
    "kode": "91-papua",
    "nomor": "7",
    "tanggal": "14/02/2024 15:00",
    "selesai": "2024-02-15T08:00+09:00",
    "revisi": "12",
    "jenis": "banjir",
    "tingkat": "MINOR",
    "fase": "",
    "lintang": "-2.5",
    "meninggal": "0",
    "kerugian": "12000000000",
}


def mapper(header: list[str] | None = None, zone: str = "Asia/Jayapura") -> RowMapper:
    spec = parse_mapping(MAPPING.replace("%ZONE%", zone), "map.yaml")
    return compile_mapping(spec, event_type("incident"), header or list(GOOD), "map.yaml", "t.csv")


def record(zone: str = "Asia/Jayapura", **changes: str) -> dict[str, Any]:
    return stamped(mapper(zone=zone), list((GOOD | changes).values()))


def stamped(made_by: RowMapper, cells: list[str]) -> dict[str, Any]:
    found = made_by.make(cells).record
    made_by.stamp(found)
    return found


def code(zone: str = "Asia/Jayapura", **changes: str) -> str:
    with pytest.raises(Unmappable) as caught:
        record(zone, **changes)
    return caught.value.finding.code


def test_every_type_is_made_from_its_cell() -> None:
    found = record()
    assert found["subject"] == "incident:91:7"
    assert found["occurred_at"] == 1_707_890_400_000_000
    assert found["resolved_at"] == 1_707_951_600_000_000
    assert (found["latitude"], found["longitude"]) == (-2.5, 140.5)
    assert (found["killed"], found["loss_idr"], found["revision"]) == (0, 12_000_000_000, 12)
    assert (found["kind"], found["severity"], found["phase"]) == ("DISASTER", "MINOR", None)
    assert found["village"] is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tingkat": "minor"}, "import.not_a_choice"),
        ({"tingkat": ""}, "import.value_missing"),
        ({"jenis": ""}, "import.value_missing"),
        ({"revisi": ""}, "import.value_missing"),
        ({"nomor": ""}, "import.part_missing"),
        ({"lintang": "-2,5"}, "import.not_a_number"),
        ({"lintang": "nan"}, "import.not_a_number"),
        ({"lintang": "1e5"}, "import.not_a_number"),
        ({"kerugian": "9223372036854775808"}, "import.number_too_large"),
        ({"meninggal": "2147483648"}, "import.number_too_large"),
        ({"selesai": "2024-02-15T08:00"}, "import.time_unreadable"),
    ],
)
def test_a_cell_that_is_not_of_its_type_is_refused_never_guessed(changes: dict[str, str], expected: str) -> None:
    assert code(**changes) == expected


def test_an_empty_cell_is_unknown_where_the_field_may_be() -> None:
    found = record(lintang="", meninggal="", selesai="", fase="")
    assert [found[name] for name in ("latitude", "killed", "resolved_at", "phase")] == [None] * 4


def test_a_local_time_that_does_not_exist_is_refused() -> None:
    assert code(zone="Europe/Berlin", tanggal="31/03/2024 02:30") == "import.time_unreadable"


def test_columns_may_stand_in_any_order_among_others() -> None:
    header = ["lain", *reversed(GOOD)]
    cells = ["?", *reversed(GOOD.values())]
    assert stamped(mapper(header), cells) == record()


def test_a_column_that_is_missing_or_there_twice_is_named() -> None:
    with pytest.raises(TableError, match="no column 'kode'; the nearest is 'kod'"):
        mapper([name if name != "kode" else "kod" for name in GOOD])
    with pytest.raises(TableError, match="'kode' is there 2 times"):
        mapper([*GOOD, "kode"])


def test_the_id_follows_the_content_and_nothing_else() -> None:
    first = record()["event_id"]
    assert record()["event_id"] == first
    assert record(meninggal="1")["event_id"] != first
    assert record(meninggal="")["event_id"] != first
    assert record(revisi="13")["event_id"] != first


@given(st.text(max_size=12))
def test_a_number_is_taken_only_where_python_and_a_human_read_the_same(cell: str) -> None:
    try:
        found = record(meninggal=cell)["killed"]
    except Unmappable:
        assert not (cell.isascii() and cell.isdigit() and int(cell) < 2**31)
    else:
        assert found is None if cell == "" else str(found) == cell.lstrip("0") or found == 0
