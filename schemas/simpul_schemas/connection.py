"""Broker and registry as the settings name them; the same for every command that connects."""

from dataclasses import dataclass

from simpul_schemas.errors import SettingsError
from simpul_schemas.registry import CachedRegistry, HttpRegistry, Registry
from simpul_schemas.settings import Settings, load_settings


@dataclass(frozen=True)
class Connection:
    """Where the broker is, the registry with its answers kept on disk, and the settings behind both."""

    bootstrap_servers: str
    registry: Registry
    settings: Settings


def connect_from_settings() -> Connection:
    """Read the settings of this process and connect; raises `SettingsError` that says which one is missing."""
    return connect(load_settings())


def connect(settings: Settings) -> Connection:
    """Name the outside things of some settings; raises `SettingsError` that says which one is missing."""
    if not settings.kafka.bootstrap_servers:
        raise _missing("kafka.bootstrap_servers", "SIMPUL__KAFKA__BOOTSTRAP_SERVERS")
    if not settings.registry.url:
        raise _missing("registry.url", "SIMPUL__REGISTRY__URL")
    registry = CachedRegistry(HttpRegistry(settings.registry.url), settings.cache_dir, settings.registry.url)
    return Connection(settings.kafka.bootstrap_servers, registry, settings)


def _missing(key: str, variable: str) -> SettingsError:
    return SettingsError(
        f"Pengaturan '{key}' kosong; jalankan 'simpul up', atau isi {variable}.",
        f"The setting '{key}' is empty; run 'simpul up', or set {variable}.",
    )
