"""The probe where no broker is: each kind of silence and noise by its name, soon."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from simpul_producers import probe
from simpul_producers.findings import CAUSES, Step, found
from simpul_producers.probe import first_failure, probe_broker, probe_registry
from simpul_schemas.connection import tls_context
from simpul_schemas.link_settings import RegistrySettings

TLS = {"ssl_context": tls_context(None), "security_protocol": "SSL"}


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something that listens and does one thing to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                held.append(client)
                answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for client in held:
            client.close()


def web(client: socket.socket) -> None:
    client.recv(100)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    client.close()


def silence(client: socket.socket) -> None:
    """Say nothing."""


def hang_up(client: socket.socket) -> None:
    client.close()


def noise(client: socket.socket) -> None:
    client.sendall(b"\x00\x00\x00\x10" + b"\x07" * 16)


@pytest.mark.parametrize(
    ("answer", "options", "code"),
    [
        (web, {}, "kafka.not_kafka"),
        (noise, {}, "kafka.not_kafka"),
        (silence, {}, "kafka.silent"),
        (hang_up, {}, "kafka.closed"),
        (web, TLS, "tls.not_tls"),
        (silence, TLS, "kafka.silent"),
        (hang_up, TLS, "tls.not_tls"),
    ],
)
def test_what_is_no_broker_is_named(
    answer: Callable[[socket.socket], None], options: dict[str, object], code: str
) -> None:
    with server(answer) as address:
        failure = first_failure(probe_broker(address, options, seconds=1.0))
    assert failure is not None
    assert failure.code == code
    assert failure.where == address


def test_a_port_that_nobody_listens_on_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = first_failure(probe_broker(f"127.0.0.1:{port}", {}))
    assert failure is not None
    assert failure.code == "tcp.refused"


def test_a_name_that_nobody_knows_is_named() -> None:
    failure = first_failure(probe_broker("bus.invalid:9092", {}))
    assert failure is not None
    assert failure.code in {"dns.unknown", "dns.silent"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "tcp.timeout"),
        (OSError(113, "No route to host"), "tcp.no_route"),
        (OSError(101, "Network is unreachable"), "tcp.no_route"),
        (ConnectionRefusedError(), "tcp.refused"),
    ],
)
def test_what_a_connection_ends_with_is_told_apart(error: OSError, code: str) -> None:
    assert probe._tcp_failure("bus:1", error).code == code


def test_a_silent_server_does_not_take_the_time_of_the_next_one() -> None:
    with server(silence) as first, server(web) as second:
        failure = first_failure(probe_broker(f"{first},{second}", {}, seconds=2.0))
    assert failure is not None
    assert failure.code == "kafka.not_kafka"


def test_every_cause_says_what_it_is_and_what_to_do_in_both_languages() -> None:
    for code in CAUSES:
        finding = found(code, "bus:9093", user="w", mechanism="PLAIN", known="SCRAM-SHA-512", days=3)
        assert finding.step in Step
        for text in (finding.message_id, finding.message_en, finding.remedy_id, finding.remedy_en):
            assert text
            assert "{" not in text
        assert finding.message_id != finding.message_en


@pytest.mark.parametrize(("days", "marks"), [(40, []), (30, ["<= 30"]), (14, ["<= 14"]), (3, ["<= 3"]), (-1, ["<= 3"])])
def test_a_certificate_that_ends_soon_warns_at_its_marks(days: int, marks: list[str]) -> None:
    assert [finding.detail for finding in probe._expires("tls.expires_soon", "bus:1", days)] == marks


class Registry(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        status, body = self.server.answer  # type: ignore[attr-defined]  # set by the test
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.mark.parametrize(
    ("status", "body", "codes"),
    [
        (200, b'{"id": 1}', ["", ""]),
        (404, b'{"error_code": 40401}', ["", "contract.not_registered"]),
        (404, b'{"error_code": 40403}', ["", "contract.not_registered"]),
        (404, b"<html>", ["registry.not_registry"]),
        (500, b"{}", ["registry.not_registry"]),
        (401, b"", ["registry.login"]),
    ],
)
def test_what_the_registry_answers_is_named(status: int, body: bytes, codes: list[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), Registry) as listener:
        listener.answer = (status, body)  # type: ignore[attr-defined]  # read by the handler
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.server_address[1]}/api"
        findings = probe_registry(RegistrySettings(url=url), {"simpul.53.report.v1": "{}"})
        listener.shutdown()
        thread.join()
    assert [finding.code for finding in findings] == codes


def test_a_registry_that_is_away_is_named() -> None:
    (finding,) = probe_registry(RegistrySettings(url="http://127.0.0.1:1/api"), {"simpul.53.report.v1": "{}"})
    assert finding.code == "registry.unreachable"
