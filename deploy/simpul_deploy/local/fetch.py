"""Downloading the pinned artifacts: exactly those, checked, atomically, and never twice.

An artifact arrives in ``parts/<sha256>-<name>`` and moves to its place only when it is whole and its sha256 right.
A kill at any moment leaves at worst a part, and the next run goes on where that part ends.
"""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from simpul_deploy.errors import ChecksumMismatch, DiskFull, DownloadRefused, NoNetwork
from simpul_deploy.local.files import locked, named_errors, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from simpul_deploy.local.jars import Pinned

MIRROR_VARIABLE = "SIMPUL_MAVEN_REPOSITORY"
PARALLEL = 4
ATTEMPTS = 4
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_SECONDS = 30.0


def repository_address(environ: Mapping[str, str] = os.environ) -> str:
    """The Maven repository to download from: the user's mirror, else the one jgo knows by itself."""
    mirror = environ.get(MIRROR_VARIABLE)
    if mirror:
        return mirror.rstrip("/")
    from jgo.maven import MavenContext  # noqa: PLC0415  slow to import, and needed on the first run only

    return str(next(iter(MavenContext().remote_repos.values()))).rstrip("/")


def missing(pins: Iterable[Pinned], cache: Path) -> list[Pinned]:
    """Those artifacts that are not in the cache, or lie there damaged."""
    return [pin for pin in pins if not _is_there(cache / pin.path, pin)]


def fetch(
    pins: Iterable[Pinned],
    cache: Path,
    *,
    on_plan: Callable[[int, int], None] = lambda _files, _bytes: None,
    on_bytes: Callable[[int, int], None] = lambda _done, _total: None,
    spare_bytes: int = 0,
) -> None:
    """Bring every artifact into the cache; does nothing, and needs no network, when all are there.

    Args:
        pins: What is wanted.
        cache: Root of a folder laid out like a Maven repository.
        on_plan: Told the number of files and the bytes still to come, once, before the first of them.
        on_bytes: Told the bytes done and in total, as they come; from several threads, one at a time.
        spare_bytes: Room that must remain after the download.
    """
    if not missing(wanted := tuple(pins), cache):
        return
    with locked(cache / ".fetch.lock"):
        absent = missing(wanted, cache)  # another process may have brought them while we waited
        if absent:
            _Download(cache, repository_address(), absent, on_bytes).run(on_plan, spare_bytes)


def _is_there(path: Path, pin: Pinned) -> bool:
    try:
        return path.stat().st_size == pin.size_bytes and sha256_of(path) == pin.sha256
    except OSError:
        return False


class _Download:
    """One run over what is absent; the first failure stops the other threads."""

    def __init__(
        self, cache: Path, repository: str, absent: list[Pinned], on_bytes: Callable[[int, int], None]
    ) -> None:
        self._cache = cache
        self._parts = cache / "parts"
        self._repository = repository
        self._host = urlsplit(repository).hostname or repository
        self._absent = absent
        self._on_bytes = on_bytes
        self._total = sum(pin.size_bytes for pin in absent)
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, on_plan: Callable[[int, int], None], spare_bytes: int) -> None:
        with named_errors(self._parts):
            self._parts.mkdir(parents=True, exist_ok=True)
        self._done = {pin.coordinate: min(self._part_size(pin), pin.size_bytes) for pin in self._absent}
        needed = self._missing_bytes
        if shutil.disk_usage(self._parts).free < needed + spare_bytes:
            raise DiskFull(self._cache, needed + spare_bytes)
        on_plan(len(self._absent), needed)
        biggest_first = sorted(self._absent, key=lambda pin: -pin.size_bytes)
        # Beside the certificates that come with httpx those of the system, where an office installs its proxy's own.
        trust = httpx.create_ssl_context()
        trust.load_default_certs()
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=True, verify=trust) as client,
            ThreadPoolExecutor(PARALLEL) as pool,
        ):
            futures = [pool.submit(self._bring, client, pin) for pin in biggest_first]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        shutil.rmtree(self._parts, ignore_errors=True)

    @property
    def _missing_bytes(self) -> int:
        return self._total - sum(self._done.values())

    def _part(self, pin: Pinned) -> Path:
        return self._parts / f"{pin.sha256}-{pin.path.name}"

    def _part_size(self, pin: Pinned) -> int:
        try:
            return self._part(pin).stat().st_size
        except OSError:
            return 0

    def _bring(self, client: httpx.Client, pin: Pinned) -> None:
        resumed = self._part_size(pin) > 0
        try:
            self._receive_whole(client, pin)
            actual = sha256_of(self._part(pin))
            if actual != pin.sha256 and resumed:  # an old part may be what is wrong: once more from the start
                self._part(pin).unlink()
                self._receive_whole(client, pin)
                actual = sha256_of(self._part(pin))
            if actual != pin.sha256:
                self._refuse(pin, actual)
            target = self._cache / pin.path
            with named_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                self._part(pin).replace(target)
        except BaseException:
            self._stop.set()
            raise

    def _refuse(self, pin: Pinned, actual: str) -> None:
        self._part(pin).unlink()
        raise ChecksumMismatch(self._host, pin.coordinate, pin.sha256, actual)

    def _receive_whole(self, client: httpx.Client, pin: Pinned) -> None:
        """Receive until the part is whole, trying again while the network or the server is merely unwell."""
        for attempt in range(1, ATTEMPTS + 1):
            pause = 0.5 * 2**attempt
            try:
                asked_pause = self._receive(client, pin)
                if asked_pause is None:
                    return
                pause = max(pause, asked_pause)
            except httpx.HTTPError as error:
                if attempt == ATTEMPTS or isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
                    raise NoNetwork(self._host, self._missing_bytes, _innermost(error)) from error
            if self._stop.wait(min(pause, _LONGEST_PAUSE_SECONDS)):
                return
        raise NoNetwork(self._host, self._missing_bytes, f"{ATTEMPTS}x")

    def _receive(self, client: httpx.Client, pin: Pinned) -> float | None:
        """Go on where the part ends; None when it is whole (or we are stopping), else seconds to wait."""
        part, start = self._part(pin), self._part_size(pin)
        if start == pin.size_bytes:
            return None
        if start > pin.size_bytes:
            part.unlink()
            start = 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        url = f"{self._repository}/{pin.path}"
        with client.stream("GET", url, headers=headers) as response:
            if response.status_code in _TRY_AGAIN:
                return _seconds(response.headers.get("Retry-After", ""))
            if response.status_code not in {200, 206}:
                raise DownloadRefused(self._host, pin.coordinate, response.status_code)
            start = start if response.status_code == 206 else 0
            with named_errors(part), part.open("ab" if start else "wb") as file:
                self._store(response, file.write, pin, start)
        whole_or_stopping = self._stop.is_set() or self._part_size(pin) >= pin.size_bytes
        return None if whole_or_stopping else 0.0

    def _store(self, response: httpx.Response, write: Callable[[bytes], int], pin: Pinned, start: int) -> None:
        done = start
        for chunk in response.iter_raw():
            write(chunk)
            done += len(chunk)
            with self._lock:
                self._done[pin.coordinate] = min(done, pin.size_bytes)
                self._on_bytes(sum(self._done.values()), self._total)
            if self._stop.is_set() or done > pin.size_bytes:  # more than was pinned is not what was pinned
                return


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0.0


def _innermost(error: BaseException) -> str:
    """The shortest true reason: the last message in the chain of causes."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__
