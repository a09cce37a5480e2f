"""The event types of the contract, each with its Avro schema, model and rules.

The `.avsc` files under `avro/` are the contract; the models say the same in Python, which a test proves field by field.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any

import fastavro

from simpul_schemas.errors import UnknownEventType
from simpul_schemas.events import aid_handover, aspiration, budget, incident, participation, prevention, report
from simpul_schemas.events.envelope import Event
from simpul_schemas.row_encoder import RowEncoder
from simpul_schemas.rules import NOW, Rule, RuleSet


@dataclass(frozen=True)
class EventType:
    """One event type: its name in topics, its model, its rules and its Avro schema as text."""

    name: str
    model: type[Event]
    rules: RuleSet
    schema: str

    @cached_property
    def parsed_schema(self) -> Any:  # noqa: ANN401  # fastavro's own schema type is a union of dict, list and str
        """The schema as fastavro takes it."""
        return fastavro.parse_schema(json.loads(self.schema))

    @cached_property
    def encoder(self) -> RowEncoder:
        """What writes records of this type."""
        return RowEncoder(self.parsed_schema)

    @cached_property
    def record_name(self) -> str:
        """The full name of the Avro record, which a writer's schema must bear as well."""
        parsed = json.loads(self.schema)
        return f"{parsed['namespace']}.{parsed['name']}"


def _load(name: str, model: type[Event], rules: tuple[Rule, ...]) -> EventType:
    text = resources.files("simpul_schemas").joinpath(f"avro/{name}.avsc").read_text(encoding="utf-8")
    parsed = json.loads(text)
    kinds = MappingProxyType({NOW: "clock", **_kinds(parsed["fields"])})
    # One compact form, so that the registry sees one text and gives one id.
    return EventType(name, model, RuleSet(rules, kinds), json.dumps(parsed, ensure_ascii=False))


def _kinds(fields: list[dict[str, Any]], path: str = "") -> dict[str, str]:
    """Return the Avro type of every field by its path: `killed` is an int, `items.unit_value_sen` a long."""
    found: dict[str, str] = {}
    for field in fields:
        declared = field["type"]
        if isinstance(declared, list):
            declared = next(branch for branch in declared if branch != "null")
        kind = declared["type"] if isinstance(declared, dict) else declared
        found[path + field["name"]] = kind
        if kind == "array" and isinstance(declared["items"], dict):
            found |= _kinds(declared["items"]["fields"], f"{path}{field['name']}.")
    return found


_TYPES = (
    _load("report", report.Report, report.RULES),
    _load("incident", incident.Incident, incident.RULES),
    _load("aid_handover", aid_handover.AidHandover, aid_handover.RULES),
    _load("aspiration", aspiration.Aspiration, aspiration.RULES),
    _load("prevention", prevention.Prevention, prevention.RULES),
    _load("participation", participation.Participation, participation.RULES),
    _load("budget", budget.Budget, budget.RULES),
)
#: Every event type by its name.
EVENT_TYPES: Mapping[str, EventType] = MappingProxyType({kind.name: kind for kind in _TYPES})


def event_type(name: str) -> EventType:
    """Return an event type by its name, or raise `UnknownEventType` naming those that exist."""
    found = EVENT_TYPES.get(name)
    if found is None:
        known = ", ".join(EVENT_TYPES)
        raise UnknownEventType(
            f"Jenis peristiwa '{name}' tidak dikenal; yang ada: {known}.",
            f"There is no event type '{name}'; there are: {known}.",
        )
    return found
