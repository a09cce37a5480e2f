"""Health: a few probes asked in the background, and what they said last, with its age."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simpul_schemas.errors import SimpulError

_EVERY_SECONDS = 5.0
#: A probe that has not answered for so long counts as failed, whatever it said last.
_STALE_SECONDS = 60.0
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe said last: whether all is well, why not, and when (monotonic seconds)."""

    ok: bool
    reason: str
    at: float


class Health:
    """Probes by name, each a call that raises `SimpulError` where something is wrong.

    Ready means that the `needed` ones are well: a gateway takes events also while broker and registry are away, since
    the outbox keeps them.
    """

    def __init__(
        self,
        probes: Mapping[str, Callable[[], object]],
        needed: frozenset[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = dict(probes)
        self._needed = needed
        self._monotonic = monotonic
        self._findings: dict[str, Finding] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-health", daemon=True)

    def start(self) -> None:
        """Ask the needed probes once, so that the first answer is a true one, and begin to ask all."""
        for name in sorted(self._needed):
            self._ask(name)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def ask_all(self) -> None:
        """Ask every probe once."""
        for name in self._probes:
            self._ask(name)

    @property
    def ready(self) -> bool:
        """Whether all that is needed is well."""
        return all(self._is_well(name) for name in self._needed)

    def is_well(self) -> Mapping[str, bool]:
        """Return for each probe whether all is well."""
        return {name: self._is_well(name) for name in self._probes}

    def document(self) -> dict[str, Any]:
        """Return every probe with its state, reason and the age of what it said."""
        return {
            "ready": self.ready,
            "checks": {name: self._describe(name) for name in self._probes},
        }

    def _describe(self, name: str) -> dict[str, Any]:
        found = self._findings.get(name)
        return {
            "ok": self._is_well(name),
            "needed": name in self._needed,
            "reason": "not asked yet" if found is None else found.reason,
            "age_seconds": None if found is None else round(self._monotonic() - found.at, 1),
        }

    def _is_well(self, name: str) -> bool:
        found = self._findings.get(name)
        return found is not None and found.ok and self._monotonic() - found.at < _STALE_SECONDS

    def _run(self) -> None:
        while not self._stop.is_set():
            self.ask_all()
            self._stop.wait(_EVERY_SECONDS)

    def _ask(self, name: str) -> None:
        try:
            self._probes[name]()
        except SimpulError as error:
            self._findings[name] = Finding(ok=False, reason=error.message_en, at=self._monotonic())
        else:
            self._findings[name] = Finding(ok=True, reason="", at=self._monotonic())
