"""The portal's application on FastAPI: its parts put together, and what is answered when a page cannot be."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from simpul_connectors.errors import OperatorsUnreadable
from simpul_connectors.portal import api_routes, operator_routes, page_routes
from simpul_connectors.portal.answers import Answers
from simpul_connectors.portal.border import Border
from simpul_connectors.portal.buckets import Buckets
from simpul_connectors.portal.bus_status import BusStatus
from simpul_connectors.portal.errors import NotReady, Problem, Unreadable
from simpul_connectors.portal.journal import Journal
from simpul_connectors.portal.live import Streams
from simpul_connectors.portal.metrics import PortalMetrics
from simpul_connectors.portal.operators import OperatorFile, Sessions
from simpul_connectors.portal.quarantine_book import QuarantineBook
from simpul_connectors.portal.redriving import Redriver
from simpul_connectors.portal.shown import Shown, problem_response
from simpul_connectors.subscribe.figure_table import FigureTable
from simpul_schemas.errors import OutsideError
from simpul_schemas.portal_settings import PortalLimits
from simpul_schemas.rules import Text


@dataclass(frozen=True)
class Parts:
    """What a portal is made of. `monotonic` counts seconds; `redriver` is None where nothing can be redriven."""

    table: FigureTable
    book: QuarantineBook
    status: BusStatus
    operators: OperatorFile
    journal: Journal
    metrics: PortalMetrics
    monotonic: Callable[[], float]
    redriver: Redriver | None = None
    limits: PortalLimits = field(default_factory=PortalLimits)
    names: frozenset[str] = frozenset()
    is_caught_up: Callable[[], bool] = lambda: True
    #: Whether broker and registry answer.
    is_connected: Callable[[], bool] = lambda: True
    stopping: Callable[[], bool] = lambda: False
    answers: Answers = field(default_factory=Answers)

    def sessions(self) -> Sessions:
        """Make the sessions of this portal."""
        return Sessions(self.operators, self.monotonic)


def make_app(parts: Parts) -> FastAPI:
    """Return the application of a portal."""
    limits = parts.limits
    shown = Shown(
        parts,
        parts.sessions(),
        Streams(limits.streams, limits.streams_per_address),
        Buckets(limits.guesses_burst, 1 / limits.guess_seconds, parts.monotonic),
    )
    parts.metrics.gauge("streams", "Open pages that are told of changes.", lambda: shown.streams.open)
    parts.metrics.gauge("figures_held", "Figures in memory.", lambda: parts.table.held)
    parts.metrics.gauge("caught_up", "1 once all was read that was there at the start.", parts.is_caught_up)
    parts.metrics.gauge("bus_up", "1 while broker and registry answer.", parts.is_connected)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api_routes.add(app, shown)
    page_routes.add(app, shown)
    operator_routes.add(app, shown)
    _answer_head(app)
    _add_problems(app, shown)
    app.add_middleware(Border, limits=limits, names=parts.names, metrics=parts.metrics, journal=parts.journal)
    return app


def _answer_head(app: FastAPI) -> None:
    """Answer HEAD wherever GET is answered (RFC 9110, 9.1); the server drops the body. A stream would never end."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path != api_routes.STREAM:
            methods = route.methods or set()
            route.methods = methods | {"HEAD"} if "GET" in methods else methods


def _allowed(app: FastAPI, request: Request) -> str:
    """Return what an `Allow` says of an address: the methods of every route that it fits."""
    fitting = (one for one in app.routes if one.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for one in fitting if isinstance(one, APIRoute) for method in one.methods or ()}))


def _add_problems(app: FastAPI, shown: Shown) -> None:
    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  # registered for nothing else
        return problem_response(shown, request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # the same
        said = Text("Halaman ini tidak ada; mulai dari peta.", "There is no such page; begin with the map.")
        problem = Unreadable(said)
        if error.status_code == 405:
            problem = Unreadable(Text("Halaman ini dibuka dengan cara lain.", "This page is opened in another way."))
            problem.status = 405
            problem.headers = {"allow": _allowed(app, request)}
        return problem_response(shown, request, problem)

    async def on_outside(request: Request, error: Exception) -> Response:
        assert isinstance(error, OutsideError)  # noqa: S101  # the same
        shown.parts.journal.write_error("outside", error)
        said = Text(error.message_id, error.message_en)
        if isinstance(error, OperatorsUnreadable):  # it names a file of the server
            said = Text(
                "Operator tidak dapat masuk sekarang; lihat log portal.",
                "Nobody can sign in now; see the portal's log.",
            )
        return problem_response(shown, request, NotReady(said, {"retry-after": "5"}))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(OutsideError, on_outside)
