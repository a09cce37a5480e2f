"""The routes of the gateway, on FastAPI: HTTP in, HTTP out; what they mean stands in the modules beside."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from simpul_producers.gateway import metrics as prometheus
from simpul_producers.gateway.answers import Refusal
from simpul_producers.gateway.guests import Guests
from simpul_producers.gateway.health import Health
from simpul_producers.gateway.intake import Intake
from simpul_producers.gateway.keys import Key
from simpul_producers.gateway.metrics import Metrics
from simpul_producers.gateway.openapi import openapi_document
from simpul_producers.gateway.problem import MEDIA_TYPE, Refused, problem
from simpul_producers.gateway.results import document, faults_from_json, http_status
from simpul_producers.gateway.submissions import Submission, read_submissions
from simpul_producers.gateway.waiting import WaitingRoom
from simpul_producers.gateway.watch import Watch
from simpul_producers.gateway.words import Language, language_of
from simpul_producers.outbox import Known, State
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import OutsideError
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.gateway_settings import GatewayLimits
from simpul_schemas.web.journal import Journal

#: Smaller bodies are read where they arrive; larger ones must not hold up other connections.
_SMALL_BODY_BYTES = 16_384
_RETRY = {"retry-after": "5"}
_STATES = {State.PENDING: "pending", State.SENT: "sent", State.REFUSED: "refused"}


@dataclass(frozen=True)
class Parts:
    """What a gateway is made of; `on_taken` is called when something new waits in the outbox."""

    intake: Intake
    guests: Guests
    health: Health
    metrics: Metrics
    journal: Journal
    limits: GatewayLimits
    on_taken: Callable[[], None] = lambda: None


def make_app(parts: Parts) -> FastAPI:
    """Return the application of a gateway."""
    waiting = WaitingRoom(parts.intake)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        # What was begun is finished: who was told "accepted" must find it on disk.
        waiting.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    _add_publishing(app, parts, waiting)
    _add_operations(app, parts)
    _add_problems(app, parts)
    app.add_middleware(Watch, journal=parts.journal, metrics=parts.metrics)
    return app


def _add_publishing(app: FastAPI, parts: Parts, waiting: WaitingRoom) -> None:
    async def publish(request: Request, event_type: str | None) -> Response:
        key = _key_of(request, parts)
        if event_type is not None and event_type not in EVENT_TYPES:
            raise Refused(404, "event.type_unknown")
        submissions = await _submissions(request, event_type, parts.limits)
        parts.guests.let_pass(key, len(submissions))
        results = await waiting.take(key, submissions)
        parts.on_taken()
        parts.metrics.count_results([one.event_type for one in submissions], results)
        request.state.note = {
            "events": len(results),
            "codes": sorted({fault.code for one in results for fault in one.faults}),
        }
        language = _language(request)
        return _json(http_status(results), document(results, language), language)

    @app.post("/v1/events")
    async def publish_cloud_events(request: Request) -> Response:
        return await publish(request, None)

    @app.post("/v1/events/{event_type}")
    async def publish_plain(request: Request, event_type: str) -> Response:
        return await publish(request, event_type)

    @app.get("/v1/events/{event_id}")
    async def show_event(request: Request, event_id: str) -> Response:
        if event_id in EVENT_TYPES:
            raise Refused(405, "http.method_not_allowed", headers={"allow": "POST"})
        key = _key_of(request, parts)
        known = await asyncio.to_thread(parts.intake.look_up, key, event_id)
        if known is None:
            raise Refused(404, "event.not_found")
        language = _language(request)
        return _json(200, _event_document(event_id, known, language), language)


def _add_operations(app: FastAPI, parts: Parts) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        return _json(200, {"live": True})

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        found = parts.health.document()
        shown = found if "verbose" in request.query_params else {"ready": found["ready"]}
        return _json(200 if found["ready"] else 503, shown)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(await asyncio.to_thread(parts.metrics.text), media_type=prometheus.MEDIA_TYPE)

    # Written once, before the first request: anybody may ask for it.
    description = _json(200, openapi_document(parts.limits)).body

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return Response(description, media_type="application/json")


def _add_problems(app: FastAPI, parts: Parts) -> None:
    async def on_refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise error
        language = _language(request)
        body = problem(error.status, error.code, language, error.pointer)
        request.state.note = {"codes": [error.code]}
        headers = {"content-language": language, **error.headers}
        return Response(body, error.status, headers, MEDIA_TYPE)

    async def on_http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code != 405:
            return await on_refused(request, Refused(error.status_code, "http.not_found"))
        # Two routes share the pattern `/v1/events/...`; the router knows only the first one's methods.
        name = request.path_params.get("event_type", request.path_params.get("event_id"))
        own = None if name is None else {"allow": "POST" if name in EVENT_TYPES else "GET"}
        return await on_refused(request, Refused(405, "http.method_not_allowed", headers=own or error.headers or {}))

    async def on_outside(request: Request, error: Exception) -> Response:
        parts.journal.write_error("intake", error)
        return await on_refused(request, Refused(503, "gateway.unavailable", headers=_RETRY))

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(OutsideError, on_outside)


def _key_of(request: Request, parts: Parts) -> Key:
    address = request.client.host if request.client else ""
    key = parts.guests.let_in(request.headers.get("authorization"), address)
    request.state.key_id = key.key_id
    return key


async def _submissions(request: Request, event_type: str | None, limits: GatewayLimits) -> list[Submission]:
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise Refused(400, "http.disconnected") from error
    read = functools.partial(read_submissions, event_type, dict(request.headers), body, limits)
    return read() if len(body) <= _SMALL_BODY_BYTES else await asyncio.to_thread(read)


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language", ""))


def _event_document(event_id: str, known: Known | Refusal, language: Language) -> dict[str, Any]:
    if isinstance(known, Refusal):
        faults = [fault.document(language) for fault in faults_from_json(json.loads(known.faults))]
        return {
            **_NOTHING_KNOWN,
            "id": event_id,
            "status": "refused",
            "settled_at": _moment(known.at),
            "errors": faults,
        }
    return {
        **_NOTHING_KNOWN,
        "id": event_id,
        "status": _STATES[known.state],
        "event_type": known.row.event_type,
        "subject": known.row.subject,
        "revision": known.row.revision,
        "taken_at": _moment(known.taken_at),
        "settled_at": _moment(known.settled_at),
        "reason": known.reason or None,
    }


_NOTHING_KNOWN = dict.fromkeys(("event_type", "subject", "revision", "taken_at", "settled_at", "reason"), None) | {
    "errors": []
}


def _moment(micros: int | None) -> str | None:
    return None if micros is None else from_micros(micros).isoformat().replace("+00:00", "Z")


def _json(status: int, shown: object, language: Language | None = None) -> Response:
    headers = {} if language is None else {"content-language": language}
    return Response(json.dumps(shown, ensure_ascii=False).encode(), status, headers, "application/json")
