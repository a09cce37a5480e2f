"""Answers that need not be made or sent twice: tagged, packed, and kept while nothing has changed."""

import gzip
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

#: Smaller ones are not worth packing.
_PACK_FROM_BYTES = 700
_KEPT_BYTES = 32 << 20
#: Told apart from what another process, or this one before, has made.
_BIRTH = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Answer:
    """A body as it is sent, and what it is tagged with."""

    body: bytes
    packed: bytes | None
    media_type: str
    tag: str
    headers: Mapping[str, str]


class Answers:
    """Keeps the newest answers by address, in bounded memory; a new version makes them anew."""

    def __init__(self, at_most_bytes: int = _KEPT_BYTES) -> None:
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0
        self._at_most = at_most_bytes

    def give(
        self,
        request: Request,
        version: str,
        media_type: str,
        make: Callable[[], bytes],
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with what `make` makes, or with 304 where the client has this version of the address already."""
        address = f"{request.url.path}?{request.url.query}"
        tag = tag_of(address, version)
        told = {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding, cookie"}
        if has_tag(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=told)
        answer = self._kept.get(address)
        if answer is None or answer.tag != tag:
            answer = _answer(make(), media_type, tag, headers or {})
            self._keep(address, answer)
        else:
            self._kept.move_to_end(address)
        return send(request, answer, told)

    def _keep(self, address: str, answer: Answer) -> None:
        older = self._kept.pop(address, None)
        self._bytes += _size(answer) - (_size(older) if older else 0)
        self._kept[address] = answer
        while self._bytes > self._at_most and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= _size(gone)


def send(request: Request, answer: Answer, told: Mapping[str, str]) -> Response:
    """Return a response, packed where the client takes it."""
    headers = {**told, **answer.headers}
    if answer.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(answer.packed, headers=headers, media_type=answer.media_type)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def tag_of(address: str, version: str) -> str:
    """Return the tag of an address and version. It is a weak one: packed and plain are the same to it."""
    return f'W/"{hashlib.blake2b(f"{_BIRTH} {version} {address}".encode(), digest_size=12).hexdigest()}"'


def has_tag(asked: str, tag: str) -> bool:
    """Return whether an `If-None-Match` names a tag, by the weak comparison of RFC 9110."""
    plain = tag.removeprefix("W/")
    return asked.strip() == "*" or any(one.strip().removeprefix("W/") == plain for one in asked.split(","))


def _answer(body: bytes, media_type: str, tag: str, headers: Mapping[str, str]) -> Answer:
    packed = gzip.compress(body, 4, mtime=0) if len(body) >= _PACK_FROM_BYTES else None
    return Answer(body, packed, media_type, tag, headers)


def _size(answer: Answer) -> int:
    return len(answer.body) + len(answer.packed or b"")
