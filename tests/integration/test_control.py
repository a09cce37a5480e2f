"""Two sinks on real servers under Kafka Connect's REST paths: killed, paused, resumed, restarted."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from simpul_deploy.bus import prepare
from simpul_schemas.registry import HttpRegistry

pytestmark = pytest.mark.stack

DEADLINE_SECONDS = 90
#: Three of these and a process is taken for dead; long enough for a machine that is busy.
BEAT = "2"


@dataclass
class Stage:
    """Two sinks of a schema of their own, and the server that shows them."""

    folder: Path
    environment: dict[str, str]
    servers: Any
    port: int
    processes: ExitStack

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "simpul_deploy.cli", "sink", *arguments]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self.processes.callback(end, process)
        return process

    def run(self, name: str) -> subprocess.Popen[bytes]:
        return self.start("run", str(self.folder / f"{name}.yaml"), "--heartbeat-seconds", BEAT)

    def ask(self, method: str, path: str) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def state(self, name: str) -> str:
        return str(self.ask("GET", f"/connectors/{name}/status").json()["connector"]["state"])

    def known(self, name: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/simpul/sinks/{name}").json())

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                if is_so():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)

    def append(self, topic: str) -> None:
        kafka: Any = pytest.importorskip("kafka")
        producer = kafka.KafkaProducer(bootstrap_servers=self.servers.bootstrap_servers)
        producer.send(topic, b"no figure", key=b"k").get(30)
        producer.close()


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(30)


@contextmanager
def free_port() -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found.getsockname()[1]


@pytest.fixture
def stage(servers: Any, tmp_path: Path) -> Iterator[Stage]:
    with closing(HttpRegistry(servers.registry_url)) as registry:
        prepare(servers.bootstrap_servers, registry)
    schema = f"kendali_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(servers.postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    for name, view in (("satu", "prevention"), ("dua", "report")):
        text = f"name: {name}\nfrom: {{view: {view}}}\ntable: {schema}.{name}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    environment = os.environ | {
        "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "SIMPUL__REGISTRY__URL": servers.registry_url,
        "SIMPUL__DATABASE__URL": servers.postgresql_url,
        "SIMPUL__DATA_DIR": str(tmp_path / "data"),
        "SIMPUL__CACHE_DIR": str(tmp_path / "cache"),
        "POLARS_MAX_THREADS": "1",
    }
    with free_port() as port:
        pass
    with ExitStack() as processes:
        yield Stage(tmp_path, environment, servers, port, processes)


def test_consoles_see_who_lives_and_who_is_dead_and_steer_who_lives(stage: Stage) -> None:
    both = {name: stage.run(name) for name in ("satu", "dua")}
    stage.start("serve", str(stage.folder), "--port", str(stage.port))
    stage.until(lambda: stage.state("satu") == stage.state("dua") == "RUNNING")
    assert sorted(stage.ask("GET", "/connectors").json()) == ["dua", "satu"]
    assert stage.ask("GET", "/").json()["kafka_cluster_id"]

    # A pause halts the one and not the other, and what comes meanwhile waits.
    assert stage.ask("PUT", "/connectors/satu/pause").status_code == 202
    stage.until(lambda: stage.state("satu") == "PAUSED")
    stage.until(lambda: stage.state("dua") == "RUNNING")
    before = stage.known("satu")
    stage.append("simpul.view.prevention.v1")
    stage.until(lambda: stage.known("satu")["lag"]["records"] > 0)
    assert stage.known("satu")["lag"]["seconds"] is not None
    assert stage.known("satu")["records"] == before["records"]
    assert stage.ask("PUT", "/connectors/satu/resume").status_code == 202
    stage.until(lambda: stage.state("satu") == "RUNNING" and stage.known("satu")["records"] > before["records"])

    # A restart opens everything anew, in the same process.
    stage.until(lambda: stage.ask("POST", "/connectors/satu/restart?includeTasks=true").status_code == 202)
    stage.until(lambda: stage.state("satu") == "RUNNING")
    after = stage.known("satu")
    assert (after["generation"], after["worker"]) == (before["generation"] + 1, before["worker"])

    # A dead process is not shown as one that lives, and cannot be restarted from here.
    both["dua"].send_signal(signal.SIGKILL)
    stage.until(lambda: stage.state("dua") == "FAILED")
    task = stage.ask("GET", "/connectors/dua/tasks/0/status").json()
    assert "No sign of life" in task["trace"]
    assert f":{both['dua'].pid}" in task["worker_id"]
    assert stage.ask("POST", "/connectors/dua/restart").status_code == 409
    stage.until(lambda: stage.state("satu") == "RUNNING")
    assert 'simpul_sink_up{sink="dua"} 0.0' in stage.ask("GET", "/metrics").text

    # Its supervisor starts it again; the other ends in good order.
    stage.run("dua")
    stage.until(lambda: stage.state("dua") == "RUNNING")
    both["satu"].terminate()
    stage.until(lambda: stage.state("satu") == "UNASSIGNED")
    assert both["satu"].wait(30) == 0
