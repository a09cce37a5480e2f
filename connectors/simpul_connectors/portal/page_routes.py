"""The pages that everybody may read."""

from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from simpul_connectors.portal.assets import assets
from simpul_connectors.portal.bus_status import spark_path
from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.files import MEDIA_TYPES, page_table, write_table
from simpul_connectors.portal.links import MEASURE, PAGE, PERIOD, place_path
from simpul_connectors.portal.measures import ONE_OF, first_measure, measures_of
from simpul_connectors.portal.reading import Wish
from simpul_connectors.portal.shown import Shown, links_of, version_of
from simpul_connectors.portal.view_page import read_rows_of, read_view, spec_of
from simpul_schemas.quarantine import NOTICES, explain
from simpul_schemas.regions import NATION, load_regions
from simpul_schemas.rules import Text

_PER_PAGE = 50
_FIRST_VIEW = "incident"
_YEAR_SECONDS = 31_536_000


def add(app: FastAPI, shown: Shown) -> None:
    """Add the routes, in Indonesian and below `/en` in English."""

    async def asset(name: str) -> Response:
        found = assets().get(name)
        if found is None:
            raise Unreadable(Text("Berkas ini tidak ada.", "There is no such file."))
        headers = {
            "cache-control": f"public, max-age={_YEAR_SECONDS}, immutable",
            "content-encoding": "gzip",
            "vary": "accept-encoding",
        }
        return Response(found.packed, headers=headers, media_type=found.media_type)

    app.add_api_route("/aset/{name}", asset, methods=["GET"])
    for prefix in ("", "/en"):
        _add_views(app, shown, prefix)
        _add_others(app, shown, prefix)


def _add_views(app: FastAPI, shown: Shown, prefix: str) -> None:
    async def home(request: Request) -> Response:
        if request.query_params.get("lang") == "en" and not prefix:
            return RedirectResponse("/en", 302)
        return view_page(shown, request, _FIRST_VIEW, "")

    async def view(request: Request, view: str, place: str = "") -> Response:
        asked = request.query_params
        if asked.get("lang") == "en" and not prefix:
            rest = asked.__class__([(name, value) for name, value in asked.multi_items() if name != "lang"])
            return RedirectResponse(f"/en{request.url.path}{f'?{rest}' if rest else ''}", 302)
        whole = f"{view}/{place}" if place else view
        stem, point, ending = whole.rpartition(".")
        if point and ending in MEDIA_TYPES:
            name, _, region = stem.partition("/")
            return view_file(shown, request, name, region, ending)
        return view_page(shown, request, view, place)

    async def choose(request: Request) -> Response:
        """Bring the form's fields into the one address that a page has."""
        asked = dict(request.query_params)
        spec = spec_of(asked.pop("tampilan", _FIRST_VIEW))
        region = asked.pop("wilayah", NATION)
        if region != NATION and region not in load_regions():
            raise Unreadable(Text("Wilayah ini tidak ada.", "There is no such region."))
        chosen = {one.name: asked[one.name] for one in spec.dimensions if asked.get(one.name)}
        measure = asked.get(MEASURE, "")
        wish = Wish(spec, region, "", asked.get(PERIOD, ""), chosen)
        known = measure if measure in measures_of(spec) else first_measure(spec)
        return RedirectResponse(links_of(request).view(wish, known), 303)

    app.add_api_route(prefix or "/", home, methods=["GET"])
    app.add_api_route(f"{prefix}/tampilan/{{view}}", view, methods=["GET"])
    app.add_api_route(f"{prefix}/tampilan/{{view}}/{{place:path}}", view, methods=["GET"])
    app.add_api_route(f"{prefix}/pilih", choose, methods=["GET"])


def view_page(shown: Shown, request: Request, view: str, place: str) -> Response:
    """Answer with the page of a view and place."""
    table = shown.parts.table
    spec_of(view)

    def make() -> dict[str, Any]:
        links = links_of(request)
        page = read_view(table, view, place, dict(request.query_params))
        address = f"{place_path(view, page.wish.region)}?{request.url.query}".removesuffix("?")
        return {
            "page": page,
            "address": address,
            "stream": f"/siaran/{view}?{_stream_query(page.wish, page.measure.name, links.language, request)}",
            "one_of": ONE_OF.get(view, ()),
        }

    version = version_of(request, table.version(view), shown.parts.is_caught_up(), shown.parts.operators.exists())
    return shown.page(request, "view.html.j2", "figures", version, make, view)


def view_file(shown: Shown, request: Request, view: str, place: str, ending: str) -> Response:
    """Answer with what the page of a view and place shows, as a file."""
    table = shown.parts.table
    spec_of(view)

    def make() -> bytes:
        return write_table(page_table(read_rows_of(table, view, place, dict(request.query_params))), ending)

    name = "-".join(["simpul", view, place.rpartition("/")[2] or NATION, request.query_params.get(PERIOD, "")])
    safe = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "-_.")).rstrip("-")
    headers = {"content-disposition": f'attachment; filename="{safe}.{ending}"'}
    version = version_of(request, table.version(view), ending)
    return shown.parts.answers.give(request, version, MEDIA_TYPES[ending], make, headers)


def _stream_query(wish: Wish, measure: str, language: str, request: Request) -> str:
    # A page that names no period is of the newest one, and is told when there is a newer.
    period = wish.period if request.query_params.get(PERIOD) else ""
    asked = {"wilayah": wish.region, PERIOD: period, MEASURE: measure, "bahasa": language, **wish.chosen}
    return urlencode(asked)


def _add_others(app: FastAPI, shown: Shown, prefix: str) -> None:
    parts = shown.parts

    async def restatements(request: Request, view: str) -> Response:
        spec = spec_of(view)
        region = request.query_params.get("wilayah", NATION)
        if region != NATION and region not in load_regions():
            raise Unreadable(Text("Wilayah ini tidak ada.", "There is no such region."), f"/ralat/{view}")
        number = request.query_params.get(PAGE, "1")
        page = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1

        def make() -> dict[str, Any]:
            whole = parts.table.history.newest(_PER_PAGE * 200, view, None if region == NATION else region)
            pages = max(1, -(-len(whole) // _PER_PAGE))
            at = min(max(1, page), pages)
            return {
                "spec": spec,
                "region": region,
                "found": whole[(at - 1) * _PER_PAGE : at * _PER_PAGE],
                "number": at,
                "pages": pages,
            }

        version = version_of(request, parts.table.version(view), parts.operators.exists())
        return shown.page(request, "restatements.html.j2", "restatements", version, make, view)

    async def quarantine(request: Request) -> Response:
        def make() -> dict[str, Any]:
            totals = parts.book.totals()
            rows = [(code, *totals.get(code, (0, 0))) for code in load_regions().provinces()]
            return {"rows": rows}

        version = version_of(request, parts.book.version, parts.operators.exists())
        return shown.page(request, "quarantine.html.j2", "quarantine", version, make)

    async def province(request: Request, province: str) -> Response:
        check_province(province)
        session = shown.session(request)
        may = session is not None and session.operator.may(province) and parts.redriver is not None

        def make() -> dict[str, Any]:
            reasons = parts.book.reasons(province)
            said = {(one.event_type, one.code): explain(one.event_type, one.code) for one in reasons}
            return {
                "province": province,
                "reasons": reasons,
                "said": said,
                "notices": NOTICES,
                "is_cut": parts.book.is_cut(province),
                "records": parts.book.open_ids(province, _PER_PAGE) if may else None,
            }

        version = version_of(request, parts.book.version, parts.operators.exists())
        return shown.page(request, "province.html.j2", "quarantine", version, make)

    async def status(request: Request) -> Response:
        def make() -> dict[str, Any]:
            at = parts.status.sampled_at
            return {
                "status": parts.status,
                "away": None if at is None else parts.monotonic() - at,
                "spark": spark_path,
            }

        return shown.page(request, "status.html.j2", "status", "", make)

    app.add_api_route(f"{prefix}/ralat/{{view}}", restatements, methods=["GET"])
    app.add_api_route(f"{prefix}/karantina", quarantine, methods=["GET"])
    app.add_api_route(f"{prefix}/karantina/{{province}}", province, methods=["GET"])
    app.add_api_route(f"{prefix}/keadaan", status, methods=["GET"])


def check_province(province: str) -> None:
    """Raise `Unreadable` for what is no province."""
    if province not in load_regions().provinces():
        raise Unreadable(
            Text(
                f"Provinsi '{province}' tidak ada; pilih dari daftar karantina.",
                f"There is no province '{province}'; choose one of the list.",
            ),
            "/karantina",
        )
