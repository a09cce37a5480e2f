"""JSON documents in a fold's store, read once and written once a transaction; for stages of a low rate."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from simpul_processors.store import Snapshot, Space, Transaction

Document: TypeAlias = Any


def digest(parts: Sequence[str]) -> str:
    """Return a key of fixed length for texts that may be longer than a store's keys."""
    text = json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Overlay:
    """What was read of a store and is to be written there, by space and key; equal documents are equal bytes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._held: dict[tuple[Space, str], Document] = {}
        self._changed: set[tuple[Space, str]] = set()

    def fetch(self, space: Space, keys: Iterable[str]) -> None:
        """Read many documents at once, before they are asked for one by one."""
        wanted = sorted({key for key in keys if (space, key) not in self._held})
        found = self._snapshot.get(space, [key.encode() for key in wanted])
        for key in wanted:
            value = found.get(key.encode())
            self._held[space, key] = None if value is None else json.loads(value)

    def get(self, space: Space, key: str) -> Document:
        """Return a document; None where there is none. Who changes it in place says so by `put`."""
        if (space, key) not in self._held:
            self.fetch(space, [key])
        return self._held[space, key]

    def put(self, space: Space, key: str, document: Document) -> None:
        """Set a document."""
        self._held[space, key] = document
        self._changed.add((space, key))

    def flush(self, transaction: Transaction) -> None:
        """Write what has changed."""
        for space in Space:
            keys = sorted(key for where, key in self._changed if where is space)
            transaction.put(space, [(key.encode(), _bytes(self._held[space, key])) for key in keys])
        self._changed.clear()


def _bytes(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
