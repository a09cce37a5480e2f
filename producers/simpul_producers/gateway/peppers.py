"""The pepper: the secret that keys are hashed with, kept apart from them."""

import os
import secrets
import stat
from pathlib import Path

from simpul_producers.errors import GatewayFileError
from simpul_schemas.errors import SettingsError
from simpul_schemas.settings import Settings

_FILE = "gateway-pepper"
_LEAST_BYTES = 16


def load_pepper(settings: Settings) -> bytes:
    """Return the pepper of the settings; where they name none, one is made beside the outbox, once.

    Raises `SettingsError` for one that is too short or that others may read, `GatewayFileError` for one that cannot
    be read.
    """
    given = settings.gateway.pepper.get_secret_value()
    if given:
        return _checked(given.encode(), "SIMPUL__GATEWAY__PEPPER")
    if settings.gateway.pepper_file is not None:
        return _read(settings.gateway.pepper_file)
    own = settings.data_dir / _FILE
    _make(own)
    return _read(own)


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise GatewayFileError(path, error.strerror or str(error)) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        content = path.read_bytes().strip()
    except OSError as error:
        raise GatewayFileError(path, error.strerror or str(error)) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"Berkas {path} dapat dibaca orang lain; jalankan: chmod 600 {path}",
            f"Others may read the file {path}; run: chmod 600 {path}",
        )
    return _checked(content, str(path))


def _checked(pepper: bytes, place: str) -> bytes:
    if len(pepper) < _LEAST_BYTES:
        raise SettingsError(
            f"Rahasia di {place} kurang dari {_LEAST_BYTES} bita; buat yang acak dan lebih panjang.",
            f"The secret in {place} is shorter than {_LEAST_BYTES} bytes; make a longer one, at random.",
        )
    return pepper
