"""Records to exchange with foreign clients, made from a schema alone: whatever it holds, at its limits and in between.

They obey the schema and not the rules; the example of the catalogue comes last, which obeys both.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastavro.schema import expand_schema

from simpul_schemas.catalogue.examples import accept, example_text
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.regions import province_of
from simpul_schemas.rows import encode
from simpul_schemas.topics import event_topic
from simpul_schemas.wire import frame

#: Two-byte, three-byte and four-byte characters, a combining one, what JSON escapes, and what looks like JSON.
TEXT = 'Ñusantara — ꦗꦮ, 漢字, 🌋, e\u0301, \u200fعربي\t\n"\\\u0001\u2028 {"null": 1}'
#: Records of an event type at least; more where an enum has more symbols.
FEWEST = 4
#: A topic of several partitions, to see where each client puts a key.
WIDE_TOPIC = "uji.interop.lebar"
WIDE_PARTITIONS = 16
WIDE_KEYS = tuple(f"tps:uji:{number}:Ñ" for number in range(12))


@dataclass(frozen=True)
class Sample:
    """One record of an event type, and how it travels."""

    event_type: EventType
    topic: str
    key: str
    record: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """Some of the headers that the SDK sends, one of them beyond ASCII."""
        return {
            "ce_specversion": "1.0",
            "ce_type": f"id.go.simpul.{self.event_type.name}.v1",
            "ce_subject": self.key,
            "content-type": "application/avro",
        }

    @property
    def value(self) -> Any:
        """The record as the sample programs write it: JSON, every `long` as decimal text."""
        return as_json(_root(self.event_type), self.record)

    def framed(self, schema_id: int) -> bytes:
        """The bytes that we send."""
        return frame(schema_id, encode(self.event_type.parsed_schema, self.record))


def samples(name: str) -> list[Sample]:
    """Return what is exchanged of one event type: all on one topic, the valid example last."""
    kind, example = EVENT_TYPES[name], accept(EVENT_TYPES[name], example_text(name)).event
    topic = event_topic(province_of(example.region), name)
    root = _root(kind)
    count = max(FEWEST, *(len(found["symbols"]) for found in _enums(root)))
    made = [Sample(kind, topic, f"{name}:{number}:Ñ", _make(root, number, 0)) for number in range(count)]
    return [*made, Sample(kind, topic, example.subject, example.to_record())]


def as_json(schema: Any, value: Any) -> Any:
    """Return an Avro value as the sample programs write it."""
    if value is None:
        return None
    if isinstance(schema, list):
        return as_json(_branch(schema), value)
    kind = _kind(schema)
    if kind == "long":
        return str(value)
    if kind == "array":
        return [as_json(schema["items"], item) for item in value]
    if kind == "record":
        return {field["name"]: as_json(field["type"], value[field["name"]]) for field in schema["fields"]}
    return value


def _root(kind: EventType) -> Any:
    return expand_schema(json.loads(kind.schema))


def _kind(schema: Any) -> str:
    return schema["type"] if isinstance(schema, dict) else schema


def _branch(union: list[Any]) -> Any:
    (found,) = (branch for branch in union if branch != "null")
    return found


def _enums(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema["type"] == "enum":
            yield schema
        parts = [schema["items"]] if "items" in schema else [field["type"] for field in schema.get("fields", ())]
        for part in parts:
            yield from _enums(part)
    elif isinstance(schema, list):
        yield from _enums(_branch(schema))


def _make(schema: Any, number: int, place: int) -> Any:
    """Make the value of one place in the record with a number.

    Record 0 has as little as there can be, 1 the lowest values, 2 the highest; the others differ from place to place,
    so that no two fields can be mistaken for each other. Among all, every symbol of an enum is used. An Avro type that
    is missing here raises KeyError: teach it to this generator and to the sample programs.
    """
    if isinstance(schema, list):
        is_null = number == 0 or (number > 2 and (place + number) % 3 == 0)
        return None if is_null else _make(_branch(schema), number, place)
    kind = _kind(schema)
    if kind == "record":
        return {
            field["name"]: _make(field["type"], number, place + position)
            for position, field in enumerate(schema["fields"])
        }
    if kind == "array":
        return [_make(schema["items"], number, place + item) for item in range((0, 1, 70)[number % 3])]
    if kind == "enum":
        return schema["symbols"][number % len(schema["symbols"])]
    is_time = isinstance(schema, dict) and "logicalType" in schema
    return _edges("time" if is_time else kind)[number] if number < 3 else _between(kind, number, place)


def _edges(kind: str) -> tuple[Any, Any, Any]:
    """Return the least that can be said in a primitive type, its lowest value and its highest."""
    edges: dict[str, tuple[Any, Any, Any]] = {
        "int": (0, -(2**31), 2**31 - 1),
        "long": (0, -(2**63), 2**63 - 1),
        # The first and the last microsecond that the wire takes: of the years 1 and 9999.
        "time": (0, -62_135_596_800_000_000, 253_402_300_799_999_999),
        "double": (0.0, -1.7976931348623157e308, 5e-324),
        "boolean": (False, False, True),
        "string": ("", TEXT, "x" * 300),
    }
    return edges[kind]


def _between(kind: str, number: int, place: int) -> Any:
    whole = (number * 1009 + place) * (-1) ** place
    values: dict[str, Any] = {
        "int": whole,
        "long": whole,
        "double": whole / 7,
        "boolean": place % 2 == 1,
        "string": f"{place}-{number} Kejadian di Ñ",
    }
    return values[kind]
