"""Rows of whole numbers in memory, by key and by place, each packed into 8 bytes a number. Pure.

A figure takes about 250 bytes for its key and index entries besides, where as an object it would take a kilobyte.
Nothing is ever moved as a whole when more come, so a put is always short.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

#: Region, period, and whatever else tells rows of one place apart.
Key: TypeAlias = tuple[str, ...]
#: Region and period.
Spot: TypeAlias = tuple[str, str]
Numbers: TypeAlias = npt.NDArray[np.int64]
#: What stands for null in a row of counts.
NULL = -1
_NUMBER = 8


class Rows(NamedTuple):
    """Rows to be put: keys, numbers (a row each; the first is the revision), and what else is kept beside some."""

    keys: Sequence[Key]
    numbers: Numbers
    beside: Mapping[int, Any]


class HeldRows:
    """Keeps of every key the row with the highest revision."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: dict[Key, bytes] = {}
        self._spots: dict[Spot, list[Key]] = {}
        self._beside: dict[Key, Any] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    @property
    def spots(self) -> Collection[Spot]:
        """The places that have a row."""
        return self._spots.keys()

    def put(self, rows: Rows) -> tuple[set[Spot], list[Key]]:
        """Take in those rows that are newer than what is held; returns the places that have changed, and the new keys.

        Of rows with one revision the one that came first stays.
        """
        changed: set[Spot] = set()
        fresh: list[Key] = []
        size = self._width * _NUMBER
        packed = np.ascontiguousarray(rows.numbers, np.int64).tobytes()
        revisions = rows.numbers[:, 0].tolist()
        for number, (key, revision) in enumerate(zip(rows.keys, revisions, strict=True)):
            held = self._rows.get(key)
            if held is None:
                # Regions, periods and dimensions are few, and each stands in very many keys: one object for each text.
                key = tuple(map(sys.intern, key))  # noqa: PLW2901  # the same key
                self._spots.setdefault((key[0], key[1]), []).append(key)
                fresh.append(key)
            elif revision <= int.from_bytes(held[:_NUMBER], sys.byteorder, signed=True):
                continue
            self._rows[key] = packed[number * size : (number + 1) * size]
            beside = rows.beside.get(number)
            if beside is not None:
                self._beside[key] = beside
            elif held is not None:
                self._beside.pop(key, None)
            changed.add((key[0], key[1]))
        return changed, fresh

    def at(self, spot: Spot) -> Sequence[Key]:
        """Return the keys of a place, in the order in which they came."""
        return self._spots.get(spot, ())

    def numbers(self, keys: Sequence[Key]) -> Numbers:
        """Return the rows of some keys that are there."""
        packed = b"".join([self._rows[key] for key in keys])
        return np.frombuffer(packed, np.int64).reshape(len(keys), self._width)

    def beside(self, key: Key) -> Any:  # noqa: ANN401  # what the caller has put
        """Return what is kept beside a row; None where nothing is."""
        return self._beside.get(key)
