"""From raw blocks of a log to columns: frame check, decoding by the writer's schema, and the verdict of the rules.

The fold and every sink read events through this one door, so they accept and refuse the very same records.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import polars as pl

from simpul_schemas.avro_types import UncarriedSchema, resolves
from simpul_schemas.columns import ROW, BlockDecoder, ColumnRules, conform
from simpul_schemas.contract import EventType
from simpul_schemas.errors import MalformedRecord, RegistryRefused
from simpul_schemas.log import Block, Partition
from simpul_schemas.registry import NOT_FOUND_CODES, Registry
from simpul_schemas.rules import NOW, PROVINCE
from simpul_schemas.slices import Slices
from simpul_schemas.topics import province_of_topic
from simpul_schemas.wire import HEADER_SIZE, MAX_RECORD_BYTES, UnreadableBatch, schema_id_of

#: Column: which of the blocks a row came from.
BLOCK = "_block"
#: Column: the offset a row came from.
OFFSET = "_offset"

Indexes = npt.NDArray[np.intp]
_NO_IDS: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that does not count: where it lies, its original bytes, and why, the first code being its main one.

    `event_id` is None where it could not be read; `appended_at` is when the broker took it, microseconds since the
    epoch, None where the finder does not know.
    """

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    codes: tuple[str, ...]
    event_id: str | None = None
    appended_at: int | None = None


@dataclass(frozen=True)
class Intake:
    """What came of some blocks.

    `frame` has the columns of the current schema (or those that were asked for), `BLOCK`, `OFFSET` and `columns.ROW`
    (the record's number, counted through all blocks), and a row for every record that was taken, in the order of the
    log; `refused` has all the others. `values` are the values of all records.
    """

    frame: pl.DataFrame
    refused: Sequence[Refused]
    values: Slices


class RecordIntake:
    """Decodes the records of one Avro type, whichever version of its schema they were written with.

    With `columns` the others are decoded and checked like any, and then left out.
    """

    def __init__(self, schema: str, registry: Registry, columns: Collection[str] | None = None) -> None:
        self._registry = registry
        self._columns = columns
        current = BlockDecoder(schema, columns)
        self._root = current.root
        self.schema = current.decode([]).frame.schema
        self._decoders: dict[int, BlockDecoder | str] = {}

    def take(self, blocks: Sequence[Block]) -> Intake:
        """Decode every record that can be; a registry that does not answer raises, so that nothing is skipped."""
        values = Slices.packed([Slices.of(block.values) for block in blocks])
        by_schema, codes = _group(values, blocks)
        frames: list[pl.DataFrame] = []
        for schema_id, rows in by_schema.items():
            decoder = self._decoder(schema_id)
            if isinstance(decoder, str):
                codes.update(dict.fromkeys(rows.tolist(), decoder))
                continue
            whole = len(rows) == len(values)
            decoded = decoder.decode((values if whole else values.take(rows)).behind(HEADER_SIZE))
            codes.update({int(rows[position]): code for position, code in decoded.malformed.items()})
            found = decoded.frame
            if not whole:
                found = found.with_columns(pl.Series(ROW, rows, pl.Int64).gather(found[ROW]))
            frames.append(conform(found, self.schema))
        frame = self._locate(pl.concat(frames) if frames else pl.DataFrame(schema=self.schema), blocks)
        return Intake(frame, list(refusals(blocks, {row: (code,) for row, code in codes.items()})), values)

    def _decoder(self, schema_id: int) -> BlockDecoder | str:
        """Return the decoder of a schema id, or the code under which all its records are refused."""
        found = self._decoders.get(schema_id)
        if found is None:
            found = self._make_decoder(schema_id)
            if found != "record.schema_unknown":  # it may be registered a moment later
                self._decoders[schema_id] = found
        return found

    def _make_decoder(self, schema_id: int) -> BlockDecoder | str:
        try:
            schema = self._registry.schema(schema_id)
        except RegistryRefused as error:
            if error.error_code in NOT_FOUND_CODES:
                return "record.schema_unknown"
            raise
        try:
            decoder = BlockDecoder(schema, self._columns)
        except UncarriedSchema:
            return "record.schema_incompatible"
        if decoder.root.name != self._root.name:
            return "record.wrong_type"
        return decoder if resolves(decoder.root, self._root) else "record.schema_incompatible"

    @staticmethod
    def _locate(frame: pl.DataFrame, blocks: Sequence[Block]) -> pl.DataFrame:
        sizes = [len(block.values) for block in blocks]
        block_of = pl.Series(BLOCK, np.repeat(np.arange(len(blocks), dtype=np.uint32), sizes))
        offset_of = pl.Series(OFFSET, np.concatenate([_longs(block.offsets) for block in blocks]))
        if not frame[ROW].is_sorted():
            frame = frame.sort(ROW)  # the order of the log, whatever the order of decoding was
        if len(frame) == len(offset_of):
            return frame.with_columns(block_of, offset_of)
        return frame.with_columns(block_of.gather(frame[ROW]), offset_of.gather(frame[ROW]))


def _group(values: Slices, blocks: Sequence[Block]) -> tuple[Mapping[int, Indexes], dict[int, str]]:
    """Sort rows by schema id; a row without a proper frame gets a code."""
    sizes = values.sizes
    framed = (sizes >= HEADER_SIZE) & (sizes <= MAX_RECORD_BYTES)
    at = np.where(framed, values.starts, 0)
    heads = np.ndarray((len(values.data) - HEADER_SIZE + 1,), f"V{HEADER_SIZE}", values.data, strides=(1,))[at]
    octets = heads.view(np.uint8).reshape(-1, HEADER_SIZE)
    framed &= octets[:, 0] == 0
    ids = octets[:, 1:].copy().view(">u4").ravel()
    framed[_standing_for_batches(blocks)] = False
    codes = {} if framed.all() else _codes_of_frames(blocks, np.flatnonzero(~framed))
    if not codes and len(ids) and (ids == ids[0]).all():  # the rule
        return {int(ids[0]): np.arange(len(ids))}, codes
    return {int(one): np.flatnonzero(framed & (ids == one)) for one in np.unique(ids[framed])}, codes


def _standing_for_batches(blocks: Sequence[Block]) -> list[int]:
    """Find what stands for a whole batch: it is told by its class, which only an object has."""
    found: list[int] = []
    start = 0
    for block in blocks:
        if not isinstance(block.values, Slices):
            found.extend(start + row for row, value in enumerate(block.values) if isinstance(value, UnreadableBatch))
        start += len(block.values)
    return found


def _codes_of_frames(blocks: Sequence[Block], rows: Indexes) -> dict[int, str]:
    """Say what is wrong with the frames of some records."""
    ends = np.cumsum([len(block.values) for block in blocks])
    codes: dict[int, str] = {}
    for row, number in zip(rows.tolist(), np.searchsorted(ends, rows, "right").tolist(), strict=True):
        values = blocks[number].values
        try:
            schema_id_of(values[row - int(ends[number])])  # counted from behind
        except MalformedRecord as error:
            codes[row] = error.code
    return codes


class EventIntake:
    """Decodes and judges the events of one type; `columns` as in `RecordIntake`, besides those that rules ask for."""

    def __init__(self, event_type: EventType, registry: Registry, columns: Collection[str] | None = None) -> None:
        self._rules = event_type.rules
        self._columns = ColumnRules(event_type.rules)
        wanted = None if columns is None else {*columns, "event_id", *event_type.rules.asked}
        self._records = RecordIntake(event_type.schema, registry, wanted)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the events."""
        return self._records.schema

    def take(self, blocks: Sequence[Block]) -> Intake:
        """Return the accepted events, and every other record with all the codes of its verdict."""
        decoded = self._records.take(blocks)
        frame = decoded.frame
        rows = frame[ROW]
        appended = pl.Series(NOW, np.concatenate([_longs(block.timestamps) for block in blocks]))
        provinces = pl.Series(PROVINCE, [province_of_topic(block.partition.topic) for block in blocks], pl.String)
        frame = frame.with_columns(appended.gather(rows), provinces.gather(frame[BLOCK]))
        refused = self._columns.refuses(frame)
        if not refused.any():
            return Intake(frame, decoded.refused, decoded.values)
        rejected = frame.filter(refused)
        verdicts = self._columns.judge(rejected).to_list()
        why = {row: self._rules.codes(bits) for row, bits in zip(rejected[ROW].to_list(), verdicts, strict=True)}
        ids = dict(zip(rejected[ROW].to_list(), rejected["event_id"].to_list(), strict=True))
        found = [*decoded.refused, *refusals(blocks, why, ids)]
        return Intake(frame.filter(~refused), found, decoded.values)


def _longs(numbers: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return whole numbers as an array; a range is not counted through."""
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    return np.asarray(numbers, np.int64)


def refusals(
    blocks: Sequence[Block], codes: Mapping[int, tuple[str, ...]], event_ids: Mapping[int, str] = _NO_IDS
) -> list[Refused]:
    """Find the records behind row numbers that count through all blocks."""
    found: list[Refused] = []
    rows = iter(sorted(codes))
    row = next(rows, None)
    start = 0
    for block in blocks:
        end = start + len(block.values)
        while row is not None and row < end:
            at = row - start
            where = (block.partition, block.offsets[at], block.keys[at], block.values[at])
            found.append(Refused(*where, codes[row], event_ids.get(row), block.timestamps[at]))
            row = next(rows, None)
        start = end
    return found
