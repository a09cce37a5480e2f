"""The pepper that the gateway's keys are hashed with."""

from simpul_producers.errors import GatewayFileError
from simpul_schemas.settings import Settings
from simpul_schemas.web import peppers

_FILE = "gateway-pepper"


def load_pepper(settings: Settings) -> bytes:
    """Return the pepper of the settings; where they name none, one is made beside the outbox, once.

    Raises `SettingsError` for one that is too short or that others may read, `GatewayFileError` for one that cannot
    be read.
    """
    given, file = settings.gateway.pepper, settings.gateway.pepper_file
    own = settings.data_dir / _FILE
    try:
        return peppers.load_pepper(given, file, own, "SIMPUL__GATEWAY__PEPPER")
    except OSError as error:
        raise GatewayFileError(file or own, error.strerror or str(error)) from error
