"""Downloading from a small repository on the loopback address, with faults on order."""

from __future__ import annotations

import errno
import hashlib
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from simpul_deploy.errors import ChecksumMismatch, DiskFull, DownloadRefused, NoNetwork, NotWritable
from simpul_deploy.local import fetch as fetch_module
from simpul_deploy.local.fetch import fetch, missing, repository_address
from simpul_deploy.local.jars import Pinned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 400


def pin(body: bytes = BODY, name: str = "thing") -> Pinned:
    return Pinned(f"org.example:{name}:1.0", hashlib.sha256(body).hexdigest(), len(body))


class Repository:
    """What the server gives: bodies by path, faults by count, and what it was asked for."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.statuses: list[int] = []
        self.cut_after: list[int] = []
        self.ranges: list[str | None] = []

    def put(self, pinned: Pinned, body: bytes = BODY) -> Pinned:
        self.bodies[f"/{pinned.path}"] = body
        return pinned


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    served = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.ranges.append(asked)
            status = served.statuses.pop(0) if served.statuses else 0
            body = served.bodies.get(self.path)
            if status or body is None:
                self.send_response(status or 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut = served.cut_after.pop(0) if served.cut_after else len(body)
            self.wfile.write(body[start : start + cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("SIMPUL_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(fetch_module, "_LONGEST_PAUSE_SECONDS", 0.01)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_was_fetched_is_there_whole_and_no_part_is_left(repository: Repository, tmp_path: Path) -> None:
    pins = [repository.put(pin(name=f"thing{number}")) for number in range(9)]
    fetch(pins, tmp_path)
    assert missing(pins, tmp_path) == []
    assert not (tmp_path / "parts").exists()


def test_the_size_is_told_before_the_first_byte(repository: Repository, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetch(
        [repository.put(pin())],
        tmp_path,
        on_plan=lambda files, size: told.append(("plan", files, size)),
        on_bytes=lambda done, total: told.append(("bytes", done, total)),
    )
    assert told[0] == ("plan", 1, len(BODY))
    assert told[-1] == ("bytes", len(BODY), len(BODY))


def test_a_complete_cache_asks_nobody(repository: Repository, tmp_path: Path) -> None:
    pins = [repository.put(pin())]
    fetch(pins, tmp_path)
    repository.ranges.clear()
    fetch(pins, tmp_path, on_plan=lambda _files, _size: pytest.fail("nothing to plan"))
    assert repository.ranges == []


def test_a_damaged_file_in_the_cache_is_fetched_anew(repository: Repository, tmp_path: Path) -> None:
    pins = [repository.put(pin())]
    fetch(pins, tmp_path)
    (tmp_path / pins[0].path).write_bytes(BODY[:-1] + b"?")
    fetch(pins, tmp_path)
    assert (tmp_path / pins[0].path).read_bytes() == BODY


def test_a_part_is_continued_where_it_ends(repository: Repository, tmp_path: Path) -> None:
    pinned = repository.put(pin())
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / f"{pinned.sha256}-{pinned.path.name}").write_bytes(BODY[:1000])
    planned: list[int] = []
    fetch([pinned], tmp_path, on_plan=lambda _files, size: planned.append(size))
    assert repository.ranges == ["bytes=1000-"]
    assert planned == [len(BODY) - 1000]


def test_a_wrong_part_costs_one_more_download_and_no_error(repository: Repository, tmp_path: Path) -> None:
    pinned = repository.put(pin())
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / f"{pinned.sha256}-{pinned.path.name}").write_bytes(b"?" * 1000)
    fetch([pinned], tmp_path)
    assert repository.ranges == ["bytes=1000-", None]
    assert (tmp_path / pinned.path).read_bytes() == BODY


def test_a_connection_cut_in_the_middle_is_taken_up_again(repository: Repository, tmp_path: Path) -> None:
    repository.cut_after = [5000, 5000]
    fetch([repository.put(pin())], tmp_path)
    assert repository.ranges == [None, "bytes=5000-", "bytes=10000-"]


def test_a_server_that_is_unwell_for_a_moment_is_asked_again(repository: Repository, tmp_path: Path) -> None:
    repository.statuses = [503, 429]
    fetch([repository.put(pin())], tmp_path)
    assert len(repository.ranges) == 3


def test_a_file_that_is_not_the_pinned_one_is_refused_and_thrown_away(repository: Repository, tmp_path: Path) -> None:
    pinned = repository.put(pin(), BODY[:-1] + b"?")
    with pytest.raises(ChecksumMismatch) as caught:
        fetch([pinned], tmp_path)
    assert caught.value.coordinate == pinned.coordinate
    assert not (tmp_path / pinned.path).exists()
    assert list((tmp_path / "parts").iterdir()) == []


def test_a_file_longer_than_pinned_is_refused(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(ChecksumMismatch):
        fetch([repository.put(pin(), BODY + b"more")], tmp_path)


def test_a_refusal_names_the_coordinate_and_the_status(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(DownloadRefused, match=r"org\.example:thing:1\.0.*404"):
        fetch([pin()], tmp_path)


def test_no_network_is_told_with_the_size_still_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("SIMPUL_MAVEN_REPOSITORY", f"http://127.0.0.1:{port}")
    with pytest.raises(NoNetwork) as caught:
        fetch([pin()], tmp_path)
    assert caught.value.missing_bytes == len(BODY)
    assert caught.value.exit_code == 3


def test_too_little_room_is_told_before_downloading(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pinned = repository.put(pin())
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": len(BODY)})())
    with pytest.raises(DiskFull) as caught:
        fetch([pinned], tmp_path, spare_bytes=1)
    assert caught.value.needed_bytes == len(BODY) + 1
    assert repository.ranges == []


def test_a_disk_that_fills_while_downloading_is_told_and_the_part_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch_module._Download, "_store", fail)
    with pytest.raises(DiskFull):
        fetch([repository.put(pin())], tmp_path)


def test_a_cache_that_is_a_file_is_told(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(NotWritable):
        fetch([repository.put(pin())], tmp_path / "cache" / "maven")


def test_the_mirror_is_used_when_it_is_named() -> None:
    assert repository_address({"SIMPUL_MAVEN_REPOSITORY": "http://cermin.example/jar/"}) == (
        "http://cermin.example/jar"
    )


def test_without_a_mirror_the_maven_library_knows_the_address() -> None:
    assert repository_address({}).startswith("https://")
