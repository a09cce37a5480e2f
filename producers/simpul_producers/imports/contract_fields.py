"""The fields of an event type as the import sees them: what each holds, and whether it may be unknown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from simpul_schemas.contract import EventType

INT_LIMITS: Mapping[str, int] = {"int": 2**31, "long": 2**63}


@dataclass(frozen=True, slots=True)
class AvroField:
    """A field of the contract: its primitive or logical type, whether it may be unknown or left out.

    Of an array `item` is what its items are: of records, `item_fields` are their fields.
    """

    name: str
    kind: str
    nullable: bool
    required: bool
    symbols: tuple[str, ...] = ()
    item: str = ""
    item_fields: Mapping[str, "AvroField"] = field(default_factory=dict)


def avro_fields(event_type: EventType) -> Mapping[str, AvroField]:
    """Return the fields of an event type in their order."""
    return _fields_of(event_type.schema)


@cache
def _fields_of(schema: str) -> Mapping[str, AvroField]:
    return _read(json.loads(schema)["fields"])


def _read(declared: list[dict[str, Any]]) -> dict[str, AvroField]:
    return {each["name"]: _field(each) for each in declared}


def _field(declared: dict[str, Any]) -> AvroField:
    kind, nullable = declared["type"], False
    if isinstance(kind, list):
        nullable = "null" in kind
        kind = next(branch for branch in kind if branch != "null")
    symbols: tuple[str, ...] = ()
    item, item_fields = "", {}
    if isinstance(kind, dict):
        symbols = tuple(kind.get("symbols", ()))
        if kind["type"] == "array":
            item = kind["items"]["type"] if isinstance(kind["items"], dict) else kind["items"]
            item_fields = _read(kind["items"]["fields"]) if item == "record" else {}
        kind = kind.get("logicalType", kind["type"])
    return AvroField(declared["name"], kind, nullable, "default" not in declared, symbols, item, item_fields)
