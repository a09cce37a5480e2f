"""The example of each event type: kept as JSON, and shown only after the contract has accepted it without a word.

An example is read by the model, judged by the rules (a warning is one too many), encoded and decoded again. Its mode
is TEST, so that a copy that is sent by mistake enters no figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pydantic import ValidationError

from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.errors import InvalidEvent, MalformedRecord
from simpul_schemas.events.envelope import Event, Mode
from simpul_schemas.regions import province_of
from simpul_schemas.rows import decode, encode
from simpul_schemas.rules import NOW, PROVINCE


@dataclass(frozen=True, slots=True)
class Example:
    """An example that the contract accepted; `text` is its JSON with every field, in the order of the schema."""

    event: Event
    text: str
    document: Mapping[str, Any]


def example_text(name: str) -> str:
    """Return the kept JSON of an event type's example, or raise `InvalidEvent` where there is none."""
    file = resources.files("simpul_schemas.catalogue").joinpath(f"examples/{name}.json")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _refusal(name, ("example.missing",), "tidak ada", "there is none") from error


def accepted_examples() -> dict[str, Example]:
    """Return the example of every event type, or raise `InvalidEvent` at the first that is broken."""
    return {name: accept(kind, example_text(name)) for name, kind in EVENT_TYPES.items()}


def accept(kind: EventType, text: str) -> Example:
    """Return an example that the contract accepts, or raise `InvalidEvent` that says what is wrong with it."""
    try:
        event = kind.model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise _refusal(
            kind.name, ("example.invalid",), f"{where}: {first['msg']}", f"{where}: {first['msg']}"
        ) from error
    record = event.to_record()
    _judge(kind, record)
    _round_trip(kind, record)
    if event.mode is not Mode.TEST:
        raise _refusal(kind.name, ("example.invalid",), "mode harus TEST", "its mode must be TEST")
    return Example(event, event.model_dump_json(indent=2), event.model_dump(mode="json"))


def _judge(kind: EventType, record: Mapping[str, Any]) -> None:
    """Judge an example as its own province's topic would at the moment it was published."""
    surroundings = {PROVINCE: province_of(record["region"]), NOW: record["published_at"]}
    broken = kind.rules.broken_rules(kind.rules.judge({**record, **surroundings}))
    if broken:
        raise _refusal(
            kind.name,
            tuple(rule.code for rule in broken),
            "; ".join(f"{rule.code}: {rule.message.indonesian}" for rule in broken),
            "; ".join(f"{rule.code}: {rule.message.english}" for rule in broken),
        )


def _round_trip(kind: EventType, record: dict[str, Any]) -> None:
    try:
        again = decode(kind.parsed_schema, encode(kind.parsed_schema, record))
    except (MalformedRecord, ValueError, TypeError) as error:  # the last two are what fastavro's writer raises
        raise _refusal(kind.name, ("example.invalid",), f"tidak dapat dikodekan: {error}", str(error)) from error
    if again != record:
        raise _refusal(
            kind.name, ("example.invalid",), "berubah setelah dikodekan", "it changed by encoding and decoding"
        )


def _refusal(name: str, codes: tuple[str, ...], why_id: str, why_en: str) -> InvalidEvent:
    return InvalidEvent(
        codes,
        f"Contoh untuk '{name}' (catalogue/examples/{name}.json) salah: {why_id}. Perbaiki, lalu ulangi.",
        f"The example of '{name}' (catalogue/examples/{name}.json) is wrong: {why_en}. Mend it and run this again.",
    )
