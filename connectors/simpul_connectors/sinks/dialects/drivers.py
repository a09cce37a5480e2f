"""Drivers that are not part of the package: found when a sink asks for them, and named where they are missing."""

from importlib import import_module
from types import ModuleType
from urllib.parse import unquote, urlsplit

from simpul_connectors.errors import DriverMissing
from simpul_connectors.sinks.dialects.dialect import Connection
from simpul_connectors.sinks.dialects.oracle import oracle_target
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.dialects.sqlserver import sqlserver_target
from simpul_connectors.sinks.table import Table
from simpul_schemas.errors import SettingsError


def sqlserver_by_url(url: str, sink: str, table: Table) -> SqlTarget:
    """Return the target of `sqlserver://user:password@host:1433/database`, by python-tds."""
    host, port, name, user, password = _parts(url, 1433)
    driver = _driver("pytds", "python-tds")

    def connect() -> Connection:
        return driver.connect(
            dsn=host, port=port, database=name, user=user, password=password, login_timeout=10, autocommit=False
        )

    return sqlserver_target(connect, (driver.Error, OSError), f"{host}:{port}/{name}", sink, table)


def oracle_by_url(url: str, sink: str, table: Table) -> SqlTarget:
    """Return the target of `oracle://user:password@host:1521/service`, by oracledb."""
    host, port, name, user, password = _parts(url, 1521)
    driver = _driver("oracledb", "oracledb")

    def connect() -> Connection:
        return driver.connect(dsn=f"{host}:{port}/{name}", user=user, password=password)

    return oracle_target(connect, (driver.Error, OSError), f"{host}:{port}/{name}", sink, table)


def _driver(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError:
        raise DriverMissing(package) from None


def _parts(url: str, port: int) -> tuple[str, int, str, str, str]:
    """Take an address apart; `SettingsError` that shows nothing of it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        name = unquote(parts.path.lstrip("/"))
        found = (parts.hostname or "", parts.port or port, name, parts.username or "", parts.password or "")
    except ValueError:
        found = ("", 0, "", "", "")
    host, number, name, user, password = found
    if not (host and name):
        raise SettingsError(
            "Alamat basis data (database.url) tidak dapat dibaca; bentuknya jenis://pengguna:sandi@host:porta/basis.",
            "The database address (database.url) cannot be read; its form is kind://user:password@host:port/database.",
        ) from None
    return host, number, name, unquote(user), unquote(password)
