"""What only operators may do: sign in, look at a refused record, and send it again mended.

A form counts only with the token of its session, and only from our own pages. What is done is in the audit first.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from simpul_connectors.portal.errors import NotAllowed, Refused, Unreadable
from simpul_connectors.portal.operators import SESSION_SECONDS, Session, is_token
from simpul_connectors.portal.page_routes import check_province
from simpul_connectors.portal.redriving import Redriven, Redriver
from simpul_connectors.portal.shown import COOKIE, Shown, links_of
from simpul_schemas.quarantine import explain, parse_id
from simpul_schemas.rules import Text

_FIELDS_AT_MOST = 40
_REASON_CHARACTERS = 300


def add(app: FastAPI, shown: Shown) -> None:
    """Add the routes, in Indonesian and below `/en` in English."""
    for prefix in ("", "/en"):
        _add_door(app, shown, prefix)
        _add_records(app, shown, prefix)


def _add_door(app: FastAPI, shown: Shown, prefix: str) -> None:
    parts = shown.parts

    async def sign_in_page(request: Request) -> Response:
        return shown.page(request, "sign_in.html.j2", "", "", lambda: {"is_wrong": False})

    async def sign_in(request: Request) -> Response:
        address = request.client.host if request.client else ""
        if not shown.guesses.has(address):
            said = Text("Terlalu banyak percobaan; tunggu satu menit.", "Too many attempts; wait for a minute.")
            raise Refused(429, "portal.too_many_attempts", said, {"retry-after": "60"})
        _check_origin(request)
        form = await _form(request)
        opened = shown.sessions.sign_in(form.get("token", ""))
        if opened is None:
            shown.guesses.take(address)
            parts.journal.audit("sign_in", result="refused", peer=address)
            body = shown.write(request, "sign_in.html.j2", "", {"is_wrong": True})
            return Response(body, 401, {"cache-control": "no-store"}, "text/html; charset=utf-8")
        name, session = opened
        parts.journal.audit("sign_in", result="ok", actor=session.name, key_id=session.operator.key_id, peer=address)
        answer = RedirectResponse(links_of(request).quarantine(), 303)
        is_secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE,
            name,
            max_age=int(SESSION_SECONDS) * 16,
            path="/",
            secure=is_secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def sign_out(request: Request) -> Response:
        session = shown.session(request)
        if session is not None:
            await _own_form(request, session)
            parts.journal.audit("sign_out", actor=session.name, key_id=session.operator.key_id)
        shown.sessions.sign_out(request.cookies.get(COOKIE))
        answer = RedirectResponse(links_of(request).home(), 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    app.add_api_route(f"{prefix}/masuk", sign_in_page, methods=["GET"])
    app.add_api_route(f"{prefix}/masuk", sign_in, methods=["POST"])
    app.add_api_route(f"{prefix}/keluar", sign_out, methods=["POST"])


def _add_records(app: FastAPI, shown: Shown, prefix: str) -> None:
    parts = shown.parts

    async def record(request: Request, province: str) -> Response:
        name, redriver, _ = _asked(shown, request, province)
        found = await redriver.show(name)
        return shown.page(request, "record.html.j2", "quarantine", "", lambda: _record(found, None, {}))

    async def redrive(request: Request, province: str) -> Response:
        name, redriver, session = _asked(shown, request, province)
        form = await _own_form(request, session)
        reason = form.get("reason", "").strip()[:_REASON_CHARACTERS]
        changes = _changes(form.get("changes", ""))
        really = form.get("act") == "send"
        if not reason:
            raise Refused(422, "portal.reason_missing", Text("Isi alasannya.", "Say why it was repaired."))
        who = session.operator
        told = {"actor": who.name, "key_id": who.key_id, "object": name, "reason": reason}
        if really:
            parts.journal.audit("redrive", result="begun", fields=[field for field, _ in changes], **told)
        result = await redriver.redrive(name, changes, who.name, reason, really=really)
        if really:
            said = "already" if result.already else "refused" if result.refused else "sent"
            parts.journal.audit("redrive", result=said, topic=result.topic, **told)
        found = await redriver.show(name)
        return shown.page(request, "record.html.j2", "quarantine", "", lambda: _record(found, (result, really), form))

    path = f"{prefix}/karantina/{{province}}/catatan"
    app.add_api_route(path, record, methods=["GET"])
    app.add_api_route(path, redrive, methods=["POST"])


def _record(found: object, result: tuple[Redriven, bool] | None, form: Mapping[str, str]) -> dict[str, object]:
    return {
        "record": found,
        "explain": explain,
        "origin": parse_id(getattr(found, "id", "")),
        "result": result[0] if result else None,
        "really": bool(result and result[1]),
        "form": form,
    }


def _asked(shown: Shown, request: Request, province: str) -> tuple[str, Redriver, Session]:
    """Return the record that is asked for, and who may see it; raises `NotAllowed` or `Unreadable`."""
    check_province(province)
    session = shown.operator(request, province)
    redriver = shown.parts.redriver
    if redriver is None:
        raise NotAllowed(Text("Portal ini tidak mengirim ulang.", "This portal does not redrive."))
    name = request.query_params.get("id", "")
    origin = parse_id(name)
    if origin is None or origin.province != province:
        raise Unreadable(
            Text("Id catatan ini tidak ada di provinsi itu.", "There is no record of this id in that province."),
            f"/karantina/{province}",
        )
    return name, redriver, session


async def _own_form(request: Request, session: Session) -> dict[str, str]:
    """Return the fields of a form that came out of a page of this session; raises `NotAllowed`."""
    _check_origin(request)
    form = await _form(request)
    if not is_token(session, form.get("csrf", "")):
        raise NotAllowed(
            Text("Formulir ini kedaluwarsa; buka halamannya lagi.", "This form is out of date; open its page again.")
        )
    return form


def _check_origin(request: Request) -> None:
    """Raise `NotAllowed` for a form of another site. Browsers say where a form comes from; old ones do not."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if site not in {"same-origin", "none"} or origin not in {None, own}:
        raise NotAllowed(Text("Formulir ini datang dari situs lain.", "This form comes from another site."))


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    try:
        found = parse_qs(body, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise Refused(400, "portal.form", Text("Formulir ini tidak terbaca.", "This form cannot be read.")) from error
    return {name: values[-1] for name, values in found.items()}


def _changes(text: str) -> list[tuple[str, str]]:
    """Read lines of field=value."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise Refused(
                422,
                "portal.change_unreadable",
                Text(
                    f"Tulis isian=nilai, bukan '{line.strip()[:60]}'.", f"Write field=value, not '{line.strip()[:60]}'."
                ),
            )
        found.append((name.strip(), value.strip()))
    if len(found) > _FIELDS_AT_MOST:
        raise Refused(422, "portal.too_many_changes", Text("Terlalu banyak perubahan.", "Too many changes."))
    return found
