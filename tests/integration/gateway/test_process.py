"""The gateway as its operator runs it: the real command, its keys, its end, its log, and Kafka behind it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from simpul_producers.sqlite_outbox import SqliteOutbox

_DEADLINE_SECONDS = 60.0
NIK = "3173015550001112"
MakeEvents = Callable[..., list[dict[str, Any]]]


class Process:
    """A running `simpul gateway`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self.folder = folder
        self.lines: list[str] = []
        self._found: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simpul_deploy.cli", "gateway", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = self._found.get(timeout=_DEADLINE_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if '"listening"' in line:
                self._found.put(json.loads(line)["address"])

    def simpul(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `simpul` command on the same files."""
        return simpul(self.environment, *arguments)

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=_DEADLINE_SECONDS)

    def end(self, how: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(_DEADLINE_SECONDS)
        self._reader.join(_DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def simpul(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simpul_deploy.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=_DEADLINE_SECONDS,
        env=environment,
        check=False,
    )


def environment_of(folder: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL")}
    return {
        **kept,
        "XDG_DATA_HOME": str(folder / "xdg"),
        "SIMPUL__DATA_DIR": str(folder / "data"),
        "SIMPUL__CACHE_DIR": str(folder / "cache"),
        **settings,
    }


def make_key(environment: dict[str, str], *more: str) -> str:
    made = simpul(environment, "gateway", "key", "create", "--region", "73.71", "--source", "sitimdu.73", *more)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Process]:
    process = Process(folder, environment_of(folder, **settings))
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


def wait_for(met: Callable[[], bool]) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)


def stored(folder: Path) -> set[str]:
    outbox = SqliteOutbox(folder / "data" / "outbox.db")
    try:
        return {waiting.row.subject for waiting in outbox.pending(100_000)}
    finally:
        outbox.close()


def test_keys_are_made_listed_rotated_and_revoked_by_the_command_and_a_running_gateway_follows(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    key = make_key(environment, "--type", "incident", "--days", "30")
    key_id, secret = key.split(".")
    with running(tmp_path) as gateway, gateway.client(key) as client:
        assert client.get("/v1/events/x").status_code == 404
        rotated = gateway.simpul("gateway", "key", "rotate", key_id, "--json")
        second = json.loads(rotated.stdout)
        assert (second["region"], second["event_types"]) == ("73.71", ["incident"])
        with gateway.client(second["key"]) as other:
            wait_for(lambda: other.get("/v1/events/x").status_code == 404)
        third = gateway.simpul("gateway", "key", "create", "--region", "73.71", "--source", "sitimdu.73")
        assert third.returncode == 2
        assert key_id in third.stderr
        revoked = gateway.simpul("gateway", "key", "revoke", key_id)
        assert revoked.returncode == 0, revoked.stderr
        wait_for(lambda: client.get("/v1/events/x").status_code == 401)
        listed = gateway.simpul("gateway", "key", "list", "--json")
        assert [one["state"] for one in json.loads(listed.stdout)] == ["revoked", "live"]
        table = gateway.simpul("gateway", "key", "list")
        assert [line.split()[:2] for line in table.stdout.splitlines()] == [
            [key_id, "revoked"],
            [second["key_id"], "live"],
        ]
        for answer in (rotated, listed, table, revoked, third):
            assert secret not in answer.stdout + answer.stderr
    for path in (tmp_path / "data").iterdir():
        assert secret.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gateway", "key", "create", "--region", "99", "--source", "a"], "Kemendagri"),
        (["gateway", "key", "create", "--region", "73.71", "--source", "a", "--type", "banjir"], "banjir"),
        (["gateway", "key", "revoke", "nope"], "gateway key list"),
        (["gateway", "--host", "203.0.113.1", "--port", "1"], "gateway.host"),
    ],
)
def test_a_wrong_command_exits_2_and_says_what_to_do(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = simpul(environment_of(tmp_path), *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_help_shows_examples(tmp_path: Path) -> None:
    for arguments in (["gateway"], ["gateway", "key", "create"], ["gateway", "key", "rotate"]):
        said = simpul({**environment_of(tmp_path), "NO_COLOR": "1"}, *arguments, "--help").stdout
        assert "Contoh" in said


def test_what_was_accepted_is_on_disk_however_the_process_ends(tmp_path: Path, make_events: MakeEvents) -> None:
    key = make_key(environment_of(tmp_path))
    accepted: set[str] = set()
    for number, how in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT)):
        with running(tmp_path) as gateway:
            began = threading.Event()

            def publish(gateway: Process = gateway, number: int = number, began: threading.Event = began) -> None:
                with gateway.client(key) as client:
                    for count in range(100_000):
                        events = make_events(3, f"end{number}-{count}")
                        try:
                            found = client.post("/v1/events/incident", json=events)
                        except httpx.TransportError:
                            return
                        if found.status_code == 429:
                            continue
                        assert found.status_code == 201, found.text
                        accepted.update(event["subject"] for event in events)
                        if count == 20:
                            began.set()

            thread = threading.Thread(target=publish)
            thread.start()
            assert began.wait(_DEADLINE_SECONDS)
            code = gateway.end(how)
            thread.join(_DEADLINE_SECONDS)
            assert code in {-how.value, 0, 130}
    assert len(accepted) >= 180
    assert accepted <= stored(tmp_path)


def test_a_request_under_way_is_answered_before_the_process_ends(tmp_path: Path, make_events: MakeEvents) -> None:
    import socket

    key = make_key(environment_of(tmp_path))
    body = json.dumps(make_events(1, "graceful")).encode()
    with running(tmp_path) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=_DEADLINE_SECONDS) as connection:
            head = (
                "POST /v1/events/incident HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert b"100" in connection.recv(4096)
            gateway.process.send_signal(signal.SIGTERM)
            # The gateway has stopped to listen once nobody new gets in.
            wait_for(lambda: not reachable(host, int(port)))
            connection.sendall(body)
            assert b" 201 " in connection.recv(65536)
        gateway.end(signal.SIGTERM)
    assert stored(tmp_path) == {"graceful:0"}


def reachable(host: str, port: int) -> bool:
    import socket

    try:
        with socket.create_connection((host, port), timeout=_DEADLINE_SECONDS):
            return True
    except OSError:
        return False


def test_neither_a_key_nor_a_nik_is_ever_written_to_the_log(tmp_path: Path, make_events: MakeEvents) -> None:
    pepper = "rahasia-lada-yang-panjang"
    environment = environment_of(tmp_path, SIMPUL__GATEWAY__PEPPER=pepper)
    key = make_key(environment)
    with running(tmp_path, SIMPUL__GATEWAY__PEPPER=pepper) as gateway:
        with gateway.client(key) as client:
            event = make_events(1, "canary")[0] | {"chronology": f"NIK {NIK}", "issue": key}
            assert client.post("/v1/events/incident", json=event).status_code == 201
            client.post(f"/v1/events/incident?{NIK}", json=event | {"kind": NIK, NIK: key})
            client.post("/v1/events/incident", content=f'{{"{NIK}": "{key}'.encode())
            client.get(f"/{NIK}/{key}")
            client.get(f"/v1/events/{NIK}", headers={"authorization": f"Bearer {key}{NIK}"})
            client.get("/livez", headers={"x-nik": NIK, "content-encoding": NIK})
        assert gateway.end(signal.SIGTERM) in {0, -signal.SIGTERM}
        said = "".join(gateway.lines)
    assert said.count('"event": "request"') == 5
    assert said.count('"event": "cut"') == 1
    for secret in (NIK, key, key.split(".")[1], pepper):
        assert secret not in said


@pytest.mark.stack
def test_an_event_goes_from_http_to_kafka_and_its_state_says_sent(
    tmp_path: Path, servers: Any, make_events: MakeEvents
) -> None:
    from simpul_deploy.bus import ensure_topics
    from simpul_schemas.contract import event_type
    from simpul_schemas.registry import HttpRegistry
    from simpul_schemas.topics import event_topic, event_topic_spec, value_subject

    topic = event_topic("73", "incident")
    ensure_topics(servers.bootstrap_servers, [event_topic_spec("73", "incident")])
    registry = HttpRegistry(servers.registry_url)
    registry.register(value_subject(topic), event_type("incident").schema)
    registry.close()
    settings = {
        "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "SIMPUL__REGISTRY__URL": servers.registry_url,
    }
    key = make_key(environment_of(tmp_path, **settings))
    with running(tmp_path, **settings) as gateway, gateway.client(key) as client:
        made = client.post("/v1/events/incident", json=make_events(1, f"kafka-{time.time_ns()}")).json()["results"][0]
        wait_for(lambda: client.get(f"/v1/events/{made['id']}").json()["status"] == "sent")
        wait_for(lambda: client.get("/readyz?verbose").json()["checks"]["registry"]["ok"])
        checks = client.get("/readyz?verbose").json()["checks"]
        assert all(check["ok"] for check in checks.values()), checks
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topic, bootstrap_servers=servers.bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    try:
        end = time.monotonic() + _DEADLINE_SECONDS
        found: set[bytes] = set()
        while made["id"].encode() not in found:
            assert time.monotonic() < end
            for records in consumer.poll(timeout_ms=500).values():
                found |= {dict(record.headers).get("ce_id", b"") for record in records}
    finally:
        consumer.close()
