"""Avro and the rules for a column of records at once: what the fold and the sinks run on.

Three readers, the quickest first. `flat_records` steps through a block with numpy and takes what is beyond doubt.
What has lists, or is doubtful, goes through pyruhvro, which decodes to Arrow 20 times faster than rows are; a block
that fails there is halved down to a few records, and `simpul_schemas.rows` is their referee: a record is refused only
there, and under its code.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyruhvro

from simpul_schemas.avro_types import plain_schema, read_schema
from simpul_schemas.column_limits import compile_limits
from simpul_schemas.column_rules import ColumnRules, judge
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.flat_records import FlatDecoder
from simpul_schemas.rows import MAX_BODY_BYTES, RowDecoder
from simpul_schemas.slices import Slices

__all__ = ["ROW", "BlockDecoder", "ColumnRules", "Decoded", "conform", "judge"]

#: Column that says which input record a decoded row came from.
ROW = "_row"
#: A part of a block that fails goes to the referee as a whole when it is no longer than this. Halving further would
#: cost more than it saves: a block of 50,000 takes a second or two, wherever its bad records lie.
_REFEREE_AT_ONCE = 32
#: Rows are turned into a batch after so many bytes of bodies, since as Python objects they take a hundred times that.
_REFEREED_BYTES = 1 << 16
#: Bodies are decoded so many bytes at a time, since what is made on the way to a frame takes as much as the frame.
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Decoded:
    """The rows that could be decoded, with their input position in column `ROW`, and the code of every other record."""

    frame: pl.DataFrame
    malformed: Mapping[int, str]


class BlockDecoder:
    """Decodes blocks of bodies that were written with one schema.

    pyruhvro gets the schema in its plain form (`plain_schema`), so that whatever a registry holds, only types that it
    carries reach it. Raises `UncarriedSchema` for a schema with others. With `columns` only these are handed out, after
    all have been decoded and checked.
    """

    def __init__(self, schema: str, columns: Collection[str] | None = None) -> None:
        self.root = read_schema(schema)
        self._plain = plain_schema(self.root)
        self._rows = RowDecoder(self.root)
        self._beyond_limits = compile_limits(self.root)
        self._arrow = pyruhvro.deserialize_array([], self._plain).schema.append(pa.field(ROW, pa.int64()))
        self._wanted = [name for name in self._arrow.names if columns is None or name in columns or name == ROW]
        self._nothing = self._frame([])
        self._flat = FlatDecoder(self.root, pl.Schema(self._nothing.drop(ROW).schema))

    def decode(self, bodies: Sequence[bytes] | Slices) -> Decoded:
        """Decode every body that is a record of the schema, in their order; whole numbers and times come as 64 bits.

        Time: linear, wherever and however many the bad records are. Memory: up to 22 bytes for each byte of the bodies,
        where their lists are full of empty items, so a block must be bounded by who reads it; `kafka_log.READ_BYTES`
        does so. None of `bodies` is None, and slices are packed.
        """
        if not len(bodies):
            return Decoded(self._nothing, {})
        if not self._flat.reads:
            return _in_order([self._doubtful(list(bodies))])  # type: ignore[arg-type]  # none of them is None
        packed = bodies if isinstance(bodies, Slices) else Slices.packed([Slices.of(bodies)])
        if packed.sizes.max() > MAX_BODY_BYTES:
            return _in_order([self._doubtful(list(packed))])  # type: ignore[arg-type]  # none of them is None
        frame, sure = self._flat.decode(packed)
        quick = Decoded(frame.with_columns(pl.Series(ROW, np.flatnonzero(sure), pl.Int64)), {})
        if sure.all():
            return quick
        rows = np.flatnonzero(~sure)
        others = self._doubtful(list(packed.take(rows)))  # type: ignore[arg-type]  # none of them is None
        numbers = pl.Series(ROW, rows, pl.Int64).gather(others.frame[ROW])
        malformed = {int(rows[at]): code for at, code in others.malformed.items()}
        return _in_order([quick, Decoded(others.frame.with_columns(numbers), malformed)])

    def _doubtful(self, bodies: list[bytes]) -> Decoded:
        """Decode what the quickest reader did not."""
        frames: list[pl.DataFrame] = []
        doubtful: list[int] = []
        if max(map(len, bodies)) <= MAX_BODY_BYTES:
            for start, piece in _pieces(bodies):
                good: list[pa.RecordBatch] = []
                self._decode(piece, start, good, doubtful)
                frames.append(self._frame(good))
        else:
            doubtful.extend(range(len(bodies)))
        malformed: dict[int, str] = {}
        if doubtful:
            frames.append(self._frame(list(self._referee(bodies, doubtful, malformed))))
        return Decoded(pl.concat(frames, rechunk=False), malformed)

    def _frame(self, batches: Sequence[pa.RecordBatch]) -> pl.DataFrame:
        frame = pl.from_arrow(pa.Table.from_batches(batches, schema=self._arrow).select(self._wanted))
        assert isinstance(frame, pl.DataFrame)  # noqa: S101  # a table never becomes a series
        return frame

    def _decode(self, bodies: Sequence[bytes], start: int, good: list[pa.RecordBatch], doubtful: list[int]) -> None:
        """Put what is beyond doubt into `good`, and the positions of the rest into `doubtful`."""
        if not bodies:
            return
        tried = self._attempt(bodies)
        if tried is not None:
            batch, sound = tried
            batch = batch.append_column(ROW, pa.array(np.arange(start, start + len(bodies))))
            if pc.all(sound).as_py():
                good.append(batch)
            else:
                good.append(batch.filter(sound))
                doubtful.extend((pc.indices_nonzero(pc.invert(sound)).to_numpy() + start).tolist())
        elif len(bodies) <= _REFEREE_AT_ONCE:
            doubtful.extend(range(start, start + len(bodies)))
        else:
            middle = len(bodies) // 2
            self._decode(bodies[:middle], start, good, doubtful)
            self._decode(bodies[middle:], start + middle, good, doubtful)

    def _attempt(self, bodies: Sequence[bytes]) -> tuple[pa.RecordBatch, pa.Array] | None:
        """Decode bodies at once and say which are sound; None where one of them spoils it for all."""
        try:
            batch = pyruhvro.deserialize_array(bodies, self._plain)
            # pyruhvro does not look whether a text is UTF-8, and polars would read past the end of one that is not.
            batch.validate(full=True)
            again = pyruhvro.serialize_record_batch(batch, self._plain, 1)[0]
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001  # a Rust panic is a bare BaseException; a smaller part may fit in memory
            return None
        # pyruhvro accepts what no writer writes, but it writes properly: only the very same bytes are beyond doubt.
        sound = pc.equal(again, pa.array(bodies, pa.binary()))
        if self._beyond_limits is not None and len(beyond := self._beyond_limits(batch.to_struct_array())):
            limits = np.ones(len(bodies), np.bool_)
            limits[beyond.to_numpy()] = False
            sound = pc.and_(sound, pa.array(limits))
        return batch, sound

    def _referee(
        self, bodies: list[bytes], positions: list[int], malformed: dict[int, str]
    ) -> Iterator[pa.RecordBatch]:
        """Decode bodies one by one; a record is refused only here, so columns and rows refuse the same."""
        records: list[dict[str, Any]] = []
        size = 0
        for position in positions:
            try:
                records.append({**self._rows.decode(bodies[position]), ROW: position})
            except MalformedRecord as error:
                malformed[position] = error.code
            else:
                size += len(bodies[position])
            if size > _REFEREED_BYTES:
                yield pa.RecordBatch.from_pylist(records, schema=self._arrow)
                records, size = [], 0
        yield pa.RecordBatch.from_pylist(records, schema=self._arrow)


def _pieces(bodies: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Cut bodies into pieces of about `_PIECE_BYTES`, each with the position of its first one."""
    start = size = 0
    for position, body in enumerate(bodies):
        size += len(body)
        if size >= _PIECE_BYTES:
            yield start, bodies[start : position + 1]
            start, size = position + 1, 0
    if start < len(bodies):
        yield start, bodies[start:]


def _in_order(parts: Sequence[Decoded]) -> Decoded:
    frame = pl.concat(part.frame for part in parts) if len(parts) > 1 else parts[0].frame
    if not frame[ROW].is_sorted():  # sorting copies, and lists may be large
        frame = frame.sort(ROW)
    return Decoded(frame, {row: code for part in parts for row, code in part.malformed.items()})


def conform(frame: pl.DataFrame, current: pl.Schema) -> pl.DataFrame:
    """Give a frame of an older or newer schema the columns of the current one: unknown where it had none."""
    if frame.schema == current:
        return frame
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in current.items()
    )
