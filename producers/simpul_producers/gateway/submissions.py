"""Submissions: what stands in a request, by plain JSON or one of the three CloudEvents modes, made alike.

CloudEvents 1.0, HTTP binding: `id` is the event id, `subject` the subject, `time` when it happened, `source` the
publishing system, and `type` `id.go.simpul.<type>.v1`; `data` holds the rest. Other attributes are let pass. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from simpul_producers.gateway.bodies import first_flaw, pointer, read_json
from simpul_producers.gateway.problem import Refused
from simpul_producers.gateway.results import Fault
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.gateway_settings import GatewayLimits

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_Path: TypeAlias = tuple[str | int, ...]
_EVENT_TYPE = re.compile(r"id\.go\.simpul\.(?P<name>[a-z_]+)\.v1")
#: CloudEvents attribute, and the field of the envelope that it says.
_ATTRIBUTES = {"id": "event_id", "subject": "subject", "time": "occurred_at", "source": "source"}


@dataclass(frozen=True, slots=True)
class Submission:
    """One event as it was handed in, before anything is known of it.

    `values` are by the names of the contract; `fault` says why they cannot be read, and then they are empty. `base`
    and `moved` lead from a field back to its place in the body; a field that came in a header has none.
    """

    event_type: str
    values: dict[str, Any]
    fault: Fault | None = None
    base: _Path = ()
    moved: Mapping[str, _Path] = field(default_factory=dict)

    def pointer(self, path: _Path) -> str:
        """Return where a field stands in the body, as a JSON pointer."""
        name = path[0] if path else ""
        return pointer((*self.moved[str(name)], *path[1:]) if name in self.moved else (*self.base, *path))


def read_submissions(
    event_type: str | None, headers: Mapping[str, str], body: bytes, limits: GatewayLimits
) -> list[Submission]:
    """Return the events of a request; raises `Refused` where the request as a whole cannot be read.

    `event_type` is that of the address, None where CloudEvents say it; header names are in lower case.
    """
    media_type = _media_type(headers)
    binary = event_type is None and media_type == JSON and "ce-specversion" in headers
    if media_type not in ({JSON} if event_type is not None or binary else {STRUCTURED, BATCH}):
        raise Refused(415, "http.media_type")
    document = read_json(body)
    if binary:
        return [_binary(headers, document, limits)]
    items = document if isinstance(document, list) and media_type != STRUCTURED else [document]
    if media_type == BATCH and not isinstance(document, list):
        raise Refused(400, "json.malformed", "")
    if not items:
        raise Refused(400, "batch.empty", "")
    if len(items) > limits.events_per_request:
        raise Refused(413, "batch.too_many", "")
    alone = items is not document
    read = _structured if event_type is None else _plain_reader(event_type)
    return [_clean(item, () if alone else (place,), limits, read) for place, item in enumerate(items)]


def _media_type(headers: Mapping[str, str]) -> str:
    """Return the media type in lower case; raises `Refused` for a charset that is not UTF-8."""
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    charset = message.get_content_charset("utf-8")
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise Refused(415, "http.media_type")
    return message.get_content_type() if "content-type" in headers else ""


_Reader: TypeAlias = Callable[[dict[str, Any], _Path], Submission]


def _clean(item: object, base: _Path, limits: GatewayLimits, read: _Reader) -> Submission:
    flaw = first_flaw(item, limits)
    if flaw is not None:
        return _faulty(flaw[0], (*base, *flaw[1]))
    if not isinstance(item, dict):
        return _faulty("event.not_object", base)
    return read(item, base)


def _plain_reader(event_type: str) -> _Reader:
    return lambda item, base: Submission(event_type, item, base=base)


def _structured(item: dict[str, Any], base: _Path) -> Submission:
    if "data_base64" in item or _foreign_data(item.get("datacontenttype", JSON)):
        return _faulty("cloudevents.data", base)
    moved = {name: (*base, attribute) for attribute, name in _ATTRIBUTES.items()}
    return _cloud_event(item, item.get("data"), (*base, "data"), moved, base)


def _binary(headers: Mapping[str, str], document: object, limits: GatewayLimits) -> Submission:
    flaw = first_flaw(document, limits)
    if flaw is not None:
        return _faulty(*flaw)
    try:
        attributes = {
            name.removeprefix("ce-"): unquote_to_bytes(value).decode()
            for name, value in headers.items()
            if name.startswith("ce-")
        }
    except UnicodeDecodeError:
        return _faulty("cloudevents.attribute", ())
    return _cloud_event(attributes, document, (), dict.fromkeys(_ATTRIBUTES.values(), ()), ())


def _cloud_event(
    attributes: Mapping[str, Any], data: object, base: _Path, moved: Mapping[str, _Path], outer: _Path
) -> Submission:
    binary = not moved["event_id"]
    if attributes.get("specversion") != "1.0":
        return _faulty("cloudevents.version", () if binary else (*outer, "specversion"))
    for attribute in (*_ATTRIBUTES, "type"):
        said = attributes.get(attribute)
        if not isinstance(said, str) or not said:
            return _faulty("cloudevents.attribute", () if binary else (*outer, attribute))
    if not isinstance(data, dict):
        return _faulty("cloudevents.data", base)
    for name in _ATTRIBUTES.values():
        if name in data:
            return _faulty("cloudevents.twice", (*base, name))
    match = _EVENT_TYPE.fullmatch(attributes["type"])
    if match is None or match["name"] not in EVENT_TYPES:
        return _faulty("event.type_unknown", () if binary else (*outer, "type"))
    values = {**data, **{name: attributes[attribute] for attribute, name in _ATTRIBUTES.items()}}
    return Submission(match["name"], values, base=base, moved=moved)


def _foreign_data(content_type: object) -> bool:
    return not isinstance(content_type, str) or content_type.partition(";")[0].strip().lower() != JSON


def _faulty(code: str, path: _Path) -> Submission:
    return Submission("", {}, Fault.own(code, pointer(path)))
