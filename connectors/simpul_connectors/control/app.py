"""The REST paths of Kafka Connect over sinks, so that consoles made for Connect can show and steer them.

Paths, fields and status codes are Connect's. What a sink's file alone can say (make, change, delete) is refused with
405 and what to do instead. `/simpul/sinks` says more than Connect has words for, and `/metrics` is for Prometheus.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from simpul_connectors.control import documents
from simpul_connectors.control.credentials import Credentials
from simpul_connectors.control.desk import Desk
from simpul_connectors.control.health import ConnectState, Verdict, judge
from simpul_connectors.control.status import document
from simpul_connectors.control.validation import find_errors
from simpul_connectors.control.watch import Watch
from simpul_connectors.metrics import tell_sinks
from simpul_connectors.sinks.spec import SinkSpec
from simpul_schemas.connection import is_loopback
from simpul_schemas.errors import SimpulError

#: Bytes of a form that is to be checked.
_BODY_BYTES = 1 << 20
#: What is done by hand in a sink's file and with its command.
_BY_FILE = (
    "A sink is a YAML file in its operator's hand: it is made, changed and deleted there, not here. Check a file with "
    "'simpul sink plan FILE', bring it in with 'simpul sink apply FILE' and 'simpul sink run FILE', and name it to "
    "'simpul sink serve'; after a change of the file POST .../restart."
)
_STOP = "A sink is stopped where its process is supervised (SIGTERM); PUT .../pause halts it and keeps the process."
_OFFSETS = (
    "The offsets of a sink stand in its database beside its rows and move with them only; to read the log anew empty "
    "the table and run 'simpul sink apply --new-cluster'."
)
_LOGGERS = "The level of the logs is not changed while a sink runs."
#: Method and path of what Connect can and we refuse, and why.
_REFUSED = (
    ("POST", "/connectors", _BY_FILE),
    ("PUT", "/connectors/{name}/config", _BY_FILE),
    ("PATCH", "/connectors/{name}/config", _BY_FILE),
    ("DELETE", "/connectors/{name}", _BY_FILE),
    ("PUT", "/connectors/{name}/stop", _STOP),
    ("PUT", "/connectors/{name}/topics/reset", _OFFSETS),
    ("PATCH", "/connectors/{name}/offsets", _OFFSETS),
    ("DELETE", "/connectors/{name}/offsets", _OFFSETS),
    ("PUT", "/admin/loggers/{name}", _LOGGERS),
)


#: Method, path and what answers.
_Route = tuple[str, str, Callable[..., Awaitable[Response]]]


class _Refusal(Exception):
    """An answer in Connect's form of errors."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def make_app(watch: Watch, server: str, cluster: str, credentials: Credentials | None = None) -> FastAPI:
    """Return the application.

    Args:
        watch: Sees the sinks.
        server: Host and port of this server, the worker of sinks that have none.
        cluster: Id of the Kafka cluster, empty where no broker is named.
        credentials: Who may ask; None lets everybody who reaches the port.
    """
    app = FastAPI(title="Simpul sinks", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return _turned_away(request, credentials) or await call_next(request)

    @app.exception_handler(_Refusal)
    async def refuse(_request: Request, refusal: _Refusal) -> Response:
        return _error(refusal.code, refusal.message)

    @app.exception_handler(HTTPException)
    async def say_http(_request: Request, error: HTTPException) -> Response:
        phrase = {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code, str(error.detail))
        return _error(error.status_code, f"HTTP {error.status_code} {phrase}")

    @app.exception_handler(SimpulError)
    async def say(_request: Request, error: SimpulError) -> Response:
        return _error(500, error.message_en)

    for paths in (_Reads(watch, server), _Commands(watch, server), _Plugins(), _Own(watch, cluster)):
        for method, path, answer in paths.routes():
            app.add_api_route(path, answer, methods=[method])
    for method, path, why in _REFUSED:
        app.add_api_route(path, _refusing(why), methods=[method])
    return app


def _turned_away(request: Request, credentials: Credentials | None) -> Response | None:
    """Return the answer to who may not ask; None for who may."""
    # A page of another site that a browser shows must not steer sinks, be it by a name that it makes lead here.
    origin, asked = request.headers.get("origin"), request.headers.get("host", "")
    if origin and urlsplit(origin).netloc != asked:
        return _error(403, "Requests of other sites' pages are refused.")
    if credentials is None and not is_loopback(urlsplit(f"//{asked}").hostname or ""):
        return _error(403, "Without a password only 127.0.0.1 and localhost are answered to.")
    if credentials is not None and not credentials.let_in(request.headers.get("authorization")):
        answer = _error(401, "User and password are asked for (basic authentication).")
        answer.headers["WWW-Authenticate"] = 'Basic realm="simpul"'
        return answer
    return None


class _Connectors:
    """Connectors, as the desks of sinks know them."""

    def __init__(self, watch: Watch, server: str) -> None:
        self._watch = watch
        self._server = server

    async def _judged(self, name: str) -> Verdict:
        return judge(name, await self._watch.look(name), self._watch.desks[name].spec.file)

    def _desk(self, name: str, message: str) -> Desk:
        desk = self._watch.desks.get(name)
        if desk is None:
            raise _Refusal(404, message.format(name))
        return desk


class _Reads(_Connectors):
    """What consoles show of connectors."""

    def routes(self) -> Sequence[_Route]:
        return (
            ("GET", "/connectors", self.listed),
            ("GET", "/connectors/{name}", self.info),
            ("GET", "/connectors/{name}/config", self.config),
            ("GET", "/connectors/{name}/tasks", self.tasks),
            ("GET", "/connectors/{name}/status", self.status),
            ("GET", "/connectors/{name}/tasks/{task:int}/status", self.task_status),
            ("GET", "/connectors/{name}/topics", self.topics),
            ("GET", "/connectors/{name}/offsets", self.offsets),
        )

    def _spec(self, name: str, message: str = "Connector {} not found") -> SinkSpec:
        return self._desk(name, message).spec

    async def listed(self, request: Request) -> Response:
        wanted = {part for value in request.query_params.getlist("expand") for part in value.split(",")}
        if not wanted:
            return JSONResponse(list(self._watch.desks))
        looks = await self._watch.look_at_all() if "status" in wanted else {}
        found: dict[str, Any] = {}
        for name, desk in self._watch.desks.items():
            found[name] = {}
            if name in looks:
                found[name]["status"] = documents.status(
                    desk.spec, judge(name, looks[name], desk.spec.file), self._server
                )
            if "info" in wanted:
                found[name]["info"] = documents.info(desk.spec)
        return JSONResponse(found)

    async def info(self, name: str) -> Response:
        return JSONResponse(documents.info(self._spec(name)))

    async def config(self, name: str) -> Response:
        return JSONResponse(documents.config(self._spec(name)))

    async def tasks(self, name: str) -> Response:
        return JSONResponse(documents.tasks(self._spec(name)))

    async def status(self, name: str) -> Response:
        spec = self._spec(name, "No status found for connector {}")
        return JSONResponse(documents.status(spec, await self._judged(name), self._server))

    async def task_status(self, name: str, task: int) -> Response:
        if task != documents.TASK or name not in self._watch.desks:
            raise _Refusal(404, f"No status found for task {name}-{task}")
        return JSONResponse(documents.task_status(await self._judged(name), self._server))

    async def topics(self, name: str) -> Response:
        if name not in self._watch.desks:  # as Connect answers
            return JSONResponse({name: {"topics": []}})
        return JSONResponse(documents.topics(self._spec(name), (await self._watch.look(name)).positions))

    async def offsets(self, name: str) -> Response:
        self._spec(name)
        look = await self._watch.look(name)
        if look.problem:
            raise _Refusal(500, look.problem)
        return JSONResponse(documents.offsets(look.positions))


class _Commands(_Connectors):
    """What consoles do to connectors."""

    def routes(self) -> Sequence[_Route]:
        return (
            ("PUT", "/connectors/{name}/pause", self.pause),
            ("PUT", "/connectors/{name}/resume", self.resume),
            ("POST", "/connectors/{name}/restart", self.restart),
            ("POST", "/connectors/{name}/tasks/{task:int}/restart", self.restart_task),
        )

    async def pause(self, name: str) -> Response:
        return await self._set_pause(name, paused=True)

    async def resume(self, name: str) -> Response:
        return await self._set_pause(name, paused=False)

    async def _set_pause(self, name: str, *, paused: bool) -> Response:
        desk = self._desk(name, "Unknown connector {}")
        await self._do(name, lambda: desk.pause(paused=paused))
        return Response(status_code=202)

    async def restart(self, name: str, request: Request) -> Response:
        desk = self._desk(name, "Unknown connector: {}")
        with_tasks, only_failed = (
            request.query_params.get(key, "").lower() == "true" for key in ("includeTasks", "onlyFailed")
        )
        verdict = await self._judged(name)
        if not only_failed or verdict.state is ConnectState.FAILED:
            verdict = await self._restart(name, verdict)
        if with_tasks or only_failed:
            return JSONResponse(documents.status(desk.spec, verdict, self._server), 202)
        return Response(status_code=204)

    async def restart_task(self, name: str, task: int) -> Response:
        self._desk(name, "Unknown connector: {}")
        if task != documents.TASK:
            raise _Refusal(404, f"Unknown task: {name}-{task}")
        await self._restart(name, await self._judged(name))
        return Response(status_code=204)

    async def _restart(self, name: str, verdict: Verdict) -> Verdict:
        """Ask a running process to open everything anew; who does not run cannot hear it, and that is said."""
        if verdict.state in {ConnectState.FAILED, ConnectState.UNASSIGNED}:
            raise _Refusal(409, f"No process is there that could restart. {verdict.trace}")
        await self._do(name, self._watch.desks[name].ask_restart)
        return Verdict(ConnectState.RESTARTING, verdict.worker)

    async def _do(self, name: str, work: Callable[[], object]) -> None:
        try:
            await self._watch.do(name, work)
        except SimpulError as error:
            raise _Refusal(500, error.message_en) from error


class _Plugins:
    """The one plugin, and the check of a form."""

    def routes(self) -> Sequence[_Route]:
        return (
            ("GET", "/connector-plugins", self.plugins),
            ("GET", "/connector-plugins/{plugin}/config", self.definitions),
            ("PUT", "/connector-plugins/{plugin}/config/validate", self.validate),
            ("GET", "/admin/loggers", self.loggers),
            ("GET", "/admin/loggers/{logger}", self.logger),
        )

    async def plugins(self) -> Response:
        return JSONResponse(documents.plugins())

    async def definitions(self, plugin: str) -> Response:
        self._check(plugin)
        return JSONResponse(documents.definitions())

    async def validate(self, plugin: str, request: Request) -> Response:
        self._check(plugin)
        given = await _form(request)
        return JSONResponse(documents.validation(given, find_errors(given)))

    def _check(self, plugin: str) -> None:
        if plugin not in {documents.PLUGIN, documents.PLUGIN.rpartition(".")[2]}:
            raise _Refusal(404, f"Unknown plugin {plugin}.")

    async def loggers(self) -> Response:
        return JSONResponse({})

    async def logger(self) -> Response:
        return JSONResponse({"level": "INFO", "last_modified": 0})


class _Own:
    """The server itself, and what Connect has no words for."""

    def __init__(self, watch: Watch, cluster: str) -> None:
        self._watch = watch
        self._cluster = cluster

    def routes(self) -> Sequence[_Route]:
        return (
            ("GET", "/", self.root),
            ("GET", "/health", self.health),
            ("GET", "/simpul/sinks", self.sinks),
            ("GET", "/simpul/sinks/{name}", self.sink),
            ("GET", "/metrics", self.metrics),
        )

    async def root(self) -> Response:
        return JSONResponse(documents.root(self._cluster))

    async def health(self) -> Response:
        message = "The server answers; the state of each sink stands in its status."
        return JSONResponse({"status": "healthy", "message": message})

    async def sinks(self) -> Response:
        return JSONResponse(await asyncio.gather(*map(self._one, self._watch.desks)))

    async def sink(self, name: str) -> Response:
        if name not in self._watch.desks:
            raise _Refusal(404, f"Connector {name} not found")
        return JSONResponse(await self._one(name))

    async def metrics(self) -> Response:
        looks = await self._watch.look_at_all()
        lags = await asyncio.gather(*map(self._watch.lag, looks))
        text = tell_sinks(looks, dict(zip(looks, lags, strict=True)))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _one(self, name: str) -> Mapping[str, Any]:
        look = await self._watch.look(name)
        return document(self._watch.desks[name].spec, look, await self._watch.lag(name))


def _refusing(why: str) -> Callable[[], Awaitable[Response]]:
    async def refuse() -> Response:
        return _error(405, why)

    return refuse


async def _form(request: Request) -> dict[str, str]:
    """Return the flat map of texts that a console sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refusal(415, "HTTP 415 Unsupported Media Type")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BODY_BYTES:
            raise _Refusal(413, f"A configuration has at most {_BODY_BYTES} bytes.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or any(isinstance(value, dict | list) for value in given.values()):
        raise _Refusal(400, "A configuration is a JSON object of keys and texts.")
    return {key: "" if value is None else str(value) for key, value in given.items()}


def _error(code: int, message: str) -> JSONResponse:
    return JSONResponse({"error_code": code, "message": message}, code)
