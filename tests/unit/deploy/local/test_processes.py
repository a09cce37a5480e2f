"""Detached processes, known for certain."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest

from simpul_deploy.local.processes import Command, Identity, clean_environ, find, is_alive, listens, start, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = "import time, sys; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Identity]]:
    started: list[Identity] = []

    def start_program(program: str = SLEEP, *arguments: str) -> Identity:
        log = tmp_path / "log"
        argv = [sys.executable, "-c", program, *arguments]
        identity = start(Command(argv, log, tmp_path, clean_environ()))
        started.append(identity)
        deadline = time.monotonic() + 10
        while "up" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        return identity

    yield start_program
    for identity in started:
        stop(identity, signal.SIGKILL, 5)


def test_a_started_process_lives_in_a_session_of_its_own_with_its_output_in_the_log(
    run: Callable[..., Identity], tmp_path: Path
) -> None:
    identity = run()
    assert is_alive(identity)
    assert os.getsid(identity.pid) == identity.pid
    assert (tmp_path / "log").read_text() == "up\n"


def test_a_process_that_was_asked_to_end_is_not_alive(run: Callable[..., Identity]) -> None:
    identity = run()
    assert stop(identity, signal.SIGTERM, 5)
    assert not is_alive(identity)
    assert not psutil.pid_exists(identity.pid)


def test_a_process_that_does_not_listen_is_killed(run: Callable[..., Identity]) -> None:
    identity = run(STUBBORN)
    assert not stop(identity, signal.SIGTERM, 0.2)
    assert not is_alive(identity)


def test_a_killed_process_is_not_alive_although_nobody_waited_for_it(run: Callable[..., Identity]) -> None:
    identity = run()
    os.kill(identity.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_alive(identity) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(identity)


def test_another_process_with_the_same_pid_is_not_mistaken_for_ours() -> None:
    own = psutil.Process()
    assert is_alive(Identity(own.pid, own.create_time()))
    stale = Identity(own.pid, own.create_time() - 60)
    assert not is_alive(stale)
    assert stop(stale, signal.SIGKILL, 1)


def test_stopping_what_has_ended_is_no_error(run: Callable[..., Identity]) -> None:
    identity = run()
    stop(identity, signal.SIGTERM, 5)
    assert stop(identity, signal.SIGTERM, 5)


def test_a_process_whose_record_was_lost_is_found_by_its_mark(run: Callable[..., Identity]) -> None:
    mark, other = f"mark={uuid.uuid4()}", f"mark={uuid.uuid4()}"
    identity = run(SLEEP, mark)
    found = find([mark, other])
    assert set(found) == {mark}
    assert found[mark].pid == identity.pid
    assert is_alive(found[mark])


def test_a_log_that_has_grown_large_is_put_aside_at_the_next_start(
    run: Callable[..., Identity], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("up before\n")
    monkeypatch.setattr("simpul_deploy.local.processes.LOG_LIMIT_BYTES", 5)
    run()
    assert (tmp_path / "log.1").read_text() == "up before\n"


def test_services_do_not_see_settings_from_the_callers_environment() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "QUARKUS_HTTP_PORT": "1", "JAVA_TOOL_OPTIONS": "-x", "PGDATA": "y"}
    assert clean_environ(environ) == {"PATH": "/bin", "HOME": "/h", "LC_ALL": "C"}


def test_a_program_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    command = Command([str(tmp_path / "nothing")], tmp_path / "log", tmp_path)
    with pytest.raises(FileNotFoundError):
        start(command)


def test_only_the_process_that_listens_on_a_port_is_said_to(run: Callable[..., Identity]) -> None:
    listening = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print('up', flush=True); time.sleep(60)"
    )
    server, other = run(listening), run()
    (connection,) = psutil.Process(server.pid).net_connections(kind="tcp")
    assert listens(server, connection.laddr.port)
    assert not listens(server, connection.laddr.port + 1)
    assert not listens(other, connection.laddr.port)
    stop(server, signal.SIGTERM, 5)
    assert not listens(server, connection.laddr.port)
