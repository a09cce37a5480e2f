"""What a fetch brought, in runs of records instead of one object a record: a third of the time that aiokafka takes.

aiokafka hands every fetched partition to its `PartitionRecords`, which wraps each record twice. A consumer made with
`key_deserializer=in_runs` gets `Runs` instead: its "records" are runs of at most `RUN_RECORDS` records of one batch.
All other consumers of the process get what they always did. The version of aiokafka is pinned; the contract suite of
the log notices on a real broker if this stops having an effect.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
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
                records = (record for record in batch)  # aiokafka's own must not be asked again at its end
                while found := list(islice(records, RUN_RECORDS)):
                    run = _run([record for record in found if record.offset >= self.next_fetch_offset])
                    self.next_fetch_offset = max(self.next_fetch_offset, found[-1].offset + 1)
                    if run is not None:
                        yield run
            # Past the last record where compaction has left out the last ones.
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)


def _run(records: Sequence[Any]) -> Run | None:
    if not records:
        return None
    values = [record.value for record in records]
    if any(record.headers for record in records):
        values = [_value(record) for record in records]
    first, last = records[0].offset, records[-1].offset
    whole = last - first + 1 == len(records)
    return Run(
        values,
        [record.key for record in records],
        range(first, last + 1) if whole else [record.offset for record in records],
        [record.timestamp * 1000 for record in records],
    )


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
