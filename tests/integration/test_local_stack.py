"""The local stack for real: one instance through its whole life, on its own data, with the shared downloads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from simpul_deploy.errors import DiskFull, PortMismatch, PortTaken
from simpul_deploy.local import processes, state
from simpul_deploy.local.ports import PortWishes
from simpul_deploy.local.stack import Stack
from simpul_deploy.local.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simpul_deploy.local.report import Endpoints, Step

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

TOPIC = "kejadian"
SUBJECT = f"{TOPIC}-value"
SCHEMA = {"type": "record", "name": "Kejadian", "fields": [{"name": "id", "type": "string"}]}
OTHER = {"type": "record", "name": "Kejadian", "fields": [{"name": "nomor", "type": "int"}]}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack") / "simpul"


@pytest.fixture(scope="module")
def stack(data_root: Path) -> Iterator[Stack]:
    made = Stack("uji", data_root=data_root)
    try:
        yield made
    finally:
        made.down(purge=True)
        assert left_behind(data_root) == []


@pytest.fixture
def endpoints(stack: Stack) -> Endpoints:
    return stack.up().endpoints


def left_behind(data_root: Path) -> list[str]:
    """Marks of this module's instances that a process still carries; root's PostgreSQL lies outside the folder."""
    stacks = [Stack(name, data_root=data_root) for name in ("uji", "yatim", "lain")]
    marks = [service.mark for each in stacks for service in each._services(State.new())]
    return sorted(processes.find(marks))


def kill_9(*pids: int | None) -> None:
    """Kill these processes and wait until they are gone, which takes the kernel a moment."""
    doomed = [psutil.Process(pid) for pid in pids]
    for process in doomed:
        os.kill(process.pid, signal.SIGKILL)
    assert psutil.wait_procs(doomed, timeout=10)[1] == []


def publish(endpoints: Endpoints, value: bytes) -> None:
    with closing(KafkaProducer(bootstrap_servers=endpoints.bootstrap_servers, acks="all")) as producer:
        producer.send(TOPIC, value).get(timeout=10)


def records(endpoints: Endpoints) -> list[bytes]:
    with closing(KafkaConsumer(bootstrap_servers=endpoints.bootstrap_servers)) as consumer:
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        deadline = time.monotonic() + 10
        while consumer.position(partition) < end and time.monotonic() < deadline:
            values += [record.value for batch in consumer.poll(500).values() for record in batch]
    return values


def register(endpoints: Endpoints, schema: dict[str, Any]) -> httpx.Response:
    url = f"{endpoints.registry_url}/subjects/{SUBJECT}/versions"
    return httpx.post(url, json={"schema": json.dumps(schema)}, trust_env=False)


def rows(endpoints: Endpoints) -> list[tuple[int]]:
    with psycopg.connect(endpoints.postgresql_url) as connection:
        return connection.execute("SELECT nomor FROM laporan ORDER BY nomor").fetchall()


def test_up_gives_endpoints_that_work(stack: Stack) -> None:
    steps: list[Step] = []
    result = stack.up(steps.append)
    endpoints = result.endpoints
    assert result.started == ("kafka", "registry", "postgresql")
    assert {step.service for step in steps if step.kind == "ready"} == set(result.started)

    with closing(KafkaAdminClient(bootstrap_servers=endpoints.bootstrap_servers)) as admin:
        admin.create_topics([NewTopic(TOPIC, 1, 1)])
    publish(endpoints, b"satu")
    assert records(endpoints) == [b"satu"]

    assert register(endpoints, SCHEMA).status_code == 200
    with psycopg.connect(endpoints.postgresql_url) as connection:
        connection.execute("CREATE TABLE laporan (nomor int PRIMARY KEY)")
        connection.execute("INSERT INTO laporan VALUES (1)")
    assert rows(endpoints) == [(1,)]


def test_a_schema_that_does_not_fit_is_refused_from_the_start(endpoints: Endpoints) -> None:
    config = httpx.get(f"{endpoints.registry_url}/config", trust_env=False).json()
    assert config["compatibilityLevel"] == "FULL_TRANSITIVE"
    assert register(endpoints, OTHER).status_code == 409


def test_a_topic_does_not_come_into_being_by_writing_to_it(endpoints: Endpoints) -> None:
    with closing(KafkaConsumer(bootstrap_servers=endpoints.bootstrap_servers)) as consumer:
        consumer.partitions_for_topic("salah-ketik")
        assert "salah-ketik" not in consumer.topics()


def test_up_twice_says_so_and_changes_nothing(stack: Stack, endpoints: Endpoints) -> None:
    before = [service.pid for service in stack.status()]
    result = stack.up()
    assert result.already_running
    assert result.started == ()
    assert result.endpoints == endpoints
    assert [service.pid for service in stack.status()] == before


def test_status_tells_each_service_without_the_password(stack: Stack, endpoints: Endpoints) -> None:
    services = stack.status()
    assert [(service.name, service.state) for service in services] == [
        ("kafka", "running"), ("registry", "running"), ("postgresql", "running"),
    ]  # fmt: skip
    for service in services:
        assert service.pid is not None
        assert service.uptime_seconds is not None
        assert service.log.exists()
    assert services[2].endpoint is not None
    assert services[2].endpoint != endpoints.postgresql_url
    assert services[2].endpoint.startswith("postgresql://simpul@127.0.0.1:")


def test_all_listeners_are_on_the_loopback_address(stack: Stack, endpoints: Endpoints) -> None:
    for service in stack.status():
        for connection in psutil.Process(service.pid).net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in {"127.0.0.1", "::ffff:127.0.0.1"}


def test_another_port_for_what_runs_is_refused(stack: Stack, endpoints: Endpoints) -> None:
    with pytest.raises(PortMismatch):
        stack.up(ports=PortWishes(registry=1))


def test_a_database_password_is_needed(endpoints: Endpoints) -> None:
    user, _, rest = endpoints.postgresql_url.rpartition("@")[0], "", endpoints.postgresql_url.rpartition("@")[2]
    wrong = f"{user.rpartition(':')[0]}:salah@{rest}"
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)


def test_after_kill_9_of_all_up_brings_everything_back_with_its_data(stack: Stack, endpoints: Endpoints) -> None:
    kill_9(*(service.pid for service in stack.status()))
    assert {service.state for service in stack.status()} == {"failed"}

    again = stack.up()
    assert again.started == ("kafka", "registry", "postgresql")
    assert again.endpoints == endpoints
    assert records(endpoints) == [b"satu"]
    assert register(endpoints, SCHEMA).status_code == 200
    versions = httpx.get(f"{endpoints.registry_url}/subjects/{SUBJECT}/versions", trust_env=False).json()
    assert versions == [1]
    assert rows(endpoints) == [(1,)]


def test_only_what_is_missing_is_started(stack: Stack, endpoints: Endpoints) -> None:
    before = {service.name: service.pid for service in stack.status()}
    kill_9(before["postgresql"])
    assert stack.up().started == ("postgresql",)
    after = {service.name: service.pid for service in stack.status()}
    assert (after["kafka"], after["registry"]) == (before["kafka"], before["registry"])
    assert rows(endpoints) == [(1,)]


def test_down_stops_all_in_good_order_and_keeps_the_data(stack: Stack, endpoints: Endpoints, data_root: Path) -> None:
    result = stack.down()
    assert result.stopped == ("kafka", "registry", "postgresql")
    assert result.killed == ()
    assert left_behind(data_root) == []
    assert {service.state for service in stack.status()} == {"stopped"}
    assert stack.up().endpoints == endpoints
    assert records(endpoints) == [b"satu"]


def test_services_orphaned_by_a_killed_up_are_taken_over_and_stopped(data_root: Path) -> None:
    program = (
        "from pathlib import Path; from simpul_deploy.local.stack import Stack; "
        f"Stack('yatim', data_root=Path({str(data_root)!r})).up()"
    )
    child = subprocess.Popen([sys.executable, "-c", program])
    state = data_root / "yatim" / "state.json"
    orphan = Stack("yatim", data_root=data_root)
    try:
        deadline = time.monotonic() + 60
        while not (state.exists() and json.loads(state.read_text())["processes"]) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
        child.wait()
        document = json.loads(state.read_text())
        state.write_text(json.dumps(document | {"processes": {}}))  # as if the kill had come before the writing
        assert orphan.up().started != ("kafka", "registry", "postgresql")
    finally:
        child.kill()
        child.wait()
        orphan.down(purge=True)
    assert not (data_root / "yatim").exists()
    assert not [mark for mark in left_behind(data_root) if "yatim" in mark]


def test_a_taken_port_is_named_and_nothing_is_started(data_root: Path, stack: Stack, endpoints: Endpoints) -> None:
    taken = int(endpoints.bootstrap_servers.rpartition(":")[2])
    other = Stack("lain", data_root=data_root)
    with pytest.raises(PortTaken, match=str(taken)):
        other.up(ports=PortWishes(postgresql=taken))
    assert {service.state for service in other.status()} == {"stopped"}
    other.down(purge=True)


def test_an_instance_whose_folder_was_deleted_by_hand_starts_anew(stack: Stack, endpoints: Endpoints) -> None:
    old = status_of(stack)
    shutil.rmtree(stack.logs.parent)
    fresh = stack.up()
    assert not fresh.already_running
    assert not any(psutil.pid_exists(pid) for pid in old.values())
    with psycopg.connect(fresh.endpoints.postgresql_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_down_stops_everything_also_when_its_own_record_cannot_be_written(
    stack: Stack, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull(stack.logs)

    with monkeypatch.context() as patched:
        patched.setattr(state, "save", full)
        assert len(stack.down().stopped) == 3
    assert {service.state for service in stack.status()} <= {"stopped", "failed"}


def status_of(stack: Stack) -> dict[str, int]:
    return {service.name: service.pid for service in stack.status() if service.pid is not None}
