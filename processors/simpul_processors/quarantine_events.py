"""Refused records as people can read and mend them: plain JSON out of Avro and back, personal data masked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

from simpul_schemas.avro_types import AvroType, Items, Optional, Record, Text, UncarriedSchema, Whole, read_schema
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.errors import MalformedRecord, RegistryRefused
from simpul_schemas.events.envelope import Event
from simpul_schemas.quarantine import Refusal
from simpul_schemas.registry import NOT_FOUND_CODES, Registry
from simpul_schemas.rows import RowDecoder
from simpul_schemas.times import iso_utc
from simpul_schemas.wire import unframe

#: Stands where a personal value was. What still holds it cannot be sent.
MASK = "[disamarkan/masked]"

#: An event as JSON has it: times are RFC 3339 in UTC, enums their symbols.
Plain: TypeAlias = dict[str, Any]

_BY_RECORD_NAME = {kind.record_name: kind for kind in EVENT_TYPES.values()}
_ENVELOPE = frozenset(Event.model_fields)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A refused record that could be read by its own schema.

    `kind` is the event type whose record it is, None where the contract has none of that name.
    """

    event: Plain
    kind: EventType | None

    @property
    def masked(self) -> Plain:
        """The event without what its schema says is personal; of an unknown type every text but the envelope's."""
        if self.kind is None:
            texts = (name for name, value in self.event.items() if not isinstance(value, int | float))
            masked: Plain = _mask(self.event, frozenset(texts) - _ENVELOPE, "")
            return masked
        return mask(self.kind, self.event)


class EventReader:
    """Decodes refused records, each by the schema that it names itself."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._schemas: dict[int, tuple[Record, RowDecoder] | None] = {}

    def read(self, refusal: Refusal) -> Decoded | None:
        """Return what a record says; None where its bytes are no record of a schema that the registry knows."""
        try:
            schema_id, body = unframe(refusal.value)
            schema = self._schema(schema_id)
            if schema is None:
                return None
            root, decoder = schema
            record = decoder.decode(body)
        except MalformedRecord:
            return None
        return Decoded(to_plain(root, record), _BY_RECORD_NAME.get(root.name))

    def _schema(self, schema_id: int) -> tuple[Record, RowDecoder] | None:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = self._ask(schema_id)
        return self._schemas[schema_id]

    def _ask(self, schema_id: int) -> tuple[Record, RowDecoder] | None:
        try:
            root = read_schema(self._registry.schema(schema_id))
        except UncarriedSchema:
            return None
        except RegistryRefused as error:
            if error.error_code in NOT_FOUND_CODES:
                return None
            raise
        return root, RowDecoder(root)


def to_plain(kind: AvroType, value: Any) -> Any:  # noqa: ANN401  # any value that Avro has
    """Return a decoded value as JSON has it: times as texts."""
    match kind:
        case Optional(inner, _):
            return None if value is None else to_plain(inner, value)
        case Items(item):
            return [to_plain(item, one) for one in value]
        case Record(_, fields):
            return {name: to_plain(field, value[name]) for name, field in fields}
        case Whole(unit="timestamp-micros"):
            return iso_utc(value)
        case Whole(unit="timestamp-millis"):
            return iso_utc(value * 1000)
    return value


def from_plain(kind: AvroType, value: Any) -> Any:  # noqa: ANN401  # any value that JSON has
    """Return JSON as the contract's models take it: times with their zone. What does not fit stays, and is refused."""
    match kind, value:
        case Optional(inner, _), _:
            return from_plain(inner, value)
        case Items(item), list():
            return [from_plain(item, one) for one in value]
        case Record(_, fields), dict():
            kinds = dict(fields)
            return {name: from_plain(kinds.get(name, Text()), one) for name, one in value.items()}
        case Whole(unit="timestamp-micros"), str():
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                return value
    return value


@cache
def tree_of(name: str) -> Record:
    """Return the tree of an event type's schema."""
    return read_schema(EVENT_TYPES[name].schema)


def mask(kind: EventType, event: Plain) -> Plain:
    """Return an event with a mask in the place of every personal value; null stays null."""
    masked: Plain = _mask(event, personal_fields(kind.name), "")
    return masked


@cache
def personal_fields(name: str) -> frozenset[str]:
    """Return the paths of an event type's personal fields, as its schema tags them: `receiver_name`, `items.note`."""
    return frozenset(_tagged(json.loads(EVENT_TYPES[name].schema)["fields"], ""))


def _tagged(fields: list[Mapping[str, Any]], path: str) -> list[str]:
    found = []
    for field in fields:
        here = f"{path}{field['name']}"
        if "pii" in field:
            found.append(here)
        declared = field["type"]
        for branch in declared if isinstance(declared, list) else [declared]:
            inner = branch.get("items", branch) if isinstance(branch, dict) else {}
            if isinstance(inner, dict) and "fields" in inner:
                found += _tagged(inner["fields"], f"{here}.")
    return found


def _mask(value: Any, paths: frozenset[str], path: str) -> Any:  # noqa: ANN401  # any value that JSON has
    if value is not None and path in paths:
        return MASK
    if isinstance(value, dict):
        return {name: _mask(one, paths, f"{path}.{name}" if path else name) for name, one in value.items()}
    if isinstance(value, list):
        return [_mask(one, paths, path) for one in value]
    return value


def is_masked(value: Any) -> bool:  # noqa: ANN401  # any value that JSON has
    """Return whether a mask stands anywhere in a value."""
    if isinstance(value, dict):
        return any(map(is_masked, value.values()))
    if isinstance(value, list):
        return any(map(is_masked, value))
    return bool(value == MASK)
