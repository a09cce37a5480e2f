"""Byte strings that lie in one buffer: a batch of records is a few arrays, and no object a record."""

from collections.abc import Iterator, Sequence
from typing import SupportsIndex, overload

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]

#: Bytes before the first and behind the last string of `packed`, so that some can be read at once wherever one begins.
PADDING = 32


class Slices(Sequence[bytes | None]):
    """Strings between `starts` and `ends` of a buffer, made into objects when they are looked at.

    A string that is None begins at -1 and ends there.
    """

    __slots__ = ("data", "ends", "starts")

    def __init__(self, data: bytes, starts: Longs, ends: Longs) -> None:
        self.data = data
        self.starts = starts
        self.ends = ends

    @staticmethod
    def of(values: Sequence[bytes | None]) -> "Slices":
        """Put strings that are objects into a buffer."""
        if isinstance(values, Slices):
            return values
        there = [value or b"" for value in values]
        ends = np.cumsum(np.fromiter(map(len, there), np.int64, len(there)))
        starts = ends - np.fromiter(map(len, there), np.int64, len(there))
        absent = np.fromiter((value is None for value in values), np.bool_, len(there))
        return Slices(b"".join(there), np.where(absent, -1, starts), np.where(absent, -1, ends))

    @staticmethod
    def joined(parts: Sequence["Slices"]) -> "Slices":
        """Put several one after the other; those of one buffer stay there."""
        if any(part.data is not parts[0].data for part in parts):
            return Slices.packed(parts)
        starts, ends = (np.concatenate([getattr(part, name) for part in parts]) for name in ("starts", "ends"))
        return Slices(parts[0].data, starts, ends)

    @staticmethod
    def packed(parts: Sequence["Slices"]) -> "Slices":
        """Put several one after the other, in a buffer with `PADDING` around it."""
        pieces = [bytes(PADDING)]
        starts: list[Longs] = []
        ends: list[Longs] = []
        size = PADDING
        for part in parts:
            there = part.starts >= 0
            whole = bool(there.all())
            if not there.any():
                starts.append(part.starts)
                ends.append(part.ends)
                continue
            first = int(part.starts.min() if whole else part.starts[there].min())
            pieces.append(part.data[first : int(part.ends.max())])
            move = size - first
            starts.append(part.starts + move if whole else np.where(there, part.starts + move, -1))
            ends.append(part.ends + move if whole else np.where(there, part.ends + move, -1))
            size += len(pieces[-1])
        pieces.append(bytes(PADDING))
        nothing = np.zeros(0, np.int64)
        return Slices(b"".join(pieces), np.concatenate([nothing, *starts]), np.concatenate([nothing, *ends]))

    @property
    def sizes(self) -> Longs:
        """The bytes of each string; 0 for one that is None."""
        return self.ends - self.starts

    def take(self, rows: npt.NDArray[np.intp]) -> "Slices":
        """Return the strings of some rows, in the same buffer."""
        return Slices(self.data, self.starts[rows], self.ends[rows])

    def behind(self, head: int) -> "Slices":
        """Return the strings without so many first bytes; none of them is None or shorter."""
        return Slices(self.data, self.starts + head, self.ends)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, at: SupportsIndex) -> bytes | None: ...
    @overload
    def __getitem__(self, at: slice) -> "Slices": ...
    def __getitem__(self, at: SupportsIndex | slice) -> "bytes | Slices | None":
        if isinstance(at, slice):
            return Slices(self.data, self.starts[at], self.ends[at])
        start = int(self.starts[at])
        return None if start < 0 else self.data[start : int(self.ends[at])]

    def __iter__(self) -> Iterator[bytes | None]:
        data = self.data
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield None if start < 0 else data[start:end]
