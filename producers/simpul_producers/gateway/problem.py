"""Errors of a whole request as `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from simpul_producers.gateway.words import WORDS, Language, say

MEDIA_TYPE = "application/problem+json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refused(Exception):
    """A request that is answered with a problem: HTTP status, code (see `words`), JSON pointer, further headers."""

    def __init__(
        self, status: int, code: str, pointer: str | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.pointer = pointer
        self.headers = headers


def problem(status: int, code: str, language: Language | None, pointer: str | None = None) -> bytes:
    """Return the document of a problem; without a language it says both, Indonesian first."""
    detail = str(WORDS[code]) if language is None else say(WORDS[code], language)
    document = {
        "type": f"urn:simpul:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [] if pointer is None else [{"pointer": pointer, "code": code, "message": detail}],
    }
    return json.dumps(document, ensure_ascii=False).encode()


def raw_response(status: int, code: str) -> bytes:
    """Return a whole HTTP response with a problem, for where no application is asked; the connection ends with it."""
    body = problem(status, code, None)
    retry = "Retry-After: 5\r\n" if status in {429, 503} else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
