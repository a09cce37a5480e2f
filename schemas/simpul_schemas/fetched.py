"""What a fetch brought, in runs of records instead of one object a record.

aiokafka makes an object of every record, and wraps it in another one. A consumer made with `key_deserializer=in_runs`
gets `Runs` instead: its "records" are runs of at most `RUN_RECORDS` records, which are a few arrays over the bytes that
came from the broker. Only batches' headers and records' lengths are read one by one; all else is read in columns.

All other consumers of the process get what they always did. The version of aiokafka is pinned; the contract suite of
the log notices on a real broker if this stops having an effect.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import aiokafka.consumer.fetcher
import numpy as np
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

from simpul_schemas.record_batches import (
    CHECKED_FROM,
    HEADER,
    IS_APPEND_TIME,
    IS_CONTROL,
    MAGIC,
    UNREADABLE_HEADERS,
    find_batches,
    unpack_batches,
)
from simpul_schemas.slices import PADDING, Slices
from simpul_schemas.varints import WORD, Longs, Words, read, words_of
from simpul_schemas.wire import UnreadableBatch

#: Records of one run at most, so that very many small ones are not turned into numbers at once.
RUN_RECORDS = 16384
_MILLISECOND = 1000
#: The bit of a byte by which more follow.
_MORE = 0x80
_MARK = np.uint64(int.from_bytes(UNREADABLE_HEADERS[:WORD], "little"))


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one partition; timestamps are microseconds since the epoch."""

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    offsets: Sequence[int]
    timestamps: Sequence[int]


def in_runs(key: bytes | None) -> bytes | None:
    """Mark a consumer as one that takes runs; a key stays what it is."""
    return key


class Fetched:
    """What a fetch brought of one partition, unpacked within limits; in the place of aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self.data = unpack_batches(data)
        self._records = MemoryRecords(self.data)

    def has_next(self) -> bool:
        """See aiokafka."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401  # aiokafka ships no types
        """See aiokafka."""
        return self._records.next_batch()

    def size_in_bytes(self) -> int:
        """See aiokafka."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch of a fetch: where its records are, and what its header says of them."""

    start: int
    end: int
    base: int
    next_offset: int
    count: int
    millis: int
    is_append_time: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """Records of one batch: where each begins, and where reading goes on when it was the last of its batch."""

    batch: _Batch
    bodies: Sequence[int]
    next_offset: int


class Runs:
    """The records that a fetch brought of one partition, as runs; in the place of aiokafka's `PartitionRecords`."""

    def __init__(self, name: object, records: Fetched, fetch_offset: int) -> None:
        self.next_fetch_offset = fetch_offset
        self._name = name
        self._data = records.data + bytes(PADDING)
        self._words: Words = words_of(self._data)
        self._runs = self._unpack(len(records.data))

    def __iter__(self) -> Iterator[Run]:
        return self._runs

    def __next__(self) -> Run:
        return next(self._runs)

    def _unpack(self, size: int) -> Iterator[Run]:
        """Put small batches together: who sends one event at a time sends it in a batch of its own."""
        gathered: list[_Piece] = []
        count = 0
        pieces = self._pieces(size)
        while True:
            try:
                piece = next(pieces, None)
            except CorruptRecordException:
                yield from self._finished(gathered)
                raise
            if piece is None or count + len(piece.bodies) > RUN_RECORDS:
                yield from self._finished(gathered)
                gathered, count = [], 0
            if piece is None:
                return
            gathered.append(piece)
            count += len(piece.bodies)

    def _finished(self, gathered: Sequence[_Piece]) -> Iterator[Run]:
        run = self._run(gathered)
        if run is not None:
            self.next_fetch_offset = run.offsets[-1] + 1
            yield run
        if gathered:
            self.next_fetch_offset = max(self.next_fetch_offset, gathered[-1].next_offset)

    def _pieces(self, size: int) -> Iterator[_Piece]:
        for start, end in find_batches(self._data, size):
            batch = self._batch(start, end)
            at, left = batch.start, batch.count
            while left > RUN_RECORDS:
                bodies, at = self._walk(at, RUN_RECORDS, batch)
                left -= RUN_RECORDS
                yield _Piece(batch, bodies, 0)
            # Past the last record where compaction has left out the last ones.
            yield _Piece(batch, self._walk(at, left, batch)[0], batch.next_offset)

    def _batch(self, start: int, end: int) -> _Batch:
        """Read the header of a batch; one that the broker has written for itself has no records for us."""
        base, _, _, magic, crc, attributes, last, first, newest, *_, count = HEADER.unpack_from(self._data, start)
        if magic != MAGIC or crc32c(memoryview(self._data)[start + CHECKED_FROM : end]) != crc or count < 0:
            raise self._corrupt()
        return _Batch(
            start=start + HEADER.size,
            end=end,
            base=base,
            next_offset=base + last + 1,
            count=0 if attributes & IS_CONTROL else count,
            millis=newest if attributes & IS_APPEND_TIME else first,
            is_append_time=bool(attributes & IS_APPEND_TIME),
        )

    def _walk(self, at: int, count: int, batch: _Batch) -> tuple[list[int], int]:
        """Find where records begin, behind their length, and where the next one is."""
        data = self._data
        found: list[int] = []
        note = found.append
        for _ in range(count):
            if at >= batch.end:
                raise self._corrupt()
            size, second = data[at], data[at + 1]
            if size < _MORE:
                at += 1
            elif second < _MORE:  # as most are
                size += (second - 1) << 7
                at += 2
            else:
                size, at = _long_size(data, at)
            note(at)
            at += size >> 1
        if at > batch.end:
            raise self._corrupt()
        return found, at

    def _run(self, pieces: Sequence[_Piece]) -> Run | None:
        """Read the records of some pieces; None where all of them were read before."""
        sizes = [len(piece.bodies) for piece in pieces]
        bodies = np.fromiter(chain.from_iterable(piece.bodies for piece in pieces), np.int64, sum(sizes))
        if not len(bodies):
            return None
        ages, at = read(self._words, bodies + 1)  # behind the attributes, of which there are none
        offsets, at = read(self._words, at)
        offsets += np.repeat([piece.batch.base for piece in pieces], sizes)
        ends = np.repeat([piece.batch.end for piece in pieces], sizes)
        keys, at = self._strings(at, ends)
        values, at = self._strings(at, ends)
        if (at[:-1] > bodies[1:]).any():
            raise self._corrupt()
        new = int(np.searchsorted(offsets, self.next_fetch_offset))
        if new == len(offsets):
            return None
        whole = int(offsets[-1] - offsets[new]) + 1 == len(offsets) - new
        return Run(
            self._marked(values, at)[new:],
            keys[new:],
            range(int(offsets[new]), int(offsets[-1]) + 1) if whole else array("q", offsets[new:].tobytes()),
            array("q", _times(pieces, sizes, ages)[new:].tobytes()),
        )

    def _marked(self, values: Slices, headers_at: Longs) -> Sequence[bytes | None]:
        """Make objects of values where one of them stands for a batch, which its one header tells."""
        likely = np.flatnonzero(self._words[headers_at] == _MARK).tolist()
        marked = {row for row in likely if self._data.startswith(UNREADABLE_HEADERS, int(headers_at[row]))}
        if not marked:
            return values
        return [UnreadableBatch(value or b"") if row in marked else value for row, value in enumerate(values)]

    def _strings(self, at: Longs, most: Longs) -> tuple[Slices, Longs]:
        lengths, starts = read(self._words, np.minimum(at, most))
        ends = starts + np.maximum(lengths, 0)
        if (lengths > most - starts).any():
            raise self._corrupt()
        if (lengths >= 0).all():
            return Slices(self._data, starts, ends), ends
        return Slices(self._data, np.where(lengths < 0, -1, starts), np.where(lengths < 0, -1, ends)), ends

    def _corrupt(self) -> CorruptRecordException:
        return CorruptRecordException(f"a batch of {self._name} is damaged, or of a format before Kafka 0.11")


def _long_size(data: bytes, at: int) -> tuple[int, int]:
    """Read a length of more than two bytes; the bytes of a fetch end in zeros, so that it ends."""
    size = shift = 0
    while data[at] >= _MORE:
        size |= (data[at] - _MORE) << shift
        shift += 7
        at += 1
    return size | data[at] << shift, at + 1


def _times(pieces: Sequence[_Piece], sizes: Sequence[int], ages: Longs) -> Longs:
    """Return microseconds; where the broker's append time holds, it is that of the batch, whatever the records say."""
    millis = np.repeat([piece.batch.millis for piece in pieces], sizes)
    millis += ages * np.repeat([not piece.batch.is_append_time for piece in pieces], sizes)
    millis *= _MILLISECOND
    return millis


def _partition_records(
    name: object,
    records: Any,  # noqa: ANN401  # aiokafka ships no types
    aborted: Any,  # noqa: ANN401  # the same
    fetch_offset: int,
    key_deserializer: Any,  # noqa: ANN401  # the same
    *rest: Any,  # noqa: ANN401  # the same
) -> Any:  # noqa: ANN401  # the same
    if key_deserializer is in_runs:
        return Runs(name, records, fetch_offset)
    return PartitionRecords(name, records, aborted, fetch_offset, key_deserializer, *rest)


# The one place where aiokafka turns what a fetch brought into batches. It unpacks without a limit, and offers no
# setting or hook.
aiokafka.consumer.fetcher.MemoryRecords = Fetched
aiokafka.consumer.fetcher.PartitionRecords = _partition_records
