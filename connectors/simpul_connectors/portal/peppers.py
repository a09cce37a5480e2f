"""The pepper that operators' keys are hashed with."""

from simpul_connectors.errors import OperatorsUnreadable
from simpul_schemas.settings import Settings
from simpul_schemas.web import peppers

_FILE = "portal-pepper"


def load_pepper(settings: Settings) -> bytes:
    """Return the pepper of the settings; where they name none, one is made in `data_dir`, once.

    Raises `SettingsError` for one that is too short or that others may read, `OperatorsUnreadable` for one that cannot
    be read.
    """
    given, file = settings.portal.pepper, settings.portal.pepper_file
    own = settings.data_dir / _FILE
    try:
        return peppers.load_pepper(given, file, own, "SIMPUL__PORTAL__PEPPER")
    except OSError as error:
        raise OperatorsUnreadable(file or own, error.strerror or str(error)) from error
