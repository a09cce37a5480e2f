"""Heads: one reading only, or none."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.gateway.heads import HeadRefused, body_length, look_early
from simpul_producers.gateway.problem import raw_response
from simpul_producers.gateway.words import WORDS
from simpul_schemas.gateway_settings import GatewayLimits

LIMITS = GatewayLimits(head_bytes=400, head_fields=5, target_bytes=60, body_bytes=1000)


def head(*lines: str, first: str = "POST /v1/events HTTP/1.1") -> bytes:
    return "\r\n".join([first, "Host: gerbang", *lines, "", ""]).encode("latin-1")


def refusal(data: bytes) -> tuple[int, str]:
    with pytest.raises(HeadRefused) as caught:
        body_length(data, LIMITS)
    return caught.value.status, caught.value.code


def test_a_plain_head_says_how_long_its_body_is() -> None:
    assert body_length(head("Content-Length: 1000", "Expect: 100-Continue"), LIMITS) == 1000
    assert body_length(head(first="GET /livez HTTP/1.1"), LIMITS) == 0
    assert body_length(b"GET /livez?a=%20 HTTP/1.0\r\n\r\n", LIMITS) == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (head("Content-Length: 5", "Transfer-Encoding: chunked"), (400, "http.length_ambiguous")),
        (head("Transfer-Encoding: xchunked", "Content-Length: 5"), (400, "http.length_ambiguous")),
        (head("Transfer-Encoding: chunked"), (411, "http.length_required")),
        (head("Content-Length: 5", "Content-Length: 5"), (400, "http.header_repeated")),
        (head("Content-Length: 5", "content-length: 6"), (400, "http.header_repeated")),
        (head("Content-Length: 5, 5"), (400, "http.length_invalid")),
        (head("Content-Length: +5"), (400, "http.length_invalid")),
        (head("Content-Length: 0x5"), (400, "http.length_invalid")),
        (head("Content-Length: \xb2"), (400, "http.length_invalid")),
        (head("Content-Length:"), (400, "http.length_invalid")),
        (head("Content-Length: 1001"), (413, "http.body_too_large")),
        (head("Content-Length: 99999999999999999999999"), (400, "http.length_invalid")),
        (head("Content-Length : 5"), (400, "http.malformed")),
        (head("Authorization: a", "Authorization: b"), (400, "http.header_repeated")),
        (head("X: a", " folded"), (400, "http.header_folded")),
        (head("X: a", "\tfolded"), (400, "http.header_folded")),
        (head("no colon"), (400, "http.malformed")),
        (head(": no name"), (400, "http.malformed")),
        (head("X: a\x01b"), (400, "http.malformed")),
        (head("X: a\x00b"), (400, "http.line_end")),
        (head("X: a\rb"), (400, "http.line_end")),
        (head("X: a\nY: b"), (400, "http.line_end")),
        (head("Content-Encoding: gzip"), (415, "http.encoding_refused")),
        (head("Expect: magic"), (417, "http.expectation_refused")),
        (head("A: 1", "B: 1", "C: 1", "D: 1", "E: 1"), (431, "http.head_too_large")),
        (head("A: " + "x" * 400), (431, "http.head_too_large")),
        (head(first="POST /" + "x" * 60 + " HTTP/1.1"), (414, "http.target_too_long")),
        (head(first="POST http://gerbang/ HTTP/1.1"), (400, "http.malformed")),
        (head(first="post / HTTP/1.1"), (400, "http.malformed")),
        (head(first="POST  / HTTP/1.1"), (400, "http.malformed")),
        (head(first="POST / HTTP/2.0"), (400, "http.malformed")),
        (head(first=""), (400, "http.malformed")),
        (b"GET / HTTP/1.1\r\n\r\n", (400, "http.malformed")),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400, "http.header_repeated")),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes, expected: tuple[int, str]) -> None:
    assert refusal(data) == expected


def test_a_part_of_a_head_is_refused_as_soon_as_it_cannot_become_a_good_one() -> None:
    look_early(b"GET / HTTP/1.1\r", LIMITS)
    look_early(b"GET / HTTP/1.1\r\nHost", LIMITS)
    with pytest.raises(HeadRefused):
        look_early(b"GET / HTTP/1.1\nHost", LIMITS)
    with pytest.raises(HeadRefused):
        look_early(b"x" * 401, LIMITS)


_LINES = st.sampled_from(
    [
        *(
            b"Host: a",
            b"Content-Length: 5",
            b"Content-Length: 05",
            b"Transfer-Encoding: chunked",
            b"X: y",
            b"X:",
            b"X : y",
        ),
        *(
            b" folded",
            b"\tfolded",
            b"Content-Length",
            b"",
            b"Connection: close",
            b"X: a\nContent-Length: 7",
            b"\xff: y",
        ),
    ]
)
_FIRST = st.sampled_from([b"GET / HTTP/1.1", b"POST /a?b HTTP/1.0", b"GET /\x7f HTTP/1.1", b"GET  / HTTP/1.1", b"\r\n"])
_HEADS = st.tuples(_FIRST, st.lists(_LINES, max_size=6)).map(lambda parts: b"\r\n".join([parts[0], *parts[1]]))


@given(_HEADS | st.binary(max_size=50))
def test_whatever_passes_is_read_by_h11_as_the_same_one_request(middle: bytes) -> None:
    data = middle + b"\r\n\r\n"
    data = data[: data.index(b"\r\n\r\n") + 4]
    try:
        length = body_length(data, LIMITS)
    except HeadRefused:
        return
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(data + b"x" * length)
    request = parser.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while isinstance(event := parser.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert len(body) == length
    assert parser.trailing_data[0] == b""


def test_every_refusal_at_the_door_is_one_whole_response_in_two_languages() -> None:
    for code in (code for code in WORDS if code.startswith("http.")):
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(raw_response(400, code))
        answer = client.next_event()
        assert isinstance(answer, h11.Response)
        assert answer.status_code == 400
        data = client.next_event()
        assert isinstance(data, h11.Data)
        assert WORDS[code].indonesian in data.data.decode()
        assert WORDS[code].english in data.data.decode()
        assert isinstance(client.next_event(), h11.EndOfMessage)
