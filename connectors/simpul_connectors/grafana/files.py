"""The files of a set of sinks: the SQL of their views, a dashboard each, and one of the sinks' own states: pure."""

import json
from collections.abc import Mapping, Sequence

from simpul_connectors.errors import SinkSpecError
from simpul_connectors.grafana.dashboards import dashboard, file_name, status_dashboard
from simpul_connectors.grafana.sql import DATABASES, Database, status_statements, view_statements
from simpul_connectors.sinks.spec import SinkSpec, load_spec, ready_sinks
from simpul_connectors.sinks.table import Mode
from simpul_schemas.rules import Text

SQL_FILE = "views.sql"
_HEAD = (
    "-- Views for dashboards; run them in the database of the sinks, as the owner of their tables. Made by\n"
    "-- 'simpul sink dashboards'; they hold no data and may be dropped. Grafana needs SELECT on them alone.\n\n"
)


def files_of(specs: Sequence[SinkSpec], database: str) -> Mapping[str, str]:
    """Return the files by their names; `database` is one of `DATABASES`. Raises `SinkSpecError` for a sink of events.

    The view of the sinks' own states stands in the schema of the first one.
    """
    chosen: Database = DATABASES[database]
    for spec in specs:
        if not is_of_figures(spec):
            raise SinkSpecError(
                spec.file,
                "from",
                Text("Papan hanya untuk angka dalam mode upsert.", "Dashboards are of figures in mode upsert only."),
                Text("Pakai sink dengan 'from: {view: ...}'.", "Use a sink with 'from: {view: ...}'."),
            )
    schema = specs[0].table.path[:-1]
    statements = [statement for spec in specs for statement in view_statements(spec, chosen)]
    text = "".join(f"{statement};\n" for statement in [*statements, *status_statements(schema, chosen)])
    boards = [*(dashboard(spec, chosen) for spec in specs), status_dashboard(schema, chosen)]
    return {SQL_FILE: _HEAD + text} | {
        file_name(board): json.dumps(board, indent=1, ensure_ascii=False) + "\n" for board in boards
    }


def is_of_figures(spec: SinkSpec) -> bool:
    """Return whether a sink keeps the newest figures of a view."""
    return spec.source.reads[0] == "view" and spec.mode is Mode.UPSERT


def ready_of_figures() -> list[SinkSpec]:
    """Return the ready sinks of figures."""
    return [spec for spec in map(load_spec, ready_sinks()) if is_of_figures(spec)]
