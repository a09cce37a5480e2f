"""Who may ask the control server: one user with a password, by basic authentication, or everybody on this machine."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from simpul_schemas.connection import is_loopback
from simpul_schemas.errors import SettingsError
from simpul_schemas.link_settings import read_secret
from simpul_schemas.settings import Settings


@dataclass(frozen=True)
class Credentials:
    """A user and a password."""

    user: str
    password: str

    def let_in(self, header: str | None) -> bool:
        """Return whether an `Authorization` header names them; the comparison takes as long either way."""
        scheme, _, rest = (header or "").partition(" ")
        try:
            given = base64.b64decode(rest.strip(), validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        return hmac.compare_digest(given, f"{self.user}:{self.password}".encode())


def credentials_for(host: str, settings: Settings) -> Credentials | None:
    """Return who may ask; None for everybody, which is allowed on this machine's own address only."""
    control = settings.control
    if control.user:
        password = read_secret(control.password, control.password_file, "control.password_file").get_secret_value()
        if password:
            return Credentials(control.user, password)
        raise SettingsError(
            "control.user tanpa sandi; isi SIMPUL__CONTROL__PASSWORD_FILE.",
            "control.user has no password; set SIMPUL__CONTROL__PASSWORD_FILE.",
        )
    if is_loopback(host):
        return None
    raise SettingsError(
        f"Server kendali di {host} butuh sandi: isi SIMPUL__CONTROL__USER dan SIMPUL__CONTROL__PASSWORD_FILE, atau "
        "pakai --host 127.0.0.1.",
        f"A control server on {host} needs a password: set SIMPUL__CONTROL__USER and SIMPUL__CONTROL__PASSWORD_FILE, "
        "or use --host 127.0.0.1.",
    )
