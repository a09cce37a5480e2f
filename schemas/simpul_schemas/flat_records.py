"""Avro to columns with numpy: all records of a block step through their fields together.

Of most events most fields are empty, and only few are asked for. So nothing is made of a field but where the next one
begins, unless somebody wants it; what is wanted becomes a polars column over the very bytes that came from the log.

Only what no other reader could read otherwise is taken: whole numbers in their shortest form and within limits, texts
in UTF-8, every byte used. All else (and lists that are not empty) is left to `columns`, which asks others.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from simpul_schemas.avro_types import AvroType, Items, Optional, Real, Record, Symbols, Text, Truth, Whole
from simpul_schemas.slices import PADDING, Slices
from simpul_schemas.varints import LONGER, SEVEN_BITS, WORD, Widths, joined, widths_of, words_of, zigzag

Flags = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Views = npt.NDArray[np.int32]

_VIEW = 16
#: A view of Arrow holds so many bytes of a text in itself, behind its length.
_INLINE = 12
_LENGTH_BYTES = 4
#: For every length up to `_INLINE`: the bytes of a view that are in use.
_IN_USE = np.tril(np.full((_INLINE + 1, _INLINE), 0xFF, np.uint8), -1)
_IN_USE = np.hstack([np.full((_INLINE + 1, _LENGTH_BYTES), 0xFF, np.uint8), _IN_USE]).view("<u8")
_ONE, _SEVEN = np.uint64(1), np.uint64(7)
_NOTHING = np.zeros(0, np.uint64)
_LONG = (-(2**63), 2**63 - 1)
#: Indexes of enums and unions below this are one byte.
_ONE_BYTE = 64


class FlatDecoder:
    """Decodes blocks of bodies that were written with one schema.

    Args:
        root: The schema.
        kinds: The columns that are wanted, by name, with the types that they have in polars.
    """

    def __init__(self, root: Record, kinds: pl.Schema) -> None:
        self._root = root
        self._kinds = kinds
        self._nothing = pl.DataFrame(schema=kinds)
        self.reads = not any(isinstance(kind, Record) for _, kind in root.fields)

    def decode(self, bodies: Slices) -> tuple[pl.DataFrame, Flags]:
        """Return columns of the bodies that are beyond doubt, and which these are; `bodies` must be packed."""
        walk = _Walk(bodies)
        found: dict[str, pl.Series] = {}
        for name, kind in self._root.fields:
            values = walk.field(kind, None, wanted=name in self._kinds)
            if isinstance(kind, Items) and walk.is_hopeless:
                return self._nothing, np.zeros(len(bodies), np.bool_)
            if name in self._kinds:
                found[name] = self._empty(name, kind, len(bodies)) if values is None else values
        sure = walk.ended()
        frame = pl.DataFrame({name: found[name] for name in self._kinds})
        return frame if sure.all() else frame.filter(pl.Series(sure)), sure

    def _empty(self, name: str, kind: AvroType, count: int) -> pl.Series:
        """Return a column of which no record says anything: empty lists, or nulls."""
        nothing: list[object] | None = [] if isinstance(kind, Items) else None
        return pl.Series([nothing], dtype=self._kinds[name]).new_from_index(0, count)


def _column(kind: pa.DataType, live: Flags | None, count: int, *buffers: object) -> pl.Series:
    """Make a column of what lies in arrays; nothing is copied."""
    there = None if live is None else pa.py_buffer(np.packbits(live, bitorder="little"))
    found = pl.from_arrow(pa.Array.from_buffers(kind, count, [there, *map(pa.py_buffer, buffers)]))
    assert isinstance(found, pl.Series)  # noqa: S101  # an array never becomes a frame
    return found


@lru_cache(maxsize=1024)
def _symbol_views(symbols: tuple[str, ...]) -> tuple[Views, bytes]:
    """Return a view, as Arrow has them, of each symbol, and the bytes that the long ones are in."""
    texts = Slices.packed([Slices.of([symbol.encode() for symbol in symbols])])
    return _views_of(texts.data, texts.starts, texts.sizes), texts.data


def _views_of(data: bytes, starts: Longs, lengths: Longs) -> Views:
    """Return views, as Arrow has them, of texts in a padded buffer."""
    around = np.ndarray((len(data) - _VIEW + 1,), f"V{_VIEW}", data, strides=(1,))
    views: Views = around[starts - _LENGTH_BYTES].view("<i4").reshape(-1, 4)
    views[:, 0] = lengths
    short = lengths <= _INLINE
    if short.all():
        views.view("<u8")[:] &= _IN_USE[lengths]
    elif not short.any():
        views[:, 2], views[:, 3] = 0, starts
    else:
        views.view("<u8")[short] &= _IN_USE[lengths[short]]
        views[~short, 2], views[~short, 3] = 0, starts[~short]
    return views


def _is_utf8(octets: bytes | None) -> bool:
    try:
        (octets or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


class _Walk:
    """Where each record of a block is being read, and which of them are doubtful.

    A doubtful one goes on at the beginning of the buffer, where it can do no harm.
    """

    def __init__(self, bodies: Slices) -> None:
        self._data = bodies.data
        self._words = words_of(bodies.data)
        self._at = bodies.starts.copy()
        self._ends = bodies.ends
        self._doubtful = np.zeros(len(bodies), np.bool_)
        self._window: Words = _NOTHING
        self._used = 0  # bytes of the window that are behind `_at`

    def ended(self) -> Flags:
        """Return which records are beyond doubt, when all fields were read."""
        self._close_window()
        sure: Flags = ~self._doubtful & (self._at == self._ends)
        return sure

    @property
    def is_hopeless(self) -> bool:
        """Whether all records are doubtful."""
        return bool(self._doubtful.all())

    def field(self, kind: AvroType, live: Flags | None, *, wanted: bool) -> pl.Series | None:  # noqa: PLR0911  # one return a type
        """Read a field of every record, or of those that are `live`."""
        match kind:
            case Optional(inner, null_index):
                return self._optional(inner, null_index, live, wanted=wanted)
            case Whole(low, high):
                return self._whole(low, high, live, wanted=wanted)
            case Text():
                return self._text(live)
            case Symbols(symbols):
                return self._symbols(symbols, live, wanted=wanted)
            case Truth():
                octets = self._octets()
                self._doubt(octets > 1, live)
                self._skip_one(live)
                bits = np.packbits(octets == 1, bitorder="little")
                return _column(pa.bool_(), live, len(octets), bits) if wanted else None
            case Real(size):
                return self._real(size, live, wanted=wanted)
            case Items():
                self._doubt(self._octets() != 0, live)
                self._skip_one(live)
                return None
        self._doubt(np.ones(len(self._at), np.bool_), live)
        return None

    def _optional(self, inner: AvroType, null_index: int, live: Flags | None, *, wanted: bool) -> pl.Series | None:
        octets = self._octets()
        present = octets == 2 * (1 - null_index)
        if live is not None:
            present &= live
        self._doubt((octets != 2 * null_index) & ~present, live)
        self._skip_one(live)
        if isinstance(inner, Items):
            self._doubt(present, live)
            return None
        if not present.any():
            return None
        return self.field(inner, None if present.all() else present, wanted=wanted)

    def _whole(self, low: int, high: int, live: Flags | None, *, wanted: bool) -> pl.Series | None:
        values = self._varints(live)
        if (low, high) != _LONG:
            self._doubt((values < low) | (values > high), live)
        return _column(pa.int64(), live, len(values), values) if wanted else None

    def _real(self, size: int, live: Flags | None, *, wanted: bool) -> pl.Series | None:
        self._open_window()
        words = self._window
        numbers = words.view("<f8") if size == WORD else words.astype("<u4").view("<f4")
        self._doubt(~np.isfinite(numbers), live)
        self._skip(np.full(len(words), size), live)
        return _column(pa.from_numpy_dtype(numbers.dtype), live, len(words), numbers) if wanted else None

    def _symbols(self, symbols: tuple[str, ...], live: Flags | None, *, wanted: bool) -> pl.Series | None:
        if len(symbols) <= _ONE_BYTE:
            octets = self._octets()
            self._doubt((octets & 1 != 0) | (octets >= 2 * len(symbols)), live)
            indexes = octets >> 1
            self._skip_one(live)
        else:
            indexes = self._varints(live)
            self._doubt((indexes < 0) | (indexes >= len(symbols)), live)
        if not wanted:
            return None
        views, text = _symbol_views(symbols)
        found = views.take(indexes, mode="clip", axis=0)
        return _column(pa.string_view(), live, len(found), found, text)

    def _text(self, live: Flags | None) -> pl.Series:
        lengths = self._varints(live)
        self._close_window()
        self._doubt((lengths < 0) | (lengths > self._ends - self._at), live)
        unread = self._doubtful if live is None else self._doubtful | ~live
        if unread.any():
            lengths[unread] = 0
        texts = self._decoded(lengths, live)
        self._skip(lengths, None)
        return texts

    def _decoded(self, lengths: Longs, live: Flags | None) -> pl.Series:
        """Return the texts that begin where the records are read; those that are no UTF-8 are doubtful."""
        octets = self._column_of(lengths, live)
        try:
            return octets.cast(pl.String)
        except pl.exceptions.ComputeError:  # somewhere in the block
            wrong = np.fromiter((not _is_utf8(one) for one in octets.to_list()), np.bool_, len(octets))
        self._doubt(wrong, live)
        lengths[wrong] = 0
        return self._column_of(lengths, live).cast(pl.String)

    def _column_of(self, lengths: Longs, live: Flags | None) -> pl.Series:
        views = _views_of(self._data, self._at, lengths)
        return _column(pa.binary_view(), live, len(views), views, self._data)

    def _varints(self, live: Flags | None) -> Longs:
        """Read whole numbers; those of more than 8 bytes are doubtful."""
        words = self._rest(live)
        if not (words & LONGER).any():
            self._skip_one(live)
            return zigzag(words & SEVEN_BITS)
        widths = widths_of(words)
        if self._used and widths.max() > WORD - self._used:
            self._close_window()
            words = self._rest(live)
            widths = widths_of(words)
        numbers = joined(words, widths)
        shortest = numbers >> (widths.astype(np.uint64) - _ONE) * _SEVEN != 0
        self._doubt((widths > WORD) | ~(shortest | (widths == 1)), live)
        self._skip(widths, live)
        return zigzag(numbers)

    def _doubt(self, doubtful: Flags, live: Flags | None) -> None:
        if doubtful.any():
            if live is not None:
                doubtful = doubtful & live
            self._doubtful |= doubtful

    def _open_window(self) -> None:
        """Take the next eight bytes of every record at once, for as long as all records go on alike."""
        self._close_window()
        stray = self._at > self._ends
        if stray.any():
            self._doubtful |= stray
        if self._doubtful.any():
            self._at[self._doubtful] = PADDING
        self._window = self._words[self._at]

    def _rest(self, live: Flags | None) -> Words:
        """Return the next bytes of every record: eight less what was used of them, zeros where it is not live."""
        if self._used > WORD // 2 or not len(self._window):
            self._open_window()
        words = self._window >> np.uint64(8 * self._used)
        return words if live is None else words * live

    def _octets(self) -> npt.NDArray[np.uint8]:
        """Return the next byte of every record."""
        if self._used == WORD or not len(self._window):
            self._open_window()
        return self._window.view(np.uint8).reshape(-1, WORD)[:, self._used]

    def _skip_one(self, live: Flags | None) -> None:
        if live is None:
            self._used += 1
        else:
            self._skip(1, live)

    def _skip(self, widths: Longs | Widths | int, live: Flags | None) -> None:
        self._close_window()
        self._at += widths if live is None else widths * live

    def _close_window(self) -> None:
        self._at += self._used
        self._used = 0
        self._window = _NOTHING
