"""What a fetch brought, in runs of records instead of one object a record: a third of the time that aiokafka takes.

aiokafka hands every fetched partition to its `PartitionRecords`, which wraps each record twice. A consumer made with
`key_deserializer=in_runs` gets `Runs` instead: its "records" are runs of at most `RUN_RECORDS` records of one batch.
All other consumers of the process get what they always did. The version of aiokafka is pinned; the contract suite of
the log notices on a real broker if this stops having an effect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from simpul_schemas.record_batches import UNREADABLE_HEADER, unpack_batches
from simpul_schemas.wire import UnreadableBatch

#: Records of one run at most, so that a batch of very many small ones is not turned into objects at once.
RUN_RECORDS = 4096


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


class Runs:
    """The records that a fetch brought of one partition, as runs; in the place of aiokafka's `PartitionRecords`."""

    def __init__(self, name: object, records: Any, fetch_offset: int) -> None:  # noqa: ANN401  # aiokafka ships no types
        self.next_fetch_offset = fetch_offset
        self._name = name
        self._records = records
        self._runs = self._unpack()

    def __iter__(self) -> Iterator[Run]:
        return self._runs

    def __next__(self) -> Run:
        return next(self._runs)

    def _unpack(self) -> Iterator[Run]:
        while (batch := self._records.next_batch()) is not None:
            if not batch.validate_crc():
                raise CorruptRecordException(f"checksum of a batch of {self._name}")
            if not batch.is_control_batch:
                records = chain(batch)  # aiokafka's own iterator must not be asked again at its end
                while found := list(islice(records, RUN_RECORDS)):
                    if found[0].offset < self.next_fetch_offset:
                        found = [record for record in found if record.offset >= self.next_fetch_offset]
                    if found:
                        self.next_fetch_offset = found[-1].offset + 1
                        yield _run(found)
            # Past the last record where compaction has left out the last ones.
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)


def _run(records: Sequence[Any]) -> Run:
    values = list(map(_VALUE, records))
    if any(map(_HEADERS, records)):
        values = [_value(record) for record in records]
    first, last = records[0].offset, records[-1].offset
    whole = last - first + 1 == len(records)
    times = set(map(_TIMESTAMP, records))  # one, where the broker gives it
    return Run(
        values,
        list(map(_KEY, records)),
        range(first, last + 1) if whole else list(map(_OFFSET, records)),
        [times.pop() * 1000] * len(records) if len(times) == 1 else [record.timestamp * 1000 for record in records],
    )


# Called a million times a second, where each saves half of what an attribute of Python's costs.
_VALUE, _KEY, _HEADERS = attrgetter("value"), attrgetter("key"), attrgetter("headers")
_OFFSET, _TIMESTAMP = attrgetter("offset"), attrgetter("timestamp")


def _value(record: Any) -> bytes | None:  # noqa: ANN401  # aiokafka's record, compiled
    value: bytes | None = record.value
    headers = record.headers
    if len(headers) == 1 and headers[0] == UNREADABLE_HEADER and value is not None:
        return UnreadableBatch(value)
    return value


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
aiokafka.consumer.fetcher.MemoryRecords = lambda fetched: MemoryRecords(unpack_batches(fetched))
aiokafka.consumer.fetcher.PartitionRecords = _partition_records
