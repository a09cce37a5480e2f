# ruff: noqa: S608  # queries are texts for Grafana; names in them passed the allow-list of a sink's file
"""Grafana's dashboards on the views of `sql`: the nation, its provinces, a province's kabupaten/kota: pure.

One dashboard a view of the bus. Beside every number stands of how much it is: reports that came of those expected, and
records that gave the number of those counted. Queries use names and functions that all our databases share.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simpul_connectors.grafana.sql import STATUS_VIEW, Database, called, plain_path, view_name
from simpul_connectors.sinks.spec import SinkSpec
from simpul_schemas.figures import ViewSpec, view_spec
from simpul_schemas.figures.spec import Named

#: Version of the dashboards' JSON: Grafana 11 writes it, later ones read and raise it.
SCHEMA_VERSION = 39

#: Dimensions whose values are parts or lengths of each other, so that one must be chosen.
_ONE_AT_A_TIME = frozenset({"account_level", "unit", "election", "report_kind"})
_KNOWN = "_known"
_WIDTH = 24
#: Levels below the nation, from above.
_DOWN = ("province", "regency", "district")
Json = dict[str, Any]


@dataclass(frozen=True)
class _Board:
    """What the panels of one dashboard share."""

    spec: SinkSpec
    view: ViewSpec
    table: str

    @property
    def uid(self) -> str:
        return f"simpul-{self.view.name.replace('_', '-')}"

    @property
    def has_periods(self) -> bool:
        return bool(self.view.periods)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the sink's table has."""
        return frozenset(column.field.name for column in self.spec.table.columns)

    @property
    def dimensions(self) -> Sequence[Named]:
        return [one for one in self.view.dimensions if one.name in self.fields]

    @property
    def measures(self) -> Sequence[Named]:
        return [one for one in self.view.measures if one.name in self.fields and not one.name.endswith(_KNOWN)]

    def numbers(self) -> str:
        """Return the measures with their coverage beside them."""
        found = []
        for one in self.measures:
            name = called(one.name)
            found.append(f"sum({name}) AS {name}")
            if f"{one.name}{_KNOWN}" in self.fields and self.view.coverage[1] in self.fields:
                found.append(f"{_percent(one.name + _KNOWN, self.view.coverage[1])} AS {name}_known_percent")
        for name, (above, below) in self.view.rates.items():
            if {above, below} <= self.fields:
                found.append(f"round(1.0 * sum({called(above)}) / nullif(sum({called(below)}), 0), 4) AS rate_{name}")
        return ", ".join([*found, *self.coverage()])

    def coverage(self) -> list[str]:
        """Return of how much the numbers are: reports that came, and records that gave a number."""
        found = []
        if set(self.view.coverage) <= self.fields:
            found.append(f"{_percent(*self.view.coverage)} AS filled_percent")
        if {"reported", "expected"} <= self.fields:
            found.append("round(100.0 * max(reported) / nullif(max(expected), 0), 1) AS reported_percent")
        return found

    def chosen(self, *, in_period: bool = True) -> str:
        """Return the condition of what is chosen above the panels."""
        found = [f"{one.name} IN (${{{one.name}:sqlstring}})" for one in self.dimensions]
        if self.has_periods:
            found.append("period_kind = ${period_kind:sqlstring}")
            if in_period:
                found.append("period = ${period:sqlstring}")
        return " AND ".join(found)


def _percent(part: str, whole: str) -> str:
    return f"round(100.0 * sum({called(part)}) / nullif(sum({called(whole)}), 0), 1)"


def dashboard(spec: SinkSpec, database: Database) -> Json:
    """Return the dashboard of a sink's figures."""
    table = plain_path(database.dialect, (*spec.table.path[:-1], view_name(spec)))
    board = _Board(spec, view_spec(spec.source.reads[1]), table)
    panels = [_nation(board), *_trend(board)]
    for level, title, condition in (
        ("province", "Provinsi / Provinces", ""),
        ("regency", "Kabupaten/kota di / in ${province:text}", " AND parent = ${province:sqlstring}"),
        ("district", "Kecamatan di / in ${regency:text}", " AND parent = ${regency:sqlstring}"),
    ):
        panels.append(_regions(board, level, title, condition))
    panels += _silent(board)
    title = board.view.doc.partition(". ")[0]
    return _whole(board.uid, f"Simpul: {title}", database, _variables(board), _placed(panels))


def status_dashboard(schema: tuple[str, ...], database: Database) -> Json:
    """Return the dashboard of the sinks' own states."""
    table = plain_path(database.dialect, (*schema, STATUS_VIEW))
    states = f"SELECT state, count(*) AS sinks FROM {table} GROUP BY state ORDER BY state"
    columns = "sink, state, paused, worker, silent_seconds, words, last_error, records, refused"
    panels = [
        _panel("table", "Keadaan / States", states, 6),
        _panel("table", "Sink / Sinks", f"SELECT {columns} FROM {table} ORDER BY sink", 14),
    ]
    return _whole("simpul-sink", "Simpul: sink", database, [], _placed(panels))


def _nation(board: _Board) -> Json:
    query = f"SELECT {board.numbers()} FROM {board.table} WHERE level = 'nation' AND {board.chosen()}"
    panel = _panel("stat", "Nasional / Nation", query, 6)
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto"}
    return _named(panel, board)


def _trend(board: _Board) -> list[Json]:
    """Return the nation over time; nothing for a view that is of no period."""
    if not board.has_periods:
        return []
    query = (
        f"SELECT period_start AS time, {board.numbers()} FROM {board.table} WHERE level = 'nation' "
        f"AND {board.chosen(in_period=False)} AND $__timeFilter(period_start) GROUP BY period_start ORDER BY 1"
    )
    panel = _panel("timeseries", "Perkembangan / Over time", query, 9)
    panel["targets"][0]["format"] = "time_series"
    matcher = {"id": "byRegexp", "options": "/_percent$|^rate_|^Melapor|^Terisi/"}
    right = {"matcher": matcher, "properties": [{"id": "custom.axisPlacement", "value": "right"}]}
    panel["fieldConfig"]["overrides"].append(right)
    return [_named(panel, board)]


def _regions(board: _Board, level: str, title: str, condition: str) -> Json:
    missing = ", max(missing) AS missing" if "missing" in board.fields else ""
    query = (
        f"SELECT region, max(region_name) AS region_name, {board.numbers()}{missing} FROM {board.table} "
        f"WHERE level = '{level}' AND {board.chosen()}{condition} GROUP BY region ORDER BY region"
    )
    panel = _panel("table", title, query, 10)
    if level != _DOWN[-1]:
        link = {"title": "Buka / Open", "url": _inside(board, level), "targetBlank": False}
        panel["fieldConfig"]["overrides"].append(_override("region_name", "links", [link]))
    return _named(panel, board)


def _inside(board: _Board, level: str) -> str:
    """Return the address that a click on a region opens: the same dashboard, with that region chosen."""
    kept = ["sumber", *(one["name"] for one in _variables(board)), *_DOWN[: _DOWN.index(level)]]
    names = [name for name in dict.fromkeys(kept) if name not in _DOWN[_DOWN.index(level) :]]
    chosen = "&".join(f"${{{name}:queryparam}}" for name in names)
    return f"/d/{board.uid}?${{__url_time_range}}&{chosen}&var-{level}=${{__data.fields.region}}"


def _silent(board: _Board) -> list[Json]:
    """Return who has not reported, with the names as the figures have them; nothing where the table does not say it."""
    if not {"expected", "reported", "late", "missing"} <= board.fields:
        return []
    query = (
        "SELECT region, max(region_name) AS region_name, max(expected) AS expected, max(reported) AS reported, "
        "max(late) AS late, max(missing) AS missing "
        f"FROM {board.table} WHERE level = 'province' AND {board.chosen()} "
        "GROUP BY region HAVING max(expected) > max(reported) ORDER BY max(expected) - max(reported) DESC, region"
    )
    return [_named(_panel("table", "Belum melapor / Silent", query, 8), board)]


def _panel(kind: str, title: str, query: str, height: int) -> Json:
    return {
        "type": kind,
        "title": title,
        "datasource": {"uid": "${sumber}"},
        "gridPos": {"h": height, "w": _WIDTH, "x": 0, "y": 0},
        "fieldConfig": {"defaults": {"decimals": None}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": "A",
                "datasource": {"uid": "${sumber}"},
                "format": "table",
                "rawQuery": True,
                "editorMode": "code",
                "rawSql": query,
            }
        ],
    }


def _named(panel: Json, board: _Board) -> Json:
    """Give columns their names for people, and percentages their unit."""
    overrides = panel["fieldConfig"]["overrides"]
    for one in board.measures:
        overrides.append(_override(called(one.name), "displayName", one.doc.partition(". ")[0].rstrip(".")))
    for column, title in (
        ("reported_percent", "Melapor / reported"),
        ("filled_percent", "Terisi / filled in"),
        ("region", "Kode / code"),
        ("region_name", "Wilayah / region"),
        ("missing", "Belum melapor / missing"),
    ):
        overrides.append(_override(column, "displayName", title))
    matcher = {"id": "byRegexp", "options": "/_percent$|^Melapor|^Terisi/"}
    overrides.append({"matcher": matcher, "properties": [{"id": "unit", "value": "percent"}]})
    return panel


def _override(column: str, name: str, value: object) -> Json:
    return {"matcher": {"id": "byName", "options": column}, "properties": [{"id": name, "value": value}]}


def _placed(panels: Sequence[Json]) -> list[Json]:
    """Put panels under each other, and number them."""
    y = 0
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
        panel["gridPos"]["y"] = y
        y += panel["gridPos"]["h"]
    return list(panels)


def _variables(board: _Board) -> list[Json]:
    table = board.table
    found = []
    if board.has_periods:
        kinds = [kind.value for kind in board.view.periods]
        default = "MONTH" if "MONTH" in kinds else kinds[0]
        found.append(
            {
                "name": "period_kind",
                "label": "Jenis periode / period",
                "type": "custom",
                "query": ",".join(kinds),
                "current": {"text": default, "value": default},
                "options": [{"text": kind, "value": kind, "selected": kind == default} for kind in kinds],
            }
        )
        query = (
            f"SELECT DISTINCT period FROM {table} WHERE level = 'nation' AND period_kind = ${{period_kind:sqlstring}} "
            "ORDER BY period DESC"
        )
        found.append(_queried("period", "Periode", query))
    for one in board.dimensions:
        query = f"SELECT DISTINCT {one.name} FROM {table} ORDER BY {one.name}"
        label = one.doc.partition(". ")[0].rstrip(".")
        found.append(_queried(one.name, label, query, several=one.name not in _ONE_AT_A_TIME))
    for name, condition in (("province", ""), ("regency", " AND parent = ${province:sqlstring}")):
        query = (
            f"SELECT region AS __value, max(region_name) AS __text FROM {table} WHERE level = '{name}'{condition} "
            "GROUP BY region ORDER BY region"
        )
        found.append(_queried(name, {"province": "Provinsi", "regency": "Kabupaten/kota"}[name], query))
    return found


def _queried(name: str, label: str, query: str, *, several: bool = False) -> Json:
    found: Json = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": {"uid": "${sumber}"},
        "query": query,
        "definition": query,
        "refresh": 2,
        "multi": several,
        "includeAll": several,
    }
    return found | ({"current": {"text": ["All"], "value": ["$__all"]}} if several else {})


def _whole(uid: str, title: str, database: Database, variables: list[Json], panels: list[Json]) -> Json:
    source = {"name": "sumber", "label": "Basis data", "type": "datasource", "query": database.plugin, "refresh": 1}
    return {
        "uid": uid,
        "title": title,
        "tags": ["simpul"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "time": {"from": "now-1y", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [source, *variables]},
        "annotations": {"list": []},
        "links": [{"title": "Simpul", "type": "dashboards", "tags": ["simpul"], "asDropdown": True}],
        "panels": panels,
    }


def file_name(board: Json) -> str:
    """Return the name of a dashboard's file."""
    return re.sub(r"[^a-z0-9-]", "", board["uid"]) + ".json"
