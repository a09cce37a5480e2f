"""The documents of Kafka Connect's REST interface, of sinks: pure.

Field names, nesting and types are those of Connect 4.3.1, held by recorded answers of a real worker.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from simpul_connectors.control.health import Verdict, worst
from simpul_connectors.sinks.spec import SinkSpec
from simpul_connectors.sinks.table import Column, Mode
from simpul_connectors.sinks.target import Position
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Partition

#: The one plugin that there is.
PLUGIN = "id.go.simpul.connectors.Sink"
KIND = "sink"
#: A sink is one task: one copy of it writes at a time.
TASK = 0

Document = dict[str, Any]


def root(cluster: str) -> Document:
    """Return the answer to `GET /`."""
    return {"version": version("simpul"), "commit": "simpul", "kafka_cluster_id": cluster}


def config(spec: SinkSpec) -> dict[str, str]:
    """Return a sink's file as Connect's flat map of texts, without its address."""
    way, name = spec.source.reads
    found = {
        "connector.class": PLUGIN,
        "name": spec.name,
        "tasks.max": "1",
        "topics": ",".join(spec.source.topics),
        f"from.{way}": name,
        "table": str(spec.table),
        "mode": spec.mode.value,
        "withdraw": spec.table.withdraw.value,
    }
    found |= {"url_env": spec.url_env} if spec.url_env else {}
    found |= {"url_file": spec.url_file} if spec.url_file else {}
    columns = spec.table.columns
    if columns != tuple(Column(one.name, one) for one in spec.source.fields):
        found |= {f"columns.{one.field.name}": f"{one.name} {one.type}".strip() for one in columns}
    return found


def info(spec: SinkSpec) -> Document:
    """Return the answer to `GET /connectors/NAME`."""
    return {
        "name": spec.name,
        "config": config(spec),
        "tasks": [{"connector": spec.name, "task": TASK}],
        "type": KIND,
    }


def tasks(spec: SinkSpec) -> list[Document]:
    """Return the answer to `GET /connectors/NAME/tasks`."""
    return [{"id": {"connector": spec.name, "task": TASK}, "config": config(spec)}]


def status(spec: SinkSpec, verdict: Verdict, server: str) -> Document:
    """Return the answer to `GET /connectors/NAME/status`; the connector is as its worst task."""
    return {
        "name": spec.name,
        "connector": _state(worst([verdict]), server),
        "tasks": [task_status(verdict, server)],
        "type": KIND,
    }


def task_status(verdict: Verdict, server: str) -> Document:
    """Return the answer to `GET /connectors/NAME/tasks/0/status`."""
    return {"id": TASK, **_state(verdict, server)}


def _state(verdict: Verdict, server: str) -> Document:
    found = {"state": verdict.state.value, "worker_id": verdict.worker or server, "version": version("simpul")}
    return found | ({"trace": verdict.trace} if verdict.trace else {})


def topics(spec: SinkSpec, positions: Mapping[Partition, Position]) -> Document:
    """Return the answer to `GET /connectors/NAME/topics`: those of which something was read."""
    return {spec.name: {"topics": sorted({partition.topic for partition in positions})}}


def offsets(positions: Mapping[Partition, Position]) -> Document:
    """Return the answer to `GET /connectors/NAME/offsets`."""
    return {
        "offsets": [
            {
                "partition": {"kafka_partition": partition.number, "kafka_topic": partition.topic},
                "offset": {"kafka_offset": position.next_offset},
            }
            for partition, position in sorted(positions.items())
        ]
    }


def plugins() -> list[Document]:
    """Return the answer to `GET /connector-plugins`."""
    return [{"class": PLUGIN, "type": KIND, "version": version("simpul")}]


def definitions() -> list[Document]:
    """Return the answer to `GET /connector-plugins/PLUGIN/config`: the keys of a sink's file."""
    return [
        _definition(number, name, default, required=required, about=about)
        for number, (name, default, required, about) in enumerate(_KEYS, start=1)
    ]


_MODES = ", ".join(mode.value for mode in Mode)
#: Key, default, whether it must be there, and what it means.
_KEYS: Sequence[tuple[str, str | None, bool, str]] = (
    ("name", None, True, "Name of the sink; its offsets stand in the database under it."),
    ("connector.class", None, True, f"Always {PLUGIN}."),
    ("tasks.max", "1", False, "A sink is one task."),
    ("topics", None, False, "Follows from from.view or from.events; what is given here is not looked at."),
    ("from.view", None, False, f"View whose figures are read: {', '.join(VIEW_SPECS)}."),
    ("from.events", None, False, f"Event type that is read, instead of a view: {', '.join(EVENT_TYPES)}."),
    ("table", None, True, "Table that is filled, with or without its schema."),
    ("mode", Mode.UPSERT.value, False, f"What becomes of a key that is there already: {_MODES}."),
    ("withdraw", "flag", False, "What becomes of the row of a withdrawn event: flag or delete."),
    ("url_env", None, False, "Variable of the environment with the database's address."),
    ("url_file", None, False, "File with the database's address, instead."),
    ("columns.FIELD", None, False, "Column that a field fills, with the database's own type behind it if you like."),
)


def _definition(number: int, name: str, default: str | None, *, required: bool, about: str) -> Document:
    return {
        "name": name,
        "type": "INT" if name == "tasks.max" else "STRING",
        "required": required,
        "default_value": default,
        "importance": "HIGH" if required else "MEDIUM",
        "documentation": about,
        "group": "Sink",
        "order_in_group": number,
        "width": "MEDIUM",
        "display_name": name,
        "dependents": [],
    }


def validation(given: Mapping[str, str], errors: Mapping[str, str]) -> Document:
    """Return the answer to a validation: every key, its value, and what is wrong with it.

    `errors` name keys of `definitions`, or others that were given and should not have been.
    """
    listed = definitions()
    known = {found["name"] for found in listed}
    others = [name for name in (*given, *errors) if name not in known]
    for number, name in enumerate(dict.fromkeys(others), start=len(listed) + 1):
        about = "A column." if name.startswith("columns.") else "Not a key of a sink."
        listed.append(_definition(number, name, None, required=False, about=about))
    return {
        "name": PLUGIN,
        "error_count": len(errors),
        "groups": ["Sink"],
        "configs": [
            {
                "definition": found,
                "value": {
                    "name": found["name"],
                    "value": given.get(found["name"], found["default_value"]),
                    "recommended_values": [],
                    "errors": [errors[found["name"]]] if found["name"] in errors else [],
                    "visible": True,
                },
            }
            for found in listed
        ],
    }
