"""Processes that outlive the command which started them, and are never mistaken for another.

A process is known by its pid together with the moment it started: the kernel gives pids out again. One whose record
was lost, because the command was killed between starting it and writing it down, is found by a mark on its
command line.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from simpul_deploy.local.files import named_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

LOG_LIMIT_BYTES = 10_000_000
_SAME_MOMENT_SECONDS = 1.5
"""The kernel counts from boot, and the moment of boot shifts a little whenever the clock is set."""
_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this very process: asked after, lest they stay zombies once they end."""


@dataclass(frozen=True, slots=True)
class Account:
    """The numeric user and group a program runs as, when not as the caller."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run detached.

    Attributes:
        argv: The program and its arguments.
        log: File that gets what it prints.
        cwd: Its working folder.
        environ: Its whole environment, so that the caller's does not change what it does.
        account: Whom it runs as.
    """

    argv: Sequence[str]
    log: Path
    cwd: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One process and no other.

    Attributes:
        pid: Its number.
        created: When it started, in seconds since 1970, as the kernel tells it.
    """

    pid: int
    created: float


def start(command: Command) -> Identity:
    """Start a program in its own session, without input, its output going to its log."""
    with named_errors(command.log):
        if command.log.exists() and command.log.stat().st_size > LOG_LIMIT_BYTES:
            command.log.replace(command.log.with_name(f"{command.log.name}.1"))
        log = command.log.open("ab")
    account = command.account
    with log:
        child = subprocess.Popen(  # noqa: S603  the arguments are ours
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=command.cwd,
            env=dict(command.environ),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _children[child.pid] = child
    try:
        created = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:  # it ended at once: the caller will find it so
        created = 0.0
    return Identity(child.pid, created)


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs; false for another that was given the same pid."""
    return _process(identity) is not None


def listens(identity: Identity, port: int) -> bool:
    """Whether this very process listens on the port, and not another that was quicker."""
    process = _process(identity)
    if process is None:
        return False
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows them to root only; then an answer on the port must do
        return True
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def find(marks: Collection[str]) -> dict[str, Identity]:
    """The caller's processes that have one of these marks as an argument; the oldest, where a fork shows it twice."""
    found: dict[str, Identity] = {}
    own = os.geteuid()
    for process in psutil.process_iter(["cmdline", "create_time", "status", "uids"]):
        info = process.info
        if info["status"] == psutil.STATUS_ZOMBIE or (own != 0 and (info["uids"] is None or info["uids"].real != own)):
            continue
        identity = Identity(process.pid, float(info["create_time"]))
        for mark in set(marks).intersection(info["cmdline"] or ()):
            if mark not in found or identity.created < found[mark].created:
                found[mark] = identity
    return found


def stop(identity: Identity, stop_signal: int, patience_seconds: float) -> bool:
    """Ask a process to end, wait, then kill it and what it started; true when it ended without being killed."""
    process = _process(identity)
    if process is None:
        return True
    family = process.children(recursive=True)
    try:
        process.send_signal(stop_signal)
        process.wait(patience_seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        for member in (process, *family):
            _kill(member)
        psutil.wait_procs([process, *family], timeout=10)
        return False
    finally:
        _forget(identity.pid)
    return True


def _process(identity: Identity) -> psutil.Process | None:
    child = _children.get(identity.pid)
    if child is not None and child.poll() is not None:
        _forget(identity.pid)
        return None
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.created) < _SAME_MOMENT_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _forget(pid: int) -> None:
    child = _children.pop(pid, None)
    if child is not None and child.poll() is None:
        child.returncode = 0  # psutil has reaped it already: Popen need not ask again


def clean_environ(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a service may see of the caller's environment: nothing that would change its settings."""
    return {name: environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ") if name in environ} | {"LC_ALL": "C"}
