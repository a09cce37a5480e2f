"""The gateway under a slowloris: the p99 of honest clients beside its quiet value, in one run.

The gateway is the real command in a process of its own; 200 slow clients hold their connections all the time with half
a head, sent byte by byte, and come back as soon as they are cut. Honest clients publish one event per request over
connections that stay open, by raw sockets: the p99 is the gateway's, not a client library's. Quiet and slow rounds
take turns, so that a machine that becomes busy spoils both.
"""

import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUNS = 5
SLOW_CLIENTS = 200
HONEST_CLIENTS = 4
REQUESTS_PER_CLIENT = 150
_DEADLINE_SECONDS = 60.0


def run() -> list[dict[str, Any]]:
    """Return the measured ratio of p99 under a slowloris to the quiet p99, with its goal, and each run's values."""
    with tempfile.TemporaryDirectory() as name, _gateway(Path(name)) as (address, key):
        _publish_from_all(address, key, 50)  # the first requests load code
        runs = []
        for _ in range(RUNS):
            quiet = _publish_from_all(address, key, REQUESTS_PER_CLIENT)
            with _slowloris(address) as held:
                slow = _publish_from_all(address, key, REQUESTS_PER_CLIENT)
                least = held()
            runs.append({**_describe("quiet", quiet), **_describe("slow", slow), "slow_clients_held": least})
    ratios = [one["slow_p99_ms"] / one["quiet_p99_ms"] for one in runs]
    return [
        {
            "name": "gateway_p99_under_slowloris",
            "ratio": round(statistics.median(ratios), 2),
            "goal": 2.0,
            "goal_is": "at most",
            "rates": {
                "quiet_requests_per_second": round(statistics.median(one["quiet_per_second"] for one in runs)),
                "slow_requests_per_second": round(statistics.median(one["slow_per_second"] for one in runs)),
            },
            "runs": runs,
        }
    ]


@contextmanager
def _gateway(folder: Path) -> Iterator[tuple[tuple[str, int], str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL")}
    environment = {
        **kept,
        "XDG_DATA_HOME": str(folder),
        "SIMPUL__DATA_DIR": str(folder / "data"),
        "SIMPUL__CACHE_DIR": str(folder / "cache"),
        # All clients come from one address and one key here; what is measured is time, not these two limits.
        "SIMPUL__GATEWAY__LIMITS__CONNECTIONS_PER_ADDRESS": "1000",
        "SIMPUL__GATEWAY__LIMITS__REQUESTS_PER_SECOND": "1000000",
        "SIMPUL__GATEWAY__LIMITS__REQUESTS_BURST": "1000000",
        "SIMPUL__GATEWAY__LIMITS__EVENTS_PER_SECOND": "1000000",
    }
    command = [sys.executable, "-m", "simpul_deploy.cli", "gateway"]
    made = subprocess.run(
        [*command, "key", "create", "--region", "73.71", "--source", "uji"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen([*command, "--port", "0"], stderr=log, env=environment)
        try:
            yield _address_in(folder / "log"), made.stdout.strip()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_DEADLINE_SECONDS)


def _address_in(log: Path) -> tuple[str, int]:
    end = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < end:
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                host, _, port = json.loads(line)["address"].removeprefix("http://").rpartition(":")
                return host, int(port)
        time.sleep(0.05)
    message = f"the gateway does not listen: {log.read_text()[-2000:]}"
    raise RuntimeError(message)


def _publish_from_all(address: tuple[str, int], key: str, requests: int) -> list[float]:
    """Return the seconds of every request of all honest clients, which work at the same time."""
    found: list[float] = []
    troubles: list[BaseException] = []

    def work(number: int) -> None:
        try:
            found.extend(_publish(address, key, requests, number))
        except (OSError, AssertionError) as error:
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(HONEST_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return found


def _publish(address: tuple[str, int], key: str, requests: int, number: int) -> Iterator[float]:
    event = {
        "occurred_at": "2026-03-28T16:30:00+08:00",
        "kind": "DISASTER",
        "category": "banjir",
        "severity": "MINOR",
        "verification": "UNVERIFIED",
        "time_precision": "DAY",
    }
    with socket.create_connection(address, timeout=_DEADLINE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for count in range(requests):
            body = json.dumps({**event, "subject": f"{number}:{count}:{time.time_ns()}"}).encode()
            head = (
                f"POST /v1/events/incident HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            began = time.perf_counter()
            connection.sendall(head.encode() + body)
            answer = b""
            while not answer.endswith(b"]}"):
                part = connection.recv(65536)
                assert part, "cut"
                answer += part
            assert answer.startswith(b"HTTP/1.1 201 "), answer[:300]
            yield time.perf_counter() - began


@contextmanager
def _slowloris(address: tuple[str, int]) -> Iterator[Any]:
    """Hold slow connections open from another process, so that its work is not taken for the honest clients'."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import bench_gateway as b; b.be_slow"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{script}({address!r})"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    def held() -> int:
        process.stdin.write("\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    try:
        yield held
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def be_slow(address: tuple[str, int]) -> None:
    """Keep half-sent heads open, a byte a second each, and open anew what was cut; say how many when asked."""
    part = b"POST /v1/events/incident HTTP/1.1\r\nHost: gerbang\r\nX-Slow: " + b"x" * 4000
    chooser = selectors.DefaultSelector()
    chooser.register(sys.stdin, selectors.EVENT_READ)
    sent: dict[socket.socket, int] = {}
    ready = False
    while True:
        while len(sent) < SLOW_CLIENTS:
            connection = socket.create_connection(address)
            connection.setblocking(False)
            chooser.register(connection, selectors.EVENT_READ)
            sent[connection] = 0
        if not ready:
            ready = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        tick = time.monotonic() + 1.0
        while (left := tick - time.monotonic()) > 0:
            for found, _ in chooser.select(left):
                if found.fileobj is sys.stdin:
                    sys.stdin.readline()
                    sys.stdout.write(f"{len(sent)}\n")
                    sys.stdout.flush()
                else:
                    _drop_if_cut(chooser, sent, found.fileobj)
        for connection, place in list(sent.items()):
            try:
                connection.send(part[place : place + 1])
                sent[connection] = place + 1
            except OSError:
                _drop(chooser, sent, connection)


def _drop_if_cut(chooser: selectors.BaseSelector, sent: dict[socket.socket, int], connection: Any) -> None:
    try:
        ended = connection.recv(65536) == b""
    except BlockingIOError:
        return
    except OSError:
        ended = True
    if ended:
        _drop(chooser, sent, connection)


def _drop(chooser: selectors.BaseSelector, sent: dict[socket.socket, int], connection: socket.socket) -> None:
    chooser.unregister(connection)
    del sent[connection]
    connection.close()


def _describe(name: str, seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        f"{name}_p50_ms": round(1000 * ordered[len(ordered) // 2], 2),
        f"{name}_p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 2),
        f"{name}_per_second": round(HONEST_CLIENTS * len(seconds) / sum(seconds), 1),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
