"""The local stack as a whole: up, down and status of one instance."""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs

from simpul_deploy.errors import DiskFull, PortMismatch, PortTaken, StartFailed, StateDamaged
from simpul_deploy.local import processes, state
from simpul_deploy.local.fetch import fetch
from simpul_deploy.local.files import is_locked, last_line, locked, named_errors
from simpul_deploy.local.jars import load_lock
from simpul_deploy.local.java import find_java
from simpul_deploy.local.kafka import Kafka
from simpul_deploy.local.ports import PREFERRED, Ports, PortWishes, choose, is_free
from simpul_deploy.local.postgresql import Passwords, PostgreSQL, home_for
from simpul_deploy.local.registry import Registry
from simpul_deploy.local.report import DownResult, Endpoints, ServiceName, ServiceStatus, Step, UpResult
from simpul_deploy.local.services import Tools
from simpul_deploy.local.unpack import GROWTH, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from simpul_deploy.local.processes import Identity
    from simpul_deploy.local.report import RunState
    from simpul_deploy.local.services import Service

START_SECONDS = 120.0
STOP_SECONDS = 30.0
PORT_ATTEMPTS = 3
_POLL_SECONDS = 0.05


class Stack:
    """Kafka, the registry and PostgreSQL of one instance, on this machine.

    Args:
        instance: Its name: lower-case letters, digits and hyphens; WrongUsage for any other.
        data_root: Holds all instances; by default the user's data folder for simpul.
        cache: Holds what was downloaded, for all instances; by default the user's cache folder for simpul.
    """

    def __init__(self, instance: str = "default", *, data_root: Path | None = None, cache: Path | None = None) -> None:
        self._folders = state.Folders(data_root or platformdirs.user_data_path("simpul"), instance)
        self._cache = cache or platformdirs.user_cache_path("simpul")
        self._lock = load_lock()

    def up(self, on_step: Callable[[Step], None] = lambda _step: None, ports: PortWishes | None = None) -> UpResult:
        """Start what does not run, and return when all of it does real work.

        If anything fails, what this call started is stopped again, and the error raised says what happened.

        Args:
            on_step: Told what is going on.
            ports: Ports to insist on; PortTaken if one cannot be had.
        """
        tell = _one_at_a_time(on_step)
        self._folders.make()
        with locked(self._folders.lock):
            known = state.load(self._folders)
            memory = _Memory(self._folders, known or state.State.new())
            self._adopt(memory)
            if known is None:
                self._clear_away(memory, tell)
            wishes = ports or PortWishes()
            self._settle_ports(memory, wishes)
            absent = [
                service.name for service in self._services(memory.state) if service.name not in memory.state.processes
            ]
            # All is at hand before anything is started; while everything runs, nothing is needed.
            tools = self._tools(tell) if absent else None
            for attempt in range(PORT_ATTEMPTS):
                try:
                    services = self._services(memory.state)
                    self._bring_up(services, tools, memory, tell)
                    break
                except PortTaken:  # between our choice and the start; fatal only if it was the user's choice
                    if attempt == PORT_ATTEMPTS - 1:
                        raise
                    self._settle_ports(memory, wishes)
        return UpResult(_endpoints(services), not absent, tuple(absent))

    def down(self, on_step: Callable[[Step], None] = lambda _step: None, *, purge: bool = False) -> DownResult:
        """Stop everything in good order, killing only what does not end in time; the data stays, unless purged.

        Args:
            on_step: Told what is going on.
            purge: Also delete the instance's data, logs and settings; the downloads stay.
        """
        if not self._folders.data.exists():
            return DownResult((), (), purged=False)
        tell = _one_at_a_time(on_step)
        with locked(self._folders.lock):
            try:
                known = state.load(self._folders) or state.State.new()
            except StateDamaged:
                if not purge:
                    raise
                known = state.State.new()
            memory = _Memory(self._folders, known)
            with suppress(DiskFull):  # known all the same, and a full disk is a good reason to stop
                self._adopt(memory)
            services = self._services(memory.state)
            stopped = [service for service in services if service.name in memory.state.processes]
            killed = _stop_all(stopped, memory, tell)
            if purge:
                for service in services:
                    service.purge()
                with named_errors(self._folders.data):
                    shutil.rmtree(self._folders.data)
        return DownResult(tuple(service.name for service in stopped), killed, purged=purge)

    def status(self) -> list[ServiceStatus]:
        """How each service is doing now; asks each of them, and changes nothing."""
        known = state.load(self._folders)
        services = self._services(known or state.State.new())
        alive = self._alive(known) if known else {}
        busy = is_locked(self._folders.lock)

        def one(service: Service) -> ServiceStatus:
            identity = alive.get(service.name)
            was_started = known is not None and service.name in known.processes
            return ServiceStatus(
                name=service.name,
                state=_run_state(
                    alive=identity is not None, was_started=was_started, busy=busy,
                    answers=identity is not None and service.answers(),
                ),
                pid=identity.pid if identity else None,
                port=service.ports[0] if known and known.ports else None,
                endpoint=_without_password(service.endpoint) if known and known.ports else None,
                version=service.version,
                uptime_seconds=max(0.0, time.time() - identity.created) if identity else None,
                log=self._log_of(service.name),
            )  # fmt: skip

        with ThreadPoolExecutor(len(services)) as pool:
            return list(pool.map(one, services))

    def endpoints(self) -> Endpoints | None:
        """Where clients connect, running or not; None before the first `up`."""
        known = state.load(self._folders)
        return _endpoints(self._services(known)) if known and known.ports else None

    @property
    def logs(self) -> Path:
        """Folder of the instance's logs."""
        return self._folders.logs

    @property
    def client_data(self) -> Path:
        """Folder for what the instance's own clients keep (outbox, stores, cached ids): purged with it."""
        return self._folders.data / "client"

    def _log_of(self, name: ServiceName) -> Path:
        return self._folders.logs / f"{name}.log"

    def _services(self, known: state.State) -> tuple[Kafka, Registry, PostgreSQL]:
        data, ports = self._folders.data, known.ports or PREFERRED
        home = home_for(data / "postgresql", as_root=os.geteuid() == 0)
        passwords = Passwords(known.owner_password, known.admin_password)
        return (
            Kafka(data / "kafka", self._log_of("kafka"), ports, self._lock.kafka_version),
            Registry(data / "registry", self._log_of("registry"), ports, self._lock.registry_version),
            PostgreSQL(home, self._log_of("postgresql"), ports, passwords),
        )

    def _alive(self, known: state.State) -> dict[str, Identity]:
        """The services' processes that run: as remembered, or found by their mark where memory fails."""
        services = self._services(known)
        alive = {name: identity for name, identity in known.processes.items() if processes.is_alive(identity)}
        lost = {service.mark: service.name for service in services if service.name not in alive}
        found = processes.find(lost) if lost else {}
        return alive | {lost[mark]: identity for mark, identity in found.items()}

    def _adopt(self, memory: _Memory) -> None:
        memory.change(replace(memory.state, processes=self._alive(memory.state)))

    def _clear_away(self, memory: _Memory, tell: Callable[[Step], None]) -> None:
        """Remove what an instance left behind whose folder was deleted by hand: its passwords are gone with that."""
        services = self._services(memory.state)
        _stop_all([service for service in services if service.name in memory.state.processes], memory, tell)
        for service in services:
            service.purge()

    def _settle_ports(self, memory: _Memory, wishes: PortWishes) -> None:
        """Choose the ports and write them down, while no other instance does the same."""
        known = memory.state
        running = set(known.processes) | ({"controller"} if "kafka" in known.processes else set())
        for name in running:
            wish: int | None = getattr(wishes, name)
            current: int | None = getattr(known.ports, name, None)
            if wish is not None and current is not None and wish != current:
                raise PortMismatch(name, wish, current)
        with locked(self._folders.ports_lock):
            reserved = state.ports_of_others(self._folders)
            chosen: Ports = choose(wishes, known.ports, running=running, reserved=reserved)
            memory.change(replace(known, ports=chosen))

    def _tools(self, tell: Callable[[Step], None]) -> Tools:
        """Java, and the programs, downloaded and unpacked where they are not there yet."""
        java = find_java()
        jars = self._cache / "maven"
        archive = self._lock.registry
        unpacked = self._cache / "registry" / f"{self._lock.registry_version}-{archive.sha256[:12]}"
        pins = self._lock.kafka if unpacked.is_dir() else (*self._lock.kafka, archive)
        fetch(
            pins,
            jars,
            on_plan=lambda files, size: tell(Step("plan", files=files, total_bytes=size)),
            on_bytes=lambda done, total: tell(Step("download", done_bytes=done, total_bytes=total)),
            spare_bytes=0 if unpacked.is_dir() else int(archive.size_bytes * GROWTH),
        )
        if not unpacked.is_dir():
            tell(Step("unpack", "registry"))
            unpack(jars / archive.path, unpacked)
            (jars / archive.path).unlink(missing_ok=True)  # 160 MB that nobody reads again
        return Tools(java, tuple(jars / pin.path for pin in self._lock.kafka), unpacked)

    def _bring_up(
        self, services: Sequence[Service], tools: Tools | None, memory: _Memory, tell: Callable[[Step], None]
    ) -> None:
        """Start what is absent and wait for all, side by side; all or none."""
        give_up = threading.Event()
        absent = [service for service in services if service.name not in memory.state.processes]

        def bring(service: Service) -> None:
            began = time.monotonic()
            if tools is not None and service in absent:
                tell(Step("start", service.name))
                service.prepare(tools)
                self._start(service, tools, memory, give_up)
            if self._wait_until_ready(service, memory, began + START_SECONDS, give_up):
                tell(Step("ready", service.name, seconds=time.monotonic() - began))

        with ThreadPoolExecutor(len(services)) as pool:
            futures = [pool.submit(bring, service) for service in services]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:
                give_up.set()
                pool.shutdown()
                _stop_all([service for service in absent if service.name in memory.state.processes], memory, tell)
                raise

    @staticmethod
    def _check_ports(service: Service) -> None:
        """A port taken since it was chosen is better told here than in the depths of a log."""
        for port in service.ports:
            if not is_free(port):
                raise PortTaken(service.name, port)

    def _start(self, service: Service, tools: Tools, memory: _Memory, give_up: threading.Event) -> None:
        if give_up.is_set():
            return
        self._check_ports(service)
        memory.remember(service.name, processes.start(service.command(tools)))

    def _wait_until_ready(self, service: Service, memory: _Memory, deadline: float, give_up: threading.Event) -> bool:
        """Wait for real work; false when told to give up because another service failed."""
        log = self._log_of(service.name)
        while not give_up.is_set():
            identity = memory.state.processes[service.name]
            if not processes.is_alive(identity):
                self._check_ports(service)
                raise StartFailed(service.name, log, last_line(log))
            # Another program's server of the same kind on our port would be ready, too.
            if service.is_ready() and processes.listens(identity, service.ports[0]):
                return True
            if time.monotonic() > deadline:
                seconds = int(START_SECONDS)
                reason = (f"belum siap setelah {seconds} detik", f"not ready after {seconds} seconds")
                raise StartFailed(service.name, log, last_line(log), reason)
            give_up.wait(_POLL_SECONDS)
        return False


class _Memory:
    """The state, changed by several threads and on disk after each change."""

    def __init__(self, folders: state.Folders, known: state.State) -> None:
        self._folders = folders
        self._guard = threading.Lock()
        self.state = known

    def change(self, new: state.State) -> None:
        with self._guard:
            self._write(new)

    def remember(self, service: str, identity: Identity | None) -> None:
        with self._guard:
            self._write(self.state.with_process(service, identity))

    def forget(self, service: str) -> None:
        """Take a service that was stopped off the record.

        A full disk must not keep the others from being stopped: a process that is gone is found so by the next `up`.
        """
        with suppress(DiskFull):
            self.remember(service, None)

    def _write(self, new: state.State) -> None:
        self.state = new
        state.save(self._folders, new)


def _stop_all(services: Sequence[Service], memory: _Memory, tell: Callable[[Step], None]) -> tuple[ServiceName, ...]:
    """Stop these services side by side; the names of those that had to be killed."""

    def stop(service: Service) -> bool:
        tell(Step("stop", service.name))
        in_order = processes.stop(memory.state.processes[service.name], service.stop_signal, STOP_SECONDS)
        memory.forget(service.name)
        return in_order

    if not services:
        return ()
    with ThreadPoolExecutor(len(services)) as pool:
        in_order = list(pool.map(stop, services))
    return tuple(service.name for service, well in zip(services, in_order, strict=True) if not well)


def _run_state(*, alive: bool, was_started: bool, busy: bool, answers: bool) -> RunState:
    if answers:
        return "running"
    if busy and (alive or not was_started):
        return "starting"
    return "failed" if alive or was_started else "stopped"


def _endpoints(services: tuple[Kafka, Registry, PostgreSQL]) -> Endpoints:
    kafka, registry, postgresql = services
    return Endpoints(kafka.endpoint, registry.endpoint, postgresql.endpoint)


def _without_password(endpoint: str) -> str:
    password = urlsplit(endpoint).password if "://" in endpoint else None
    return endpoint.replace(f":{password}@", "@") if password else endpoint


def _one_at_a_time(on_step: Callable[[Step], None]) -> Callable[[Step], None]:
    guard = threading.Lock()

    def tell(step: Step) -> None:
        with guard:
            on_step(step)

    return tell
