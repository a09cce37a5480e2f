"""Submissions: plain JSON and the three modes of CloudEvents say the same."""

import json
from typing import Any

import pytest

from simpul_producers.gateway.openapi import cloud_example, plain_example
from simpul_producers.gateway.problem import Refused
from simpul_producers.gateway.submissions import BATCH, JSON, STRUCTURED, Submission, read_submissions
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.gateway_settings import GatewayLimits

LIMITS = GatewayLimits(events_per_request=3)


def read(body: object, content_type: str, event_type: str | None = None, **headers: str) -> list[Submission]:
    named = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return read_submissions(event_type, named, json.dumps(body).encode(), LIMITS)


def binary_headers(event: dict[str, Any]) -> dict[str, str]:
    return {f"ce_{name}": event[name] for name in ("specversion", "id", "source", "type", "subject", "time")}


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_all_ways_in_give_the_same_values(name: str) -> None:
    plain, event = plain_example(name), cloud_example(name)
    found = [
        read(plain, JSON, name),
        read([plain], f"{JSON}; charset=UTF-8", name),
        read(event, STRUCTURED),
        read([event], BATCH),
        read(event["data"], JSON, None, **binary_headers(event)),
    ]
    assert [(one[0].event_type, one[0].values, one[0].fault) for one in found] == [(name, plain, None)] * 5


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        (("killed",), JSON, "/1/killed"),
        (("event_id",), JSON, "/1/event_id"),
        (("killed",), BATCH, "/1/data/killed"),
        (("parties", 0, "name"), BATCH, "/1/data/parties/0/name"),
        (("event_id",), BATCH, "/1/id"),
        (("occurred_at",), BATCH, "/1/time"),
    ],
)
def test_a_field_is_pointed_at_where_the_client_wrote_it(path: tuple[str], content_type: str, expected: str) -> None:
    item = plain_example("incident") if content_type == JSON else cloud_example("incident")
    found = read([item, item], content_type, "incident" if content_type == JSON else None)
    assert found[1].pointer(path) == expected


def test_in_binary_mode_data_is_the_body_and_attributes_have_no_place_in_it() -> None:
    event = cloud_example("incident")
    (found,) = read(event["data"], JSON, None, **binary_headers(event))
    assert (found.pointer(("killed",)), found.pointer(("event_id",))) == ("/killed", "")


def test_attributes_in_headers_are_percent_decoded() -> None:
    event = cloud_example("incident") | {"subject": "kejadian%3A%C3%A9"}
    (found,) = read(event["data"], JSON, None, **binary_headers(event))
    assert found.values["subject"] == "kejadian:é"


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"specversion": "0.3"}, "cloudevents.version", "/specversion"),
        ({"id": 5}, "cloudevents.attribute", "/id"),
        ({"subject": ""}, "cloudevents.attribute", "/subject"),
        ({"time": None}, "cloudevents.attribute", "/time"),
        ({"type": "id.go.simpul.banjir.v1"}, "event.type_unknown", "/type"),
        ({"type": "incident"}, "event.type_unknown", "/type"),
        ({"data": [1]}, "cloudevents.data", "/data"),
        ({"data_base64": "AA=="}, "cloudevents.data", ""),
        ({"datacontenttype": "text/xml"}, "cloudevents.data", ""),
        ({"data": {"event_id": "x"}}, "cloudevents.twice", "/data/event_id"),
    ],
)
def test_a_cloud_event_that_cannot_be_read_says_why(change: dict[str, Any], code: str, place: str) -> None:
    (found,) = read(cloud_example("incident") | change, STRUCTURED)
    assert found.fault is not None
    assert (found.fault.code, found.fault.pointer) == (code, place)


def test_one_bad_event_does_not_spoil_its_neighbours() -> None:
    body = b'[{"a": 1, "a": 2}, 5, {"subject": "x"}]'
    found = read_submissions("incident", {"content-type": JSON}, body, LIMITS)
    assert [one.fault and (one.fault.code, one.fault.pointer) for one in found] == [
        ("json.duplicate_key", "/0/a"),
        ("event.not_object", "/1"),
        None,
    ]


@pytest.mark.parametrize(
    ("event_type", "content_type", "body", "expected"),
    [
        ("incident", "text/plain", {}, (415, "http.media_type")),
        ("incident", "", {}, (415, "http.media_type")),
        ("incident", f"{JSON}; charset=utf-16", {}, (415, "http.media_type")),
        ("incident", STRUCTURED, {}, (415, "http.media_type")),
        (None, JSON, {}, (415, "http.media_type")),
        (None, BATCH, {}, (400, "json.malformed")),
        ("incident", JSON, [], (400, "batch.empty")),
        ("incident", JSON, [{}] * 4, (413, "batch.too_many")),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_as_a_whole(
    event_type: str | None, content_type: str, body: object, expected: tuple[int, str]
) -> None:
    with pytest.raises(Refused) as caught:
        read(body, content_type, event_type)
    assert (caught.value.status, caught.value.code) == expected
