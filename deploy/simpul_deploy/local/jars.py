"""The pinned artifacts: what is downloaded, and how each is told from a forgery."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

LOCK_FILE = Path(__file__).with_name("jars.toml")

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.\-]*"
_COORDINATE = re.compile(rf"({_PART}):({_PART}):({_PART})(?::({_PART}))?(?::({_PART}))?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One file of a Maven repository.

    Attributes:
        coordinate: ``group:artifact:version[:packaging[:classifier]]``.
        sha256: Of the file, in lower-case hexadecimal digits.
        size_bytes: Of the file.
    """

    coordinate: str
    sha256: str
    size_bytes: int

    @property
    def path(self) -> PurePosixPath:
        """Where the file lies in any Maven repository, relative to the repository's root."""
        group, artifact, version, packaging, classifier = _parts(self.coordinate)
        suffix = f"-{classifier}" if classifier else ""
        return PurePosixPath(*group.split("."), artifact, version, f"{artifact}-{version}{suffix}.{packaging}")


@dataclass(frozen=True, slots=True)
class Lock:
    """All that the stack downloads.

    Attributes:
        kafka_version: Version of Apache Kafka.
        registry_version: Version of the Apicurio registry.
        kafka: Kafka's jars; all of them make its class path.
        registry: The registry's archive.
    """

    kafka_version: str
    registry_version: str
    kafka: tuple[Pinned, ...]
    registry: Pinned


def parse_lock(text: str) -> Lock:
    """Read a lock from TOML; ValueError names the entry that is not well formed."""
    document = tomllib.loads(text)
    try:
        registries = [_pinned(entry) for entry in document["registry"]]
        kafka = tuple(_pinned(entry) for entry in document["kafka"])
        lock = Lock(str(document["kafka_version"]), str(document["registry_version"]), kafka, registries[0])
    except (KeyError, TypeError, IndexError) as error:
        message = f"the lock of jars lacks {error}"
        raise ValueError(message) from error
    paths = [pinned.path for pinned in (*lock.kafka, lock.registry)]
    if len(set(paths)) != len(paths):
        message = "the lock of jars names a file twice"
        raise ValueError(message)
    return lock


def load_lock(path: Path = LOCK_FILE) -> Lock:
    """The lock shipped with this package."""
    return parse_lock(path.read_text(encoding="utf-8"))


def _pinned(entry: dict[str, Any]) -> Pinned:
    pinned = Pinned(str(entry["coordinate"]), str(entry["sha256"]), int(entry["size_bytes"]))
    _parts(pinned.coordinate)
    if not _SHA256.fullmatch(pinned.sha256) or pinned.size_bytes <= 0:
        message = f"not a sha256 or a size: {pinned}"
        raise ValueError(message)
    return pinned


def _parts(coordinate: str) -> tuple[str, str, str, str, str]:
    match = _COORDINATE.fullmatch(coordinate)
    if match is None:
        message = f"not a Maven coordinate: {coordinate!r}"
        raise ValueError(message)
    group, artifact, version, packaging, classifier = match.groups(default="")
    return group, artifact, version, packaging or "jar", classifier
