"""The outermost layer of the application: one log line and one count per request, and no exception passes it."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simpul_producers.gateway.metrics import Metrics
from simpul_producers.gateway.problem import MEDIA_TYPE, problem
from simpul_schemas.web.journal import Journal

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Watch:
    """Sees every request; the line names the route, never the address that was asked for, which a client wrote."""

    def __init__(self, app: ASGIApp, journal: Journal, metrics: Metrics) -> None:
        self._app = app
        self._journal = journal
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001  # the last one who could answer
            self._journal.write_error("request", error)
            if not status:
                await _send_internal(sending)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "-")
        method = scope["method"] if scope["method"] in _METHODS else "-"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        state = scope.get("state", {})
        self._journal.write(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            peer=scope["client"][0] if scope.get("client") else None,
            key_id=state.get("key_id"),
            **state.get("note", {}),
        )


async def _send_internal(send: Send) -> None:
    body = problem(500, "gateway.internal", None)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
