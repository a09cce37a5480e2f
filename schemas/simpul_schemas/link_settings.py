"""The settings of the link to the bus: how broker and registry are reached, and the secrets for that.

A secret comes by environment or in a file that not everybody may read, never on a command line.
"""

import os
import stat
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from simpul_schemas.errors import SettingsError

_SECTION = ConfigDict(extra="forbid", frozen=True)
_FOR_EVERYBODY = stat.S_IROTH | stat.S_IWOTH


class Security(StrEnum):
    """How the line to the broker is guarded, by Kafka's own names; a login without TLS is not offered."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_SSL = "SASL_SSL"


class Mechanism(StrEnum):
    """How one logs in over SASL_SSL."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    PLAIN = "PLAIN"
    OAUTHBEARER = "OAUTHBEARER"


class KafkaSettings(BaseModel):
    """How to reach the broker; no servers means the local stack, where one runs.

    `ca_file` is the authority that signed the broker's certificate; none means those of the system. For mTLS
    `certificate_file` and `key_file` (PEM). For OAUTHBEARER `token_file` holds the token and is read at every login.
    """

    model_config = _SECTION

    bootstrap_servers: str = ""
    security: Security = Security.PLAINTEXT
    #: Without TLS everybody on the way reads and changes what is sent; off the own machine it must be said.
    allow_plaintext: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    mechanism: Mechanism = Mechanism.SCRAM_SHA_512
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    token_file: Path | None = None


class RegistrySettings(BaseModel):
    """How to reach the schema registry: base URL up to where `/subjects` begins; empty means the local stack."""

    model_config = _SECTION

    url: str = ""
    ca_file: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None


class ReceiptsSettings(BaseModel):
    """Whose receipts are believed, and with which key a worker signs them; both files are PEM.

    Without `public_keys_file` it is `keys/receipts.pub.pem` in `data_dir`; without `signing_key_file`
    `keys/receipts.pem` there, made by the first worker that needs it.
    """

    model_config = _SECTION

    public_keys_file: Path | None = None
    signing_key_file: Path | None = None


class OutboxSettings(BaseModel):
    """What an outbox may grow to, and how long it keeps what is done with."""

    model_config = _SECTION

    max_bytes: int = Field(8 << 30, gt=0)
    max_waiting_events: int = Field(5_000_000, gt=0)
    min_free_disk_bytes: int = Field(64 << 20, ge=0)
    #: From the receipt on.
    keep_settled_days: int = Field(30, ge=1)
    #: What was refused, and what never got a receipt: as long as the bus keeps receipts.
    keep_other_days: int = Field(365, ge=1)


class PublisherSettings(BaseModel):
    """Who publishes from this machine: the region's canonical code, and the name of the system (`source`)."""

    model_config = _SECTION

    region: str = ""
    source: str = ""


def read_secret(value: SecretStr, file: Path | None, key: str) -> SecretStr:
    """Return a secret from its file, if there is one, else its value; `key` is what the setting is called.

    A file that everybody may read, or that cannot be read, raises `SettingsError` with the remedy.
    """
    if file is None:
        return value
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"Berkas rahasia '{file}' ({key}) tidak dapat dibaca; periksa nama dan hak aksesnya.",
            f"The secret file '{file}' ({key}) cannot be read; check its name and access rights.",
        ) from error
    # Windows has no such bits; there the access list of the user's folder keeps others out.
    if os.name == "posix" and mode & _FOR_EVERYBODY:
        raise SettingsError(
            f"Berkas rahasia '{file}' ({key}) dapat dibaca siapa saja; jalankan: chmod 600 '{file}', lalu ganti isinya "
            "bila komputer ini dipakai bersama.",
            f"The secret file '{file}' ({key}) can be read by everybody; run: chmod 600 '{file}', and change the "
            "secret if others use this machine.",
        )
    return SecretStr(text)
