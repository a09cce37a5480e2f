"""The gateway by HTTP: statuses, languages, problems, states, and what it never says."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.errors import DiskFull
from simpul_producers.gateway.openapi import cloud_example, openapi_document, plain_example
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.gateway_settings import GatewayLimits

PROBLEM = "application/problem+json"
MakeEvents = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def live(gateway_with: Callable[..., Any]) -> Iterator[Any]:
    with gateway_with(requests_burst=100_000, events_burst=1_000_000, guesses_burst=1000) as running:
        yield running


def new_id() -> str:
    return str(uuid.uuid4())


def test_one_event_all_events_some_and_none_have_their_own_statuses(live: Any, make_events: MakeEvents) -> None:
    good, bad = make_events(1, "status")[0], {"subject": "x"}
    with live.client() as client:
        for body, status in ((good, 201), ([good], 201), ([good, bad], 207), (bad, 422), ([bad, bad], 422)):
            answer = client.post("/v1/events/incident", json=body)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
            results = answer.json()["results"]
            assert [one["index"] for one in results] == list(range(len(body) if isinstance(body, list) else 1))


def test_all_ways_in_are_one_event_to_the_gateway(live: Any) -> None:
    plain = plain_example("incident") | {"event_id": new_id(), "subject": f"ways:{new_id()}"}
    event = cloud_example("incident") | {"id": plain["event_id"], "subject": plain["subject"]}
    attributes = {f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type", "subject", "time")}
    with live.client() as client:
        answers = [
            client.post("/v1/events/incident", json=plain),
            client.post("/v1/events", json=event, headers={"content-type": "application/cloudevents+json"}),
            client.post("/v1/events", json=[event], headers={"content-type": "application/cloudevents-batch+json"}),
            client.post("/v1/events", json=event["data"], headers=attributes),
        ]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert [answer.json()["results"][0]["status"] for answer in answers] == ["accepted"] + ["duplicate"] * 3
    assert live.stored().count(plain["event_id"]) == 1


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_example_of_the_openapi_document_is_accepted(live: Any, name: str) -> None:
    document = openapi_document(GatewayLimits())
    examples = document["paths"][f"/v1/events/{name}"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    with live.client() as client:
        for example in examples.values():
            answer = client.post(f"/v1/events/{name}", json=example["value"])
            if example["value"]["source"] == "sitimdu.73" if isinstance(example["value"], dict) else True:
                # The examples are of Makassar and its system; a budget line is of the whole city.
                assert answer.status_code == 201, answer.text


def test_the_answer_speaks_the_language_that_is_asked_for(live: Any) -> None:
    with live.client() as client:
        indonesian = client.post("/v1/events/incident", json={"x": 1})
        english = client.post("/v1/events/incident", json={"x": 1}, headers={"accept-language": "en"})
        refused = client.get("/nowhere", headers={"accept-language": "en"})
    assert indonesian.headers["content-language"] == "id"
    assert english.headers["content-language"] == "en"
    said = {fault["code"]: fault["message"] for fault in indonesian.json()["results"][0]["errors"]}
    assert said["event.field_unknown"] == "Isian tidak ada dalam kontrak; periksa ejaannya."
    said = {fault["code"]: fault["message"] for fault in english.json()["results"][0]["errors"]}
    assert said["event.field_unknown"] == "The contract has no such field; check its spelling."
    assert refused.json()["detail"] == "No such address; see /openapi.json."


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("GET", "/", b"", {}, 404, "http.not_found"),
        ("PUT", "/v1/events/incident", b"", {}, 405, "http.method_not_allowed"),
        ("GET", "/v1/events/incident", b"", {}, 405, "http.method_not_allowed"),
        ("GET", "/v1/events", b"", {}, 405, "http.method_not_allowed"),
        ("POST", "/v1/events/banjir", b"{}", {}, 404, "event.type_unknown"),
        ("POST", "/v1/events/incident", b"{}", {"content-type": "text/xml"}, 415, "http.media_type"),
        ("POST", "/v1/events/incident", b"", {}, 400, "json.malformed"),
        ("POST", "/v1/events/incident", b"{", {}, 400, "json.malformed"),
        ("POST", "/v1/events/incident", b"[]", {}, 400, "batch.empty"),
        ("POST", "/v1/events/incident", b"[" * 100_000, {}, 400, "json.too_deep"),
        ("POST", "/v1/events/incident", json.dumps([{}] * 501).encode(), {}, 413, "batch.too_many"),
        ("POST", "/v1/events/incident", b"{}", {"authorization": "Bearer a.b"}, 401, "key.unknown"),
        ("GET", "/v1/events/018f0000-0000-7000-8000-000000000000", b"", {}, 404, "event.not_found"),
        ("GET", "/v1/events/%00%ff", b"", {}, 404, "event.not_found"),
    ],
)
def test_what_is_wrong_with_a_request_as_a_whole_is_a_problem_document(
    live: Any, method: str, path: str, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    with live.client() as client:
        answer = client.request(method, path, content=content, headers={"content-type": "application/json", **headers})
    assert (answer.status_code, answer.headers["content-type"], answer.json()["code"]) == (status, PROBLEM, code)
    assert answer.json()["type"] == f"urn:simpul:problem:{code}"
    assert (status == 405) == ("allow" in answer.headers)
    assert (status == 401) == ("www-authenticate" in answer.headers)


def test_without_a_key_nothing_of_events_is_answered(live: Any) -> None:
    with live.client(authorization="") as client:
        for method, path in (
            ("POST", "/v1/events"),
            ("POST", "/v1/events/incident"),
            ("GET", f"/v1/events/{new_id()}"),
        ):
            assert client.request(method, path).status_code == 401


def test_what_became_of_an_event_is_told_also_of_a_refused_one(live: Any, make_events: MakeEvents) -> None:
    event = make_events(1, "state")[0] | {"event_id": new_id()}
    refused = event | {"event_id": new_id(), "killed": -1}
    with live.client() as client:
        revision = client.post("/v1/events/incident", json=[event, refused]).json()["results"][0]["revision"]
        first = client.get(f"/v1/events/{event['event_id']}").json()
        second = client.get(f"/v1/events/{refused['event_id']}").json()
    assert {name: first[name] for name in ("status", "event_type", "subject", "revision", "settled_at", "errors")} == {
        "status": "pending",
        "event_type": "incident",
        "subject": "state:0",
        "revision": revision,
        "settled_at": None,
        "errors": [],
    }
    assert (second["status"], second["errors"][0]["code"]) == ("refused", "incident.count_negative")


def test_the_same_event_from_many_clients_at_once_is_accepted_once(live: Any, make_events: MakeEvents) -> None:
    event = make_events(1, f"race-{new_id()}")[0] | {"event_id": new_id()}

    def publish(_number: int) -> str:
        with live.client() as client:
            return str(client.post("/v1/events/incident", json=event).json()["results"][0]["status"])

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(publish, range(16)))
    assert statuses == ["accepted"] + ["duplicate"] * 15
    assert live.stored().count(event["event_id"]) == 1


def test_a_full_disk_is_answered_503_with_nothing_taken(
    live: Any, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simpul_producers.sqlite_outbox import SqliteOutbox

    def full(*_arguments: object) -> int:
        raise DiskFull(Path("outbox.db"), "disk full")

    with monkeypatch.context() as patch, live.client() as client:
        patch.setattr(SqliteOutbox, "add", full)
        answer = client.post("/v1/events/incident", json=make_events(1, "full"))
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway.unavailable")
    assert answer.headers["retry-after"]
    with live.client() as client:
        assert client.post("/v1/events/incident", json=make_events(1, "full")).json()["accepted"] == 1


def test_a_mistake_of_ours_is_answered_500_without_its_words_and_without_a_payload_in_the_log(
    live: Any, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simpul_producers.gateway.intake import Intake

    def fail(_intake: object, requests: list[Any]) -> None:
        raise RuntimeError(str(requests[0][1][0].values))

    with monkeypatch.context() as patch, live.client() as client:
        patch.setattr(Intake, "take_together", fail)
        answer = client.post("/v1/events/incident", json=make_events(1, "3173012345678901"))
    assert (answer.status_code, answer.json()["code"]) == (500, "gateway.internal")
    assert "3173012345678901" not in answer.text + live.log.getvalue()
    assert live.lines("error")[-1]["kind"] == "RuntimeError"


def test_it_is_alive_and_ready_without_a_broker_and_says_what_is_missing(live: Any) -> None:
    with live.client(authorization="") as client:
        assert client.get("/livez").json() == {"live": True}
        assert client.get("/readyz").json() == {"ready": True}
        live.wait_for(lambda: client.get("/readyz?verbose").json()["checks"]["broker"]["age_seconds"] is not None)
        checks = client.get("/readyz?verbose").json()["checks"]
    assert {name: check["ok"] for name, check in checks.items() if name != "sending"} == {
        "outbox": True,
        "keys": True,
        "broker": False,
        "registry": False,
    }
    assert "kafka.bootstrap_servers" in checks["broker"]["reason"]


def test_metrics_count_by_few_labels_and_never_by_an_id_or_an_address_that_a_client_wrote(
    live: Any, make_events: MakeEvents
) -> None:
    event = make_events(1, "metric")[0] | {"event_id": new_id()}
    with live.client() as client:
        client.post("/v1/events/incident", json=event)
        client.get(f"/v1/events/{event['event_id']}")
        client.get("/3173012345678901")
        client.request("NIK3173012345678901"[:3], "/livez")
        text = client.get("/metrics").text
    assert 'simpul_gateway_events_total{event_type="incident",status="accepted",step="store"}' in text
    assert 'route="/v1/events/{event_id}"' in text
    assert event["event_id"] not in text
    assert "3173012345678901" not in text
    assert live.key.split(".")[0] not in text


def test_the_log_names_routes_and_codes_but_nothing_that_a_client_wrote(live: Any, make_events: MakeEvents) -> None:
    nik = "3173015550001112"
    with live.client(**{"x-note": nik, "user-agent": nik}) as client:
        client.post(f"/v1/events/incident?nik={nik}", json=make_events(1, nik))
        client.post("/v1/events/incident", json={nik: nik, "category": nik})
        client.post("/v1/events/incident", content=f'{{"{nik}": {nik}'.encode())
        client.get(f"/v1/events/{nik}")
        client.get(f"/{nik}", headers={"authorization": f"Bearer {nik}.{'s' * 43}"})
    live.talk(f"GET /{nik} HTTP/1.1\r\nHost: {nik}\nX: y\r\n\r\n".encode())
    said = live.log.getvalue()
    assert nik not in said
    assert live.key not in said
    assert live.key.split(".")[1] not in said
    line = live.lines("request")[-1]
    assert (line["route"], line["status"], line["codes"]) == ("-", 404, ["http.not_found"])


@pytest.mark.parametrize(
    "scope",
    [
        # Types differ in their fields only: one of them goes through every case that can be thought of.
        ["--exclude-path-regex", "events/(?!incident|{)", "--phases", "examples,coverage", "--max-examples", "5"],
        ["--phases", "examples,fuzzing", "--max-examples", "8"],
    ],
    ids=["cover", "fuzz"],
)
def test_schemathesis_finds_no_5xx_and_no_answer_that_the_document_does_not_describe(
    live: Any, tmp_path: Path, scope: list[str]
) -> None:
    config = Path(__file__).with_name("schemathesis.toml")
    found = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(config),
                "run",
                f"{live.url}/openapi.json",
            ),
            *("--header", f"Authorization: Bearer {live.key}", "--checks", "all", "--request-timeout", "20"),
            *("--generation-deterministic", "--no-color", *scope),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert {201, 422} <= {line["status"] for line in live.lines("request")}
