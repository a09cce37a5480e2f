"""What no honest client sends, on raw sockets: each is cut or answered 4xx, and honest clients go on."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

SHORT = {"head_seconds": 0.6, "body_seconds": 1.5, "body_grace_seconds": 0.5, "body_min_bytes_per_second": 2000}
LIMITS = {**SHORT, "linger_seconds": 0.5, "body_bytes": 100_000, "idle_seconds": 1, "guesses_burst": 1000}


@pytest.fixture(scope="module")
def live(gateway_with: Callable[..., Any]) -> Iterator[Any]:
    with gateway_with(**LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def honest_clients_go_on(live: Any, make_events: Callable[..., list[dict[str, Any]]]) -> Iterator[None]:
    """During every test of this file somebody publishes, and must be served."""
    stop, statuses = threading.Event(), []

    def publish() -> None:
        with live.client("127.0.0.9") as client:
            while not stop.is_set() or not statuses:
                statuses.append(client.post("/v1/events/incident", json=make_events(1)).status_code)
                stop.wait(0.05)

    thread = threading.Thread(target=publish)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert set(statuses) == {201}


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def code_of(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return str(json.loads(body)["code"])


def dribble(connection: socket.socket, data: bytes, pause: float) -> None:
    """Send byte by byte until the other side has had enough."""
    enough = threading.Event()
    for place in range(len(data)):
        try:
            connection.sendall(data[place : place + 1])
        except OSError:
            return
        enough.wait(pause)


def test_a_connection_that_says_nothing_is_cut(live: Any) -> None:
    assert live.talk() == b""


def test_half_a_head_is_answered_408(live: Any) -> None:
    answer = live.talk(live.head(5)[:40])
    assert (status_of(answer), code_of(answer)) == (408, "http.head_too_slow")


def test_a_head_that_comes_byte_by_byte_has_no_more_time_than_any_other(live: Any) -> None:
    with live.connect() as connection:
        thread = threading.Thread(target=dribble, args=(connection, live.head(5) * 10, 0.05))
        thread.start()
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except ConnectionResetError:
            pass
        connection.close()
        thread.join()
    assert code_of(found) == "http.head_too_slow"


def test_a_second_head_on_the_same_connection_has_no_more_time_than_the_first(live: Any) -> None:
    with live.connect() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come apart
            more = connection.recv(65536)
            assert more, answer
            answer += more
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert code_of(connection.recv(65536)) == "http.head_too_slow"


def test_a_connection_that_rests_after_an_answer_is_cut(live: Any) -> None:
    assert live.talk(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").count(b"HTTP/1.1") == 1


def test_half_a_body_is_answered_408_and_stores_nothing(live: Any, make_events: Callable[..., Any]) -> None:
    body = json.dumps(make_events(3, "half")).encode()
    answer = live.talk(live.head(len(body)), body[:-1])
    assert (status_of(answer), code_of(answer)) == (408, "http.body_too_slow")


def test_a_body_below_the_least_rate_is_answered_408(live: Any) -> None:
    with live.connect() as connection:
        connection.sendall(live.head(50_000))
        thread = threading.Thread(target=dribble, args=(connection, b"x" * 1000, 0.02))
        thread.start()
        found = connection.recv(65536)
        connection.close()
        thread.join()
    assert code_of(found) == "http.body_too_slow"


@pytest.mark.parametrize("sent", [0, 1000, 150_000])
def test_an_oversized_body_is_refused_by_its_head_and_the_answer_arrives(live: Any, sent: int) -> None:
    answer = live.talk(live.head(100_001), b"x" * sent)
    assert (status_of(answer), code_of(answer)) == (413, "http.body_too_large")


def test_a_flood_after_a_refusal_is_cut(live: Any) -> None:
    with live.connect() as connection:
        connection.sendall(live.head(100_001))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"x" * 200_000_000)


def test_a_compressed_bomb_is_refused_by_its_head(live: Any) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 100_000
    answer = live.talk(live.head(len(bomb), "Content-Encoding: gzip"), bomb)
    assert (status_of(answer), code_of(answer)) == (415, "http.encoding_refused")


def test_an_endless_head_is_cut_by_its_size(live: Any) -> None:
    answer = live.talk(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4000)
    assert (status_of(answer), code_of(answer)) == (431, "http.head_too_large")


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (["Transfer-Encoding: chunked"], 400, "http.length_ambiguous"),
        (["Transfer-Encoding: identity"], 400, "http.length_ambiguous"),
        (["Content-Length: 0"], 400, "http.header_repeated"),
        (["X: a", " folded"], 400, "http.header_folded"),
        (["X: a\nY: b"], 400, "http.line_end"),
        (["X : a"], 400, "http.malformed"),
    ],
)
def test_what_hides_a_request_in_another_is_refused(live: Any, lines: list[str], status: int, code: str) -> None:
    hidden = b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = live.talk(live.head(len(hidden), *lines) + hidden)
    assert (status_of(answer), code_of(answer)) == (status, code)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_chunks_without_a_length_are_answered_411(live: Any) -> None:
    head = live.head(5).replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    assert status_of(live.talk(head + b"0\r\n\r\n")) == 411


def test_what_follows_a_body_is_never_taken_for_a_request(live: Any, make_events: Callable[..., Any]) -> None:
    body = json.dumps(make_events(1, "smuggle")).encode()
    hidden = json.dumps(make_events(1, "smuggled")).encode()
    answer = live.talk(live.head(len(body)) + body + live.head(len(hidden)) + hidden)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert status_of(answer) == 201
    live.wait_for(lambda: live.connections() <= 1)
    with live.client() as client:
        found = client.post("/v1/events/incident", json=make_events(1, "smuggled")).json()
    assert found["accepted"] == 1


def test_garbage_is_answered_400(live: Any) -> None:
    assert status_of(live.talk(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")) == 400


def test_a_body_of_a_request_that_has_been_answered_does_not_hold_the_connection(live: Any) -> None:
    head = live.head(50_000).replace(live.key.encode(), b"wrong")
    answer = live.talk(head)
    assert status_of(answer) == 401
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_refused_key_is_told_also_to_who_sends_its_body_first(live: Any) -> None:
    head = live.head(50_000).replace(live.key.encode(), b"wrong")
    assert status_of(live.talk(head + b"x" * 50_000)) == 401


def test_an_expected_continue_is_given_before_the_body_comes(live: Any, make_events: Callable[..., Any]) -> None:
    body = json.dumps(make_events(1, "expect")).encode()
    with live.connect() as connection:
        connection.sendall(live.head(len(body), "Expect: 100-continue"))
        assert status_of(connection.recv(65536)) == 100
        connection.sendall(body)
        assert status_of(connection.recv(65536)) == 201


def test_two_requests_go_over_one_connection(live: Any) -> None:
    with live.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            found = b""
            while not found.endswith(b"}"):
                found += connection.recv(65536)
            assert status_of(found) == 200


def test_after_all_this_no_connection_is_left(live: Any) -> None:
    live.wait_for(lambda: live.connections() <= 1)


def test_two_hundred_slow_clients_do_not_keep_honest_ones_out(live: Any) -> None:
    slow = [live.connect(f"127.0.1.{number % 10 + 1}") for number in range(200)]
    try:
        for connection in slow[::2]:
            connection.sendall(live.head(5)[:30])
        with live.client() as client:
            assert [client.get("/livez").status_code for _ in range(20)] == [200] * 20
        assert [read_end(connection) for connection in slow] == [True] * 200
    finally:
        for connection in slow:
            connection.close()


def read_end(connection: socket.socket) -> bool:
    """Return whether the other side ends the connection within the deadline."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_client_that_does_not_read_its_answer_is_cut(gateway_with: Callable[..., Any]) -> None:
    with gateway_with(answer_seconds=4, idle_seconds=1) as live:
        live.wait_for(lambda: live.connections() == 0)
        body = json.dumps([{"subject": "x", **{f"tidak_ada_{field}": 1 for field in range(40)}}] * 500).encode()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", live.port))
            connection.sendall(live.head(len(body)) + body)
            live.wait_for(lambda: live.lines("request") != [])
            assert live.lines("request")[-1]["status"] == 422
            assert live.connections() == 1
            live.wait_for(lambda: live.connections() == 0)


def test_one_address_cannot_take_all_connections_and_another_is_still_served(gateway_with: Callable[..., Any]) -> None:
    with gateway_with(connections_per_address=5, connections=20, linger_seconds=0.2) as live:
        live.wait_for(lambda: live.connections() == 0)
        held = [live.connect() for _ in range(5)]
        live.wait_for(lambda: live.connections() == 5)
        answer = live.talk()
        assert (status_of(answer), code_of(answer)) == (503, "http.too_many_connections")
        assert b"Retry-After: " in answer
        with live.client("127.0.0.2") as client:
            assert client.get("/livez").status_code == 200
        for connection in held:
            connection.close()
        live.wait_for(lambda: live.connections() == 0)
        with live.client() as client:
            assert client.get("/livez").status_code == 200


def test_all_addresses_together_cannot_open_more_than_the_limit(gateway_with: Callable[..., Any]) -> None:
    with gateway_with(connections=6, linger_seconds=0.2) as live:
        live.wait_for(lambda: live.connections() == 0)
        held = [live.connect(f"127.0.0.{number + 1}") for number in range(6)]
        live.wait_for(lambda: live.connections() == 6)
        assert code_of(live.talk()) == "http.too_many_connections"
        for connection in held:
            connection.close()
