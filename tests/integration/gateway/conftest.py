"""A gateway in this process on a real socket, with limits that a test can wait for."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from simpul_producers.gateway.keys import KeyDesk
from simpul_producers.gateway.openapi import plain_example
from simpul_producers.gateway.peppers import load_pepper
from simpul_producers.gateway.server import make_server, open_gateway, run_in_thread
from simpul_producers.gateway.sqlite_keys import KEYS_FILE, SqliteKeyStore
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.settings import Settings, load_settings
from simpul_schemas.web.journal import Journal

DEADLINE_SECONDS = 30.0


@dataclass
class Live:
    """A gateway that listens: its port, a key for 73.71, what it logged, and its files."""

    port: int
    key: str
    log: io.StringIO
    settings: Settings
    connections: Callable[[], int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
        """Return a client that comes from an address of this machine."""
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.key}", **headers},
            transport=httpx.HTTPTransport(local_address=address),
            timeout=DEADLINE_SECONDS,
        )

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """Return a raw connection that comes from an address of this machine."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_SECONDS, source_address=(address, 0))

    def talk(self, *parts: bytes) -> bytes:
        """Send raw bytes and return all that comes until the gateway ends the connection."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return read_all(connection)

    def head(self, body_bytes: int, *lines: str, path: str = "/v1/events/incident") -> bytes:
        """Return the head of a request that would be taken."""
        own = [f"POST {path} HTTP/1.1", "Host: gerbang", "Content-Type: application/json"]
        own += [f"Authorization: Bearer {self.key}", f"Content-Length: {body_bytes}"]
        return "\r\n".join([*own, *lines, "", ""]).encode("latin-1")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return log lines of a kind."""
        return [line for line in map(json.loads, self.log.getvalue().splitlines()) if line["event"] == event]

    def stored(self) -> list[str]:
        """Return the ids in the outbox, read from its file."""
        outbox = SqliteOutbox(self.settings.data_dir / "outbox.db")
        try:
            return [waiting.row.event_id for waiting in outbox.pending(100_000)]
        finally:
            outbox.close()

    def wait_for(self, met: Callable[[], bool]) -> None:
        """Wait for a condition, and fail after a deadline."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not met():
            assert time.monotonic() < end, self.log.getvalue()[-2000:]
            time.sleep(0.02)


def read_all(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


@contextmanager
def run_gateway(folder: Path, **limits: float) -> Iterator[Live]:
    """Run a gateway with some limits changed, without broker and registry."""
    variables = {f"SIMPUL__GATEWAY__LIMITS__{name.upper()}": str(value) for name, value in limits.items()}
    settings = load_settings({"SIMPUL__DATA_DIR": str(folder), "SIMPUL__CACHE_DIR": str(folder), **variables})
    log = io.StringIO()
    with ExitStack() as stack:
        journal = Journal(log, lambda: time.time_ns() // 1000)
        store = SqliteKeyStore(folder / KEYS_FILE)
        stack.callback(store.close)
        _, key = KeyDesk(store, load_pepper(settings), lambda: time.time_ns() // 1000).create(
            "73.71", "sitimdu.73", (), 30
        )
        gateway = stack.enter_context(open_gateway(settings, journal, lambda: time.time_ns() // 1000))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        # Small, so that an answer which nobody reads stays in this process, as a large one would.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
        server = make_server(gateway)
        thread = threading.Thread(target=run_in_thread, args=(server, listener))
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()

        stack.callback(stop)
        live = Live(listener.getsockname()[1], key, log, settings, lambda: gateway.door.open)
        live.wait_for(lambda: server.started)
        yield live


@pytest.fixture(scope="module")
def gateway_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run a gateway with some limits changed."""
    return lambda **limits: run_gateway(tmp_path_factory.mktemp("gateway"), **limits)


@pytest.fixture
def make_events() -> Callable[[int, str], list[dict[str, Any]]]:
    """Make so many events of different subjects, without ids."""

    def make(count: int, prefix: str = "uji") -> list[dict[str, Any]]:
        event = plain_example("incident")
        del event["event_id"]
        return [event | {"subject": f"{prefix}:{number}"} for number in range(count)]

    return make
