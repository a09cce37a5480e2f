"""Kafka Connect's REST paths over sinks in memory, held to recorded answers of a real Connect 4.3.1 worker."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from simpul_connectors.control.app import make_app
from simpul_connectors.control.credentials import Credentials, credentials_for
from simpul_connectors.control.desk import Desk, open_desks
from simpul_connectors.control.documents import PLUGIN
from simpul_connectors.control.lag import Waiting
from simpul_connectors.control.watch import Watch
from simpul_connectors.errors import SinkSpecError, TargetRefused, TargetUnavailable
from simpul_connectors.sinks.spec import SinkSpec, load_spec
from simpul_connectors.sinks.target import Position, Sign, State, Target
from simpul_connectors.testing import InMemoryDatabase, InMemoryLagMeter, InMemoryTarget
from simpul_schemas.errors import SettingsError
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.settings import load_settings
from simpul_schemas.testing import InMemoryLog
from simpul_schemas.web.listening import listen

RECORDED = json.loads((Path(__file__).parent / "connect_4_3_1.json").read_text(encoding="utf-8"))
NAME, FAILED = "ministry_incident", "ministry_aid"
TOPIC = "simpul.view.incident.v1"
P0 = Partition(TOPIC, 0)


@dataclass
class Ministry:
    """One database for all sinks, its clock in our hands, and a log."""

    clock: int = 1_700_000_000_000_000
    database: InMemoryDatabase = field(default_factory=InMemoryDatabase)
    log: InMemoryLog = field(default_factory=InMemoryLog)

    def open(self, spec: SinkSpec) -> Target:
        return InMemoryTarget(self.database, spec.name, spec.table)

    def target(self, name: str) -> Target:
        return self.open(load_spec(name))

    def client(self, *names: str, credentials: Credentials | None = None, answer_seconds: float = 5.0) -> TestClient:
        watch = Watch(open_desks(names, self.open), InMemoryLagMeter(self.log), answer_seconds, lambda: self.clock)
        app = make_app(watch, "127.0.0.1:8083", "klaster", credentials)
        return TestClient(app, base_url="http://127.0.0.1:8083", raise_server_exceptions=False)


@pytest.fixture(autouse=True, scope="module")
def nothing_seen_is_good_for_a_moment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simpul_connectors.control.watch._FRESH_SECONDS", 0.0)
        patch.setattr("simpul_connectors.control.watch._LAG_FRESH_SECONDS", 0.0)
        yield


@pytest.fixture
def ministry() -> Ministry:
    return make_ministry()


def make_ministry() -> Ministry:
    found = Ministry()
    found.database.clock = lambda: found.clock
    for name in (NAME, FAILED):
        found.target(name).prepare()
    running = found.target(NAME)
    running.claim("klaster")
    running.sign(Sign(1, State.RUNNING, 5.0, worker="mesin:7", first=True))
    found.database.offsets[NAME] = {P0: Position(5, 5, 1)}
    failed = found.target(FAILED)
    failed.claim("klaster")
    failed.sign(Sign(1, State.FAILED, 5.0, "the table is gone.", worker="mesin:8"))
    return found


@pytest.fixture
def client(ministry: Ministry) -> Iterator[TestClient]:
    with ministry.client(NAME, FAILED) as found:
        yield found


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(found) for key, found in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "boolean", int: "number", str: "string", type(None): "null"}[type(value)]


def agrees(ours: Any, theirs: Any) -> bool:
    """Whether shapes are the same; what is null on one side may be anything on the other, as may an empty list."""
    if theirs == "map of strings":
        return isinstance(ours, dict) and set(ours.values()) == {"string"}
    if isinstance(theirs, dict):
        keys = {NAME if key in {"isi", "{name}"} else key for key in theirs}
        return (
            isinstance(ours, dict)
            and set(ours) == keys
            and all(agrees(ours[NAME if key in {"isi", "{name}"} else key], found) for key, found in theirs.items())
        )
    if isinstance(theirs, list):
        return isinstance(ours, list) and (not ours or not theirs or agrees(ours[0], theirs[0]))
    return ours == theirs or "null" in {ours, theirs}


@pytest.fixture(scope="module")
def recorded_client(nothing_seen_is_good_for_a_moment: None) -> Iterator[TestClient]:
    with make_ministry().client(NAME, FAILED) as found:
        yield found


@pytest.mark.parametrize("call", RECORDED)
def test_status_keys_and_types_are_those_of_a_real_worker(recorded_client: TestClient, call: str) -> None:
    method, path = call.split(" ")
    path = path.replace("{plugin}", PLUGIN).replace("{name}", NAME).replace("{failed}", FAILED)
    form = {"connector.class": PLUGIN, "name": NAME} if path.endswith("validate") else None
    found = recorded_client.request(method, path, json=form)
    assert found.status_code == RECORDED[call]["status"]
    expected = RECORDED[call]["shape"]
    if "{failed}" in call:  # with us a connector is as its worst task, and says why, as the task does
        expected["connector"]["trace"] = "string"
    if "expand" in call:
        assert agrees(shape({NAME: found.json()[NAME]}), expected)
        return
    assert agrees(shape(found.json()), expected) if expected is not None else found.content == b""


def test_states_are_told_per_sink(client: TestClient) -> None:
    found = client.get("/connectors", params={"expand": "status"}).json()
    assert found[NAME]["status"]["connector"] == {
        "state": "RUNNING",
        "worker_id": "mesin:7",
        "version": found[NAME]["status"]["connector"]["version"],
    }
    assert found[FAILED]["status"]["tasks"][0]["state"] == "FAILED"
    assert "the table is gone." in found[FAILED]["status"]["connector"]["trace"]


def test_a_sink_that_falls_silent_is_failed_and_one_that_speaks_again_runs(
    client: TestClient, ministry: Ministry
) -> None:
    ministry.clock += 15_000_001
    assert client.get(f"/connectors/{NAME}/status").json()["connector"]["state"] == "FAILED"
    ministry.target(NAME).sign(Sign(1, State.RUNNING, 5.0))
    assert client.get(f"/connectors/{NAME}/status").json()["connector"]["state"] == "RUNNING"


def test_pause_and_resume_stand_in_the_database(client: TestClient, ministry: Ministry) -> None:
    assert client.put(f"/connectors/{NAME}/pause").status_code == 202
    assert ministry.target(NAME).control().paused
    assert client.put(f"/connectors/{NAME}/resume").status_code == 202
    assert not ministry.target(NAME).control().paused


def test_a_restart_is_asked_for_and_shown_until_it_is_done(client: TestClient, ministry: Ministry) -> None:
    asked = client.post(f"/connectors/{NAME}/restart", params={"includeTasks": "true"})
    assert (asked.status_code, asked.json()["tasks"][0]["state"]) == (202, "RESTARTING")
    assert client.get(f"/connectors/{NAME}/status").json()["connector"]["state"] == "RESTARTING"
    ministry.target(NAME).sign(Sign(2, State.RUNNING, 5.0, first=True))
    assert client.get(f"/connectors/{NAME}/status").json()["connector"]["state"] == "RUNNING"
    assert client.post(f"/connectors/{NAME}/tasks/0/restart").status_code == 204
    heartbeat = ministry.target(NAME).heartbeat()
    assert heartbeat is not None
    assert heartbeat.restart == 2


def test_a_restart_of_failed_ones_only_leaves_what_runs_alone(client: TestClient, ministry: Ministry) -> None:
    found = client.post(f"/connectors/{NAME}/restart", params={"onlyFailed": "true", "includeTasks": "true"})
    assert (found.status_code, found.json()["connector"]["state"]) == (202, "RUNNING")
    heartbeat = ministry.target(NAME).heartbeat()
    assert heartbeat is not None
    assert heartbeat.restart == 0


def test_a_process_that_is_gone_cannot_be_restarted_and_that_is_said(client: TestClient) -> None:
    for path in ("restart", "restart?onlyFailed=true", "tasks/0/restart"):
        found = client.post(f"/connectors/{FAILED}/{path}")
        assert found.status_code == 409
        assert found.json()["error_code"] == 409
        assert "supervisor" in found.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/connectors"),
        ("PUT", f"/connectors/{NAME}/config"),
        ("PATCH", f"/connectors/{NAME}/config"),
        ("DELETE", f"/connectors/{NAME}"),
        ("PUT", f"/connectors/{NAME}/stop"),
        ("DELETE", f"/connectors/{NAME}/offsets"),
        ("PATCH", f"/connectors/{NAME}/offsets"),
        ("PUT", f"/connectors/{NAME}/topics/reset"),
        ("PUT", "/admin/loggers/root"),
    ],
)
def test_what_only_a_file_can_say_is_refused_in_connects_form_with_a_remedy(
    client: TestClient, method: str, path: str
) -> None:
    found = client.request(method, path, json={})
    assert found.status_code == 405
    assert found.json()["error_code"] == 405
    assert len(found.json()["message"]) > 40


def test_the_topics_of_a_sink_and_its_offsets_are_those_stored(client: TestClient) -> None:
    assert client.get(f"/connectors/{NAME}/topics").json() == {NAME: {"topics": [TOPIC]}}
    (found,) = client.get(f"/connectors/{NAME}/offsets").json()["offsets"]
    assert found == {"partition": {"kafka_partition": 0, "kafka_topic": TOPIC}, "offset": {"kafka_offset": 5}}


def test_the_configuration_is_the_file_and_holds_no_address(client: TestClient) -> None:
    found = client.get(f"/connectors/{NAME}/config").json()
    assert (found["connector.class"], found["from.view"], found["topics"]) == (PLUGIN, "incident", TOPIC)
    assert not [value for value in found.values() if "://" in value]


def validate(client: TestClient, **changes: str) -> dict[str, str]:
    given = client.get(f"/connectors/{NAME}/config").json() | {
        key.replace("__", "."): value for key, value in changes.items()
    }
    answer = client.put(f"/connector-plugins/{PLUGIN}/config/validate", json=given).json()
    found = {one["value"]["name"]: " ".join(one["value"]["errors"]) for one in answer["configs"]}
    errors = {key: words for key, words in found.items() if words}
    assert answer["error_count"] == len(errors)
    return errors


def test_the_configuration_of_every_ready_sink_passes_its_own_check(ministry: Ministry) -> None:
    with ministry.client() as client:
        names = client.get("/connectors").json()
        assert len(names) > 8
        for name in names:
            config = client.get(f"/connectors/{name}/config").json()
            answer = client.put("/connector-plugins/Sink/config/validate", json=config).json()
            assert answer["error_count"] == 0, answer


def test_a_check_names_the_key_at_fault_and_the_remedy(client: TestClient) -> None:
    assert validate(client) == {}
    assert "mode: upsert" in validate(client, mode="upsrt")["mode"]
    assert "simpul_" not in validate(client, table="a.b.c")
    assert set(validate(client, table="x; DROP TABLE y")) == {"table"}
    assert set(validate(client, from__view="nothing")) == {"from.view"}
    assert set(validate(client, from__events="incident")) == {"from.view"}
    assert set(validate(client, colour="red")) == {"colour"}
    assert set(validate(client, connector__class="org.example.Other")) == {"connector.class"}
    assert "Essential fields missing" in validate(client, columns__region="wilayah")["columns"]


def test_a_file_with_renamed_and_typed_columns_passes_its_own_check(ministry: Ministry, tmp_path: Path) -> None:
    file = tmp_path / "kita.yaml"
    file.write_text(
        "name: kita\nfrom: {events: incident}\ntable: a.b\nmode: history\nurl_env: KITA_URL\n"
        "columns: {subject: subjek, revision: revisi, event_id: {name: id, type: char(36)}, action: aksi}\n"
    )
    with ministry.client(str(tmp_path)) as client:
        config = client.get("/connectors/kita/config").json()
        assert config["columns.event_id"] == "id char(36)"
        assert config["url_env"] == "KITA_URL"
        answer = client.put(f"/connector-plugins/{PLUGIN}/config/validate", json=config).json()
        assert answer["error_count"] == 0, answer


@pytest.mark.parametrize(("body", "kind", "code"), [(b"{bad", "application/json", 400), (b"{}", "text/plain", 415)])
def test_a_form_that_is_none_is_refused(client: TestClient, body: bytes, kind: str, code: int) -> None:
    path = f"/connector-plugins/{PLUGIN}/config/validate"
    found = client.put(path, content=body, headers={"Content-Type": kind})
    assert (found.status_code, found.json()["error_code"]) == (code, code)
    assert client.put(path, json={"a": {}}).status_code == 400
    assert client.put(path, content=b" " * (2 << 20), headers={"Content-Type": "application/json"}).status_code == 413


def test_the_own_paths_tell_lag_and_everything_else(client: TestClient, ministry: Ministry) -> None:
    for _ in range(7):
        ministry.log.append(Outgoing(TOPIC, b"k", b"v"))
    ministry.clock = 1_700_000_000_005_000 + 30_000_000
    found = client.get(f"/simpul/sinks/{NAME}").json()
    assert found["lag"] == {"records": 2, "seconds": 30.0, "partitions": {f"{TOPIC}/0": 2}}
    assert [one["sink"] for one in client.get("/simpul/sinks").json()] == [NAME, FAILED]
    assert client.get("/simpul/sinks/nope").status_code == 404
    assert f'simpul_sink_lag_records{{sink="{NAME}"}} 2.0' in client.get("/metrics").text


def failing_desks(error: Exception) -> dict[str, Desk]:
    def refuse(_spec: SinkSpec) -> Target:
        raise error

    return {NAME: Desk(load_spec(NAME), refuse)}


def test_a_database_that_cannot_be_reached_is_failed_with_its_words_and_takes_no_command() -> None:
    watch = Watch(failing_desks(TargetUnavailable("Jauh.", "Away from here.")))
    app = make_app(watch, "127.0.0.1:8083", "")
    with TestClient(app, base_url="http://localhost") as client:
        found = client.get(f"/connectors/{NAME}/status").json()["connector"]
        assert (found["state"], found["trace"]) == ("FAILED", "Away from here.")
        assert client.put(f"/connectors/{NAME}/pause").json() == {"error_code": 500, "message": "Away from here."}
        assert client.get(f"/connectors/{NAME}/offsets").status_code == 500
        assert client.get(f"/simpul/sinks/{NAME}").json()["lag"] is None


def test_a_database_that_hangs_makes_nobody_wait_for_it(ministry: Ministry) -> None:
    freed = threading.Event()

    def hang(spec: SinkSpec) -> Target:
        if spec.name == FAILED:
            freed.wait()
        return ministry.open(spec)

    watch = Watch(open_desks([NAME, FAILED], hang), None, 0.05)
    with TestClient(make_app(watch, "127.0.0.1:8083", ""), base_url="http://127.0.0.1") as client:
        for _ in range(10):  # no thread more for each question
            found = client.get("/connectors", params={"expand": "status"}).json()
        assert found[NAME]["status"]["connector"]["state"] == "RUNNING"
        assert "did not answer" in found[FAILED]["status"]["connector"]["trace"]
        for _ in range(3):
            refused = client.put(f"/connectors/{FAILED}/pause")
            assert (refused.status_code, "did not answer" in refused.json()["message"]) == (500, True)
        assert [thread.name for thread in threading.enumerate()].count("sink") == 2
        freed.set()


def test_a_broker_that_hangs_costs_the_lag_and_nothing_else(ministry: Ministry) -> None:
    class Hanging:
        async def measure(self, topics: object, stored: object) -> dict[Partition, Waiting]:
            await asyncio.Event().wait()
            return {}

    watch = Watch(open_desks([NAME], ministry.open), Hanging(), 0.05)
    with TestClient(make_app(watch, "127.0.0.1:8083", ""), base_url="http://127.0.0.1") as client:
        told = client.get("/metrics").text
    assert f'simpul_sink_up{{sink="{NAME}"}} 1.0' in told
    assert "simpul_sink_lag_records{" not in told


def test_a_page_of_another_site_steers_nothing(client: TestClient, ministry: Ministry) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        found = client.put(f"/connectors/{NAME}/pause", headers=headers)
        assert found.status_code == 403
    assert not ministry.target(NAME).control().paused
    assert client.get("/", headers={"Origin": "http://127.0.0.1:8083"}).status_code == 200


def test_with_a_user_everything_asks_for_the_password(ministry: Ministry) -> None:
    with ministry.client(NAME, credentials=Credentials("operator", "rahasia:é")) as client:
        refused = client.get("/")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="simpul"')
        for given in ("operator:salah", "x"):
            header = {"Authorization": "Basic " + base64.b64encode(given.encode()).decode()}
            assert client.get("/connectors", headers=header).status_code == 401
        assert client.get("/", headers={"Authorization": "Basic ###"}).status_code == 401
        right = {"Authorization": "Basic " + base64.b64encode("operator:rahasia:é".encode()).decode()}
        assert client.get("/", headers=right | {"Host": "konsol.example"}).status_code == 200


def test_other_addresses_than_this_machines_need_a_password(tmp_path: Path) -> None:
    assert credentials_for("127.0.0.1", load_settings({})) is None
    with pytest.raises(SettingsError, match="needs a password"):
        credentials_for("0.0.0.0", load_settings({}))
    with pytest.raises(SettingsError, match="no password"):
        credentials_for("127.0.0.1", load_settings({"SIMPUL__CONTROL__USER": "a"}))
    secret = tmp_path / "sandi"
    secret.write_text("rahasia\n")
    secret.chmod(0o600)
    named = {"SIMPUL__CONTROL__USER": "a", "SIMPUL__CONTROL__PASSWORD_FILE": str(secret)}
    assert credentials_for("0.0.0.0", load_settings(named)) == Credentials("a", "rahasia")


def test_an_address_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match="choose another --host or port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_two_sinks_of_one_name_and_an_empty_folder_are_refused(ministry: Ministry, tmp_path: Path) -> None:
    with pytest.raises(SinkSpecError, match="Two sinks"):
        open_desks([NAME, NAME], ministry.open)
    with pytest.raises(SinkSpecError, match="no file of a sink"):
        open_desks([str(tmp_path)], ministry.open)


def test_a_sink_that_never_ran_takes_no_restart(ministry: Ministry) -> None:
    with pytest.raises(TargetRefused):
        ministry.target("ministry_budget").ask_restart()
    spec = load_spec("ministry_budget")
    with ministry.client(spec.name) as client:
        assert client.post(f"/connectors/{spec.name}/restart").status_code == 409
