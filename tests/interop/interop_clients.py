"""The foreign clients, each behind the same door: a program that takes a JSON request on stdin and answers on stdout.

What a client needs is installed once into `build/interop`; a machine that lacks its tools says so by `Unavailable`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "interop"
INSTALL_SECONDS = 300
RUN_SECONDS = 90
#: What npm and Maven make beside a program, where somebody ran them in its own folder.
_MADE = frozenset({"node_modules", "target"})


class Unavailable(Exception):
    """A client cannot be had on this machine; the message says what is missing."""


class ClientFailed(Exception):
    """A client ended with an error; the message holds its words."""


@dataclass(frozen=True)
class Client:
    """A sample program that is ready to run."""

    command: tuple[str, ...]

    def publish(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send records; returns topic, partition and offset of each."""
        return self._run("publish", request)

    def read(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Read records; returns topic, offset, key, headers and value of each."""
        return self._run("read", request)

    def _run(self, action: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [*self.command, action],
            input=json.dumps(request),
            capture_output=True,
            encoding="utf-8",
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ClientFailed(done.stderr[-4000:])
        found: list[dict[str, Any]] = json.loads(done.stdout)["records"]
        return found


def kafkajs() -> Client:
    """Return the Node.js client: kafkajs and its client of Confluent's registry."""
    _need("node", "npm")
    folder = _installed("node", ["npm", "ci"])
    return Client(("node", str(folder / "client.js")))


def apicurio() -> Client:
    """Return the Java client: Kafka's own, with Apicurio's Avro serde."""
    _need("java", "javac", "mvn")
    folder = _installed("java", ["mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"])
    path = f"{folder}/target/classes{os.pathsep}{folder}/target/dependency/*"
    # It runs for two seconds, so a quick start beats code compiled well.
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
    return Client(("java", *quick, "-cp", path, "id.go.simpul.contoh.Client"))


def confluent_kafka() -> Client:
    """Return the Python client: librdkafka's wrapper with its Avro serializers."""
    if find_spec("confluent_kafka") is None:
        raise Unavailable("the Python package confluent-kafka is not installed")
    return Client((sys.executable, str(HERE / "python" / "client.py")))


#: The clients that encode and decode Avro themselves.
CLIENTS: Mapping[str, Callable[[], Client]] = {
    "kafkajs": kafkajs,
    "apicurio": apicurio,
    "confluent-kafka": confluent_kafka,
}


@dataclass(frozen=True)
class KcatRecord:
    """A record as kcat saw it, byte for byte."""

    offset: int
    key: bytes
    value: bytes
    headers: bytes


class Kcat:
    """kcat as Debian has it: built without Avro, so it carries keys, headers and framed values as they are."""

    def __init__(self, bootstrap_servers: str) -> None:
        _need("kcat")
        # As in Java; librdkafka's default divides keys otherwise.
        self._command = ["kcat", "-b", bootstrap_servers, "-X", "topic.partitioner=murmur2_random", "-q"]

    def publish(self, topic: str, key: str, headers: Mapping[str, str], value: Path) -> None:
        """Send a file's bytes as one record."""
        named = [part for name, text in headers.items() for part in ("-H", f"{name}={text}")]
        self._run("-P", "-t", topic, "-k", key, *named, str(value))

    def read(self, topic: str, offset: int, count: int) -> list[KcatRecord]:
        """Read a number of records from an offset on; sizes go before each, so that any byte may be in it."""
        place = ("-t", topic, "-p", "0", "-o", str(offset), "-c", str(count), "-e")
        rest = self._run("-C", *place, "-f", "%o %K %S\n%k%s%h\n")
        found = []
        for _ in range(count):
            head, _, rest = rest.partition(b"\n")
            at, key_size, size = map(int, head.split())
            key, value, rest = rest[:key_size], rest[key_size : key_size + size], rest[key_size + size :]
            headers, _, rest = rest.partition(b"\n")
            found.append(KcatRecord(at, key, value, headers))
        assert rest == b""
        return found

    def unpack(self, topic: str, offset: int, pattern: str) -> str:
        """Read one record, its value taken apart by kcat itself."""
        place = ("-t", topic, "-p", "0", "-o", str(offset), "-c", "1", "-e")
        return self._run("-C", *place, "-s", f"value={pattern}").decode(errors="replace")

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run([*self._command, *arguments], capture_output=True, timeout=RUN_SECONDS, check=False)
        if done.returncode:
            raise ClientFailed(done.stderr.decode(errors="replace")[-4000:])
        return done.stdout


def _need(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise Unavailable(f"not on this machine: {', '.join(missing)}")


def _installed(name: str, command: Sequence[str]) -> Path:
    """Copy a sample program and install what it needs beside it, unless the very same was installed before."""
    source = HERE / name
    files = sorted(path for path in source.rglob("*") if path.is_file() and not _MADE & set(path.parts))
    content = hashlib.sha256()
    for path in files:
        content.update(f"{path.relative_to(source)}\n".encode() + path.read_bytes())
    folder = BUILD / f"{name}-{content.hexdigest()[:12]}"
    if (folder / ".ready").exists():
        return folder
    for old in BUILD.glob(f"{name}-*"):  # another version, or a half-done installation
        shutil.rmtree(old)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_MADE))
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command)} took longer than {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-4000:]}")
    (folder / ".ready").touch()
    return folder
