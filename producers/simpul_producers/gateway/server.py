"""The gateway as a process: parts put together from the settings, uvicorn behind the guard, an orderly end."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from uvicorn import Server

from simpul_producers.gateway.app import Parts, make_app
from simpul_producers.gateway.drainer import Drainer, Drains
from simpul_producers.gateway.guard import Door, guarded_by
from simpul_producers.gateway.guests import Guests
from simpul_producers.gateway.health import Health
from simpul_producers.gateway.intake import Intake
from simpul_producers.gateway.keys import KeyRing
from simpul_producers.gateway.metrics import Metrics
from simpul_producers.gateway.peppers import load_pepper
from simpul_producers.gateway.sqlite_answers import SqliteAnswerMemory
from simpul_producers.gateway.sqlite_keys import KEYS_FILE, SqliteKeyStore
from simpul_producers.kafka_producer import kafka_producer_factory
from simpul_producers.link import open_outbox
from simpul_producers.sender import Sender
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.connection import client_options, open_registry, server_list
from simpul_schemas.errors import BrokerUnavailable, OutsideError, RegistryRefused, RegistryUnavailable
from simpul_schemas.registry import CachedRegistry
from simpul_schemas.settings import Settings
from simpul_schemas.web.journal import Journal, to_journal
from simpul_schemas.web.listening import listen, quiet_server, url_of

_ANSWERS_FILE = "gateway-answers.db"
#: How long requests under way may take to end after a signal.
_GRACE_SECONDS = 20
_PROBE_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class Gateway:
    """A gateway that is put together but does not listen yet."""

    app: FastAPI
    door: Door
    journal: Journal
    trusted: str
    drainer: Drainer


class _Counted:
    """How many events wait, as counted last: counting reads an index, so nobody outside may ask for it at will."""

    def __init__(self, outbox: SqliteOutbox) -> None:
        self._outbox = outbox
        self.pending = 0

    def count(self) -> None:
        """Count anew."""
        self.pending = self._outbox.counts().pending


@contextmanager
def open_gateway(settings: Settings, journal: Journal, clock: Callable[[], int]) -> Iterator[Gateway]:
    """Open the files of a gateway, start to send and to look after health, and end all of it again."""
    limits = settings.gateway.limits
    with ExitStack() as stack:
        outbox = stack.enter_context(open_outbox(settings))
        keys = SqliteKeyStore(settings.data_dir / KEYS_FILE)
        stack.callback(keys.close)
        memory = SqliteAnswerMemory(settings.data_dir / _ANSWERS_FILE)
        stack.callback(memory.close)
        ring = KeyRing(keys, load_pepper(settings), clock, time.monotonic)
        metrics = Metrics()
        drainer = Drainer(lambda: _sender(settings, outbox, clock), lambda: len(outbox.pending(1)))
        counted = _Counted(outbox)
        health = Health(
            {
                "outbox": counted.count,
                "keys": ring.look,
                "broker": lambda: _probe_broker(settings),
                "registry": lambda: _probe_registry(settings),
                "sending": lambda: _probe_sending(drainer),
            },
            frozenset({"outbox", "keys"}),
        )
        trusted = settings.gateway.trusted_proxies
        door = Door(limits, frozenset(_split(trusted)), _tell_refusals(journal, metrics))
        metrics.gauge("connections", "Open connections.", lambda: door.open)
        metrics.gauge("outbox_pending", "Events that wait for the broker.", lambda: counted.pending)
        metrics.gauge("sent", "Events that the broker acknowledged since the start.", lambda: drainer.state.sent)
        for name in health.is_well():
            metrics.gauge(f"{name}_up", f"1 while all is well with: {name}.", _reader(health, name))
        intake = Intake(outbox, memory, clock)
        guests = Guests(ring, limits, time.monotonic)
        app = make_app(Parts(intake, guests, health, metrics, journal, limits, drainer.wake))
        health.start()
        stack.callback(health.stop)
        drainer.start()
        stack.callback(drainer.stop)
        yield Gateway(app, door, journal, trusted, drainer)


def serve(gateway: Gateway, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Listen until a signal comes; `on_listening` is told the address. Raises `SettingsError` where it cannot."""
    to_journal(gateway.journal)
    listener = listen(host, port, "gateway.host")
    server = make_server(gateway)
    on_listening(url_of(listener))
    with listener:
        server.run(sockets=[listener])


def make_server(gateway: Gateway) -> Server:
    """Return uvicorn as a gateway needs it: h11 behind the guard, and nothing that it logs or tells by itself."""
    protocol, limits = guarded_by(gateway.door), gateway.door.limits
    return quiet_server(
        gateway.app, protocol, limits, trusted=gateway.trusted, grace_seconds=_GRACE_SECONDS, lifespan="on"
    )


def run_in_thread(server: Server, listener: socket.socket) -> None:
    """Run a server off the main thread, where no signals come; for tests and measurements."""
    asyncio.run(server.serve(sockets=[listener]))


def _sender(settings: Settings, outbox: SqliteOutbox, clock: Callable[[], int]) -> Drains:
    servers, url = _named_broker(settings), _named_registry(settings)
    registry = CachedRegistry(open_registry(settings.registry), settings.cache_dir, url)
    return Sender(outbox, registry, kafka_producer_factory(servers, **client_options(settings.kafka)), clock)


def _probe_broker(settings: Settings) -> None:
    """Raise `BrokerUnavailable` unless one server takes a connection; the client itself would try for long."""
    servers = _named_broker(settings)
    for address in server_list(servers):
        try:
            with socket.create_connection(address, timeout=_PROBE_TIMEOUT_SECONDS):
                return
        except OSError:
            continue
    raise BrokerUnavailable(f"Tidak ada broker di {servers}.", f"No broker at {servers}.")


def _probe_registry(settings: Settings) -> None:
    _named_registry(settings)
    registry = open_registry(settings.registry)
    try:
        registry.compatibility()
    except RegistryRefused:
        return  # who refuses is there
    finally:
        registry.close()


def _probe_sending(drainer: Drainer) -> None:
    if drainer.state.reason:
        raise OutsideError(drainer.state.reason, drainer.state.reason)


def _named_broker(settings: Settings) -> str:
    if not settings.kafka.bootstrap_servers:
        raise BrokerUnavailable("kafka.bootstrap_servers belum diatur.", "kafka.bootstrap_servers is not set.")
    return settings.kafka.bootstrap_servers


def _named_registry(settings: Settings) -> str:
    if not settings.registry.url:
        raise RegistryUnavailable("registry.url belum diatur.", "registry.url is not set.")
    return settings.registry.url


def _tell_refusals(journal: Journal, metrics: Metrics) -> Callable[[int, str, str], None]:
    def tell(status: int, code: str, address: str) -> None:
        metrics.cut.labels(code).inc()
        journal.write("cut", status=status, code=code, peer=address)

    return tell


def _reader(health: Health, name: str) -> Callable[[], float]:
    return lambda: float(health.is_well()[name])


def _split(addresses: str) -> list[str]:
    return [address.strip() for address in addresses.split(",") if address.strip()]
