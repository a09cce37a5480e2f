"""The types that the bus carries: what a schema may say, and which writers' schemas give the reader its own values."""

import json
from typing import Any

import pytest

from simpul_schemas.avro_types import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_SCHEMA_CHARACTERS,
    UncarriedSchema,
    plain_schema,
    read_parsed,
    read_schema,
    resolves,
)
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS

COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
OURS = [kind.schema for kind in EVENT_TYPES.values()] + [
    schema for spec in VIEW_SPECS.values() for schema in (spec.partial_schema, spec.figure_schema)
]


def a_record(*kinds: Any, name: str = "Uji", **attributes: Any) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    return {"type": "record", "name": name, "fields": fields, **attributes}


def nested(depth: int) -> Any:
    return "int" if depth == 0 else {"type": "array", "items": nested(depth - 1)}


@pytest.mark.parametrize("schema", OURS)
def test_our_own_schemas_are_carried_and_resolve_to_themselves(schema: str) -> None:
    root = read_schema(schema)
    assert resolves(root, root)
    assert root.name == f"id.go.simpul.v1.{json.loads(schema)['name']}"
    assert [name for name, _ in read_schema(plain_schema(root)).fields] == [name for name, _ in root.fields]


@pytest.mark.parametrize(
    "kind",
    [
        "null",
        "bytes",
        "Unknown",
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "fixed", "name": "F", "size": 0},
        {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
        {"type": "map", "values": "int"},
        {"type": "array", "items": "null"},
        {"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}},
        {"type": "array"},
        {"type": "record", "name": "NoFields"},
        {"type": "enum", "name": "E", "symbols": []},
        {"type": "enum", "name": "E", "symbols": ["A", "A"]},
        {"type": "enum", "name": "E", "symbols": ["A", 1]},
        {"type": "enum", "name": "E", "symbols": ["A b"]},
        {"type": "enum", "symbols": ["A"]},
        {"type": "enum", "name": "../E", "symbols": ["A"]},
        {"type": "enum", "name": "E", "namespace": "a b", "symbols": ["A"]},
        ["null"],
        ["null", "null"],
        ["int", "string"],
        ["null", "int", "string"],
        ["null", ["null", "int"]],
        [],
        {},
        None,
        7,
        nested(MAX_DEPTH),
        "Uji",
        ["null", "Uji"],
        {"type": "array", "items": "Uji"},
    ],
    ids=str,
)
def test_a_type_that_is_not_carried_is_refused(kind: Any) -> None:
    with pytest.raises(UncarriedSchema):
        read_parsed(a_record(kind))


@pytest.mark.parametrize("text", ["", "{", "7", '"int"', "[]", '["null","int"]', "[" * 100_000, json.dumps(COLOUR)])
def test_a_text_that_is_no_schema_of_a_record_is_refused(text: str) -> None:
    with pytest.raises(UncarriedSchema):
        read_schema(text)


def test_limits_are_kept_to_the_number() -> None:
    assert read_parsed(a_record(nested(MAX_DEPTH - 1)))
    assert read_parsed(a_record(*["int"] * MAX_FIELDS))
    with pytest.raises(UncarriedSchema):
        read_parsed(a_record(*["int"] * (MAX_FIELDS + 1)))
    text = json.dumps(a_record("int"))
    assert read_schema(text + " " * (MAX_SCHEMA_CHARACTERS - len(text)))
    with pytest.raises(UncarriedSchema):
        read_schema(text + " " * (MAX_SCHEMA_CHARACTERS - len(text) + 1))


def test_a_named_type_may_be_used_again_and_counts_again() -> None:
    pair = a_record("int", "int", name="Pair")
    assert read_parsed(a_record(pair, "Pair", {"type": "Pair"}, namespace="uji"))
    wide = a_record(*["int"] * 400, name="Wide")
    assert read_parsed(a_record(wide, "Wide"))
    with pytest.raises(UncarriedSchema):
        read_parsed(a_record(wide, "Wide", "Wide"))


@pytest.mark.parametrize("name", ["a; drop table b", "", "1a", "a" * 64, "a.b", "é"])
def test_a_field_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UncarriedSchema):
        read_parsed({"type": "record", "name": "Uji", "fields": [{"name": name, "type": "int"}]})


@pytest.mark.parametrize(
    ("writer", "reader", "expected"),
    [
        ("int", "long", True),
        ("long", "int", False),
        ("float", "double", False),
        ("int", "double", False),
        ("string", COLOUR, False),
        (COLOUR, "string", False),
        (COLOUR | {"symbols": ["RED"]}, COLOUR, True),
        (COLOUR | {"symbols": ["RED", "BLACK"]}, COLOUR, False),
        ("int", ["null", "int"], True),
        (["int", "null"], ["null", "int"], True),
        (["null", "int"], "int", False),
        (MICROS, MICROS, True),
        ("long", MICROS, False),
        (MICROS, "long", False),
        ({"type": "long", "logicalType": "timestamp-millis"}, MICROS, False),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, True),
        ({"type": "array", "items": ["null", "int"]}, {"type": "array", "items": "int"}, False),
        (a_record("int", "string", name="In"), a_record("int", name="In"), True),
        (a_record("int", name="In"), a_record("int", "string", name="In"), False),
    ],
    ids=str,
)
def test_a_writers_type_resolves_only_where_its_every_value_means_the_same(
    writer: Any, reader: Any, expected: bool
) -> None:
    assert resolves(read_parsed(a_record(writer)), read_parsed(a_record(reader))) is expected


def test_a_field_that_the_writer_lacks_needs_a_default() -> None:
    reader = a_record("int", "int")
    assert not resolves(read_parsed(a_record("int")), read_parsed(reader))
    reader["fields"][1]["default"] = 0
    assert resolves(read_parsed(a_record("int")), read_parsed(reader))


@pytest.mark.parametrize("levels", [20, 400])
def test_types_that_double_by_their_names_are_refused_at_once(levels: int) -> None:
    kind: dict[str, Any] = {"type": "record", "name": "T0", "fields": [{"name": "x", "type": "long"}]}
    for level in range(1, levels):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"T{level - 1}"}]
        kind = {"type": "record", "name": f"T{level}", "fields": fields}
    with pytest.raises(UncarriedSchema):
        read_parsed(kind)


def test_a_chain_of_named_types_is_as_deep_as_what_it_stands_for() -> None:
    kinds = ["long", *(f"T{level}" for level in range(39))]
    names = [
        {"type": "record", "name": f"T{level}", "fields": [{"name": "x", "type": kind}]}
        for level, kind in enumerate(kinds)
    ]
    fields = [{"name": f"f{level}", "type": kind} for level, kind in enumerate(names)]
    with pytest.raises(UncarriedSchema, match="deep"):
        read_parsed({"type": "record", "name": "Root", "fields": fields})
