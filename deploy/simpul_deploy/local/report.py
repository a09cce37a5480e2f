"""What the stack tells its callers: steps while it works, endpoints and states when asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

ServiceName = Literal["kafka", "registry", "postgresql"]
StepKind = Literal["plan", "download", "unpack", "start", "ready", "stop"]
RunState = Literal["running", "starting", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something `up` or `down` tells while it works; told from several threads, one at a time.

    Attributes:
        kind: ``plan`` (once, before a download: ``files`` and ``total_bytes`` still to come), ``download`` (as bytes
            come), ``unpack``, or ``start``, ``ready`` and ``stop`` of ``service``.
        service: The service it is about, if any.
        files: Number of files to download.
        done_bytes: Bytes that are there, including those of an interrupted run.
        total_bytes: Bytes of all the files.
        seconds: How long it took, for ``ready``.
    """

    kind: StepKind
    service: ServiceName | None = None
    files: int = 0
    done_bytes: int = 0
    total_bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where clients connect; all on 127.0.0.1.

    Attributes:
        bootstrap_servers: Kafka's ``host:port``.
        registry_url: Root of the registry's Confluent API.
        postgresql_url: A libpq URL, with the password in it.
    """

    bootstrap_servers: str
    registry_url: str
    postgresql_url: str


@dataclass(frozen=True, slots=True)
class UpResult:
    """What `up` did.

    Attributes:
        endpoints: Where clients connect.
        already_running: Everything ran before; nothing was started.
        started: The services started now.
    """

    endpoints: Endpoints
    already_running: bool
    started: tuple[ServiceName, ...]


@dataclass(frozen=True, slots=True)
class DownResult:
    """What `down` did.

    Attributes:
        stopped: The services that ran and were stopped.
        killed: Those of them that did not end in good order in time; their data survives that.
        purged: Whether the instance's data was deleted.
    """

    stopped: tuple[ServiceName, ...]
    killed: tuple[ServiceName, ...]
    purged: bool


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How a service is doing.

    Attributes:
        name: Its name.
        state: ``running`` only when it answers; ``starting`` while an `up` or `down` is at work; ``failed`` when it was
            started and has ended since, or does not answer; ``stopped`` when it was not started, or was stopped.
        pid: Its process, when there is one.
        port: The port clients connect to, once chosen.
        endpoint: What clients are configured with, the password left out, once the port is chosen.
        version: Of the server's software.
        uptime_seconds: Since its process started.
        log: Its log file.
    """

    name: ServiceName
    state: RunState
    pid: int | None
    port: int | None
    endpoint: str | None
    version: str
    uptime_seconds: float | None
    log: Path
