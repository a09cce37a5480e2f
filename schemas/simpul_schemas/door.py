"""The one door for one event: what an application hands in becomes a judged record, or is refused with codes.

SDK, gateway and import come through here, so that one event gets one verdict whichever way it came. Three steps, each
usable alone: `to_record` (the strict model), `judge` (the rules), `admit` (both, and what they say).
"""

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from simpul_schemas.contract import EventType
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.regions import province_of
from simpul_schemas.rules import NOW, PROVINCE, Rule, Severity

_Lift: TypeAlias = Callable[[object], object]

#: What pydantic calls it, and the code that a program can rely on.
_SHAPE_CODES = {"missing": "event.field_missing", "extra_forbidden": "event.field_unknown"}
_NOT_SHAPED = "event.field_invalid"


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that no rule refuses, as an Avro record, with the rules that warn about it."""

    record: dict[str, Any]
    warnings: tuple[Rule, ...]


def admit(
    event_type: EventType, values: Mapping[str, object], now_micros: int, province: str | None = None
) -> Admitted:
    """Return the record of an event that breaks nothing, or raise `InvalidEvent` with the codes of what it breaks.

    `values` are those of the model, the envelope's included; see `to_record` and `judge`.
    """
    record = to_record(event_type, values)
    broken = pass_rules(event_type, judge(event_type, record, now_micros, province))
    return Admitted(record, broken)


def to_record(event_type: EventType, values: Mapping[str, object]) -> dict[str, Any]:
    """Return the Avro record of an event's values, or raise `InvalidEvent` where the strict model refuses them.

    Enums may be given by their symbols and tuples as lists, at any depth, since nothing is lost by that. Times must
    carry a zone.
    """
    lifted = _lift_model(event_type.model)(dict(values))
    try:
        record = event_type.model.model_validate(lifted).to_record()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        code = _SHAPE_CODES.get(first["type"], _NOT_SHAPED)
        raise shape_error(code, ".".join(str(part) for part in first["loc"]), first["msg"]) from error
    try:
        # Half a surrogate pair passes for a text in Python, and can be written down nowhere.
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise shape_error(_NOT_SHAPED, "*", "no Unicode text") from error
    return record


def judge(event_type: EventType, record: Mapping[str, Any], now_micros: int, province: str | None = None) -> int:
    """Return the verdict on a record: the bits of the rules that it breaks.

    Without a province the record's own is taken: its topic follows from it, so it cannot lie outside.
    """
    own = province_of(record["region"]) if province is None else province
    return event_type.rules.judge({**record, PROVINCE: own, NOW: now_micros})


def pass_rules(event_type: EventType, verdict: int) -> tuple[Rule, ...]:
    """Return the rules that only warn, or raise `InvalidEvent` with every code where one refuses."""
    broken = event_type.rules.broken_rules(verdict)
    if not event_type.rules.refuses(verdict):
        return tuple(broken)
    refusing = [rule for rule in broken if rule.severity is Severity.REJECT]
    raise InvalidEvent(
        event_type.rules.codes(verdict),
        " ".join(f"{rule.message.indonesian} ({rule.path}) {rule.remedy.indonesian}" for rule in refusing),
        " ".join(f"{rule.message.english} ({rule.path}) {rule.remedy.english}" for rule in refusing),
    )


def shape_error(code: str, name: str, detail: str) -> InvalidEvent:
    """Make the error of a value that does not have the shape that the contract gives its field."""
    return InvalidEvent(
        (code,),
        f"Isian '{name}' tidak sesuai kontrak ({detail}).",
        f"The field '{name}' breaks the contract ({detail}).",
    )


def _lift_of(annotation: object) -> _Lift:
    """Return what turns symbols into enums and lists into tuples for a type; the strict model judges what comes out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _lift_model(annotation)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _lift_enum(annotation)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return _lift_sequence(_lift_of(inner[0]))
    if origin in {typing.Union, types.UnionType}:
        (known,) = [part for part in inner if part is not types.NoneType]
        return _lift_of(known)
    return _as_it_is


def _as_it_is(value: object) -> object:
    return value


@cache
def _lift_model(model: type[BaseModel]) -> _Lift:
    lifts = {name: _lift_of(info.annotation) for name, info in model.model_fields.items()}
    needed = {name: lift for name, lift in lifts.items() if lift is not _as_it_is}

    def lift(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return value | {name: needed[name](value[name]) for name in needed.keys() & value.keys()}

    return lift


def _lift_enum(kind: type[StrEnum]) -> _Lift:
    members = {member.value: member for member in kind}
    return lambda value: members.get(value, value) if isinstance(value, str) else value


def _lift_sequence(item: _Lift) -> _Lift:
    return lambda value: tuple(item(one) for one in value) if isinstance(value, list | tuple) else value
