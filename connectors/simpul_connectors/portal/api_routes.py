"""What programs read: figures, completeness, restatements, quarantine and status as JSON, the stream, and health."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from simpul_connectors.portal import metrics
from simpul_connectors.portal.errors import Malformed, NotReady, Unreadable
from simpul_connectors.portal.links import MEASURE, PERIOD, place_path
from simpul_connectors.portal.live import stream
from simpul_connectors.portal.measures import first_measure, measures_of
from simpul_connectors.portal.openapi import openapi_document
from simpul_connectors.portal.page_routes import check_province
from simpul_connectors.portal.reading import is_known_period, offered_periods, read_period
from simpul_connectors.portal.shown import Shown, version_of
from simpul_connectors.portal.view_page import read_wish, spec_of
from simpul_connectors.subscribe.completeness import Completeness
from simpul_connectors.subscribe.restatements import Restatement
from simpul_schemas.catalogue.fields import split_doc
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS, ViewSpec
from simpul_schemas.quarantine import NOTICES, explain
from simpul_schemas.regions import NATION, load_regions
from simpul_schemas.rules import Text
from simpul_schemas.times import iso_utc

if TYPE_CHECKING:
    from simpul_connectors.subscribe.figure import Figure

_RESTATEMENTS_AT_MOST = 500
#: The one address whose answer does not end.
STREAM = "/siaran/{view}"


def add(app: FastAPI, shown: Shown) -> None:
    """Add the routes."""
    _add_figures(app, shown)
    _add_others(app, shown)
    _add_health(app, shown)


def _add_figures(app: FastAPI, shown: Shown) -> None:
    parts = shown.parts
    table = parts.table

    async def views(request: Request) -> Response:
        versions = [table.version(name) for name in VIEW_SPECS]
        return shown.document(
            request, version_of(request, *versions), lambda: [_view(one, shown) for one in VIEW_SPECS.values()]
        )

    async def figures(request: Request, view: str) -> Response:
        spec = spec_of(view)
        asked = request.query_params
        first, at_most = _number(asked, "offset", 0), parts.limits.figures_per_answer
        at_most = min(at_most, _number(asked, "limit", at_most, least=1))
        inside = _is_asked(asked, "children")

        def make() -> dict[str, Any]:
            region, kind, period = _place(asked, spec, shown)
            children = [one.code for one in load_regions().children(region)] if inside else []
            where = {one.name: asked[one.name] for one in spec.dimensions if one.name in asked}
            found: list[Figure] = []
            for code in (region, *children):
                found += table.figures(view, code, kind, period, where)
            return {
                "view": view,
                "period_kind": kind,
                "period": period,
                "total": len(found),
                "next_offset": first + at_most if first + at_most < len(found) else None,
                "figures": [one.document() for one in found[first : first + at_most]],
            }

        return shown.document(request, version_of(request, table.version(view)), make)

    async def live(request: Request, view: str) -> Response:
        asked = dict(request.query_params)
        region = asked.pop("wilayah", NATION)
        if region != NATION and region not in load_regions():
            raise Unreadable(Text("Wilayah ini tidak ada.", "There is no such region."))
        place = place_path(view, region).removeprefix(f"/tampilan/{view}").removeprefix("/")
        wish = read_wish(table, view, place, asked, must_be_known=False)
        measure = asked.get(MEASURE, "")
        if measure not in measures_of(wish.spec):
            measure = first_measure(wish.spec)
        address = request.client.host if request.client else ""
        shown.streams.check(address)

        async def counted() -> Any:  # noqa: ANN401  # an async iterator of bytes
            with shown.streams.counted(address):
                language = "en" if asked.get("bahasa") == "en" else "id"
                moves = not asked.get(PERIOD)
                async for part in stream(table, wish, measure, language, parts.stopping, moves=moves):  # type: ignore[arg-type]  # one of two words
                    yield part

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(counted(), headers=headers, media_type="text/event-stream")

    app.add_api_route("/api/v1/views", views, methods=["GET"])
    app.add_api_route("/api/v1/figures/{view}", figures, methods=["GET"])
    app.add_api_route(STREAM, live, methods=["GET"])


def _add_others(app: FastAPI, shown: Shown) -> None:
    parts = shown.parts
    table = parts.table

    async def completeness(request: Request, event_type: str) -> Response:
        if event_type not in EVENT_TYPES:
            known = ", ".join(EVENT_TYPES)
            raise Unreadable(
                Text(
                    f"Jenis '{event_type}' tidak ada; yang ada: {known}.",
                    f"There is no event type '{event_type}'; there are: {known}.",
                )
            )
        spec = next(one for one in VIEW_SPECS.values() if one.event_type == event_type)

        inside = _is_asked(request.query_params, "children")

        def make() -> dict[str, Any]:
            region, kind, period = _place(request.query_params, spec, shown)
            children = [one.code for one in load_regions().children(region)]
            wanted = [region, *children] if inside else [region]
            rows = table.completenesses(event_type, wanted, kind, period).values()
            return {"event_type": event_type, "rows": [_completeness(row) for row in rows]}

        return shown.document(request, version_of(request, table.version(spec.name)), make)

    async def restatements(request: Request, view: str) -> Response:
        spec_of(view)

        def make() -> dict[str, Any]:
            region = request.query_params.get("region")
            if region not in {None, NATION} and region not in load_regions():
                raise _no_region(str(region))
            at_most = min(_RESTATEMENTS_AT_MOST, _number(request.query_params, "limit", 100, least=1))
            found = table.history.newest(at_most, view, None if region == NATION else region)
            return {"view": view, "restatements": [_restatement(one) for one in found]}

        return shown.document(request, version_of(request, table.version(view)), make)

    async def quarantine(request: Request, province: str) -> Response:
        check_province(province)

        def make() -> dict[str, Any]:
            reasons = [_reason(one) for one in parts.book.reasons(province)]
            return {"province": province, "is_cut": parts.book.is_cut(province), "reasons": reasons}

        return shown.document(request, version_of(request, parts.book.version), make)

    async def status(request: Request) -> Response:
        at = parts.status.sampled_at
        found = {
            "sampled_seconds_ago": None if at is None else round(parts.monotonic() - at, 1),
            "workers": parts.status.workers(),
            "stages": [
                {
                    "stage": one.name,
                    "lag_seconds": round(one.seconds, 1),
                    "is_at_least": one.is_least,
                    "lag_records": one.records,
                    "workers": one.members,
                    "last_hour_seconds": [round(value, 1) for value in one.trend],
                }
                for one in parts.status.stages()
            ],
            "topics": [
                {"topic": one.name, "records": one.records, "last_append": one.last and iso_utc(one.last)}
                for one in parts.status.topics()
            ],
        }
        return shown.document(request, version_of(request, at), lambda: found)

    app.add_api_route("/api/v1/completeness/{event_type}", completeness, methods=["GET"])
    app.add_api_route("/api/v1/restatements/{view}", restatements, methods=["GET"])
    app.add_api_route("/api/v1/quarantine/{province}", quarantine, methods=["GET"])
    app.add_api_route("/api/v1/status", status, methods=["GET"])


def _add_health(app: FastAPI, shown: Shown) -> None:
    parts = shown.parts

    async def livez() -> Response:
        return Response(b'{"live": true}', media_type="application/json")

    async def readyz() -> Response:
        if not parts.is_caught_up():
            raise NotReady(
                Text("Angka masih dibaca dari bus.", "Figures are still being read from the bus."), {"retry-after": "5"}
            )
        return Response(b'{"ready": true}', media_type="application/json")

    async def told() -> Response:
        return Response(parts.metrics.text(), media_type=metrics.MEDIA_TYPE)

    async def openapi(request: Request) -> Response:
        return shown.document(request, "1", lambda: openapi_document(parts.limits))

    app.add_api_route("/livez", livez, methods=["GET"])
    app.add_api_route("/readyz", readyz, methods=["GET"])
    app.add_api_route("/metrics", told, methods=["GET"])
    app.add_api_route("/openapi.json", openapi, methods=["GET"])


def _place(asked: Mapping[str, str], spec: ViewSpec, shown: Shown) -> tuple[str, str, str]:
    region = asked.get("region", NATION)
    if region != NATION and region not in load_regions():
        raise _no_region(region)
    text = asked.get("period")
    kind, period = read_period(spec, text, shown.parts.table)
    if text and not is_known_period(spec, kind, period, shown.parts.table):
        raise Unreadable(
            Text(
                f"Belum ada angka untuk periode '{text}'; yang ada: /api/v1/views.",
                f"There are no figures of the period '{text}'; those there are: /api/v1/views.",
            )
        )
    return region, kind, period


def _no_region(region: str) -> Unreadable:
    return Unreadable(
        Text(
            f"Wilayah '{region}' tidak ada; kodenya seperti 73, 73.71 atau 73.71.01.",
            f"There is no region '{region}'; codes are like 73, 73.71 or 73.71.01.",
        )
    )


def _number(asked: Mapping[str, str], name: str, otherwise: int, *, least: int = 0) -> int:
    text = asked.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) >= least):
        raise Malformed(
            Text(
                f"'{name}' harus bilangan bulat, paling sedikit {least}.",
                f"'{name}' must be a whole number from {least}.",
            )
        )
    return int(text)


def _is_asked(asked: Mapping[str, str], name: str) -> bool:
    text = asked.get(name, "false")
    if text not in {"true", "false"}:
        raise Malformed(Text(f"'{name}' harus true atau false.", f"'{name}' must be true or false."))
    return text == "true"


def _view(spec: ViewSpec, shown: Shown) -> dict[str, Any]:
    named = split_doc(spec.doc)
    return {
        "view": spec.name,
        "title": {"id": named.indonesian, "en": named.english},
        "event_type": spec.event_type,
        "dimensions": [one.name for one in spec.dimensions],
        "measures": [{"name": one.name, "about": one.doc} for one in spec.measures],
        "rates": {name: list(pair) for name, pair in spec.rates.items()},
        "periods": offered_periods(spec, shown.parts.table),
    }


def _completeness(row: Completeness) -> dict[str, Any]:
    return {
        "level": row.level,
        "region": row.region,
        "region_name": load_regions().name(row.region),
        "period_kind": row.period_kind,
        "period": row.period,
        "expected": row.expected,
        "reported": row.reported,
        "on_time": row.on_time,
        "late": row.late,
        "silent": row.silent,
        "nil": row.nil,
        "unexpected": row.unexpected,
        "closed": row.closed,
        "share": row.share,
        "missing": list(row.missing),
        "silent_units": list(row.silent_units),
        "late_units": list(row.late_units),
        "as_of": iso_utc(row.as_of),
    }


def _restatement(one: Restatement) -> dict[str, Any]:
    return {
        "level": one.level,
        "region": one.region,
        "region_name": load_regions().name(one.region),
        "period_kind": one.period_kind,
        "period": one.period,
        "dimensions": dict(one.dimensions),
        "changes": [
            {"measure": each.measure, "before": each.before, "after": each.after, "difference": each.difference}
            for each in one.changes
        ],
        "why": one.why,
        "at": iso_utc(one.at),
        "revision": one.revision,
    }


def _reason(one: Any) -> dict[str, Any]:  # noqa: ANN401  # a row of the book
    said = explain(one.event_type, one.code)
    return {
        "code": one.code,
        "kind": "notice" if one.code in NOTICES else "refusal",
        "event_type": one.event_type,
        "open": one.open,
        "redriven": one.redriven,
        "first": iso_utc(one.first),
        "last": iso_utc(one.last),
        "message": {"id": said.message.indonesian, "en": said.message.english},
        "remedy": {"id": said.remedy.indonesian, "en": said.remedy.english},
    }
