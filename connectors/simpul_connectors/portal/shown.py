"""What all routes share: who asks, in which language, and how a page, a file or a problem is answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from simpul_connectors.portal.answers import tag_of
from simpul_connectors.portal.buckets import Buckets
from simpul_connectors.portal.errors import NotAllowed, Problem, Unreadable
from simpul_connectors.portal.links import Links
from simpul_connectors.portal.live import Streams
from simpul_connectors.portal.numbers import Language
from simpul_connectors.portal.operators import Session, Sessions
from simpul_connectors.portal.problem import MEDIA_TYPE, problem_document
from simpul_connectors.portal.render import render
from simpul_connectors.portal.words import in_language
from simpul_schemas.rules import Text

if TYPE_CHECKING:
    from simpul_connectors.portal.app import Parts

HTML = "text/html; charset=utf-8"
COOKIE = "simpul_sesi"
_PRIVATE = {"cache-control": "no-store"}


@dataclass(frozen=True)
class Shown:
    """The parts of a portal with what its routes keep."""

    parts: "Parts"
    sessions: Sessions
    streams: Streams
    guesses: Buckets

    def session(self, request: Request) -> Session | None:
        """Return who is signed in."""
        return self.sessions.of(request.cookies.get(COOKIE))

    def operator(self, request: Request, province: str) -> Session:
        """Return who is signed in and may see a province's records; raises `NotAllowed`."""
        session = self.session(request)
        if session is None:
            raise NotAllowed(Text("Masuk dulu sebagai operator.", "Sign in as an operator first."), 401)
        if not session.operator.may(province):
            raise NotAllowed(
                Text(
                    f"Kunci Anda tidak berlaku untuk provinsi {province}.", f"Your key is not for province {province}."
                )
            )
        return session

    def page(  # noqa: PLR0913, PLR0917  # what every page has
        self,
        request: Request,
        template: str,
        section: str,
        version: str,
        make: Callable[[], dict[str, Any]],
        view: str = "incident",
    ) -> Response:
        """Answer with a page; what `make` returns is put into its template. A signed-in one is never kept."""
        session = self.session(request)

        def write() -> bytes:
            return self.write(request, template, section, make(), view, session).encode()

        if session is not None or not version:
            return Response(write(), headers=_PRIVATE, media_type=HTML)
        return self.parts.answers.give(request, version, HTML, write)

    def write(  # noqa: PLR0913, PLR0917  # what every page has
        self,
        request: Request,
        template: str,
        section: str,
        values: dict[str, Any],
        view: str = "incident",
        session: Session | None = None,
    ) -> str:
        """Write a page."""
        return render(
            template,
            language_of(request),
            here_of(request),
            section=section,
            current_view=view,
            operator=session,
            may_sign_in=self.parts.redriver is not None and self.parts.operators.exists(),
            loading=not self.parts.is_caught_up(),
            **values,
        )

    def document(self, request: Request, version: str, make: Callable[[], object]) -> Response:
        """Answer with JSON."""

        def write() -> bytes:
            return json.dumps(make(), ensure_ascii=False, separators=(",", ":")).encode()

        return self.parts.answers.give(request, version, "application/json", write)


def language_of(request: Request) -> Language:
    """Return the language of an address."""
    path = request.url.path
    return "en" if path == "/en" or path.startswith("/en/") else "id"


def links_of(request: Request) -> Links:
    """Return what makes addresses in the language of a request."""
    return Links(language_of(request))


def here_of(request: Request) -> str:
    """Return the address of a request without its language."""
    path = request.url.path
    plain = (path.removeprefix("/en") or "/") if language_of(request) == "en" else path
    return f"{plain}?{request.url.query}" if request.url.query else plain


def problem_response(shown: Shown, request: Request, problem: Problem) -> Response:
    """Answer a problem: a page for browsers, a document for programs."""
    headers = {**problem.headers, **_PRIVATE}
    path = request.url.path
    is_page = "text/html" in request.headers.get("accept", "") and not path.startswith(("/api/", "/siaran/"))
    if not is_page:
        language = "en" if request.headers.get("accept-language", "").startswith("en") else language_of(request)
        body = json.dumps(problem_document(problem, language), ensure_ascii=False)
        return Response(body, problem.status, headers, MEDIA_TYPE)
    links = links_of(request)
    where = problem.where if isinstance(problem, Unreadable) else "/"
    values = {
        "said": in_language(problem.said, links.language),
        "where": f"{links.prefix}{where}",
        "code": problem.code,
    }
    return Response(shown.write(request, "problem.html.j2", "", values), problem.status, headers, HTML)


def version_of(request: Request, *numbers: object) -> str:
    """Return a version of what an address says, out of numbers that change with it."""
    return tag_of(request.url.path, " ".join(map(str, numbers)))
