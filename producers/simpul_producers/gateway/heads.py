"""The head of a request, judged in its raw bytes before any parser is asked.

A head passes here only if every HTTP implementation reads the same request out of it: no line end but CR LF, no folded
line, nothing that frames the body twice. What two programs could read differently is how one request is hidden in
another (request smuggling), so it is refused rather than mended. Pure.
"""

import re

from simpul_schemas.gateway_settings import GatewayLimits

END = b"\r\n\r\n"
#: A line feed alone, a carriage return alone, or NUL: none of them may stand in a head.
_STRAY = re.compile(rb"(?<!\r)\n|\r(?!\n)|\x00")
_REQUEST_LINE = re.compile(rb"[A-Z]{1,16} (?P<target>/[!-~]*) HTTP/1\.(?P<minor>[01])")
_FIELD = re.compile(rb"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>[\t -~\x80-\xff]*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,15}")
#: Said twice, two readers could believe two different things.
_ONCE = frozenset({b"host", b"content-length", b"content-type", b"content-encoding", b"authorization", b"expect"})


class HeadRefused(Exception):
    """A head that is not taken: the HTTP status of the answer, and the code of the reason (see `words`)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


def look_early(part: bytes | bytearray, limits: GatewayLimits) -> None:
    """Raise `HeadRefused` where what has come of a head can already not become a good one."""
    if len(part) > limits.head_bytes:
        raise HeadRefused(431, "http.head_too_large")
    # The last byte may be the first half of a line end.
    if _STRAY.search(part[:-1] if part.endswith(b"\r") else part):
        raise HeadRefused(400, "http.line_end")


def body_length(head: bytes, limits: GatewayLimits) -> int:
    """Return how many bytes of body follow a head, which ends with an empty line; or raise `HeadRefused`."""
    look_early(head, limits)
    first, *lines = head.removesuffix(END).split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if request is None:
        raise HeadRefused(400, "http.malformed")
    if len(request["target"]) > limits.target_bytes:
        raise HeadRefused(414, "http.target_too_long")
    if len(lines) > limits.head_fields:
        raise HeadRefused(431, "http.head_too_large")
    fields = _fields(lines)
    if request["minor"] == b"1" and b"host" not in fields:
        raise HeadRefused(400, "http.malformed")
    _check_meaning(fields)
    return _length(fields, limits)


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            raise HeadRefused(400, "http.header_folded")
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HeadRefused(400, "http.malformed")
        name = field["name"].lower()
        if name in found and name in _ONCE:
            raise HeadRefused(400, "http.header_repeated")
        found[name] = field["value"]
    return found


def _check_meaning(fields: dict[bytes, bytes]) -> None:
    if b"transfer-encoding" in fields:
        if b"content-length" in fields:
            raise HeadRefused(400, "http.length_ambiguous")
        raise HeadRefused(411, "http.length_required")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HeadRefused(415, "http.encoding_refused")
    if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise HeadRefused(417, "http.expectation_refused")


def _length(fields: dict[bytes, bytes], limits: GatewayLimits) -> int:
    text = fields.get(b"content-length", b"0")
    if not _LENGTH.fullmatch(text):
        raise HeadRefused(400, "http.length_invalid")
    length = int(text)
    if length > limits.body_bytes:
        raise HeadRefused(413, "http.body_too_large")
    return length
