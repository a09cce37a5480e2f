"""The peers: the same figures from the same log by other engines, each in an environment of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.bus import WORKSHOP
from tests.bench.figures import zones
from tests.bench.incidents import TYPE

HERE = Path(__file__).parent
#: Peers are given so long for one run.
_SECONDS = 1800


@dataclass(frozen=True)
class Span:
    """First and last moment of a run, in seconds since the epoch."""

    started: float
    ended: float


def schema_file() -> Path:
    """Write the events' schema where peers read it."""
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    path = WORKSHOP / "incident.avsc"
    path.write_text(TYPE.schema, encoding="utf-8")
    return path


def _spoken(command: Sequence[str], **more: Any) -> list[float]:
    """Run a peer and return the moments it told, in seconds."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=_SECONDS, **more)
    return [int(word) / 1000 for word in re.findall(r"\b\d{13}\b", done.stdout)]


def raw(bootstrap_servers: str, events: int, topics: Sequence[str]) -> Span:
    """Consume raw, by aiokafka `getmany`."""
    script = str(HERE / "raw_getmany.py")
    return Span(*_spoken([sys.executable, script, bootstrap_servers, str(events), ",".join(topics)]))


def faust(bootstrap_servers: str, events: int, topics: Sequence[str], figures: Path) -> Span:
    """Run stock Faust with tables."""
    data = WORKSHOP / "faust"
    shutil.rmtree(data, ignore_errors=True)
    settings = {
        "bootstrap": bootstrap_servers, "topics": list(topics), "events": events, "schema": str(schema_file()),
        "zones": zones(), "figures": str(figures), "data": str(data),
    }  # fmt: skip
    environment = {**os.environ, "FAUST_PEER": json.dumps(settings)}
    return Span(*_spoken([sys.executable, str(HERE / "stock_faust.py"), "worker", "-l", "warn"], env=environment))


def quix(bootstrap_servers: str, events: int, topic: str, output: str, figures: Path) -> Span:
    """Run stateful Quix Streams, which pins other versions and so has an environment of its own."""
    home = WORKSHOP.parent / "quix"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "quixstreams", "fastavro"], check=True)
    state = WORKSHOP / "quix"
    shutil.rmtree(state, ignore_errors=True)
    settings = {
        "bootstrap": bootstrap_servers, "topic": topic, "events": events, "schema": str(schema_file()),
        "zones": zones(), "figures": str(figures), "state": str(state), "output": output,
    }  # fmt: skip
    return Span(*_spoken([str(python), str(HERE / "stock_quix.py"), json.dumps(settings)]))


class KafkaStreams:
    """The peer in Java; built once, into `build/`."""

    def __init__(self) -> None:
        self._home = WORKSHOP / "kafka_streams"
        if shutil.which("mvn") is None:
            message = "the Kafka Streams peer is built by Maven with a JDK of 17 or newer; install both"
            raise RuntimeError(message)
        shutil.copytree(HERE / "kafka_streams", self._home, dirs_exist_ok=True)
        subprocess.run(["mvn", "-q", "compile", "dependency:copy-dependencies"], cwd=self._home, check=True)

    def run(self, bootstrap_servers: str, events: int, topics: Sequence[str], output: str, *, split: bool) -> float:
        """Run it to its end; returns when its first record came."""
        state = self._home / "state"
        shutil.rmtree(state, ignore_errors=True)
        settings = {
            "bench.events": events, "bench.topics": ",".join(topics), "bench.schema": schema_file(),
            "bench.eastern": zones(), "bench.output": output, "bench.split": str(split).lower(),
            "application.id": f"bench-streams-{time.time_ns()}",
            "bootstrap.servers": bootstrap_servers,
            "state.dir": state,
            "auto.offset.reset": "earliest",
            "num.stream.threads": 2,
            "commit.interval.ms": 1000,
            "statestore.cache.max.bytes": 256 << 20,
            "topology.optimization": "all",
            "replication.factor": 1,
            "max.partition.fetch.bytes": 4 << 20,
            "max.poll.records": 5000,
            "linger.ms": 20,
            "batch.size": 512 << 10,
        }  # fmt: skip
        file = self._home / "peer.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
        classes = f"{self._home}/target/classes:{self._home}/target/dependency/*"
        (started,) = _spoken(["java", "-Xmx2g", "-cp", classes, "id.go.simpul.bench.Peer", str(file)])
        return started
