"""The line to the network, by raw sockets: what a client may hold open."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.nation import LivePortal, Nation

from simpul_schemas.portal_settings import PortalLimits

IN_A_HURRY = PortalLimits(head_seconds=1.0, body_seconds=1.0)
WITH_TIME = PortalLimits(head_seconds=60.0, body_seconds=60.0, connections_per_address=3)


@pytest.fixture(scope="module")
def portal() -> Iterator[LivePortal]:
    """A portal that waits for nobody."""
    with tempfile.TemporaryDirectory() as folder, LivePortal(Nation(), Path(folder), limits=IN_A_HURRY) as portal:
        yield portal


@pytest.fixture(scope="module")
def patient() -> Iterator[LivePortal]:
    """A portal that waits, however slow the machine is, for a few connections."""
    with tempfile.TemporaryDirectory() as folder, LivePortal(Nation(), Path(folder), limits=WITH_TIME) as portal:
        yield portal


def connect(portal: LivePortal) -> socket.socket:
    host, port = portal.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer(connection: socket.socket) -> bytes:
    """Return all that comes until the portal ends the connection."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_head_that_is_never_whole_ends_the_connection(portal: LivePortal, sent: bytes) -> None:
    with connect(portal) as connection:
        connection.sendall(sent)
        assert answer(connection) == b""


def test_half_a_second_head_on_an_open_connection_ends_it_too(portal: LivePortal) -> None:
    with connect(portal) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HT")
        assert answer(connection).count(b"HTTP/1.1 200") == 1


def test_a_body_that_does_not_come_is_answered_and_ends_the_connection(portal: LivePortal) -> None:
    with connect(portal) as connection:
        connection.sendall(b"POST /masuk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        found = answer(connection)
        assert found.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in found


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"411"),
        (b"Content-Length: 99999999\r\n", b"413"),
        (b"Host: jahat\r\n", b"400"),
    ],
)
def test_what_could_be_framed_in_two_ways_is_refused(patient: LivePortal, head: bytes, status: bytes) -> None:
    with connect(patient) as connection:
        connection.sendall(b"POST /masuk HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\nabcde")
        assert answer(connection).startswith(b"HTTP/1.1 " + status)


def test_more_connections_from_one_address_than_allowed_are_cut(patient: LivePortal) -> None:
    request = b"GET /siaran/incident HTTP/1.1\r\nHost: localhost\r\n\r\n"
    held = [connect(patient) for _ in range(WITH_TIME.connections_per_address)]
    try:
        for connection in held:
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        with connect(patient) as one_more:
            assert answer(one_more) == b""
    finally:
        for connection in held:
            connection.close()
