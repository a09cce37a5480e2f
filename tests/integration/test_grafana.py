"""The dashboards on the tables of the ready sinks, in real PostgreSQL and MariaDB: every query runs, and says how much.

Grafana itself is in none of the package registries that this project uses, so what it makes of the JSON is not shown
here; its macros and variables are filled in as its documentation says.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pymysql
import pytest
from typer.testing import CliRunner

from simpul_connectors.errors import SinkSpecError
from simpul_connectors.grafana.dashboards import SCHEMA_VERSION
from simpul_connectors.grafana.files import SQL_FILE, files_of, ready_of_figures
from simpul_connectors.grafana.sql import called
from simpul_connectors.sinks.dialects import mariadb, open_target
from simpul_connectors.sinks.spec import SinkSpec, load_spec, parse_spec
from simpul_connectors.sinks.table import Kind
from simpul_connectors.sinks.target import Sign, State
from simpul_deploy.cli import app
from simpul_schemas.figures import VIEW_SPECS, view_spec

REGIONS = {"ID": "nation", "73": "province", "81": "province", "73.71": "regency", "73.71.01": "district"}
#: One period of each kind, and its first day.
PERIODS = {
    "DAY": ("2024-02-14", date(2024, 2, 14)),
    "WEEK": ("2024-W07", date(2024, 2, 12)),
    "MONTH": ("2024-02", date(2024, 2, 1)),
    "QUARTER": ("2024-Q2", date(2024, 4, 1)),
    "CATURWULAN": ("2024-C2", date(2024, 5, 1)),
    "SEMESTER": ("2024-S2", date(2024, 7, 1)),
    "YEAR": ("2024", date(2024, 1, 1)),
    "NONE": ("-", None),
}
DTYPES = {Kind.TEXT: pl.String, Kind.BIGINT: pl.Int64, Kind.DOUBLE: pl.Float64, Kind.TIMESTAMP: pl.Int64}


@dataclass
class Ministry:
    """A database with the tables of the ready sinks of figures, filled and under their views."""

    kind: str
    execute: Callable[[str], tuple[Sequence[str], Sequence[Sequence[Any]]]]
    boards: Mapping[str, Any]

    def run(self, query: str, **chosen: str) -> list[dict[str, Any]]:
        columns, rows = self.execute(self.filled(query, chosen))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def filled(self, query: str, chosen: Mapping[str, str]) -> str:
        """Fill in macros and variables as Grafana does, each value quoted."""
        between = {
            "postgresql": "BETWEEN '2023-01-01T00:00:00Z' AND '2025-01-01T00:00:00Z'",
            "mariadb": "BETWEEN FROM_UNIXTIME(1672531200) AND FROM_UNIXTIME(1735689600)",
        }[self.kind]
        found = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 {between}", query)
        found = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: f"'{chosen[match[1]]}'", found)
        assert "$" not in found
        return found


def figures(spec: SinkSpec) -> pl.DataFrame:
    """Two figures for each region and kind of period: of two values of each dimension."""
    view = view_spec(spec.source.reads[1])
    dimensions = [one.name for one in view.dimensions]
    kinds = [kind.value for kind in view.periods] or ["NONE"]
    rows = []
    for region, level in REGIONS.items():
        for kind in kinds:
            for value in ("a", "b"):
                row: dict[str, Any] = dict.fromkeys(dimensions, value)
                row |= {"level": level, "region": region, "region_name": f"Wilayah {region}", "revision": 1}
                row |= {"period_kind": kind, "period": PERIODS[kind][0], "coverage": "OPEN", "as_of": 0}
                row |= {"expected": 24, "reported": 22, "on_time": 20, "late": 2, "missing": json.dumps(["x", "y"])}
                row |= {name: number + 1 for number, name in enumerate(view.measure_names)}
                row |= {view.coverage[0]: 3, view.coverage[1]: 4}
                rows.append(row)
    schema = {column.field.name: DTYPES.get(column.field.kind, pl.String) for column in spec.table.columns}
    names = {column.field.name: column.name for column in spec.table.columns}
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema).rename(names)


def in_schema(spec: SinkSpec, *schema: str) -> SinkSpec:
    return replace(spec, table=replace(spec.table, path=(*schema, spec.table.path[-1])))


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def ministry(request: pytest.FixtureRequest) -> Ministry:
    url = request.getfixturevalue(f"{request.param}_url")
    connect: Callable[[], Any] = (
        (lambda: psycopg.connect(url))
        if request.param == "postgresql"
        else (lambda: pymysql.connect(**mariadb._settings(url)))
    )

    def execute(statement: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with closing(connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            found = list(cursor.fetchall()) if cursor.description else []
            columns = [column[0] for column in cursor.description or ()]
            connection.commit()
        return columns, found

    execute("DROP SCHEMA IF EXISTS papan_uji")
    execute("CREATE SCHEMA papan_uji")
    specs = [in_schema(spec, "papan_uji") for spec in ready_of_figures()]
    for spec in specs:
        with closing(open_target(url, spec.name, spec.table)) as target:
            target.apply()
            target.write(figures(spec), [])
            target.sign(Sign(1, State.RUNNING, 3600.0, worker="mesin:1"))
    files = files_of(specs, request.param)
    for _ in range(2):  # a second time they are made anew
        for statement in re.sub("^--.*$", "", files[SQL_FILE], flags=re.MULTILINE).split(";\n"):
            if statement.strip():
                execute(statement)
    boards = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    return Ministry(request.param, execute, boards)


def chosen_for(board: Any) -> dict[str, str]:
    """Choose the first value of every variable."""
    names = [variable["name"] for variable in board["templating"]["list"]]
    chosen = dict.fromkeys(names, "a") | {"province": "73", "regency": "73.71"}
    kinds = [one["query"].split(",")[0] for one in board["templating"]["list"] if one["name"] == "period_kind"]
    return chosen | ({"period_kind": kinds[0], "period": PERIODS[kinds[0]][0]} if kinds else {})


@pytest.mark.parametrize("view", VIEW_SPECS)
def test_every_query_of_a_dashboard_runs_and_has_each_number_with_its_coverage(ministry: Ministry, view: str) -> None:
    board = ministry.boards[f"simpul-{view.replace('_', '-')}.json"]
    chosen = chosen_for(board)
    spec = VIEW_SPECS[view]
    numbers = {called(name) for name in spec.measure_names if not name.endswith("_known")}
    for panel in board["panels"]:
        rows = ministry.run(panel["targets"][0]["rawSql"], **chosen)
        assert rows, panel["title"]
        if panel["title"].startswith("Belum"):
            assert set(rows[0]) == {"region", "region_name", "expected", "reported", "late", "missing"}
            continue
        assert numbers <= set(rows[0])
        for row in rows:
            assert row["reported_percent"] == Decimal("91.7")
            assert row["filled_percent"] == Decimal("75.0")
        beside = {name for name in rows[0] if name.endswith("_known_percent")}
        assert beside == {
            f"{name.removesuffix('_known')}_known_percent"
            for name in spec.measure_names
            if name.endswith("_known") and name.removesuffix("_known") in spec.measure_names
        }
        assert {name for name in rows[0] if name.startswith("rate_") and name not in numbers} == {
            f"rate_{name}" for name in spec.rates
        }


def test_a_click_on_a_province_shows_its_own_and_no_other(ministry: Ministry) -> None:
    board = ministry.boards["simpul-incident.json"]
    panels = {panel["title"].split(" ")[0]: panel["targets"][0]["rawSql"] for panel in board["panels"]}
    chosen = chosen_for(board)
    assert [row["region"] for row in ministry.run(panels["Provinsi"], **chosen)] == ["73", "81"]
    assert [row["region"] for row in ministry.run(panels["Kabupaten/kota"], **chosen)] == ["73.71"]
    assert ministry.run(panels["Kabupaten/kota"], **chosen | {"province": "81"}) == []
    assert [row["region"] for row in ministry.run(panels["Kecamatan"], **chosen)] == ["73.71.01"]
    assert [row["region"] for row in ministry.run(panels["Belum"], **chosen)] == ["73", "81"]
    both = re.sub(r"\$\{(kind|phase|severity):sqlstring\}", "'a','b'", panels["Nasional"])
    (one,), (two,) = ministry.run(panels["Nasional"], **chosen), ministry.run(both, **chosen)
    assert (one["verified"], two["verified"]) == (2, 4)
    assert one["reported_percent"] == two["reported_percent"]


def test_a_link_keeps_what_was_chosen_and_chooses_the_region(ministry: Ministry) -> None:
    board = ministry.boards["simpul-incident.json"]
    urls = [
        found["value"][0]["url"]
        for panel in board["panels"]
        for override in panel["fieldConfig"]["overrides"]
        for found in override["properties"]
        if found["id"] == "links"
    ]
    kept = "".join(
        f"${{{name}:queryparam}}&" for name in ("sumber", "period_kind", "period", "kind", "phase", "severity")
    )
    head = f"/d/simpul-incident?${{__url_time_range}}&{kept}"
    assert urls == [
        head + "var-province=${__data.fields.region}",
        head + "${province:queryparam}&var-regency=${__data.fields.region}",
    ]


def test_the_lists_to_choose_from_are_those_of_the_table(ministry: Ministry) -> None:
    for board in ministry.boards.values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                rows = ministry.run(variable["query"], **chosen_for(board))
                found = [row.get("__value", next(iter(row.values()))) for row in rows]
                expected = {"province": ["73", "81"], "regency": ["73.71"]}.get(variable["name"])
                assert found == (expected or found)
                assert found, variable["name"]


def test_a_period_begins_on_its_first_day(ministry: Ministry) -> None:
    _, rows = ministry.execute("SELECT DISTINCT period_kind, period_start FROM papan_uji.papan_report")
    found = dict(rows)
    _, more = ministry.execute("SELECT DISTINCT period_kind, period_start FROM papan_uji.papan_incident")
    found |= dict(more)
    _, none = ministry.execute("SELECT DISTINCT period_kind, period_start FROM papan_uji.papan_participation")
    assert found | dict(none) == {kind: PERIODS[kind][1] for kind in {*found, "NONE"}}
    assert len(found) == 7


def test_the_sinks_own_dashboard_tells_who_lives_by_the_databases_clock(ministry: Ministry) -> None:
    board = ministry.boards["simpul-sink.json"]
    states, sinks = (ministry.run(panel["targets"][0]["rawSql"]) for panel in board["panels"])
    assert states == [{"state": "RUNNING", "sinks": len(VIEW_SPECS)}]
    assert {row["worker"] for row in sinks} == {"mesin:1"}
    table = "papan_uji.simpul_heartbeat"
    ministry.execute(f"UPDATE {table} SET beat_at = beat_at - 4 * 3600000000 WHERE sink = 'ministry_aid'")
    ministry.execute(f"UPDATE {table} SET state = 'stopped' WHERE sink = 'ministry_budget'")
    ministry.execute(f"UPDATE {table} SET state = 'paused' WHERE sink = 'ministry_report'")
    ministry.execute(f"UPDATE {table} SET restart = 1 WHERE sink = 'ministry_incident'")
    now = {row["sink"]: row["state"] for row in ministry.run(board["panels"][1]["targets"][0]["rawSql"])}
    assert now["ministry_aid"] == "FAILED"
    assert now["ministry_budget"] == "UNASSIGNED"
    assert now["ministry_report"] == "PAUSED"
    assert now["ministry_incident"] == "RESTARTING"
    ministry.execute(f"UPDATE {table} SET beat_at = beat_at + 4 * 3600000000 WHERE sink = 'ministry_aid'")
    ministry.execute(f"UPDATE {table} SET state = 'running', restart = 0")


def test_the_json_is_of_the_stated_version_and_stands_on_one_data_source(ministry: Ministry) -> None:
    plugin = {"postgresql": "grafana-postgresql-datasource", "mariadb": "mysql"}[ministry.kind]
    uids = [board["uid"] for board in ministry.boards.values()]
    assert len(set(uids)) == len(uids) == len(VIEW_SPECS) + 1
    for board in ministry.boards.values():
        assert board["schemaVersion"] == SCHEMA_VERSION == 39
        assert board["templating"]["list"][0]["query"] == plugin
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        bottoms = [panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]]
        assert [panel["gridPos"]["y"] for panel in board["panels"]] == [0, *bottoms[:-1]]
        for panel in board["panels"]:
            assert panel["datasource"] == {"uid": "${sumber}"}
            assert panel["gridPos"]["w"] == 24
        declared = {variable["name"] for variable in board["templating"]["list"]}
        assert set(re.findall(r"\$\{(\w+):", json.dumps(board))) <= declared


def test_a_sink_with_names_of_its_own_and_fewer_columns_has_a_dashboard_too() -> None:
    text = (
        "name: kita\nfrom: {view: incident}\ntable: Statistik.Kejadian\ncolumns: {level: tingkat, region: kode, "
        "region_name: nama, period_kind: jenis_periode, period: periode, kind: jenis, phase: tahap, severity: parah, "
        "revision: revisi, incidents: jumlah, killed: tewas}\n"
    )
    files = files_of([parse_spec(text, "kita.yaml")], "postgresql")
    assert '"tewas" AS "killed"' in files[SQL_FILE]
    assert 'FROM "Statistik"."Kejadian"' in files[SQL_FILE]
    queries = [panel["targets"][0]["rawSql"] for panel in json.loads(files["simpul-incident.json"])["panels"]]
    assert 'sum(killed) AS killed FROM "Statistik".papan_incident' in queries[0]
    assert not [query for query in queries if "injured" in query or "expected" in query or "missing" in query]


def test_a_sink_of_events_has_no_dashboard() -> None:
    with pytest.raises(SinkSpecError, match="of figures"):
        files_of([load_spec("ministry_participation_events")], "postgresql")


def test_the_command_writes_the_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sink", "dashboards", "--out", str(tmp_path / "p"), "--database", "mariadb"])
    assert result.exit_code == 0
    assert sorted(map(Path, result.stdout.split())) == sorted((tmp_path / "p").iterdir())
    assert len(list((tmp_path / "p").iterdir())) == len(VIEW_SPECS) + 2
    assert CliRunner().invoke(app, ["sink", "dashboards", "--out", "x", "--database", "oracle"]).exit_code == 2
