"""The pepper that operators' keys are hashed with, kept apart from them."""

import os
import secrets
from pathlib import Path

from simpul_connectors.errors import OperatorsUnreadable
from simpul_schemas.errors import SettingsError
from simpul_schemas.link_settings import read_secret
from simpul_schemas.settings import Settings

_FILE = "portal-pepper"
_LEAST_BYTES = 16


def load_pepper(settings: Settings) -> bytes:
    """Return the pepper of the settings; where they name none, one is made in `data_dir`, once.

    Raises `SettingsError` for one that is too short or that everybody may read.
    """
    portal = settings.portal
    file = portal.pepper_file
    if file is None and not portal.pepper.get_secret_value():
        file = settings.data_dir / _FILE
        _make(file)
    found = read_secret(portal.pepper, file, "portal.pepper_file").get_secret_value().strip().encode()
    if len(found) < _LEAST_BYTES:
        raise SettingsError(
            f"portal.pepper kurang dari {_LEAST_BYTES} bita; buat yang acak dan lebih panjang.",
            f"portal.pepper is shorter than {_LEAST_BYTES} bytes; make a longer one, at random.",
        )
    return found


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise OperatorsUnreadable(path, error.strerror or str(error)) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
