"""The contract as an AsyncAPI 3.0 document: channels, messages, operations; the servers are the operator's to add.

Each family of topics is a channel, with the province as a parameter. A value's schema is given in Avro, as the
registry has it; the rules stand beside it under `x-simpul-rules`, since no schema language says them.
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

import yaml

from simpul_schemas.catalogue.examples import Example
from simpul_schemas.catalogue.families import Family, families
from simpul_schemas.catalogue.headers import (
    CLOUD_EVENT_HEADERS,
    QUARANTINE_HEADERS,
    cloud_event_headers,
    cloud_event_type,
)
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.regions import load_regions
from simpul_schemas.rules import RuleSet, Text

#: An object of the document.
Node: TypeAlias = dict[str, Any]

AVRO_FORMAT = "application/vnd.apache.avro;version=1.9.0"
_KAFKA_BINDING = "0.5.0"
_REQUIRED_HEADERS = ("ce_specversion", "ce_id", "ce_source", "ce_type")


def asyncapi_document(examples: dict[str, Example]) -> Node:
    """Return the whole document; `examples` are the accepted examples by event type."""
    found = list(families())
    return {
        "asyncapi": "3.0.0",
        "id": "urn:id:go:simpul",
        "info": _info(),
        "defaultContentType": "application/avro",
        "channels": {family.name: _channel(family) for family in found},
        "operations": {name: operation for family in found for name, operation in _operations(family)},
        "components": {
            "parameters": {"province": _province()},
            "messages": {family.name: _message(family, examples) for family in found},
            "schemas": {
                "cloudEventHeaders": _headers(CLOUD_EVENT_HEADERS, _REQUIRED_HEADERS),
                "quarantineHeaders": _headers(QUARANTINE_HEADERS, tuple(QUARANTINE_HEADERS)),
            },
        },
    }


def asyncapi_yaml(examples: dict[str, Example]) -> str:
    """Return the document as YAML, without anchors, which few readers of AsyncAPI follow."""
    # Through JSON, so that no part is the same object twice: those become anchors.
    plain = json.loads(json.dumps(asyncapi_document(examples), ensure_ascii=False))
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    return text


def _info() -> Node:
    return {
        "title": "Simpul",
        "version": version("simpul"),
        "description": (
            "Kontrak bus integrasi antara aplikasi pemerintah daerah.\n"
            "The contract of the integration bus between the applications of regional governments.\n\n"
            "Alamat server ditambahkan oleh pengelola. The operator adds the servers.\n"
            "Nilai memakai bingkai Confluent: bita 0, nomor skema 4 bita, lalu Avro. "
            "Values are in Confluent framing: a byte 0, 4 bytes of schema id, then Avro."
        ),
        "license": {"name": "Apache-2.0"},
        "tags": [{"name": "Indonesia"}, {"name": "Kafka"}, {"name": "Avro"}],
    }


def _province() -> Node:
    regions = load_regions()
    names = ", ".join(f"{code} {regions.name(code)}" for code in regions.provinces())
    return {
        "description": f"Kode provinsi Kemendagri. Kemendagri's code of the province: {names}.",
        "enum": regions.provinces(),
        "examples": ["73"],
    }


def _channel(family: Family) -> Node:
    config = family.spec.config
    channel: Node = {
        "address": family.address,
        "title": family.what.indonesian,
        "description": f"{family.what}. Disimpan / kept: {family.kept}.",
        "messages": {family.name: {"$ref": f"#/components/messages/{family.name}"}},
        "bindings": {
            "kafka": {
                "partitions": family.spec.partitions,
                "topicConfiguration": {
                    **{key: int(value) if value.lstrip("-").isdigit() else value for key, value in config.items()},
                    "cleanup.policy": [config["cleanup.policy"]],
                },
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }
    if family.by_province:
        channel["parameters"] = {"province": {"$ref": "#/components/parameters/province"}}
    return channel


def _operations(family: Family) -> list[tuple[str, Node]]:
    """Return what an application may do: publish events, and read every family."""
    receive = ("receive", Text("Membaca", "Read"))
    send = ("send", Text("Menerbitkan", "Publish"))
    return [
        (
            f"{action}_{family.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{family.name}"},
                "summary": f"{verb.indonesian}: {family.what.indonesian}. {verb.english}: {family.what.english}",
                "messages": [{"$ref": f"#/channels/{family.name}/messages/{family.name}"}],
            },
        )
        for action, verb in ([send, receive] if family.event_type else [receive])
    ]


def _message(family: Family, examples: dict[str, Example]) -> Node:
    message: Node = {
        "name": family.name,
        "title": family.what.indonesian,
        "summary": str(family.what),
        "bindings": {"kafka": {"key": _key(family), "bindingVersion": _KAFKA_BINDING}},
    }
    if family.schema is None:
        return message | {
            "contentType": "application/octet-stream",
            "headers": {"$ref": "#/components/schemas/quarantineHeaders"},
        }
    message["bindings"]["kafka"] |= {
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "confluent",
        "schemaLookupStrategy": "TopicNameStrategy",
    }
    message["contentType"] = "application/avro"
    message["payload"] = {"schemaFormat": AVRO_FORMAT, "schema": json.loads(family.schema)}
    return message | (_of_event(family.event_type, examples[family.event_type]) if family.event_type else {})


def _key(family: Family) -> Node:
    return {"type": "string", "description": str(family.key)}


def _of_event(name: str, example: Example) -> Node:
    """Return what only the message of an event type has: headers, an example, the rules."""
    return {
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/cloudEventHeaders"},
                {"type": "object", "properties": {"ce_type": {"const": cloud_event_type(name)}}},
            ]
        },
        "examples": [
            {
                "name": name,
                "summary": "Waktu ditulis sebagai teks. Times are written as text.",
                "headers": cloud_event_headers(name, example.event),
                "payload": dict(example.document),
            }
        ],
        "x-simpul-rules": _rules(EVENT_TYPES[name].rules),
    }


def _headers(headers: Mapping[str, Text], required: tuple[str, ...]) -> Node:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": str(text)} for name, text in headers.items()},
        "required": list(required),
    }


def _rules(rules: RuleSet) -> list[Node]:
    return [
        {
            "code": rule.code,
            "severity": rule.severity.value,
            "fields": list(rule.fields),
            "message": _both(rule.message),
            "remedy": _both(rule.remedy),
        }
        for rule in rules.rules
    ]


def _both(text: Text) -> Node:
    return {"id": text.indonesian, "en": text.english}
