"""The `.avsc` files and the models say the same."""

import json
import types
import typing
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from simpul_schemas.contract import EVENT_TYPES, EventType, event_type
from simpul_schemas.errors import UnknownEventType
from simpul_schemas.events.envelope import Event
from simpul_schemas.events.report import CLAIMABLE

ENVELOPE = (
    "event_id",
    "subject",
    "revision",
    "action",
    "region",
    "occurred_at",
    "recorded_at",
    "published_at",
    "source",
    "mode",
    "reason",
)
each_type = pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)


def fields(kind: EventType) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kind.schema)["fields"]
    return found


def agrees(annotation: Any, avro: Any) -> bool:
    """Return whether a model's type says what an Avro type says."""
    if isinstance(avro, list):
        inner = [part for part in typing.get_args(annotation) if part is not types.NoneType]
        return types.NoneType in typing.get_args(annotation) and avro[0] == "null" and agrees(inner[0], avro[1])
    if typing.get_origin(annotation) is tuple:
        return avro["type"] == "array" and agrees(typing.get_args(annotation)[0], avro["items"])
    kind = typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation
    if isinstance(avro, dict) and avro["type"] == "enum":
        return issubclass(kind, StrEnum) and [symbol.value for symbol in kind] == avro["symbols"]
    if isinstance(avro, dict) and avro["type"] == "record":
        return issubclass(kind, BaseModel) and record_agrees(kind, avro["fields"])
    if isinstance(avro, dict):
        datelike = typing.get_args(annotation)[0] if typing.get_args(annotation) else annotation
        return avro["logicalType"] == "timestamp-micros" and (
            datelike is datetime or annotation.__name__ == "AwareDatetime"
        )
    return {"string": str, "int": int, "long": int, "double": float}[avro] is kind


def record_agrees(model: type[BaseModel], avro_fields: list[dict[str, Any]]) -> bool:
    hints = typing.get_type_hints(model, include_extras=True)
    names = [field["name"] for field in avro_fields]
    assert list(model.model_fields) == names
    for field in avro_fields:
        assert agrees(hints[field["name"]], field["type"]), field["name"]
    return True


@each_type
def test_a_model_and_its_schema_agree_field_by_field(kind: EventType) -> None:
    assert record_agrees(kind.model, fields(kind))


@each_type
def test_every_event_begins_with_the_envelope_in_its_order(kind: EventType) -> None:
    assert tuple(field["name"] for field in fields(kind))[: len(ENVELOPE)] == ENVELOPE
    assert issubclass(kind.model, Event)


@each_type
def test_every_field_says_what_it_means_and_an_optional_one_defaults_to_unknown(kind: EventType) -> None:
    for _, field in every_field(fields(kind)):
        assert field["doc"].endswith(".")
        if isinstance(field["type"], list):
            assert field["type"][0] == "null"
            assert field["default"] is None
            assert "null" in field["doc"].lower(), field["name"]


def every_field(found: list[dict[str, Any]], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every field with its path, those within arrays included."""
    paths = []
    for field in found:
        paths.append((path + field["name"], field))
        inner = field["type"][1] if isinstance(field["type"], list) else field["type"]
        if isinstance(inner, dict) and inner["type"] == "array" and isinstance(inner["items"], dict):
            paths += every_field(inner["items"]["fields"], f"{path}{field['name']}.")
    return paths


#: Every field that is about a person or may name one, by the kind of personal data.
PERSONAL = {
    "report": {"prepared_by": "nama", "approved_by": "nama"},
    "incident": {"parties.name": "nama", "chronology": "nama", "response": "nama"},
    "aid_handover": {
        "first_party_name": "nama",
        "first_party_nip": "nip",
        "second_party_name": "nama",
        "second_party_nik": "nik",
        "second_party_address": "alamat",
        "witness_name": "nama",
        "witness_nip": "nip",
        "items.note": "nama",
        "acceptance": "nama",
        "attachments.reference": "nama",
        "verified_by": "nama",
    },
    "aspiration": {
        "title": "nama",
        "body": "nama",
        "reporter_name": "nama",
        "reporter_contact": "kontak",
        "location": "alamat",
        "answer": "nama",
    },
    "prevention": {
        "information": "nama",
        "recommendation": "nama",
        "location": "alamat",
        "reported_by": "nama",
        "response": "nama",
    },
    "participation": {},
    "budget": {"detail": "nama"},
}


@each_type
def test_personal_data_is_tagged_field_by_field(kind: EventType) -> None:
    tagged = {path: field["pii"] for path, field in every_field(fields(kind)) if "pii" in field}
    assert tagged == PERSONAL[kind.name]


@each_type
def test_what_says_that_it_may_name_people_is_tagged(kind: EventType) -> None:
    for path, field in every_field(fields(kind)):
        if "ame people" in field["doc"]:
            assert "pii" in field, path


@each_type
def test_no_schema_holds_money_or_counts_as_a_float(kind: EventType) -> None:
    floats = {path for path, declared in kind.rules.kinds.items() if declared in {"float", "double"}}
    assert floats <= {"latitude", "longitude"}


@each_type
def test_the_name_of_a_sum_of_money_says_its_unit(kind: EventType) -> None:
    for path, field in every_field(fields(kind)):
        if "rupiah (" in field["doc"] or "(1/100 rupiah" in field["doc"]:
            assert path.endswith(("_idr", "_sen")), path
            assert field["type"] in (["null", "long"], "long")


def test_there_are_seven_event_types_and_a_report_can_claim_each() -> None:
    assert list(EVENT_TYPES) == [
        "report",
        "incident",
        "aid_handover",
        "aspiration",
        "prevention",
        "participation",
        "budget",
    ]
    assert frozenset(EVENT_TYPES) == CLAIMABLE


def test_an_unknown_event_type_is_refused_with_the_names_of_those_that_exist() -> None:
    with pytest.raises(UnknownEventType, match="participation"):
        event_type("pemilu")
