"""The portal over a nation in memory, asked as browsers and programs ask it."""

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient
from tests.browser.nation import MONTH, Nation, full_nation

from simpul_connectors.portal.assets import assets
from simpul_connectors.portal.files import Table, to_csv
from simpul_connectors.portal.redriving import Shown
from simpul_connectors.portal.testing import InMemoryRedriver
from simpul_schemas.figures import VIEW_SPECS

HTML = {"accept": "text/html"}
RECORD = "53.incident/0@3"


@pytest.fixture(scope="module")
def nation() -> Nation:
    return full_nation()


@pytest.fixture
def client(nation: Nation, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(nation.app(tmp_path), base_url="http://localhost") as client:
        yield client


PAGES = [
    "/",
    "/tampilan/incident/73",
    "/tampilan/incident/73/73.71?periode=2024-02",
    "/tampilan/incident/73/73.71/73.71.01",
    "/tampilan/participation",
    "/tampilan/aid?status=PLANNED",
    "/tampilan/budget",
    "/ralat/incident",
    "/karantina",
    "/karantina/53",
    "/keadaan",
    "/masuk",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_every_page_stands_in_both_languages_and_holds_no_script_or_style_of_its_own(
    client: TestClient, path: str, prefix: str
) -> None:
    answer = client.get(prefix + path if path != "/" or not prefix else prefix, headers=HTML)
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{"en" if prefix else "id"}">' in answer.text
    scripts = re.findall(r"<script\b[^>]*>", answer.text)
    assert scripts == [
        f'<script src="{next(name for name in scripts[0].split(chr(34)) if name.startswith("/aset/"))}" defer>'
    ]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text)
    assert "http://" not in answer.text.replace("http://www.w3.org", "").replace("http://localhost", "")
    for address in re.findall(r'href="(/[^"#]*)', answer.text):
        if prefix and not address.startswith(("/aset", "/openapi", "/en")):
            assert address.removeprefix("/en") in answer.text  # only the link to the other language


def test_every_tile_is_a_link_that_says_place_value_and_coverage(client: TestClient) -> None:
    text = re.sub(r"\s+", " ", client.get("/").text)
    tiles = re.findall(r'<a id="petak-(\d\d)"[^>]*><span class="hidden">([^<]*)</span>', text)
    assert len(tiles) == 38
    said = dict(tiles)
    assert said["73"].startswith("Sulawesi Selatan, kejadian ")
    assert said["73"].endswith("laporan masuk 23 dari 25")
    assert "tidak ada angka" in said["94"]
    assert said["96"] == "Papua Barat Daya, kejadian 0, laporan masuk 7 dari 7"


def test_a_table_puts_coverage_beside_every_number(client: TestClient) -> None:
    text = client.get("/tampilan/incident/73").text
    body = text[text.index('id="tabel"') :]
    rows = re.findall(r"<tr>\s*<th scope=\"row\"><a id=\"baris-(.*?)</tr>", body, re.DOTALL)
    assert len(rows) == 24
    assert all(re.search(r"\d+ dari \d+|tanpa daftar pelapor", row) for row in rows)


def test_answers_are_guarded_and_set_no_cookie(client: TestClient) -> None:
    for path in ("/", "/api/v1/views", "/tidak-ada", "/aset/x"):
        headers = client.get(path, headers=HTML).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers


def test_what_has_not_changed_is_not_sent_again(client: TestClient, nation: Nation) -> None:
    for path in ("/", "/api/v1/figures/incident", "/tampilan/incident/73.csv", "/karantina"):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"if-none-match": 'W/"anders"'}).status_code == 200
    tag = client.get("/api/v1/figures/incident").headers["etag"]
    nation.figure("incident", "21", kind="CONFLICT", incidents=5)
    nation.read()
    assert client.get("/api/v1/figures/incident", headers={"if-none-match": tag}).status_code == 200


def test_answers_are_packed_for_those_who_take_it(client: TestClient) -> None:
    packed = client.get("/", headers={"accept-encoding": "gzip"})
    plain = client.get("/", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert "accept-encoding" in plain.headers["vary"]


@pytest.mark.parametrize(
    "path",
    ["/tampilan/x", "/tampilan/incident/99", "/tampilan/incident?periode=1999-01", "/karantina/99", "/ralat/x", "/x/y"],
)
def test_what_is_not_there_is_a_404_with_a_remedy(client: TestClient, path: str) -> None:
    page = client.get(path, headers=HTML)
    assert page.status_code == 404
    assert 'class="button" href="/' in page.text
    answer = client.get(path, headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert "Traceback" not in page.text + answer.text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>"])
def test_what_a_visitor_writes_is_never_markup(client: TestClient, text: str) -> None:
    for path in ("/tampilan/incident", "/ralat/incident", "/pilih"):
        for name in ("kind", "periode", "ukuran", "urut", "wilayah", "tampilan"):
            answer = client.get(path, params={name: text}, headers=HTML)
            assert answer.status_code in {200, 404}
            assert text not in answer.text


def test_a_field_of_the_form_leads_to_the_one_address_of_a_page(client: TestClient) -> None:
    asked = {"tampilan": "incident", "wilayah": "73", "periode": "2024-02", "ukuran": "killed", "kind": "", "phase": ""}
    answer = client.get("/en/pilih", params=asked, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/en/tampilan/incident/73?periode=2024-02&ukuran=killed"
    told = client.get("/tampilan/incident/73?periode=2024-02&lang=en", follow_redirects=False)
    assert told.headers["location"] == "/en/tampilan/incident/73?periode=2024-02"


def test_files_hold_what_the_page_shows_in_all_three_forms(client: TestClient) -> None:
    query = "?periode=2024-02&kind=DISASTER"
    rows = list(csv.DictReader(io.StringIO(client.get(f"/tampilan/incident/73.csv{query}").text)))
    document = client.get(f"/tampilan/incident/73.json{query}").json()["rows"]
    table = pq.read_table(io.BytesIO(client.get(f"/tampilan/incident/73.parquet{query}").content)).to_pylist()
    assert len(rows) == len(document) == len(table) == 25
    assert rows[0]["region"] == document[0]["region"] == table[0]["region"] == "73"
    assert (rows[0]["incidents"], document[0]["incidents"], table[0]["incidents"]) == ("12", 12, 12)
    assert (rows[0]["reported"], rows[0]["expected"], rows[0]["coverage"]) == ("23", "25", "CLOSED")
    assert document[0]["missing"] == ["kesbangpol.73.01", "kesbangpol.73.02"]
    assert (rows[3]["incidents"], document[3]["incidents"], table[3]["incidents"]) == ("", None, None)
    headers = client.get("/tampilan/incident/73/73.71.csv").headers
    assert headers["content-disposition"] == 'attachment; filename="simpul-incident-73.71.csv"'


def test_cells_that_begin_like_formulas_are_made_safe() -> None:
    table = Table([{"a": "=1+1", "b": -5}, {"a": "@x", "b": None}], {"a": None, "b": None})
    assert to_csv(table).decode().splitlines() == ["a,b", "'=1+1,-5", "'@x,"]


def test_the_api_gives_figures_page_by_page(client: TestClient) -> None:
    asked = {"region": "73", "children": "true", "period": MONTH[1]}
    whole = client.get("/api/v1/figures/incident", params=asked).json()
    assert whole["total"] == len(whole["figures"]) > 15
    assert whole["next_offset"] is None
    parts: list[Any] = []
    offset: int | None = 0
    while offset is not None:
        part = client.get("/api/v1/figures/incident", params={**asked, "limit": 7, "offset": offset}).json()
        assert len(part["figures"]) <= 7
        parts += part["figures"]
        offset = part["next_offset"]
    assert parts == whole["figures"]
    first = client.get("/api/v1/figures/incident", params={"region": "73", "kind": "DISASTER"}).json()["figures"]
    assert [one["measures"]["incidents"] for one in first] == [12]
    assert first[0]["coverage"]["reported"] == 23


@pytest.mark.parametrize("query", ["offset=-5", "offset=x", "limit=0", "limit=-1", "children=ya", "children="])
def test_a_number_or_switch_that_is_none_is_refused_and_not_taken_for_another(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/figures/incident?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "portal.malformed"
    assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize("path", [*PAGES, "/tampilan/incident.csv", "/api/v1/views", "/livez"])
def test_head_answers_as_get_does_without_the_body(client: TestClient, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert head.status_code == whole.status_code == 200
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_a_method_that_an_address_does_not_have_is_told_which_it_has(client: TestClient) -> None:
    assert client.post("/").headers["allow"] == "GET, HEAD"
    assert client.put("/masuk").headers["allow"] == "GET, HEAD, POST"
    assert client.head("/siaran/incident").headers["allow"] == "GET"  # it would never end


@pytest.mark.parametrize("path", ["/api/v1/views", "/api/v1/tidak-ada", "/openapi.json", "/tampilan/incident.csv"])
def test_scripts_of_any_site_may_read_figures_and_what_is_said_instead_of_them(client: TestClient, path: str) -> None:
    asked = {"origin": "https://situs.invalid"}
    answer = client.get(path, headers=asked)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag"
    again = client.get(path, headers={**asked, "if-none-match": answer.headers.get("etag", "*")})
    assert again.headers["access-control-allow-origin"] == "*"
    wish = {**asked, "access-control-request-method": "GET", "access-control-request-headers": "if-none-match"}
    before = client.options(path, headers=wish)
    assert before.status_code == 204
    assert before.headers["access-control-allow-headers"] == "If-None-Match"


@pytest.mark.parametrize("path", ["/", "/masuk", "/karantina/53", "/karantina/53/catatan"])
def test_scripts_of_other_sites_may_not_read_pages(client: TestClient, path: str) -> None:
    asked = {"origin": "https://situs.invalid", "access-control-request-method": "GET"}
    assert client.options(path, headers=asked).status_code == 405
    assert "access-control-allow-origin" not in client.get(path, headers=asked).headers


def test_every_path_of_the_description_answers_as_it_says(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        asked = methods["get"]["parameters"]
        filled = path
        for one in asked:
            if one["in"] == "path":
                filled = filled.replace(f"{{{one['name']}}}", one["example"])
        query = {one["name"]: one["example"] for one in asked if one["in"] == "query" and one["name"] != "limit"}
        answer = client.get(filled, params=query)
        assert answer.status_code == 200, (path, answer.text)
        said = methods["get"]["responses"]["200"]["content"]["application/json"]["example"]
        _same_shape(said, answer.json(), path)
        problem = client.get(filled.replace("incident", "x").replace("/11", "/99"), params=query)
        if filled != path:
            assert problem.status_code == 404
            assert set(problem.json()) == set(document["components"]["schemas"]["Problem"]["required"])


def _same_shape(said: Any, found: Any, where: str) -> None:
    """The example has no field that the answer lacks, down to the first item of each list."""
    if isinstance(said, dict) and where not in {".measures", ".rates", ".dimensions"} and found is not None:
        assert set(said) <= set(found), (where, set(said) - set(found))
        for name, value in said.items():
            _same_shape(value, found[name], f".{name}")
    elif isinstance(said, list) and said and isinstance(said[0], dict) and found:
        _same_shape(said[0], found[0], where)


def test_health_says_whether_the_figures_are_there(nation: Nation, tmp_path: Path) -> None:
    with TestClient(nation.app(tmp_path, is_caught_up=lambda: False), base_url="http://localhost") as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert "masih membaca" in client.get("/").text
    with TestClient(nation.app(tmp_path), base_url="http://localhost") as client:
        assert client.get("/readyz").json() == {"ready": True}
        text = client.get("/metrics").text
        assert "simpul_portal_stage_lag_seconds" in text
        assert 'simpul_portal_requests_total{method="GET",route="/readyz",status="200"} 1.0' in text


@pytest.mark.parametrize("host", ["jahat.invalid", "", "localhost.jahat.invalid", "[::2]:80"])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 421


def test_a_name_that_the_operator_lists_is_served(nation: Nation, tmp_path: Path) -> None:
    app = nation.app(tmp_path, names=frozenset({"angka.contoh.invalid"}))
    with TestClient(app, base_url="http://angka.contoh.invalid") as client:
        assert client.get("/").status_code == 200


def test_oversized_requests_and_other_methods_are_refused(client: TestClient) -> None:
    assert client.get("/?" + "a" * 3000).status_code == 414
    assert client.put("/").status_code == 405
    assert client.post("/masuk", content=b"x" * 100_000).status_code == 413
    assert client.post("/masuk", content=iter([b"x"])).status_code == 411


def test_the_log_names_routes_and_never_what_a_visitor_wrote(client: TestClient, nation: Nation) -> None:
    client.get("/tampilan/incident/73?kind=rahasia-saya", headers=HTML)
    lines = [json.loads(line) for line in nation.log.getvalue().splitlines()]
    assert any(line.get("route") == "/tampilan/{view}/{place:path}" for line in lines)
    assert "rahasia-saya" not in nation.log.getvalue()


def test_script_is_ours_unchanged_and_small() -> None:
    folder = resources.files("simpul_connectors.portal").joinpath("static")
    table = folder.joinpath("README.md").read_text()
    for name in ("htmx.min.js", "sse.min.js"):
        digest = hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest()
        assert digest in next(line for line in table.splitlines() if name in line)
    scripts = [one for one in assets().values() if one.media_type.startswith("text/javascript")]
    assert sum(len(one.body) for one in scripts) < 60_000
    assert all(gzip.decompress(one.packed) == one.body for one in assets().values())


def test_quarantine_tells_reasons_and_remedies_and_no_record(client: TestClient) -> None:
    text = client.get("/karantina/53").text
    assert "region.unknown" in text
    assert "incident.count_negative" in text
    assert RECORD not in text
    assert "Tidak ada yang ditolak" in client.get("/karantina/73").text
    totals = client.get("/karantina").text
    assert totals.index("Nusa Tenggara Timur") < totals.index("Aceh")


# Operators.


@pytest.fixture
def redriver() -> InMemoryRedriver:
    return InMemoryRedriver({RECORD: Shown(RECORD, ("region.unknown",), {"region": "53.99", "killed": 2}, 1)})


@pytest.fixture
def door(nation: Nation, redriver: InMemoryRedriver, tmp_path: Path) -> Iterator[tuple[TestClient, Any]]:
    parts = nation.parts(tmp_path, redriver)
    from simpul_connectors.portal.app import make_app

    with TestClient(make_app(parts), base_url="http://localhost") as client:
        yield client, parts.operators


def sign_in(client: TestClient, key: str) -> None:
    answer = client.post("/masuk", data={"token": key}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def csrf_of(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]


PATH = f"/karantina/53/catatan?id={RECORD}".replace("@", "%40").replace("=53.incident/0", "=53.incident%2F0")


def test_an_operator_looks_checks_and_sends_and_the_audit_tells_it(
    door: tuple[TestClient, Any], redriver: InMemoryRedriver, tmp_path: Path
) -> None:
    client, operators = door
    _, key = operators.create("Budi", ["53"], 30)
    sign_in(client, key)
    assert RECORD in client.get("/karantina/53").text
    page = client.get(PATH)
    assert page.headers["cache-control"] == "no-store"
    form = {"csrf": csrf_of(page.text), "changes": "region=53.71\n", "reason": "salah ketik"}
    checked = client.post(PATH, data={**form, "act": "check"})
    assert "Akan dikirim ulang" in checked.text
    assert redriver.sent == {}
    sent = client.post(PATH, data={**form, "act": "send"})
    assert "Sudah dikirim ulang." in sent.text
    assert redriver.sent == {RECORD: ({"region": "53.71"}, "Budi", "salah ketik")}
    again = client.post(PATH, data={**form, "act": "send"})
    assert "tidak diulang" in again.text
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["result"]) for line in lines] == [
        ("sign_in", "ok"),
        ("redrive", "begun"),
        ("redrive", "sent"),
        ("redrive", "begun"),
        ("redrive", "already"),
    ]
    assert all(line["actor"] == "Budi" for line in lines)
    assert key not in (tmp_path / "audit.jsonl").read_text()


def test_without_a_key_nobody_sees_or_sends_a_record(door: tuple[TestClient, Any], redriver: InMemoryRedriver) -> None:
    client, operators = door
    assert client.get(PATH, headers=HTML).status_code == 401
    assert client.post(PATH, data={"act": "send", "reason": "x"}).status_code == 401
    _, key = operators.create("Sari", ["73"], 30)
    sign_in(client, key)
    assert client.get(PATH).status_code == 403
    assert RECORD not in client.get("/karantina/53").text
    assert redriver.sent == {}


def test_a_form_without_the_sessions_token_or_from_elsewhere_does_nothing(
    door: tuple[TestClient, Any], redriver: InMemoryRedriver
) -> None:
    client, operators = door
    sign_in(client, operators.create("Budi", [], 30)[1])
    form = {"csrf": csrf_of(client.get(PATH).text), "changes": "", "reason": "x", "act": "send"}
    assert client.post(PATH, data={**form, "csrf": "salah"}).status_code == 403
    assert client.post(PATH, data=form, headers={"origin": "https://jahat.invalid"}).status_code == 403
    assert client.post(PATH, data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.post(PATH, data={**form, "reason": " "}).status_code == 422
    assert client.post(PATH, data={**form, "changes": "tanpa tanda"}).status_code == 422
    assert redriver.sent == {}
    assert client.post("/keluar", data={"csrf": form["csrf"]}, follow_redirects=False).status_code == 303
    assert client.get(PATH).status_code == 401


def test_guessing_is_slowed_down(door: tuple[TestClient, Any]) -> None:
    client, operators = door
    operators.create("Budi", [], 30)
    codes = [client.post("/masuk", data={"token": f"salah-{number}"}).status_code for number in range(12)]
    assert codes == [401] * 10 + [429] * 2


def test_every_view_has_a_page_of_the_nation(client: TestClient) -> None:
    for view in VIEW_SPECS:
        assert client.get(f"/tampilan/{view}").status_code == 200
