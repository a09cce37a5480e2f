"""How far a reader has come, kept where the reader wants.

A cursor names the view, the cluster, and of each partition the next offset and the append time of the record before it.
That record is read once more when a reader goes on: if another one lies in its place, the topic was made anew, and the
offset means nothing. (Compaction may have taken it away; then nothing lies there, and that is right.)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from simpul_connectors.atomic_file import replace_file
from simpul_connectors.errors import CursorUnusable
from simpul_schemas.rules import Text

_VERSION = 1
_UNREADABLE = Text("tidak dapat dibaca.", "cannot be read.")


class Reached(NamedTuple):
    """Where one partition is gone on from: its next offset, and when the broker took the record before it."""

    next_offset: int
    appended: int


@dataclass(frozen=True)
class Cursor:
    """A position in the figures of a view; `str` gives a text that `read` takes back."""

    view: str
    cluster: str
    partitions: Mapping[int, Reached]
    #: What messages call it.
    name: str = field(default="-", compare=False)

    def __str__(self) -> str:
        document = {
            "version": _VERSION,
            "view": self.view,
            "cluster": self.cluster,
            "partitions": {str(number): list(at) for number, at in sorted(self.partitions.items())},
        }
        return json.dumps(document)

    @classmethod
    def read(cls, text: str, name: str = "-") -> "Cursor":
        """Return the cursor of a text, or raise `CursorUnusable`; `name` is what its message calls it."""
        try:
            document = json.loads(text)
            if document["version"] != _VERSION:
                raise CursorUnusable(name, Text("berversi lain.", "is of another version."))
            partitions = {int(number): Reached(*map(int, at)) for number, at in document["partitions"].items()}
            found = cls(str(document["view"]), str(document["cluster"]), MappingProxyType(partitions), name)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CursorUnusable(name, _UNREADABLE) from error
        if any(at.next_offset < 0 for at in partitions.values()):
            raise CursorUnusable(name, _UNREADABLE)
        return found


class CursorStore(Protocol):
    """Where a reader keeps its cursor; what was saved survives a crash, whole."""

    #: What messages call it.
    name: str

    def load(self) -> Cursor | None:
        """Return what was saved last; None where nothing was. What cannot be read raises `CursorUnusable`."""

    def save(self, cursor: Cursor) -> None:
        """Save a cursor in the place of the one before; returns when it is safe."""


class CursorFile:
    """A cursor in a file of its own."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self.name = str(path)

    def load(self) -> Cursor | None:
        """See `CursorStore`."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CursorUnusable(self.name, _UNREADABLE) from error
        return Cursor.read(text, self.name)

    def save(self, cursor: Cursor) -> None:
        """See `CursorStore`."""
        replace_file(self._path, lambda file: file.write(f"{cursor}\n".encode()))
