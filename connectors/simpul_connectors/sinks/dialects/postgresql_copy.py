"""A frame as PostgreSQL's binary COPY stream, built in columns: no value passes through Python.

The format is the signature, then for each row the number of its fields and for each field its length and bytes, then
a trailer; a length of -1 is null. Every column is turned into such pieces of bytes, and joined row by row. Unlike the
text formats it has nothing to escape, so no content can break it.
"""

import struct
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from simpul_connectors.sinks.table import Kind

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_NULL = pa.scalar(struct.pack("!i", -1), pa.large_binary())
#: PostgreSQL counts microseconds from 2000-01-01, and its calendar begins with 4714-11-24 BC.
_EPOCH_MICROS = 946_684_800_000_000
_FIRST_MICROS = -211_813_488_000_000_000
_BEFORE_CALENDAR = -(2**63)
#: The version byte before the text of a jsonb value.
_JSONB_VERSION = "\x01"


def to_copy_stream(frame: pl.DataFrame, kinds: Sequence[Kind]) -> Iterator[memoryview | bytes]:
    """Yield the stream of a frame whose columns are of the given kinds, in order."""
    yield _SIGNATURE
    if frame.height:
        # An array, not a scalar: of scalars alone the join would be one as well.
        count = _binary(np.full(frame.height, frame.width, ">i2"))
        pieces = [_pieces(series, kind) for series, kind in zip(frame, kinds, strict=True)]
        rows = pc.binary_join_element_wise(count, *pieces, pa.scalar(b"", pa.large_binary()))
        _, offsets, data = rows.buffers()
        end = np.frombuffer(offsets, np.int64)[rows.offset + len(rows)]
        yield memoryview(data)[:end]
    yield _TRAILER


def _pieces(series: pl.Series, kind: Kind) -> pa.Array | pa.Scalar:
    """Return length and bytes of every value of a column; one scalar where all are null."""
    if series.null_count() == len(series):
        return _NULL
    if kind in {Kind.TEXT, Kind.JSON}:
        pieces = _texts(_JSONB_VERSION + series if kind is Kind.JSON else series)
    elif kind is Kind.DOUBLE:
        pieces = _fixed(series.fill_null(0.0).to_numpy(), ">f8")
    else:
        numbers = series.fill_null(0).to_numpy()
        pieces = _fixed(_to_calendar(numbers) if kind is Kind.TIMESTAMP else numbers, ">i8")
    if not series.null_count():
        return pieces
    return pc.if_else(pa.array(series.is_not_null().to_numpy()), pieces, _NULL)


def _to_calendar(micros: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count from PostgreSQL's epoch; what lies before its calendar becomes its -infinity."""
    inside = micros >= _FIRST_MICROS + _EPOCH_MICROS
    return np.where(inside, np.where(inside, micros, 0) - _EPOCH_MICROS, _BEFORE_CALENDAR)


def _fixed(values: npt.NDArray[np.generic], form: str) -> pa.Array:
    pieces = np.empty(len(values), np.dtype([("length", ">i4"), ("value", form)]))
    pieces["length"] = 8
    pieces["value"] = values
    return _binary(pieces)


def _texts(series: pl.Series) -> pa.Array:
    texts = series.fill_null("").to_arrow().cast(pa.large_binary())
    lengths = pc.binary_length(texts).to_numpy().astype(">i4")
    return pc.binary_join_element_wise(_binary(lengths), texts, pa.scalar(b"", pa.large_binary()))


def _binary(pieces: npt.NDArray[np.generic]) -> pa.Array:
    """View an array of equally long items as binary values, without copying."""
    offsets = np.arange(len(pieces) + 1, dtype=np.int64) * pieces.itemsize
    return pa.Array.from_buffers(
        pa.large_binary(), len(pieces), [None, pa.py_buffer(offsets), pa.py_buffer(pieces.tobytes())]
    )
