"""The samples in Java and Node.js, run as they stand against a gateway of the documented shape that is often away.

The gateway here is a small one of the test's own: it hangs up, says 503 and 429, and then answers as documented. What
the real one does is tested with it.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEY = "abc.rahasia-kenari"


class Gateway(ThreadingHTTPServer):
    """Answers by the list of troubles first: "cut", or a status; then by what stands in the events."""

    def __init__(self, troubles: list[Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.troubles = troubles
        self.taken: list[dict[str, Any]] = []
        self.requests: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
        trouble = self.server.troubles.pop(0) if self.server.troubles else None
        if trouble == "cut":
            self.connection.close()
        elif trouble is not None:
            self.answer(trouble, {"title": "sementara"})
        else:
            self.judge(events if isinstance(events, list) else [events])

    def judge(self, events: list[dict[str, Any]]) -> None:
        known = {event["event_id"] for event in self.server.taken}
        results = []
        for index, event in enumerate(events):
            bad = event.get("severity") == "SALAH"
            status = "refused" if bad else "duplicate" if event["event_id"] in known else "accepted"
            self.server.taken += [event] if status == "accepted" else []
            results.append({"index": index, "id": event["event_id"], "status": status, "code": "x" if bad else None})
        refused = sum(result["status"] == "refused" for result in results)
        self.answer(201 if not refused else 422 if refused == len(results) else 207, {"results": results})

    def answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def gateway(*troubles: Any) -> Iterator[Gateway]:
    with Gateway(list(troubles)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(params=[("node", "node/kirim.mjs"), ("java", "java/Kirim.java")], ids=["node", "java"])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    program, file = request.param
    # A source file is compiled as it is run, which a bare JRE cannot.
    if shutil.which("javac" if program == "java" else program) is None:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(f"{program} is not installed; CI must have it (see .ci/run)", pytrace=False)
        pytest.skip(f"{program} is not installed")
    (tmp_path / "kunci.txt").write_text(KEY + "\n")

    def run(url: str, events: Any) -> subprocess.CompletedProcess[str]:
        (tmp_path / "peristiwa.json").write_text(json.dumps(events))
        return subprocess.run(
            [program, str(ROOT / "samples" / file), url, "incident", str(tmp_path / "peristiwa.json")],
            env={**os.environ, "SIMPUL_KEY_FILE": str(tmp_path / "kunci.txt"), "SIMPUL_JEDA_MS": "5"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def events(count: int, *bad: int) -> list[dict[str, Any]]:
    return [{"event_id": f"e-{number}", "severity": "SALAH" if number in bad else "MINOR"} for number in range(count)]


def url(running: Gateway) -> str:
    return f"http://127.0.0.1:{running.server_address[1]}"


def test_events_arrive_once_through_a_gateway_that_is_often_away(sample: Any) -> None:
    with gateway("cut", 503, 429) as running:
        done = sample(url(running), events(3))
        assert done.returncode == 0, done.stdout + done.stderr
        assert [event["event_id"] for event in running.taken] == ["e-0", "e-1", "e-2"]
        assert sample(url(running), events(3)).returncode == 0  # again: nothing is doubled
        assert len(running.taken) == 3
        last = running.requests[-1]
    assert last["path"] == "/v1/events/incident"
    assert last["authorization"] == f"Bearer {KEY}"
    assert last["content-type"] == "application/json"


def test_refused_events_are_told_and_the_others_arrive(sample: Any) -> None:
    with gateway() as running:
        done = sample(url(running), events(3, 1))
        assert done.returncode == 1, done.stdout + done.stderr
        assert "e-1" in done.stdout
        assert len(running.taken) == 2


def test_a_gateway_that_stays_away_is_told_by_the_exit_code(sample: Any) -> None:
    with gateway(*[503] * 20) as running:
        done = sample(url(running), events(1))
    assert done.returncode == 3, done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_wrong_key_is_not_tried_again(sample: Any) -> None:
    with gateway(401) as running:
        done = sample(url(running), events(1))
        assert done.returncode == 2, done.stdout + done.stderr
        assert len(running.requests) == 1
    assert KEY not in done.stdout + done.stderr


def test_an_event_without_an_id_of_its_own_is_not_sent(sample: Any) -> None:
    with gateway() as running:
        assert sample(url(running), [{"severity": "MINOR"}]).returncode == 2
        assert running.requests == []
