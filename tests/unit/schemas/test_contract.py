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
    for field in fields(kind):
        assert field["doc"].endswith(".")
        if isinstance(field["type"], list):
            assert field["type"][0] == "null"
            assert field["default"] is None


def test_free_text_that_may_name_people_is_tagged() -> None:
    tagged = {field["name"] for field in fields(EVENT_TYPES["incident"]) if field.get("pii")}
    assert tagged == {"chronology", "response"}


def test_no_schema_holds_money_or_counts_as_a_float() -> None:
    for kind in EVENT_TYPES.values():
        floats = {field["name"] for field in fields(kind) if field["type"] in ("float", "double", ["null", "double"])}
        assert floats <= {"latitude", "longitude"}


def test_an_unknown_event_type_is_refused_with_the_names_of_those_that_exist() -> None:
    with pytest.raises(UnknownEventType, match="participation"):
        event_type("pemilu")
