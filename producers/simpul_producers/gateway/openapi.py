"""The OpenAPI 3.1 document of the gateway, made from the contract: one address per event type, with its own example."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from simpul_producers.gateway.problem import MEDIA_TYPE
from simpul_producers.gateway.results import Status, Step
from simpul_producers.gateway.submissions import BATCH, JSON, STRUCTURED
from simpul_schemas.catalogue.about import ABOUT
from simpul_schemas.catalogue.examples import example_text
from simpul_schemas.catalogue.fields import FieldRow, field_rows
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.gateway_settings import GatewayLimits

_REFS = "#/components/schemas/{model}"
#: What the gateway makes or takes from the key where it is left out.
_OPTIONAL = frozenset({"event_id", "revision", "action", "region", "recorded_at", "source", "mode"})
_IN_ATTRIBUTES = frozenset({"event_id", "subject", "occurred_at", "source"})
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "event_id": {"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    "subject": {"minLength": 1, "maxLength": 200},
    "revision": {"minimum": 1, "maximum": 2**63 - 1},
    "region": {"pattern": r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2})?)?$"},
    "source": {"minLength": 1},
}
_TEXT, _MAYBE_TEXT = {"type": "string"}, {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_FAULT = {
    "type": "object",
    "required": ["code", "pointer", "message"],
    "properties": {"code": _TEXT, "pointer": _TEXT, "message": _TEXT},
}
_FAULTS = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}
_MAYBE_REVISION = {"type": ["integer", "null"]}


@cache
def openapi_document(limits: GatewayLimits) -> dict[str, Any]:
    """Return the document; the same object every time, so it must not be changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gerbang Simpul / Simpul gateway",
            "version": "1",
            "description": "Peristiwa masuk lewat HTTP. Diterima berarti sudah di disk. / Events enter by HTTP. "
            "Accepted means on disk. Pesan dalam bahasa dari Accept-Language (id, en).",
        },
        "security": [{"key": []}],
        "paths": {
            **{f"/v1/events/{name}": {"post": _plain(name, limits)} for name in EVENT_TYPES},
            "/v1/events": {"post": _cloud_events(limits)},
            "/v1/events/{event_id}": {"get": _show()},
            **_operations(),
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "<key id>.<secret>"}},
            "schemas": {**_event_schemas(), **_answer_schemas()},
        },
    }


def plain_example(name: str) -> dict[str, Any]:
    """Return the contract's example of a type as a client sends it: without what the gateway makes."""
    event: dict[str, Any] = json.loads(example_text(name))
    return {field: value for field, value in event.items() if field not in {"published_at", "revision"}}


def cloud_example(name: str) -> dict[str, Any]:
    """Return the same example as a structured CloudEvent."""
    event = plain_example(name)
    return {
        "specversion": "1.0",
        "id": event["event_id"],
        "source": event["source"],
        "type": f"id.go.simpul.{name}.v1",
        "subject": event["subject"],
        "time": event["occurred_at"],
        "datacontenttype": JSON,
        "data": {field: value for field, value in event.items() if field not in _IN_ATTRIBUTES},
    }


def _plain(name: str, limits: GatewayLimits) -> dict[str, Any]:
    schema = _ref(EVENT_TYPES[name].model.__name__)
    content = {
        "schema": {"oneOf": [schema, _many(schema, limits)]},
        "examples": {"satu": {"value": plain_example(name)}, "beberapa": {"value": [plain_example(name)]}},
    }
    return {
        "operationId": f"publish_{name}",
        "summary": ABOUT[name],
        "tags": ["peristiwa"],
        "requestBody": {"required": True, "content": {JSON: content}},
        "responses": _publish_responses(),
    }


def _cloud_events(limits: GatewayLimits) -> dict[str, Any]:
    one = cloud_example("incident")
    return {
        "operationId": "publish_cloudevents",
        "summary": "CloudEvents 1.0: structured, batch, atau binary (ce-* di kepala). / structured, batch, or binary.",
        "tags": ["peristiwa"],
        "parameters": [
            {
                "name": f"ce-{name}",
                "in": "header",
                "required": False,
                "schema": _TEXT,
                "example": one[name],
                "description": "binary",
            }
            for name in ("specversion", "id", "source", "type", "subject", "time")
        ],
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": _ref("CloudEvent"), "examples": {"satu": {"value": one}}},
                BATCH: {"schema": _many(_ref("CloudEvent"), limits), "examples": {"beberapa": {"value": [one]}}},
                JSON: {"schema": {"type": "object"}, "examples": {"data": {"value": one["data"]}}},
            },
        },
        "responses": _publish_responses(),
    }


def _show() -> dict[str, Any]:
    return {
        "operationId": "show_event",
        "summary": "Apa yang terjadi dengan suatu peristiwa. / What became of an event.",
        "tags": ["peristiwa"],
        "parameters": [
            {"name": "event_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        ],
        "responses": {
            "200": _response("Dikenal. / Known.", JSON, _ref("EventState")),
            **_problems("400", "401", "404", "429", "503"),
        },
    }


def _operations() -> dict[str, Any]:
    anything: dict[str, Any] = {"type": "object"}
    verbose = {"name": "verbose", "in": "query", "required": False, "allowEmptyValue": True, "schema": _TEXT}
    return {
        "/livez": {"get": _open("livez", "Hidup. / Alive.", {"200": _response("Hidup.", JSON, anything)})},
        "/readyz": {
            "get": _open(
                "readyz",
                "Siap menerima; ?verbose menyebut tiap bagian. / Ready to take events; ?verbose names each part.",
                {
                    "200": _response("Siap. / Ready.", JSON, anything),
                    "503": _response("Belum siap. / Not ready.", JSON, anything),
                },
                [verbose],
            )
        },
        "/metrics": {
            "get": _open("metrics", "Prometheus.", {"200": _response("Metrik. / Metrics.", "text/plain", _TEXT)})
        },
        "/openapi.json": {
            "get": _open("openapi", "Dokumen ini. / This document.", {"200": _response("OpenAPI.", JSON, anything)})
        },
    }


def _open(
    name: str, summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["operasi"],
        "security": [],
        "parameters": parameters or [],
        "responses": {**responses, **_problems("400")},
    }


def _publish_responses() -> dict[str, Any]:
    return {
        "201": _response("Semua di disk. / All on disk.", JSON, _ref("Results")),
        "207": _response("Sebagian ditolak. / Some refused.", JSON, _ref("Results")),
        "422": _response("Semua ditolak. / All refused.", JSON, _ref("Results")),
        **_problems("400", "401", "404", "408", "411", "413", "415", "429", "503"),
    }


def _problems(*statuses: str) -> dict[str, Any]:
    return {status: _response("Masalah. / A problem.", MEDIA_TYPE, _ref("Problem")) for status in statuses}


def _response(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REFS.format(model=name)}


def _many(schema: dict[str, Any], limits: GatewayLimits) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "maxItems": limits.events_per_request, "items": schema}


def _event_schemas() -> dict[str, Any]:
    """Return the schemas of all event types and of what they are made of, as a client may send them."""
    models = [(kind.model, "validation") for kind in EVENT_TYPES.values()]
    _, document = models_json_schema(models, ref_template=_REFS)  # type: ignore[arg-type]  # a literal, inferred as text
    schemas: dict[str, Any] = document["$defs"]
    for kind in EVENT_TYPES.values():
        schema = schemas[kind.model.__name__]
        schema["properties"].pop("published_at")
        schema["required"] = [name for name in schema["required"] if name not in _OPTIONAL | {"published_at"}]
        for row in field_rows(kind.schema):
            if row.path in schema["properties"]:
                _describe(schema["properties"], row)
    return schemas


def _describe(properties: dict[str, Any], row: FieldRow) -> None:
    words = ". ".join(part for part in (row.term, row.meaning) if part)
    found = properties[row.path]
    if "$ref" in found:
        found = {"allOf": [found]}
    properties[row.path] = {**found, **_SHAPES.get(row.path, {}), "description": words}


def _answer_schemas() -> dict[str, Any]:
    result = {
        "type": "object",
        "required": ["index", "id", "status", "step", "code", "pointer", "message", "revision", "errors", "warnings"],
        "properties": {
            "index": _COUNT,
            "id": _MAYBE_TEXT,
            "status": {"enum": [status.value for status in Status]},
            "step": {"enum": [step.value for step in Step]},
            "code": _MAYBE_TEXT,
            "pointer": _MAYBE_TEXT,
            "message": _MAYBE_TEXT,
            "revision": _MAYBE_REVISION,
            "errors": _FAULTS,
            "warnings": _FAULTS,
        },
    }
    return {
        "Fault": _FAULT,
        "Result": result,
        "Results": {
            "type": "object",
            "required": [*(status.value for status in Status), "results"],
            "properties": {
                **{status.value: _COUNT for status in Status},
                "results": {"type": "array", "items": _ref("Result")},
            },
        },
        "EventState": {
            "type": "object",
            "required": ["id", "status", "errors"],
            "properties": {
                "id": _TEXT,
                "status": {"enum": ["pending", "sent", "refused"]},
                **dict.fromkeys(("event_type", "subject", "taken_at", "settled_at", "reason"), _MAYBE_TEXT),
                "revision": _MAYBE_REVISION,
                "errors": _FAULTS,
            },
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "code", "errors"],
            "properties": {
                "type": _TEXT,
                "title": _TEXT,
                "status": {"type": "integer"},
                "detail": _TEXT,
                "code": _TEXT,
                "errors": _FAULTS,
            },
        },
        "CloudEvent": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", **_SHAPES["event_id"]},
                "source": {"type": "string", "minLength": 1},
                "type": {"enum": [f"id.go.simpul.{name}.v1" for name in EVENT_TYPES]},
                "subject": {"type": "string", **_SHAPES["subject"]},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": JSON},
                "data": {"type": "object"},
            },
        },
    }
