"""The portal as people meet it: by keyboard, on a phone, in the dark, without script, in two languages."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect
from tests.browser.nation import AS_OF, LivePortal

from simpul_schemas.figures import Coverage

Open = Callable[..., Page]
PAGES = [
    "/",
    "/tampilan/incident/73",
    "/tampilan/participation",
    "/ralat/incident",
    "/karantina/53",
    "/keadaan",
    "/masuk",
]
#: Is asked in the page: does axe find anything that breaks WCAG 2.2 A or AA?
_AXE = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
 "best-practice"]})).violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ")).slice(0, 3).join(", "))"""
COVER = {"expected": 25, "reported": 24, "on_time": 23, "late": 1, "coverage": Coverage.CLOSED.value, "missing": ["x"]}


@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_is_wider_than_its_window_or_asks_another_host(visit: Open, width: int) -> None:
    page = visit("/", width)
    for path in PAGES:
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
        expect(page.locator("main h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_wcag_in_any_page(visit: Open, axe: str, scheme: str) -> None:
    page = visit("/", color_scheme=scheme, bypass_csp=True)
    base = page.url.rstrip("/")
    for path in [*PAGES, "/en/tampilan/incident/73/73.71"]:
        page.goto(base + path)
        page.evaluate(axe)
        assert page.evaluate(_AXE) == [], path


def test_light_and_dark_follow_the_readers_system(visit: Open) -> None:
    colours = [
        visit("/", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(246, 247, 249)", "rgb(16, 21, 27)"]


def test_a_changed_figure_appears_without_a_reload_and_is_announced(visit: Open, portal: LivePortal) -> None:
    page = visit("/tampilan/incident?periode=2024-02")
    page.evaluate("window.sameDocument = true")
    tile = page.locator("#petak-61")
    before = int(tile.locator(".tile-value").inner_text())
    tile.focus()
    page.wait_for_function(
        "() => document.querySelector('main')['htmx-internal-data']?.sseEventSource?.readyState === 1"
    )
    # A correction of the group that is there: it replaces it, whatever it said.
    portal.nation.figure(
        "incident", "61", kind="DISTURBANCE", severity="MINOR", incidents=4000, as_of=AS_OF + 1, **COVER
    )
    expect(tile.locator(".tile-value")).not_to_have_text(str(before))
    expect(page.locator("#baris-61").locator("xpath=ancestor::tr").locator(".value")).to_have_text(
        re.compile(r"^4\.\d{3}$")
    )
    news = page.locator("[aria-live=polite]")
    expect(news).to_have_text(re.compile(r"Diperbarui: Kalimantan Barat 4\.\d{3} \(24 dari 25\)"))
    assert page.evaluate("window.sameDocument") is True
    # Whoever goes through the map by keyboard stays where they were.
    assert page.evaluate("document.activeElement.id") == "petak-61"


def test_all_of_it_can_be_reached_by_keyboard_alone(visit: Open) -> None:
    page = visit("/tampilan/incident?periode=2024-02")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "petak-73":
            break
    focused = page.locator("#petak-73")
    expect(focused).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.wait_for_url("**/tampilan/incident/73?periode=2024-02")
    page.locator("#ukuran").focus()
    page.keyboard.type("Korban m")
    page.keyboard.press("Enter") if page.evaluate("document.activeElement.tagName") != "SELECT" else None
    page.locator(".choose button").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**ukuran=killed**")
    expect(page.locator("#judul-angka")).to_have_text("Korban meninggal")


def test_both_languages_say_the_same_of_the_same_place(visit: Open) -> None:
    page = visit("/tampilan/incident/73?periode=2024-02&kind=DISASTER")
    value = page.locator(".big").inner_text()
    expect(page.locator(".own-cover .mid")).to_contain_text("23 dari 25")
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**/en/tampilan/incident/73?periode=2024-02&kind=DISASTER")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator(".big").inner_text() == value
    expect(page.locator(".own-cover .mid")).to_contain_text("23 of 25")
    page.locator("#baris-73\\.71").click()
    page.wait_for_url("**/en/tampilan/incident/73/73.71**")
    page.get_by_role("link", name="Bahasa Indonesia").click()
    page.wait_for_url(lambda url: "/en/" not in url)


def test_without_script_the_page_is_whole_and_its_form_works(visit: Open) -> None:
    page = visit("/tampilan/incident?periode=2024-02", java_script_enabled=False)
    expect(page.locator(".tile")).to_have_count(38)
    expect(page.locator("#tabel tbody tr")).to_have_count(38)
    page.locator("#d-kind").select_option("CONFLICT")
    page.locator(".choose button").click()
    page.wait_for_url("**kind=CONFLICT**")
    expect(page.locator(".chosen")).to_have_text("Jenis: Konflik")
    page.locator("#urut-nilai").click()
    page.wait_for_url("**urut=-nilai**")
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)


def test_a_phone_shows_tiles_that_a_finger_can_hit(visit: Open) -> None:
    page = visit("/", 360, 740, has_touch=True)
    sizes = page.locator(".tile").evaluate_all("tiles => tiles.map(t => t.getBoundingClientRect())")
    assert all(size["width"] >= 24 and size["height"] >= 24 for size in sizes)
    corners = {(round(size["x"]), round(size["y"])) for size in sizes}
    assert len(corners) == 38
    page.locator("#petak-91").tap()
    page.wait_for_url("**/tampilan/incident/91**")


def test_a_screen_reader_finds_landmarks_captions_and_scopes(visit: Open) -> None:
    page = visit("/tampilan/incident/73")
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_a_file_is_downloaded_under_a_name_that_tells_what_it_is(visit: Open) -> None:
    page = visit("/tampilan/incident/73?periode=2024-02")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "simpul-incident-73-2024-02.csv"


def test_an_operator_signs_in_and_sends_a_record_again(visit: Open, portal: LivePortal) -> None:
    _, key = portal.parts.operators.create("Budi", ["53"], 30)
    page = visit("/masuk")
    page.get_by_label("Kunci operator").fill(key)
    page.get_by_role("button", name="Masuk operator").click()
    page.wait_for_url("**/karantina")
    page.get_by_role("link", name="Nusa Tenggara Timur").click()
    page.get_by_role("link", name="53.incident/0@3").click()
    page.get_by_label("Perubahan").fill("region=53.71")
    page.get_by_label("Alasan").fill("salah ketik")
    page.get_by_role("button", name="Periksa dulu").click()
    expect(page.get_by_text("Akan dikirim ulang")).to_be_visible()
    page.get_by_role("button", name="Kirim ulang").click()
    expect(page.get_by_text("Sudah dikirim ulang.")).to_be_visible()
    page.get_by_role("button", name="Keluar").click()
    expect(page.get_by_role("link", name="Masuk operator")).to_be_visible()
