"""Operators: who may see refused records and redrive them, by a key; and the sessions of their browsers.

A key is `<key id>.<secret>` with 256 random bits, of which only a keyed hash (HMAC-SHA-256 with a pepper) is kept, in a
file that nobody else may write. Sessions live in memory alone: a portal that starts anew knows none.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from simpul_connectors.errors import OperatorRefused, OperatorsUnreadable
from simpul_schemas.regions import load_regions

SESSION_SECONDS = 30 * 60.0
_DAY_MICROS = 86_400_000_000
_SESSIONS_AT_MOST = 200
_KEY = re.compile(r"(?P<key_id>[0-9a-f]{12})\.(?P<secret>[A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[\w .'@-]{1,60}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who may redrive in some provinces (none named: in all), until a moment in microseconds."""

    key_id: str
    name: str
    mac: str
    provinces: tuple[str, ...]
    expires_at: int

    def may(self, province: str) -> bool:
        """Return whether a province is theirs."""
        return not self.provinces or province in self.provinces


@dataclass(slots=True)
class Session:
    """A browser that is signed in; `csrf` stands in every form of its pages."""

    operator: Operator
    csrf: str
    until: float

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.operator.name


class OperatorFile:
    """The file of operators; read anew when it changes, so that a removed one is out at once."""

    def __init__(self, path: Path, pepper: bytes, clock: Callable[[], int]) -> None:
        self._path = path
        self._pepper = pepper
        self._clock = clock
        self._read_at: tuple[int, int, int] | None = None
        self._known: dict[str, Operator] = {}

    def exists(self) -> bool:
        """Return whether there is anybody who may sign in."""
        return self._path.exists()

    def all(self) -> list[Operator]:
        """Return every operator; raises `OperatorsUnreadable`."""
        self._look()
        return list(self._known.values())

    def of_key(self, text: str) -> Operator | None:
        """Return whose key a text is, None where it opens nothing."""
        parts = _KEY.fullmatch(text.strip())
        if parts is None:
            return None
        self._look()
        found = self._known.get(parts["key_id"])
        # A key that nobody has takes as long as one with a wrong secret.
        mac = found.mac if found else "0" * 64
        if not hmac.compare_digest(mac, self._mac(parts["secret"])):
            return None
        return found if found and self.is_live(found) else None

    def is_live(self, operator: Operator) -> bool:
        """Return whether an operator is still in the file, as it was, and has not expired."""
        self._look()
        return self._known.get(operator.key_id) == operator and self._clock() < operator.expires_at

    def create(self, name: str, provinces: Sequence[str], days: int) -> tuple[Operator, str]:
        """Add an operator and return them with their key, which is kept nowhere; raises `OperatorRefused`."""
        if not _NAME.fullmatch(name):
            raise OperatorRefused(
                f"Nama '{name}' tidak dapat dipakai; 1 sampai 60 huruf, angka, spasi, titik atau @.",
                f"The name '{name}' cannot be used; 1 to 60 letters, digits, spaces, points or @.",
            )
        wrong = [code for code in provinces if code not in load_regions().provinces()]
        if wrong:
            raise OperatorRefused(
                f"Provinsi '{wrong[0]}' tidak ada; pakai dua angka, misalnya 53.",
                f"There is no province '{wrong[0]}'; give two digits, such as 53.",
            )
        secret = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        until = self._clock() + days * _DAY_MICROS
        made = Operator(secrets.token_hex(6), name, self._mac(secret), tuple(provinces), until)
        known = {one.key_id: one for one in self.all()} if self.exists() else {}
        self._write([*known.values(), made])
        return made, f"{made.key_id}.{secret}"

    def revoke(self, key_id: str) -> Operator:
        """Take an operator out; raises `OperatorRefused` for an unknown one."""
        known = {one.key_id: one for one in self.all()} if self.exists() else {}
        found = known.pop(key_id, None)
        if found is None:
            raise OperatorRefused(
                f"Tidak ada operator dengan kunci '{key_id}'; lihat 'simpul portal operator list'.",
                f"There is no operator with the key '{key_id}'; see 'simpul portal operator list'.",
            )
        self._write(list(known.values()))
        return found

    def _mac(self, secret: str) -> str:
        return hmac.digest(self._pepper, secret.encode(), hashlib.sha256).hex()

    def _look(self) -> None:
        try:
            now = self._path.stat()
            stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
            if stamp == self._read_at:
                return
            if os.name == "posix" and now.st_mode & _OTHERS:
                raise OperatorsUnreadable(self._path, "chmod 600")
            self._known = {one.key_id: one for one in map(_operator, json.loads(self._path.read_text("utf-8")))}
            self._read_at = stamp
        except FileNotFoundError:
            self._known, self._read_at = {}, None
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._known, self._read_at = {}, None
            raise OperatorsUnreadable(self._path, str(error)) from error

    def _write(self, operators: Sequence[Operator]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump([asdict(one) for one in operators], file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


class Sessions:
    """Browsers that are signed in, by a random id that only their cookie has."""

    def __init__(self, operators: OperatorFile, monotonic: Callable[[], float]) -> None:
        self._operators = operators
        self._monotonic = monotonic
        self._open: OrderedDict[str, Session] = OrderedDict()

    def sign_in(self, key: str) -> tuple[str, Session] | None:
        """Open a session; returns its id, or None for a key that opens nothing."""
        operator = self._operators.of_key(key)
        if operator is None:
            return None
        name = secrets.token_urlsafe(32)
        session = Session(operator, secrets.token_urlsafe(32), self._monotonic() + SESSION_SECONDS)
        self._open[name] = session
        while len(self._open) > _SESSIONS_AT_MOST:
            self._open.popitem(last=False)
        return name, session

    def of(self, name: str | None) -> Session | None:
        """Return a session that is still open, and keep it open for a while longer."""
        session = self._open.get(name or "")
        if session is None:
            return None
        if self._monotonic() >= session.until or not self._operators.is_live(session.operator):
            self._open.pop(name or "", None)
            return None
        session.until = self._monotonic() + SESSION_SECONDS
        return session

    def sign_out(self, name: str | None) -> None:
        """End a session."""
        self._open.pop(name or "", None)


def is_token(session: Session, given: str) -> bool:
    """Return whether a form came out of a page of this session."""
    return hmac.compare_digest(session.csrf.encode(), given.encode())


def _operator(row: dict[str, Any]) -> Operator:
    found = Operator(**row)
    return replace(found, provinces=tuple(found.provinces))
