"""The settings of the bus: defaults < file < environment; unknown keys are refused, units are in the names.

The file is YAML, named by `SIMPUL_CONFIG`. Every key has its variable: `kafka.bootstrap_servers` is
`SIMPUL__KAFKA__BOOTSTRAP_SERVERS`.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simpul_schemas.control_settings import ControlSettings
from simpul_schemas.errors import SettingsError
from simpul_schemas.gateway_settings import GatewaySettings
from simpul_schemas.link_settings import (
    KafkaSettings,
    OutboxSettings,
    PublisherSettings,
    ReceiptsSettings,
    RegistrySettings,
)
from simpul_schemas.portal_settings import PortalSettings

PREFIX = "SIMPUL__"
CONFIG_VARIABLE = "SIMPUL_CONFIG"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    """The ministry's database; empty means the local stack. Holds a password: give it by environment or file."""

    url: str = ""


class Settings(_Section):
    """All settings."""

    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    database: DatabaseSettings = DatabaseSettings()
    control: ControlSettings = ControlSettings()
    gateway: GatewaySettings = GatewaySettings()
    portal: PortalSettings = PortalSettings()
    receipts: ReceiptsSettings = ReceiptsSettings()
    outbox: OutboxSettings = OutboxSettings()
    publisher: PublisherSettings = PublisherSettings()
    data_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("simpul", appauthor=False)))
    cache_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("simpul", appauthor=False)))


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read file and environment, or raise `SettingsError` that names the key and what is wrong with it."""
    variables = os.environ if environment is None else environment
    document = _read_file(variables.get(CONFIG_VARIABLE))
    for name, value in variables.items():
        if name.startswith(PREFIX):
            _put(document, name.removeprefix(PREFIX).lower().split("__"), value, name)
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise _explain(error) from error


def _read_file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    try:
        document = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"Berkas pengaturan '{name}' ({CONFIG_VARIABLE}) tidak dapat dibaca.",
            f"The settings file '{name}' ({CONFIG_VARIABLE}) cannot be read.",
        ) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(
            f"Berkas pengaturan '{name}' bukan daftar kunci dan nilai.",
            f"The settings file '{name}' is no list of keys and values.",
        )
    return document


def _put(document: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"Pengaturan '{name}' tidak dikenal.", f"There is no setting '{name}'.")
        document = inner
    document[path[-1]] = value


def _explain(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, list(_keys(Settings)), n=1, cutoff=0.0)
        return SettingsError(
            f"Pengaturan '{key}' tidak dikenal; mungkin '{near[0]}'?",
            f"There is no setting '{key}'; did you mean '{near[0]}'?",
        )
    return SettingsError(f"Pengaturan '{key}' salah: {first['msg']}.", f"The setting '{key}' is wrong: {first['msg']}.")


def _keys(model: type[BaseModel], prefix: str = "") -> Iterable[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name
