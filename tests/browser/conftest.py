"""Debian's Chromium under Playwright. Skipped where there is none, but in CI."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from tests.browser.nation import LivePortal, full_nation

from simpul_connectors.portal.redriving import Shown
from simpul_connectors.portal.testing import InMemoryRedriver

AXE = "axe-core@4.14.1"
RECORD = "53.incident/0@3"
#: How long a page may take on a busy machine before a test gives up.
_PATIENCE_MS = 60_000
expect.set_options(timeout=_PATIENCE_MS)
Open = Callable[..., Page]


# Playwright's loop runs in this thread as long as it lives, and other tests have loops of their own: one module long.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    assert found is not None, "CI must have chromium"
    with sync_playwright() as playwright:
        # No sandbox: tests may run as root, and open nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def portal() -> Iterator[LivePortal]:
    redriver = InMemoryRedriver({RECORD: Shown(RECORD, ("region.unknown",), {"region": "53.99", "killed": 2}, 1)})
    with (
        tempfile.TemporaryDirectory() as folder,
        LivePortal(full_nation(is_read=False), Path(folder), redriver) as portal,
    ):
        yield portal


@pytest.fixture
def visit(chromium: Browser, portal: LivePortal) -> Iterator[Open]:
    """Opens pages; what is asked of another host, and what the console complains of, fails the test at its end."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith(portal.address):
            route.continue_()
        else:
            troubles.append(f"asked another host: {route.request.url}")
            route.abort()

    def visit(path: str, width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.route("**/*", guard)
        context.set_default_timeout(_PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(portal.address + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core (MPL-2.0), fetched by npm for the run and kept nowhere."""
    if shutil.which("npm") is None:
        assert not os.environ.get("CI"), "CI must have npm"
        pytest.skip("no npm on this machine")
    folder = tmp_path_factory.mktemp("axe")
    command = [
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        AXE,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
