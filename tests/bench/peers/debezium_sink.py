"""The Debezium JDBC sink in a stock Kafka Connect worker: built by Maven, driven by its REST interface.

One worker lives through all runs of a bench, as it would for years at an operator's: its first runs warm it up.
"""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.bus import WORKSHOP

HERE = Path(__file__).parent
_PORT = 18_883
_STARTS_SECONDS = 120.0
#: The consumer says so when it takes a partition over, right before its first fetch.
_TAKEN = re.compile(r"^(\S+) .*groupId=connect-(\S+)\] Resetting offset for partition", re.MULTILINE)


class Debezium:
    """A Kafka Connect worker with 1 GB of heap."""

    def __init__(self, bootstrap_servers: str, registry_url: str, home: Path) -> None:
        self._home = home
        self._log = home / "worker.log"
        self._settings = {
            "bootstrap.servers": bootstrap_servers,
            "listeners": f"http://127.0.0.1:{_PORT}",
            "offset.storage.file.filename": home / "offsets",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
            # Apicurio's own interface lies beside that of Confluent's kind.
            "value.converter.apicurio.registry.url": registry_url.replace("/apis/ccompat/v7", "/apis/registry/v2"),
            "value.converter.apicurio.registry.id-handler": "io.apicurio.registry.serde.Legacy4ByteIdHandler",
            "value.converter.apicurio.registry.use-id": "contentId",
            "connector.client.config.override.policy": "All",
        }
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the worker and wait until it answers."""
        for name in ("worker.log", "offsets"):
            (self._home / name).unlink(missing_ok=True)
        file = self._home / "worker.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self._settings.items()), encoding="utf-8")
        command = [
            "java", "-Xms1g", "-Xmx1g", "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "-cp", f"{self._home}/target/dependency/*",
            "org.apache.kafka.connect.cli.ConnectStandalone", str(file),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._worker = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _STARTS_SECONDS
        while True:
            try:
                self._ask("GET", "/")
            except OSError:
                assert self._worker.poll() is None, f"the Connect worker ended; see {self._log}"
                assert time.monotonic() < deadline, f"the Connect worker does not answer; see {self._log}"
                time.sleep(0.2)
            else:
                return

    @property
    def pid(self) -> int:
        """Process of the worker."""
        assert self._worker is not None
        return self._worker.pid

    @contextmanager
    def running(self, topics: Sequence[str], table: str, config: Mapping[str, Any]) -> Iterator[str]:
        """Run a sink of a new name over topics from their beginning; yields its name."""
        name = f"sink-{time.time_ns()}"
        whole = {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "tasks.max": "1",
            "topics": ",".join(topics),
            "collection.name.format": table,
            "insert.mode": "upsert",
            "primary.key.mode": "record_value",
            "primary.key.fields": "subject",
            "schema.evolution": "none",
            "use.reduction.buffer": "true",
            "consumer.override.auto.offset.reset": "earliest",
            "consumer.override.max.partition.fetch.bytes": str(4 << 20),
            **{key: str(value) for key, value in config.items()},
        }
        self._ask("POST", "/connectors", {"name": name, "config": whole})
        try:
            yield name
        finally:
            self._ask("DELETE", f"/connectors/{name}")

    def check(self, name: str) -> None:
        """Stop where a task has failed."""
        try:
            found = self._ask("GET", f"/connectors/{name}/status")
        except urllib.error.HTTPError:
            return  # not there yet
        for task in found["tasks"]:
            assert task["state"] != "FAILED", task["trace"]

    def started(self, name: str) -> float:
        """When a sink took its first partition over, in seconds since the epoch."""
        found = [at for at, group in _TAKEN.findall(self._log.read_text(encoding="utf-8")) if group == name]
        assert found, f"{name} never took a partition over"
        return datetime.strptime(min(found), "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()

    def stop(self) -> None:
        """Stop the worker."""
        if self._worker is not None:
            self._worker.terminate()
            self._worker.wait(60)

    @staticmethod
    def _ask(method: str, path: str, body: object = None) -> Any:  # JSON
        request = urllib.request.Request(  # our own address
            f"http://127.0.0.1:{_PORT}{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=90) as answer:  # the same
            found = answer.read()
        return json.loads(found) if found else None


@contextmanager
def debezium(bootstrap_servers: str, registry_url: str) -> Iterator[Debezium]:
    """Build the worker where it is not there yet, and run it for as long as the block lasts."""
    if shutil.which("mvn") is None:
        message = "the Debezium peer is built by Maven with a JDK of 17 or newer; install both"
        raise RuntimeError(message)
    home = WORKSHOP / "debezium"
    shutil.copytree(HERE / "debezium", home, dirs_exist_ok=True)
    subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies"], cwd=home, check=True)
    worker = Debezium(bootstrap_servers, registry_url, home)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()
