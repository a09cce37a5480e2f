"""Ed25519 keys for receipts (RFC 8032): a private key in a PEM file of the worker, public keys in a file of everybody.

A key is known by its `kid`: 16 hexadecimal digits, the first of the SHA-256 of its 32 public bytes. A file of public
keys holds one or more PEM blocks; keys that were retired stay in it, so that old receipts can still be proved.
"""

import contextlib
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from simpul_schemas.errors import SettingsError
from simpul_schemas.settings import Settings

_END = b"-----END PUBLIC KEY-----"


class Ed25519Signer:
    """Signs with one private key; see `receipts.Signer`."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.kid = _kid(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        return self._key.sign(message)

    @property
    def public_pem(self) -> bytes:
        """The public key, for the file that everybody may have."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class KeyRing:
    """Public keys by their kid; calling it verifies, see `receipts.Verify`."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys = {_kid(key): key for key in keys}

    @property
    def kids(self) -> list[str]:
        """The keys that it knows."""
        return sorted(self._keys)

    def __call__(self, kid: str, signature: bytes, message: bytes) -> bool:
        """Return whether the signature is right; False also for a key that it does not know."""
        key = self._keys.get(kid)
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def new_signer() -> Ed25519Signer:
    """Make a new key."""
    return Ed25519Signer(Ed25519PrivateKey.generate())


def load_or_make_signer(path: Path) -> Ed25519Signer:
    """Read the private key in a file; a file that is not there is made, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_bytes(pem)
        try:
            os.link(beside, path)  # of several processes the first one's key is everybody's
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    return load_signer(path)


def signer_from_settings(settings: Settings) -> Ed25519Signer:
    """Return the signer of a worker's receipts; its public key is written beside the private one, in `*.pub.pem`."""
    path = settings.receipts.signing_key_file
    if path is None:
        path = settings.data_dir / "keys" / "receipts.pem"
        signer = load_or_make_signer(path)
    else:
        signer = load_signer(path)
    public = path.with_suffix(".pub.pem")
    if not public.exists():
        with contextlib.suppress(OSError):  # a secret may lie in a folder that nobody may write to
            _replace(public, signer.public_pem)
    return signer


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def load_signer(path: Path) -> Ed25519Signer:
    """Read the private key in a PEM file, or raise `SettingsError`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(path)
    return Ed25519Signer(key)


def load_key_ring(path: Path) -> KeyRing:
    """Read a file of public keys in PEM, or raise `SettingsError`."""
    keys: list[Ed25519PublicKey] = []
    try:
        for block in path.read_bytes().split(_END)[:-1]:
            key = load_pem_public_key(block + _END)
            if not isinstance(key, Ed25519PublicKey):
                raise _unreadable(path)
            keys.append(key)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable(path) from error
    if not keys:
        raise _unreadable(path)
    return KeyRing(keys)


def _kid(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _unreadable(path: Path) -> SettingsError:
    return SettingsError(
        f"Berkas kunci '{path}' tidak dapat dibaca atau bukan kunci Ed25519 (PEM).",
        f"The key file '{path}' cannot be read or holds no Ed25519 key (PEM).",
    )
