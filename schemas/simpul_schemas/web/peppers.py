"""The pepper: the secret that keys are hashed with, kept apart from them."""

import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from simpul_schemas.errors import SettingsError

_LEAST_BYTES = 16


def load_pepper(given: SecretStr, file: Path | None, own: Path, setting: str) -> bytes:
    """Return the pepper of the settings: its value, else of its file; where they name none, `own` is made, once.

    Raises `SettingsError` for one that is too short or that others may read, `OSError` for a file that cannot be read
    or made. `setting` is what the value is called.
    """
    if given.get_secret_value():
        return _checked(given.get_secret_value().encode(), setting)
    if file is None:
        _make(own)
    return _read(file or own)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))


def _read(path: Path) -> bytes:
    mode, content = path.stat().st_mode, path.read_bytes().strip()
    # Windows has no such bits; there the access list of the user's folder keeps others out.
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
