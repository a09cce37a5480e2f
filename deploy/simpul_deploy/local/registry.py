"""The Apicurio schema registry as one local process, spoken to through its Confluent API."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import httpx

from simpul_deploy.local.files import named_errors
from simpul_deploy.local.ports import LOOPBACK
from simpul_deploy.local.processes import Command, clean_environ
from simpul_deploy.local.services import accepts

if TYPE_CHECKING:
    from pathlib import Path

    from simpul_deploy.local.ports import Ports
    from simpul_deploy.local.report import ServiceName
    from simpul_deploy.local.services import Tools

COMPATIBILITY = "FULL_TRANSITIVE"
API = "/apis/ccompat/v7"
_TIMEOUT_SECONDS = 5.0


def settings(port: int, database: Path) -> dict[str, str]:
    """The registry's settings, as the environment variables it reads.

    H2 with WRITE_DELAY=0 has written a schema down before it says so: a record that carries a schema's id must never
    be more durable than the schema itself.
    """
    return {
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{database};WRITE_DELAY=0",
        "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "20",
        "QUARKUS_HTTP_HOST": LOOPBACK,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        # Health and metrics have a listener of their own, on which nobody here relies: any free port.
        "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
        "QUARKUS_MANAGEMENT_PORT": "0",
        "QUARKUS_LOG_CATEGORY__IO_APICURIO__LEVEL": "WARN",
        "QUARKUS_LOG_CONSOLE_FORMAT": "%d{yyyy-MM-dd HH:mm:ss,SSS} %p [%c{1}] %m%n",
    }


class Registry:
    """One registry with its data.

    Args:
        folder: Its own folder, for data.
        log: Its log file.
        ports: The instance's ports.
        version: Of the archive it is run from.
    """

    name: ServiceName = "registry"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, log: Path, ports: Ports, version: str) -> None:
        self._folder, self._log = folder, log
        #: There from before the database is made until the registry works for the first time.
        self._unfinished = folder / "unfinished"
        self.version = version
        self.ports = (ports.registry,)
        self.endpoint = f"http://{LOOPBACK}:{ports.registry}{API}"
        self.mark = f"-Dsimpul.mark={folder}"

    def prepare(self, _tools: Tools) -> None:
        """Make the folder; H2 makes its file by itself, and its lock is the kernel's, so none is left by a kill.

        A database that was not made to its end is thrown away: nothing was told to it yet, and the registry takes it
        for a whole one and fails on the tables that are missing.
        """
        with named_errors(self._folder):
            if self._unfinished.exists():
                shutil.rmtree(self._folder)
            if not self._folder.exists():
                self._folder.mkdir(parents=True)
                self._unfinished.touch()

    def command(self, tools: Tools) -> Command:
        """How the registry is started.

        It serves few requests, so a start that is a second quicker beats code compiled well (measured: 2.4 s, 3.3 s).
        """
        quick = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
        java, jar = str(tools.java.executable), str(tools.registry / "quarkus-run.jar")
        return Command(
            argv=[java, *quick, *tools.java.quiet_options, self.mark, "-jar", jar],
            log=self._log,
            cwd=self._folder,
            environ=clean_environ() | settings(self.ports[0], self._folder / "registry"),
        )

    def is_ready(self) -> bool:
        """Whether it lists its subjects and refuses schemas that do not fit earlier ones (its default accepts all)."""
        if not self.answers() or not self._refuses_what_does_not_fit():
            return False
        self._unfinished.unlink(missing_ok=True)
        return True

    def _refuses_what_does_not_fit(self) -> bool:
        try:
            with self._client() as client:
                if client.get("/config").json().get("compatibilityLevel") == COMPATIBILITY:
                    return True
                return client.put("/config", json={"compatibility": COMPATIBILITY}).status_code == 200
        except (httpx.HTTPError, ValueError):
            return False

    def answers(self) -> bool:
        """Whether it lists its subjects."""
        if not accepts(self.ports[0]):
            return False
        try:
            with self._client() as client:
                return client.get("/subjects").status_code == 200
        except httpx.HTTPError:
            return False

    def purge(self) -> None:
        """Nothing is kept elsewhere."""

    def _client(self) -> httpx.Client:
        # Without the environment: a proxy has no business between two programs of one machine.
        return httpx.Client(base_url=self.endpoint, timeout=_TIMEOUT_SECONDS, trust_env=False)
