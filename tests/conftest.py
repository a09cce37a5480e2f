"""Servers for the tests: those that the environment names, else the local stack, started once for the whole run."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
