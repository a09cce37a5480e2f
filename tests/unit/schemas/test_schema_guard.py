"""What one schema must not be: every rule with schemas that break it, hostile ones, and the decoder as the referee."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas import columns_probe
from simpul_schemas.avro_types import UncarriedSchema, read_schema
from simpul_schemas.columns_probe import NoDecoder, probe
from simpul_schemas.findings import ADVICE
from simpul_schemas.schema_guard import guard, sounds_personal
from simpul_schemas.subjects import contract_schemas


def record(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "namespace": "id.go.uji", "fields": [field("id", "string"), *fields], **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def inner(*fields: Any, name: str = "N") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def decimal(**more: Any) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", **more}


def fixed(size: int, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "X", "size": size, **more}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def found(schema: Any, **options: Any) -> list[tuple[str, str]]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return [(finding.rule.removeprefix("schema."), finding.path) for finding in guard(text, **options)]


def test_a_sound_schema_has_no_finding() -> None:
    everything = record(
        *(field(kind, kind) for kind in ("boolean", "int", "long", "float", "double", "string")),
        field("time", {"type": "long", "logicalType": "timestamp-micros"}),
        field("date", ["null", {"type": "int", "logicalType": "date"}], default=None),
        field("phase", enum("A", "B", default="A"), default="B", aliases=["tahap"]),
        field("again", ["E", "null"], default="A"),
        field("items", array(inner(field("n", "long"), field("list", array("string")))), default=[]),
        field("nothing_personal", "string", default="technique, kunik, hiphop"),
    )
    assert found(everything) == []


BROKEN: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    # text
    "no text": ("", [("not_json", "/")]),
    "cut off": ('{"type":"record"', [("not_json", "/")]),
    "a quote that never ends": ('"' + '\\"' * 50_000, [("not_json", "/")]),
    "not a number": (json.dumps(record(field("x", "double", default=float("nan")))), [("not_json", "/")]),
    "a number beyond floats": ('{"type":"record","name":"R","fields":[],"x":1e999}', [("not_json", "/")]),
    "a number of 10,000 digits": ('{"type":"record","name":"R","x":' + "9" * 10_000 + "}", [("not_json", "/")]),
    "a key twice": ('{"type":"record","name":"R","name":"S","fields":[]}', [("not_json", "/")]),
    "300 kB": (" " * 300_000, [("too_large", "/")]),
    # grammar
    "a number for a schema": ("7", [("malformed", "/")]),
    "null for a schema": ("null", [("malformed", "/")]),
    "no fields": ({"type": "record", "name": "R"}, [("malformed", "/")]),
    "no name": ({"type": "record", "fields": []}, [("malformed", "/")]),
    "a name that is a number": ({"type": "record", "name": 7, "fields": []}, [("malformed", "/")]),
    "a namespace that is a list": (
        {"type": "record", "name": "R", "namespace": [], "fields": []},
        [("malformed", "/")],
    ),
    "a field without a type": (record({"name": "x"}), [("malformed", "/")]),
    "a field that is a text": (record("x"), [("malformed", "/")]),
    "aliases that are a text": (record(field("x", "int", aliases="y")), [("malformed", "/x")]),
    "an array without items": (record(field("x", {"type": "array"})), [("malformed", "/x")]),
    "a map without values": (record(field("x", {"type": "map"})), [("malformed", "/x")]),
    "an enum without symbols": (record(field("x", enum())), [("malformed", "/x")]),
    "symbols that are numbers": (
        record(field("x", {"type": "enum", "name": "E", "symbols": [1]})),
        [("malformed", "/x")],
    ),
    "a fixed of negative size": (record(field("x", fixed(-1))), [("malformed", "/x")]),
    "a fixed of true bytes": (record(field("x", fixed(True))), [("malformed", "/x")]),
    "an empty union": (record(field("x", [])), [("malformed", "/x")]),
    "a union in a union": (record(field("x", ["null", ["int", "string"]])), [("malformed", "/x")]),
    "a type in a type": (record(field("x", {"type": {"type": "int"}})), [("malformed", "/x")]),
    "a type that nobody defined": (record(field("x", "Entah")), [("type_unknown", "/x")]),
    "a type of another namespace": (record(field("a", enum("A")), field("b", "lain.E")), [("type_unknown", "/b")]),
    "a type that is defined later": (record(field("a", "E"), field("b", enum("A"))), [("type_unknown", "/a")]),
    "a type defined twice": (record(field("a", enum("A")), field("b", enum("B"))), [("type_redefined", "/b")]),
    "a record called string": ({"type": "record", "name": "string", "fields": []}, [("type_redefined", "/")]),
    "no record at all": ('"string"', [("not_a_record", "/")]),
    "a union at the top": (["null", record()], [("not_a_record", "/")]),
    # depth, width, recursion
    "a type in itself": (record(field("x", ["null", "R"])), [("recursive", "/x")]),
    "a type in a list in itself": (record(field("x", array("id.go.uji.R"))), [("recursive", "/x/[]")]),
    "a type in its part": (
        record(field("x", inner(field("y", {"type": "map", "values": "R"})))),
        [("recursive", "/x/y/{}")],
    ),
    "a type that is the first field of itself": (inner(field("x", "N")), [("recursive", "/x")]),
    # names
    "a field name of SQL": (record(field("a; drop table b", "int")), [("name_invalid", "/")]),
    "a field name of 64 letters": (record(field("x" * 64, "int")), [("name_invalid", "/")]),
    "a field name with a dot": (record(field("a.b", "int")), [("name_invalid", "/")]),
    "an empty field name": (record(field("", "int")), [("name_invalid", "/")]),
    "a field name that begins with a digit": (record(field("2024", "int")), [("name_invalid", "/")]),
    "a field name with a letter from elsewhere": (record(field("jumIah\u0430", "int")), [("name_invalid", "/")]),
    "a field name with a line's end": (record(field("x\n", "int")), [("name_invalid", "/")]),
    "an alias that is no name": (record(field("x", "int", aliases=["a b"])), [("name_invalid", "/")]),
    "a type name that is a path": ({**record(), "name": "../secret"}, [("name_invalid", "/")]),
    "a namespace with a hyphen": ({**record(), "namespace": "id.go-id"}, [("name_invalid", "/")]),
    "a namespace with nothing between dots": ({**record(), "namespace": "id..go"}, [("name_invalid", "/")]),
    "a symbol that is no name": (record(field("x", enum("A B"))), [("name_invalid", "/x")]),
    "a field twice": (record(field("x", "int"), field("x", "int")), [("name_duplicate", "/")]),
    "a field twice but for its case": (record(field("x", "int"), field("X", "int")), [("name_duplicate", "/")]),
    "a symbol twice": (record(field("x", enum("A", "A"))), [("name_duplicate", "/x")]),
    # defaults
    "null by default where null is not first": (
        record(field("x", ["int", "null"], default=None)),
        [("default_invalid", "/x")],
    ),
    "a number by default where null is first": (
        record(field("x", ["null", "int"], default=0)),
        [("default_invalid", "/x")],
    ),
    "a text for a number": (record(field("x", "int", default="0")), [("default_invalid", "/x")]),
    "a fraction for an int": (record(field("x", "int", default=0.5)), [("default_invalid", "/x")]),
    "true for an int": (record(field("x", "int", default=True)), [("default_invalid", "/x")]),
    "an int of 32 bits": (record(field("x", "int", default=2**31)), [("default_invalid", "/x")]),
    "a long of 64 bits": (record(field("x", "long", default=2**63)), [("default_invalid", "/x")]),
    "a default symbol that is none": (record(field("x", enum("A"), default="B")), [("default_invalid", "/x")]),
    "an enum's own default that is none": (record(field("x", enum("A", default="B"))), [("default_invalid", "/x")]),
    "a default list with a wrong entry": (
        record(field("x", array("int"), default=[1, "2"])),
        [("default_invalid", "/x")],
    ),
    "a default record without a field": (
        record(field("x", inner(field("y", "int")), default={})),
        [("default_invalid", "/x")],
    ),
    # items without width
    "a list of nulls": (record(field("x", array("null"))), [("zero_width_items", "/x"), ("not_carried", "/x/[]")]),
    "a list of empty records": (
        record(field("x", array(inner()))),
        [("zero_width_items", "/x"), ("not_carried", "/x/[]")],
    ),
    "a list of records of nulls": (
        record(field("x", array(inner(field("y", "null"))))),
        [("zero_width_items", "/x"), ("not_carried", "/x/[]/y")],
    ),
    "a list of fixed of no bytes": (
        record(field("x", array(fixed(0)))),
        [("zero_width_items", "/x"), ("not_carried", "/x/[]")],
    ),
    # logical types
    "a logical type with a typing error": (
        record(field("x", {"type": "long", "logicalType": "timestamp-micro"})),
        [("logical_type_invalid", "/x")],
    ),
    "a timestamp in an int": (
        record(field("x", {"type": "int", "logicalType": "timestamp-micros"})),
        [("logical_type_invalid", "/x")],
    ),
    "a date in a text": (
        record(field("x", {"type": "string", "logicalType": "date"})),
        [("logical_type_invalid", "/x")],
    ),
    "a logical type that is a number": (
        record(field("x", {"type": "string", "logicalType": 7})),
        [("logical_type_invalid", "/x")],
    ),
    "a decimal without precision": (
        record(field("x", decimal())),
        [("logical_type_invalid", "/x"), ("not_carried", "/x")],
    ),
    "a decimal with more scale than precision": (
        record(field("x", decimal(precision=2, scale=3))),
        [("logical_type_invalid", "/x"), ("not_carried", "/x")],
    ),
    "a decimal too long for its bytes": (
        record(field("x", fixed(4, logicalType="decimal", precision=12))),
        [("logical_type_invalid", "/x"), ("not_carried", "/x")],
    ),
    "a duration of 11 bytes": (
        record(field("x", fixed(11, logicalType="duration"))),
        [("logical_type_invalid", "/x"), ("not_carried", "/x")],
    ),
    # what columns do not carry
    "bytes": (record(field("x", "bytes")), [("not_carried", "/x")]),
    "a decimal": (record(field("x", decimal(precision=12, scale=2))), [("not_carried", "/x")]),
    "a fixed": (record(field("x", ["null", fixed(16)])), [("not_carried", "/x")]),
    "a map": (record(field("x", {"type": "map", "values": "int"})), [("not_carried", "/x")]),
    "null alone": (record(field("x", "null")), [("not_carried", "/x")]),
    "a union of three": (record(field("x", ["null", "int", "string"])), [("not_carried", "/x")]),
    "a union without null": (record(field("x", ["int", "string"])), [("not_carried", "/x")]),
    "a union of one": (record(field("x", ["int"])), [("not_carried", "/x")]),
    "a union of null twice": (record(field("x", ["null", "null"])), [("name_duplicate", "/x"), ("not_carried", "/x")]),
    "a record without fields": (record(field("x", inner())), [("not_carried", "/x")]),
    # personal data
    "a NIK without a tag": (record(field("nik", ["null", "string"])), [("pii_missing", "/nik")]),
    "a NIP by another name": (record(field("nipPejabat", "string")), [("pii_missing", "/nipPejabat")]),
    "an identity card inside a list": (
        record(field("x", array(inner(field("no_ktp", "string"))))),
        [("pii_missing", "/x/[]/no_ktp")],
    ),
    "a tag of another word": (record(field("x", "string", pii="ya")), [("pii_unknown", "/x")]),
    "a tag that is true": (record(field("x", "string", pii=["nama"])), [("pii_unknown", "/x")]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_schema_is_found(name: str) -> None:
    schema, expected = BROKEN[name]
    assert found(schema) == expected


def test_every_rule_about_one_schema_is_shown() -> None:
    shown = {f"schema.{rule}" for _, expected in BROKEN.values() for rule, _ in expected}
    others = {"schema.too_deep", "schema.too_wide", "schema.pii_forbidden"}
    assert shown | others == {rule for rule in ADVICE if rule.startswith("schema.")}


def nested(levels: int, opening: str, inside: str, closing: str) -> str:
    return opening * levels + inside + closing * levels


BOMBS = {
    "arrays": nested(100_000, '{"type":"array","items":', '"int"', "}"),
    "maps": nested(100_000, '{"type":"map","values":', '"int"', "}"),
    "unions": nested(100_000, '["null",', '"int"', "]"),
    "records": nested(100_000, '{"type":"record","name":"R","fields":[{"name":"x","type":', '"int"', "}]}"),
    "brackets": "[" * 100_000,
    "a default": json.dumps(record(field("x", "int"))).replace(
        '"int"', '"int","default":' + nested(100_000, "[", "", "]")
    ),
    "a doc in a text": json.dumps(record(field("x", "int", doc="[" * 100_000))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_schema_100_000_levels_deep_is_a_finding_and_no_crash(name: str) -> None:
    rules = {rule for rule, _ in found(BOMBS[name])}
    assert rules <= {"too_deep", "too_large"}
    assert bool(rules) == (name != "a doc in a text")


def deep(levels: int) -> dict[str, Any]:
    """Return a record with this many levels of record, array and union."""
    kind: Any = "int"
    for level in range(levels - 1):
        kind = [
            array(kind),
            inner(field("x", kind), name=f"N{level}"),
            ["null", inner(field("x", kind), name=f"N{level}")],
        ][level % 2]
    return record(field("x", kind))


def test_sixteen_levels_are_taken_and_seventeen_are_not() -> None:
    assert found(deep(16)) == []
    ((rule, path),) = found(deep(17))
    assert rule == "too_deep"
    assert path.startswith("/x/")


def test_depth_is_counted_through_types_that_are_used_by_name() -> None:
    chain = [field("f0", inner(field("x", "int"), name="N0"))]
    chain += [field(f"f{n}", inner(field("x", f"N{n - 1}"), name=f"N{n}")) for n in range(1, 40)]
    assert found(record(*chain)) == [("too_deep", "/")]


def test_a_schema_that_unfolds_to_2_to_the_power_of_16_types_is_a_finding_at_once() -> None:
    doubling = [field("f0", inner(field("x", "int"), field("y", "int"), name="N0"))]
    doubling += [
        field(f"f{n}", inner(field("x", f"N{n - 1}"), field("y", f"N{n - 1}"), name=f"N{n}")) for n in range(1, 15)
    ]
    assert found(record(*doubling)) == [("too_wide", "/")]


def test_a_wide_schema_is_a_finding() -> None:
    assert found(record(*(field(f"f{n}", "int") for n in range(998)))) == []
    assert found(record(*(field(f"f{n}", "int") for n in range(999)))) == [("too_wide", "/")]


def test_a_hostile_name_reaches_no_terminal_and_no_long_line() -> None:
    schema = record(field("\x1b[2J" + "x" * 5_000, "bytes"), field("a/b~c", "bytes"))
    findings = guard(json.dumps(schema))
    assert {finding.path for finding in findings} == {"/", "/\\x1b[2J" + "x" * 57, "/a~1b~0c"}
    assert all(len(json.dumps(finding.document())) < 3_000 for finding in findings)


KEYS = st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "default", "logicalType", "x"])
WORDS = st.sampled_from(["record", "array", "map", "enum", "fixed", "int", "R"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | WORDS,
    lambda inside: st.lists(inside) | st.dictionaries(KEYS, inside | WORDS),
)


@given(DOCUMENTS)
def test_whatever_json_comes_there_are_findings_or_the_decoder_takes_it(document: Any) -> None:
    text = json.dumps(document)
    if not guard(text):
        read_schema(text)


@given(st.text())
def test_whatever_text_comes_nothing_but_findings_come_of_it(text: str) -> None:
    assert all(finding.rule in ADVICE for finding in guard(text))


# --- personal data ---


def test_a_tagged_field_is_taken_in_an_event_and_not_in_a_figure() -> None:
    schema = record(field("x", array(inner(field("nik", "string"))), pii="nik"))
    assert found(schema) == []
    assert found(schema, personal_allowed=False) == [("pii_forbidden", "/x")]


def test_a_personal_name_without_a_tag_is_found_in_a_figure_as_well() -> None:
    assert found(record(field("nik", "string")), personal_allowed=False) == [("pii_missing", "/nik")]


@pytest.mark.parametrize(
    "name", ["nik", "NIK", "nik_2", "recipient_nik", "nikPenerima", "NIKPenerima", "no_ktp", "telp_1", "email", "nip"]
)
def test_a_name_with_a_word_for_identity_or_contact_sounds_personal(name: str) -> None:
    assert sounds_personal(name)


@pytest.mark.parametrize("name", ["unik", "teknik", "klinik", "manipulasi", "snipping", "id", "region", "recipients"])
def test_a_name_with_such_letters_inside_a_word_does_not(name: str) -> None:
    assert not sounds_personal(name)


# --- the decoder as the referee ---

TYPES: dict[str, Any] = {
    **{kind: kind for kind in ("null", "boolean", "int", "long", "float", "double", "bytes", "string")},
    **{
        f"{logical} in {base}": {"type": base, "logicalType": logical}
        for base, logical in [
            ("int", "date"),
            ("int", "time-millis"),
            ("long", "time-micros"),
            ("long", "timestamp-millis"),
            ("long", "timestamp-micros"),
            ("long", "timestamp-nanos"),
            ("long", "local-timestamp-millis"),
            ("long", "local-timestamp-micros"),
            ("string", "uuid"),
        ]
    },
    "decimal": decimal(precision=12, scale=2),
    "decimal in fixed": fixed(8, logicalType="decimal", precision=12, scale=2),
    "fixed": fixed(16),
    "enum": enum("A", "B", "C"),
    "optional enum": ["null", enum("A", "B")],
    "null last": ["int", "null"],
    "union of three": ["null", "int", "string"],
    "union without null": ["int", "string"],
    "union of one": ["int"],
    "array": array("string"),
    "optional array of optionals": ["null", array(["null", "double"])],
    "array of arrays": array(array("int")),
    "map": {"type": "map", "values": "int"},
    "array of maps": array({"type": "map", "values": "string"}),
    "record": inner(field("y", "int")),
    "optional record": ["null", inner(field("y", "int"), field("z", ["null", "string"]))],
    "record without fields": inner(),
    "array of records": array(inner(field("y", "boolean"), field("z", array("long")))),
    "times in a list": array({"type": "long", "logicalType": "timestamp-micros"}),
    "sixteen levels": deep(16)["fields"][1]["type"],
}


@pytest.fixture(scope="module")
def objections() -> dict[str, str | None]:
    names = list(TYPES)
    return dict(zip(names, probe([json.dumps(record(field("x", TYPES[name]))) for name in names]), strict=True))


@pytest.mark.parametrize("name", TYPES)
def test_what_the_guard_says_of_a_type_is_what_the_decoder_does(name: str, objections: dict[str, str | None]) -> None:
    schema = record(field("x", TYPES[name]))
    carried = "not_carried" not in dict(found(schema))
    assert carried == (objections[name] is None), objections[name]
    assert carried == is_read(schema)


def is_read(schema: Any) -> bool:
    try:
        read_schema(json.dumps(schema))
    except UncarriedSchema:
        return False
    return True


def test_the_decoder_carries_every_schema_of_the_contract() -> None:
    assert set(probe([entry.schema for entry in contract_schemas()])) == {None}


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_schema_that_kills_or_hangs_the_decoder_is_told_and_the_next_ones_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_probe.sys, "executable", program(tmp_path, "echo null; kill -9 $$"))
    assert probe(["a", "b", "c"]) == [None, "the decoder died (exit -9)", None]
    monkeypatch.setattr(columns_probe.sys, "executable", program(tmp_path, "echo null; exec sleep 60"))
    assert probe(["a", "b", "c"], timeout_seconds=0.5) == [None, "the decoder took more than 0.5 s", None]


def test_where_no_decoder_is_installed_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_probe.sys, "executable", program(tmp_path, f"exit {columns_probe.NO_DECODER}"))
    with pytest.raises(NoDecoder):
        probe(["a"])
