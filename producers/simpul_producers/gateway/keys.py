"""Keys of the gateway: who may publish for which region, as which system, until when.

A key is `<key id>.<secret>`; the secret has 256 random bits, so a fast keyed hash is enough, and only that is kept. A
pepper outside the key file makes the file alone worthless. Each key is bound to one region (and all inside it) and one
publishing system. A key that is rotated lives on for a while beside its successor; at most two live for one binding.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simpul_producers.errors import KeyRefused, KeysUnavailable
from simpul_schemas.contract import event_type
from simpul_schemas.errors import OutsideError
from simpul_schemas.regions import load_regions

_ID_BYTES = 6
_SECRET_BYTES = 32
#: Keys that may live at once for one region and system: the old one and its successor.
_LIVE_KEYS = 2
#: Between two looks at the key file; revocation is seen within twice this.
_LOOK_SECONDS = 2.0
#: A ring that could not look for so long lets nobody in, since a revocation might have been missed.
_BLIND_SECONDS = 5.0
_KEY = re.compile(r"(?P<key_id>[A-Za-z0-9_-]{1,32})\.(?P<secret>[A-Za-z0-9_-]{43})")
_SOURCE = re.compile(r"[!-~]{1,100}")
_DAY_MICROS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept; times are microseconds since the epoch. No event types means all."""

    key_id: str
    mac: bytes
    region: str
    source: str
    event_types: tuple[str, ...]
    created_at: int
    expires_at: int
    revoked_at: int | None = None

    def lives(self, now_micros: int) -> bool:
        """Return whether the key opens anything now."""
        return self.revoked_at is None and now_micros < self.expires_at

    def covers(self, region: str) -> bool:
        """Return whether a region is the key's own or lies inside it."""
        return region == self.region or region.startswith(self.region + ".")


class KeyStore(Protocol):
    """Keeps keys; `sqlite_keys` holds the adapter on disk, `testing` the twin in memory."""

    def all_keys(self) -> list[Key]:
        """Return every key, in the order they were made."""

    def put(self, key: Key) -> None:
        """Keep a new key, or replace the one with the same id."""

    def version(self) -> int:
        """Return a number that differs once anything has changed, also by another process."""

    def close(self) -> None:
        """Release the file; harmless when called twice."""


def mac_of(pepper: bytes, secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hmac.digest(pepper, secret.encode("ascii"), hashlib.sha256)


class KeyDesk:
    """Where keys are made, rotated and revoked."""

    def __init__(
        self,
        store: KeyStore,
        pepper: bytes,
        clock: Callable[[], int],
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._randomness = randomness

    def create(self, region: str, source: str, event_types: Sequence[str], days: int) -> tuple[Key, str]:
        """Make a key and return it with its text, which is kept nowhere; raises `KeyRefused` or `UnknownEventType`."""
        if region not in load_regions():
            raise KeyRefused(
                f"Kode wilayah '{region}' tidak ada di daftar Kemendagri; cari dengan 'simpul regions resolve'.",
                f"The region code '{region}' is not in Kemendagri's table; look with 'simpul regions resolve'.",
            )
        if not _SOURCE.fullmatch(source):
            raise KeyRefused(
                "Nama sistem harus 1 sampai 100 huruf ASCII tanpa spasi, misalnya sitimdu.53.13.",
                "A system's name has 1 to 100 ASCII characters without spaces, such as sitimdu.53.13.",
            )
        for name in event_types:
            event_type(name)
        now = self._clock()
        live = [
            key for key in self._store.all_keys() if (key.region, key.source) == (region, source) and key.lives(now)
        ]
        if len(live) >= _LIVE_KEYS:
            ids = ", ".join(key.key_id for key in live)
            raise KeyRefused(
                f"Sudah ada dua kunci yang berlaku untuk wilayah dan sistem ini ({ids}); cabut satu lebih dulu.",
                f"Two keys live for this region and system already ({ids}); revoke one first.",
            )
        key_id = self._randomness(_ID_BYTES).hex()
        secret = base64.urlsafe_b64encode(self._randomness(_SECRET_BYTES)).rstrip(b"=").decode("ascii")
        expires = now + days * _DAY_MICROS
        key = Key(key_id, mac_of(self._pepper, secret), region, source, tuple(event_types), now, expires)
        self._store.put(key)
        return key, f"{key_id}.{secret}"

    def rotate(self, key_id: str, days: int, grace_days: int) -> tuple[Key, str]:
        """Make a successor with the same binding; the old key lives on for some days. Raises `KeyRefused`."""
        old = self._find(key_id)
        now = self._clock()
        if not old.lives(now):
            raise KeyRefused(
                f"Kunci '{key_id}' sudah tidak berlaku; buat kunci baru dengan 'simpul gateway key create'.",
                f"The key '{key_id}' does not live any more; make one by 'simpul gateway key create'.",
            )
        made = self.create(old.region, old.source, old.event_types, days)
        self._store.put(replace(old, expires_at=min(old.expires_at, now + grace_days * _DAY_MICROS)))
        return made

    def revoke(self, key_id: str) -> Key:
        """End a key for good; running gateways see it within seconds. Raises `KeyRefused` for an unknown one."""
        old = self._find(key_id)
        revoked = old if old.revoked_at is not None else replace(old, revoked_at=self._clock())
        self._store.put(revoked)
        return revoked

    def _find(self, key_id: str) -> Key:
        for key in self._store.all_keys():
            if key.key_id == key_id:
                return key
        raise KeyRefused(
            f"Tidak ada kunci '{key_id}'; lihat 'simpul gateway key list'.",
            f"There is no key '{key_id}'; see 'simpul gateway key list'.",
        )


class KeyRing:
    """The keys as a running gateway knows them: read anew every few seconds, and never trusted for longer."""

    def __init__(
        self, store: KeyStore, pepper: bytes, clock: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._clock = clock
        self._monotonic = monotonic
        self._version: int | None = None
        self._keys: dict[str, Key] = {}
        self._looked = -_BLIND_SECONDS
        self.reason = "not read yet"

    @property
    def age_seconds(self) -> float:
        """How long ago the keys were read."""
        return self._monotonic() - self._looked

    def match(self, presented: str) -> Key | None:
        """Return the living key that a client shows, or None; raises `KeysUnavailable` where the ring is blind."""
        self.look()
        parts = _KEY.fullmatch(presented)
        key = self._keys.get(parts["key_id"]) if parts else None
        # The same work for an id that does not exist: how long it takes tells nothing.
        secret = parts["secret"] if parts else ""
        right = hmac.compare_digest(
            mac_of(self._pepper, secret), key.mac if key else bytes(hashlib.sha256().digest_size)
        )
        return key if key is not None and right and key.lives(self._clock()) else None

    def known_id(self, key_id: str) -> str:
        """Return an id if a key bears it, else "": guesses at ids that do not exist are all alike."""
        return key_id if key_id in self._keys else ""

    def look(self) -> None:
        """Read the keys anew if they are not fresh; raises `KeysUnavailable` once they are too old to be trusted."""
        if self.age_seconds < _LOOK_SECONDS:
            return
        began = self._monotonic()
        try:
            version = self._store.version()
            if version != self._version:
                self._keys = {key.key_id: key for key in self._store.all_keys()}
                self._version = version
        except OutsideError as error:
            self.reason = error.message_en
            if self.age_seconds >= _BLIND_SECONDS:
                raise KeysUnavailable(self.reason) from error
        else:
            self._looked = began
            self.reason = ""


def presented_id(presented: str) -> str:
    """Return the key id of what a client shows, for telling guesses apart; "" where it has not the shape of a key."""
    parts = _KEY.fullmatch(presented)
    return parts["key_id"] if parts else ""
