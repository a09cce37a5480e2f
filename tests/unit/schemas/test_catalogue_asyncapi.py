"""The AsyncAPI document is whole: what it points at exists, and it says what the contract says."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import fastavro
import pytest
import yaml

from simpul_deploy.bus import topic_specs
from simpul_producers import sender
from simpul_schemas.catalogue.asyncapi import AVRO_FORMAT, asyncapi_yaml
from simpul_schemas.catalogue.examples import accepted_examples
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Partition
from simpul_schemas.quarantine import Origin, Refusal, refusal_record
from simpul_schemas.regions import load_regions

each_type = pytest.mark.parametrize("name", EVENT_TYPES)


@pytest.fixture(scope="module")
def text() -> str:
    return asyncapi_yaml(accepted_examples())


@pytest.fixture(scope="module")
def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    if isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere_in_the_document(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert reference.startswith("#/")
        assert isinstance(resolve(document, reference), dict)


def test_the_document_is_of_version_3_and_names_no_server(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert "servers" not in document


def test_it_has_no_anchors_which_few_readers_follow(text: str) -> None:
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))


def test_every_topic_that_the_bus_makes_is_an_address_of_a_channel(document: dict[str, Any]) -> None:
    made = {re.sub(r"^simpul\.\d{2}\.", "simpul.{province}.", spec.name) for spec in topic_specs()}
    assert {channel["address"] for channel in document["channels"].values()} == made


def test_a_channel_has_the_province_as_a_parameter_exactly_where_its_address_names_it(document: dict[str, Any]) -> None:
    for channel in document["channels"].values():
        named = {"province"} if "{province}" in channel["address"] else set()
        assert set(channel.get("parameters", {})) == named
    assert document["components"]["parameters"]["province"]["enum"] == load_regions().provinces()


@each_type
def test_events_can_be_sent_and_received(document: dict[str, Any], name: str) -> None:
    channel = f"#/channels/{name}"
    found = [op for op in document["operations"].values() if op["channel"]["$ref"] == channel]
    assert {operation["action"] for operation in found} == {"send", "receive"}
    for operation in found:
        (message,) = operation["messages"]
        assert message["$ref"] == f"{channel}/messages/{name}"


@each_type
def test_a_message_carries_the_schema_of_its_type_as_the_registry_has_it(document: dict[str, Any], name: str) -> None:
    payload = document["components"]["messages"][name]["payload"]
    assert payload["schemaFormat"] == AVRO_FORMAT
    assert payload["schema"] == json.loads(EVENT_TYPES[name].schema)


def test_every_payload_is_a_schema_that_avro_takes(document: dict[str, Any]) -> None:
    payloads = [found["payload"] for found in document["components"]["messages"].values() if "payload" in found]
    assert len(payloads) == len(EVENT_TYPES) + 3 * len(VIEW_SPECS) + 4  # receipts, roster, completeness, alerts
    for payload in payloads:
        fastavro.parse_schema(payload["schema"])


@each_type
def test_a_message_says_where_its_schema_id_is_and_what_its_key_is(document: dict[str, Any], name: str) -> None:
    binding = document["components"]["messages"][name]["bindings"]["kafka"]
    assert (binding["schemaIdLocation"], binding["schemaIdPayloadEncoding"]) == ("payload", "confluent")
    assert binding["key"]["type"] == "string"


@each_type
def test_the_example_of_a_message_has_the_headers_that_the_message_declares(
    document: dict[str, Any], name: str
) -> None:
    message = document["components"]["messages"][name]
    common, own = message["headers"]["allOf"]
    (example,) = message["examples"]
    assert set(example["headers"]) == set(resolve(document, common["$ref"])["properties"])
    assert example["headers"]["ce_type"] == own["properties"]["ce_type"]["const"] == f"id.go.simpul.{name}.v1"
    assert example["headers"]["ce_time"].endswith("Z")
    assert list(example["payload"]) == [field["name"] for field in json.loads(EVENT_TYPES[name].schema)["fields"]]


@each_type
def test_the_rules_of_a_type_stand_beside_its_schema(document: dict[str, Any], name: str) -> None:
    rules = document["components"]["messages"][name]["x-simpul-rules"]
    assert [rule["code"] for rule in rules] == [rule.code for rule in EVENT_TYPES[name].rules.rules]
    for rule in rules:
        assert rule["message"]["id"]
        assert rule["remedy"]["en"]


@each_type
def test_the_headers_of_an_example_are_those_that_the_sender_gives(document: dict[str, Any], name: str) -> None:
    event = accepted_examples()[name].event
    row = SimpleNamespace(
        event_id=event.event_id,
        source=event.source,
        event_type=name,
        occurred_at=to_micros(event.occurred_at),
        subject=event.subject,
    )
    (example,) = document["components"]["messages"][name]["examples"]
    assert example["headers"] == {key: value.decode() for key, value in sender.cloud_event_headers(row)}


def test_the_headers_in_quarantine_are_those_that_the_fold_gives(document: dict[str, Any]) -> None:
    origin = Origin(Partition("simpul.73.report.v1", 0), 5)
    refused = Refusal(origin, ("record.truncated",), b"key", b"value", 1_700_000_000_000_000)
    declared = document["components"]["schemas"]["quarantineHeaders"]["properties"]
    assert list(declared) == [key for key, _ in refusal_record(refused).headers]
