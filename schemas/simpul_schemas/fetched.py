"""What a fetch brought, in runs of records instead of one object a record.

aiokafka makes an object of every record, and wraps it in another one. A consumer made with `key_deserializer=in_runs`
gets `Runs` instead: its "records" are runs of at most `RUN_RECORDS` records of one batch, which are a few arrays over
the bytes that came from the broker. Only the length of each record is read one by one; all else is read in columns.

All other consumers of the process get what they always did. The version of aiokafka is pinned; the contract suite of
the log notices on a real broker if this stops having an effect.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

#: Records of one run at most, so that a batch of very many small ones is not turned into numbers at once.
RUN_RECORDS = 4096
_MILLISECOND = 1000
#: The bit of a byte by which more follow.
_MORE = 0x80
_MARK = np.uint64(int.from_bytes(UNREADABLE_HEADERS[:WORD], "little"))


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one batch; timestamps are microseconds since the epoch."""

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
    first_millis: int
    append_millis: int | None


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
        for start, end in find_batches(self._data, size):
            batch = self._batch(start, end)
            if batch is None:
                continue
            at, left = batch.start, batch.count
            while left:
                bodies, at = self._walk(at, min(left, RUN_RECORDS), batch)
                left -= len(bodies)
                run = self._run(batch, np.array(bodies, np.int64))
                if run is not None:
                    self.next_fetch_offset = run.offsets[-1] + 1
                    yield run
            # Past the last record where compaction has left out the last ones.
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _batch(self, start: int, end: int) -> _Batch | None:
        """Read the header of a batch; None for one that the broker has written for itself."""
        base, _, _, magic, crc, attributes, last, first, newest, *_, count = HEADER.unpack_from(self._data, start)
        if magic != MAGIC or crc32c(memoryview(self._data)[start + CHECKED_FROM : end]) != crc or count < 0:
            raise self._corrupt()
        if attributes & IS_CONTROL:
            self.next_fetch_offset = max(self.next_fetch_offset, base + last + 1)
            return None
        append_millis = newest if attributes & IS_APPEND_TIME else None
        return _Batch(start + HEADER.size, end, base, base + last + 1, count, first, append_millis)

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

    def _run(self, batch: _Batch, bodies: Longs) -> Run | None:
        """Read the records that begin at `bodies`; None where all of them were read before."""
        ages, at = read(self._words, bodies + 1)  # behind the attributes, of which there are none
        offsets, at = read(self._words, at)
        offsets += batch.base
        keys, at = self._strings(at, batch)
        values, at = self._strings(at, batch)
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
            _times(batch, ages[new:]),
        )

    def _marked(self, values: Slices, headers_at: Longs) -> Sequence[bytes | None]:
        """Make objects of values where one of them stands for a batch, which its one header tells."""
        likely = np.flatnonzero(self._words[headers_at] == _MARK).tolist()
        marked = {row for row in likely if self._data.startswith(UNREADABLE_HEADERS, int(headers_at[row]))}
        if not marked:
            return values
        return [UnreadableBatch(value or b"") if row in marked else value for row, value in enumerate(values)]

    def _strings(self, at: Longs, batch: _Batch) -> tuple[Slices, Longs]:
        lengths, starts = read(self._words, np.minimum(at, batch.end))
        ends = starts + np.maximum(lengths, 0)
        if (lengths > batch.end - starts).any():
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


def _times(batch: _Batch, ages: Longs) -> Sequence[int]:
    if batch.append_millis is not None:
        return array("q", [batch.append_millis * _MILLISECOND]) * len(ages)
    return array("q", ((ages + batch.first_millis) * _MILLISECOND).tobytes())


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
