import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from simpul_deploy.local.ports import Ports
from simpul_deploy.local.registry import COMPATIBILITY, Registry

NO_TOOLS: Any = None


class Answers(BaseHTTPRequestHandler):
    """What a registry that works says of its subjects and its level of compatibility."""

    def do_GET(self) -> None:
        body = json.dumps([] if self.path.endswith("/subjects") else {"compatibilityLevel": COMPATIBILITY}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def registry(folder: Path, port: int) -> Registry:
    return Registry(folder, folder.with_suffix(".log"), Ports(kafka=1, controller=2, registry=port, postgresql=3), "3")


def test_a_database_whose_making_was_cut_off_is_thrown_away(tmp_path: Path, port: int) -> None:
    folder = tmp_path / "registry"
    for _ in range(2):
        registry(folder, port).prepare(NO_TOOLS)
        assert not (folder / "registry.mv.db").exists()
        (folder / "registry.mv.db").touch()


def test_a_database_that_has_worked_once_is_kept(tmp_path: Path, port: int) -> None:
    folder = tmp_path / "registry"
    registry(folder, port).prepare(NO_TOOLS)
    (folder / "registry.mv.db").touch()
    assert registry(folder, port).is_ready()
    registry(folder, port).prepare(NO_TOOLS)
    assert (folder / "registry.mv.db").exists()


def test_a_database_of_an_older_installation_is_kept(tmp_path: Path, port: int) -> None:
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "registry.mv.db").touch()
    registry(folder, port).prepare(NO_TOOLS)
    assert (folder / "registry.mv.db").exists()
