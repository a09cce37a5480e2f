"""The databases that a sink can write to, one file each, found by the scheme of the address."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from simpul_connectors.sinks.dialects.drivers import oracle_by_url, sqlserver_by_url
from simpul_connectors.sinks.dialects.mariadb import mariadb_target
from simpul_connectors.sinks.dialects.postgresql import postgresql_target
from simpul_connectors.sinks.dialects.sqlite import sqlite_target
from simpul_connectors.sinks.table import Table
from simpul_connectors.sinks.target import Target
from simpul_schemas.errors import SettingsError

#: Makes the target of an address, a sink's name and its table.
MakeTarget = Callable[[str, str, Table], Target]

_DIALECTS: Mapping[str, MakeTarget] = MappingProxyType(
    {
        "postgresql": postgresql_target,
        "postgres": postgresql_target,
        "mysql": mariadb_target,
        "mariadb": mariadb_target,
        "mysql+pymysql": mariadb_target,
        "sqlite": sqlite_target,
        "sqlserver": sqlserver_by_url,
        "mssql": sqlserver_by_url,
        "oracle": oracle_by_url,
    },
)


def open_target(url: str, sink: str, table: Table) -> Target:
    """Return the target of a database's address, not connected yet; `SettingsError` for a scheme without a dialect."""
    scheme, separator, _ = url.partition("://")
    make = _DIALECTS.get(scheme.lower()) if separator else None
    if make is None:
        # The address may hold a password, so no more of it is said than what is asked for.
        known = ", ".join(f"{name}://" for name in _DIALECTS)
        raise SettingsError(
            f"Alamat basis data (database.url) harus diawali salah satu dari: {known}.",
            f"The database address (database.url) must begin with one of: {known}.",
        )
    return make(url, sink, table)
