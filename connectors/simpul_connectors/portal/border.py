"""The outermost layer of the application: what is asked is judged, what is answered is guarded, both are counted.

No exception passes it, and a log line names the route, never the address that was asked for, which a client wrote.
"""

import asyncio
import json
import time
from collections.abc import Collection, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simpul_connectors.portal.errors import Problem, Refused
from simpul_connectors.portal.files import MEDIA_TYPES
from simpul_connectors.portal.journal import Journal
from simpul_connectors.portal.metrics import PortalMetrics
from simpul_connectors.portal.problem import problem_document
from simpul_schemas.portal_settings import PortalLimits
from simpul_schemas.rules import Text

_METHODS = frozenset({"GET", "HEAD", "POST"})
#: Nothing but our own files; no script, style or frame of anybody else, and none written into a page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_GUARDS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
#: Figures may be read by scripts of any site, with their tag; also what says that they are not there or not changed.
_SHARED: tuple[tuple[bytes, bytes], ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag"),
)
#: What a browser asks first when a script sends `If-None-Match` to another site.
_PREFLIGHT: tuple[tuple[bytes, bytes], ...] = (
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match"),
    (b"access-control-max-age", b"86400"),
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Border:
    """See the module; `names` are the host names that the portal is called by, beside those of this machine."""

    def __init__(
        self, app: ASGIApp, limits: PortalLimits, names: Collection[str], metrics: PortalMetrics, journal: Journal
    ) -> None:
        self._app = app
        self._limits = limits
        self._names = _LOCAL | {name.lower() for name in names}
        self._metrics = metrics
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                shared = _SHARED if is_open_data(scope["path"]) else ()
                message = {**message, "headers": [*message["headers"], *_GUARDS, *shared]}
            await send(message)

        try:
            if _is_preflight(scope):
                await sending({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
                await sending({"type": "http.response.body", "body": b""})
                return
            self._judge(scope)
            body = await self._body(scope, receive)
            await self._app(scope, _replay(body, receive), sending)
        except Problem as problem:
            await _answer(sending, problem, closing=True)
        except Exception as error:  # noqa: BLE001  # the last one who could answer
            self._journal.write_error("request", error)
            if not status:
                await _answer(sending, _INTERNAL, closing=True)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _judge(self, scope: Scope) -> None:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        host = _one(fields, "host").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name not in self._names:
            raise _refused(
                421,
                "http.host_unknown",
                "Portal ini tidak dipanggil dengan nama itu; operator mendaftarkannya di portal.names.",
                "This portal is not called by that name; its operator lists it in portal.names.",
            )
        if scope["method"] not in _METHODS:
            said = Text("Pakai GET.", "Use GET.")
            raise Refused(405, "http.method_not_allowed", said, {"allow": ", ".join(sorted(_METHODS))})
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._limits.target_bytes:
            raise _refused(414, "http.target_too_long", "Alamatnya terlalu panjang.", "The address is too long.")
        if any(field == "transfer-encoding" for field, _ in fields):
            raise _refused(
                411, "http.length_required", "Kirim dengan Content-Length.", "Send it with a Content-Length."
            )

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read a whole body within its time and size."""
        declared = _one(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]], _LENGTH
        )
        if not declared or declared == "0":
            return b""
        if not declared.isascii() or not declared.isdigit() or int(declared) > self._limits.body_bytes:
            raise _refused(413, "http.body_too_large", "Isinya terlalu besar.", "The body is too large.")
        body = b""
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        break
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
        except TimeoutError as error:
            raise _refused(408, "http.body_too_slow", "Isinya terlalu lambat.", "The body came too slowly.") from error
        return body

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "-")
        method = scope["method"] if scope["method"] in _METHODS else "-"
        self._metrics.requests.labels(method, route, str(status)).inc()
        if route != "/siaran/{view}":
            self._metrics.seconds.labels(route).observe(seconds)
        self._journal.write(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            peer=scope["client"][0] if scope.get("client") else None,
        )


def is_open_data(path: str) -> bool:
    """Return whether an address is of the API, or of a file of figures: what any site's scripts may read."""
    is_file = path.startswith(("/tampilan/", "/en/tampilan/")) and path.rpartition(".")[2] in MEDIA_TYPES
    return is_file or path == "/openapi.json" or path.startswith("/api/")


def _is_preflight(scope: Scope) -> bool:
    asked = any(name == b"access-control-request-method" for name, _ in scope["headers"])
    return scope["method"] == "OPTIONS" and asked and is_open_data(scope["path"])


_LENGTH = "content-length"
_INTERNAL = Refused(
    500,
    "portal.internal",
    Text(
        "Terjadi kesalahan di portal; sudah tercatat. Coba lagi nanti.",
        "Something in the portal failed; it has been noted. Try again later.",
    ),
)


def _refused(status: int, code: str, indonesian: str, english: str) -> Refused:
    return Refused(status, code, Text(indonesian, english))


def _one(fields: Iterable[tuple[str, str]], name: str) -> str:
    """Return the value of a field that may stand once; said twice, two readers could believe two things."""
    found = [value for field, value in fields if field == name]
    if len(found) > 1:
        raise _refused(400, "http.header_repeated", f"Header {name} berulang.", f"The header {name} stands twice.")
    return found[0].strip() if found else ""


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what hands on a body that was read already, and then whether the client has gone."""
    waiting = True

    async def replay() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


async def _answer(send: Send, problem: Problem, *, closing: bool) -> None:
    body = json.dumps(problem_document(problem, None), ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
