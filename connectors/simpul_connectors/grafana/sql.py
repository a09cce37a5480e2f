# ruff: noqa: S608  # statements of a file; names in them are quoted and passed the allow-list of a sink's file
"""SQL views on a sink's table, for dashboards: under the bus's own names, whatever the table calls its columns: pure.

They add the region's parent and the first day of the period, which a time axis needs. `papan` means board.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simpul_connectors.sinks.dialects.dialect import Dialect
from simpul_connectors.sinks.dialects.mariadb import Mariadb
from simpul_connectors.sinks.dialects.postgresql import Postgresql
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.target import HEARTBEAT_TABLE, LATE_INTERVALS, OFFSET_TABLE, SINK_TABLE
from simpul_schemas.regions import NATION, Level


@dataclass(frozen=True)
class Database:
    """A database that dashboards can stand on: its dialect, Grafana's plugin for it, and how a period's day is said.

    `days` gives for each kind of period the expression of its first day, over the column `{period}`; `as_text` that of
    a list as text.
    """

    dialect: Dialect
    plugin: str
    days: Mapping[str, str]
    as_text: str


_POSTGRESQL = Database(
    Postgresql(),
    "grafana-postgresql-datasource",
    {
        "DAY": "to_date({period}, 'YYYY-MM-DD')",
        "WEEK": "to_date({period}, 'IYYY\"-W\"IW')",
        "MONTH": "to_date({period}, 'YYYY-MM')",
        "QUARTER": "make_date(CAST(left({period}, 4) AS int), CAST(right({period}, 1) AS int) * 3 - 2, 1)",
        "CATURWULAN": "make_date(CAST(left({period}, 4) AS int), CAST(right({period}, 1) AS int) * 4 - 3, 1)",
        "SEMESTER": "make_date(CAST(left({period}, 4) AS int), CAST(right({period}, 1) AS int) * 6 - 5, 1)",
        "YEAR": "to_date({period}, 'YYYY')",
    },
    "CAST({list} AS text)",
)
_MARIADB = Database(
    Mariadb(),
    "mysql",
    {
        "DAY": "str_to_date({period}, '%Y-%m-%d')",
        "WEEK": "str_to_date(concat({period}, ' Monday'), '%x-W%v %W')",
        "MONTH": "str_to_date(concat({period}, '-01'), '%Y-%m-%d')",
        "QUARTER": "str_to_date(concat(left({period}, 4), '-', right({period}, 1) * 3 - 2, '-01'), '%Y-%c-%d')",
        "CATURWULAN": "str_to_date(concat(left({period}, 4), '-', right({period}, 1) * 4 - 3, '-01'), '%Y-%c-%d')",
        "SEMESTER": "str_to_date(concat(left({period}, 4), '-', right({period}, 1) * 6 - 5, '-01'), '%Y-%c-%d')",
        "YEAR": "str_to_date(concat({period}, '-01-01'), '%Y-%m-%d')",
    },
    "{list}",
)
#: Databases by the names that the command takes.
DATABASES: Mapping[str, Database] = MappingProxyType({"postgresql": _POSTGRESQL, "mariadb": _MARIADB})

#: Names that a database keeps for itself, and what they are called in the views.
_RENAMED = MappingProxyType({"lines": "line_count"})
#: The view on the states of all sinks.
STATUS_VIEW = "papan_sink"


def called(field: str) -> str:
    """Return what a field is called in the views."""
    return _RENAMED.get(field, field)


def plain_path(dialect: Dialect, path: tuple[str, ...]) -> str:
    """Return a name as people write it, quoted only where it must be."""
    return ".".join(name if re.fullmatch("[a-z_][a-z0-9_]*", name) else dialect.quote(name) for name in path)


def view_name(spec: SinkSpec) -> str:
    """Return the name of the view on a sink's table, without its schema."""
    return f"papan_{spec.source.reads[1]}"


def view_statements(spec: SinkSpec, database: Database) -> list[str]:
    """Return the statements that make the view on a sink's table anew."""
    dialect = database.dialect
    columns = {column.field.name: dialect.quote(column.name) for column in spec.table.columns}
    days = " ".join(f"WHEN '{kind}' THEN {day.format(period=columns['period'])}" for kind, day in database.days.items())
    region, level = columns["region"], columns["level"]
    selected = {
        called(name): database.as_text.format(list=quoted) if name == "missing" else quoted
        for name, quoted in columns.items()
    }
    selected["parent"] = (
        f"CASE {level} WHEN '{Level.NATION}' THEN '' WHEN '{Level.PROVINCE}' THEN '{NATION}' "
        f"WHEN '{Level.REGENCY}' THEN left({region}, 2) ELSE left({region}, 5) END"
    )
    selected["period_start"] = f"CASE {columns['period_kind']} {days} END"
    return _remade(dialect, (*spec.table.path[:-1], view_name(spec)), selected, dialect.path(*spec.table.path))


def status_statements(schema: tuple[str, ...], database: Database) -> list[str]:
    """Return the statements that make the view on the signs of life of all sinks of a schema anew."""
    dialect = database.dialect
    q = dialect.quote
    seconds = f"({dialect.now()} - beat.{q('beat_at')}) / 1000000.0"
    late = f"({dialect.now()} - beat.{q('beat_at')}) > {LATE_INTERVALS:g} * beat.{q('interval_micros')}"
    sums = (
        f"(SELECT coalesce(sum({{0}}), 0) FROM {dialect.path(*schema, OFFSET_TABLE)} at "
        f"WHERE at.{q('sink')} = beat.{q('sink')})"
    )
    selected = {
        "sink": f"beat.{q('sink')}",
        "state": (
            f"CASE WHEN beat.{q('state')} = 'stopped' THEN 'UNASSIGNED' WHEN beat.{q('state')} = 'failed' OR {late} "
            f"THEN 'FAILED' WHEN beat.{q('restart')} > beat.{q('restarted')} THEN 'RESTARTING' "
            f"WHEN beat.{q('state')} = 'paused' THEN 'PAUSED' ELSE 'RUNNING' END"
        ),
        "paused": f"own.{q('paused')}",
        "worker": f"beat.{q('worker')}",
        "silent_seconds": f"round({seconds}, 1)",
        "words": f"beat.{q('words')}",
        "last_error": f"beat.{q('error')}",
        "records": sums.format(f"at.{q('records')}"),
        "refused": sums.format(f"at.{q('refused')}"),
    }
    tables = (
        f"{dialect.path(*schema, HEARTBEAT_TABLE)} beat JOIN {dialect.path(*schema, SINK_TABLE)} own "
        f"ON own.{q('sink')} = beat.{q('sink')}"
    )
    return _remade(dialect, (*schema, STATUS_VIEW), selected, tables)


def _remade(dialect: Dialect, path: tuple[str, ...], selected: Mapping[str, str], tables: str) -> list[str]:
    name = dialect.path(*path)
    listed = ",\n  ".join(f"{expression} AS {dialect.quote(column)}" for column, expression in selected.items())
    return [f"DROP VIEW IF EXISTS {name}", f"CREATE VIEW {name} AS\nSELECT\n  {listed}\nFROM {tables}"]
