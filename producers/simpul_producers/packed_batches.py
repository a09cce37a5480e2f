"""Whole batches of records for kafka-python's producer, packed at once.

Its own `send` takes a record at a time: a future, a lock, a partitioner in Python and a header at a time for each,
which is most of what sending costs. Here a batch is packed in one go, as the record batch format (v2) says, and has one
future. Everything behind that is kafka-python's own: sequence numbers, checksum, retries, splitting of what the broker
finds too large. The version is pinned exactly; tests with a real broker hold every way through here.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.structs import TopicPartition

from simpul_schemas.log import Outgoing

_MAGIC = 2
_SMALL = 1 << 14


def _varint(number: int) -> bytes:
    """Return a number that is not negative as a zigzag varint."""
    left = number << 1
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_VARINTS = [_varint(number) for number in range(_SMALL)]
_NONE = b"\x01"
_header_names: dict[str, bytes] = {}


class PackedBatch(ProducerBatch):  # type: ignore[misc]  # kafka-python ships no types
    """A full batch with one future; the futures of its records are made only where it has to be split."""

    def __init__(self, partition: TopicPartition, encoded: Sequence[bytes], compression: int, now_ms: int) -> None:
        size = sum(map(len, encoded))
        super().__init__(partition, _builder(encoded, size, compression, now_ms))
        self.max_record_size = max(map(len, encoded))
        self._count = len(encoded)
        self._futures: list[Any] = []

    @property
    def _record_futures(self) -> list[Any]:
        # Asked for by `split_and_reenqueue` alone, which binds them to the halves.
        if not self._futures:
            self._futures = [
                FutureRecordMetadata(self.produce_future, index, None, None, -1, -1, -1) for index in range(self._count)
            ]
        return self._futures

    @_record_futures.setter
    def _record_futures(self, value: list[Any]) -> None:
        """Take the empty list of the base class's constructor."""

    def answered(self, seconds: float) -> bool:
        """Wait so long for the answer on the whole batch."""
        self.produce_future.wait(seconds)
        if self.produce_future.is_done:
            return True
        if not self._futures:
            return False
        until = time.monotonic() + seconds
        return all(_answer(future, until) is not None for future in self._futures)

    def answers(self, deadline: float) -> list[int | Exception | None]:
        """Wait for what became of each record: its offset, or the error, or None where there was no answer in time."""
        self.produce_future.wait(max(deadline - time.monotonic(), 0.0))
        if self.produce_future.is_done:
            if self.produce_future.failed():
                return [self.produce_future.exception] * self._count
            base, _, error_of = self.produce_future.value
            if error_of is None:
                return list(range(base, base + self._count))
            return [error_of(index) for index in range(self._count)]
        # Split meanwhile, or silent.
        return [_answer(future, deadline) for future in self._futures] or [None] * self._count


def _answer(future: Any, deadline: float) -> int | Exception | None:  # noqa: ANN401  # kafka-python ships no types
    try:
        return int(future.get(timeout=max(deadline - time.monotonic(), 0.0)).offset)
    except Exception as error:  # noqa: BLE001  # whatever the future holds is the answer
        return error if future.is_done else None


def _builder(encoded: Sequence[bytes], size: int, compression: int, now_ms: int) -> Any:  # noqa: ANN401  # as above
    made = MemoryRecordsBuilder(_MAGIC, compression, size)
    inner = made._builder  # noqa: SLF001  # there is no public way; see the head of this file
    inner._buffer += b"".join(_with_offsets(encoded))  # noqa: SLF001  # the same
    inner._first_timestamp = inner._max_timestamp = now_ms  # noqa: SLF001  # the same
    inner._num_records = len(encoded)  # noqa: SLF001  # the same
    inner._last_offset = len(encoded) - 1  # noqa: SLF001  # the same
    made._next_offset = len(encoded)  # noqa: SLF001  # the same
    return made


def _with_offsets(encoded: Sequence[bytes]) -> Iterable[bytes]:
    """Put attributes, time and place in the batch before each record, and its length before that."""
    for offset, body in enumerate(encoded):
        place = _VARINTS[offset] if offset < _SMALL else _varint(offset)
        length = 2 + len(place) + len(body)
        yield _VARINTS[length] if length < _SMALL else _varint(length)
        yield b"\x00\x00"  # no attributes; all of a batch leave at the same time
        yield place
        yield body


def encode_record(record: Outgoing) -> bytes:
    """Return key, value and headers of a record as they stand in a batch."""
    parts = [*_field(record.key), *_field(record.value), _VARINTS[len(record.headers)]]
    for name, value in record.headers:
        parts += (_header_names.get(name) or _header_name(name), _VARINTS[len(value)] if len(value) < _SMALL
                  else _varint(len(value)), value)  # fmt: skip
    return b"".join(parts)


def _field(value: bytes | None) -> tuple[bytes, ...]:
    if value is None:
        return (_NONE,)
    size = len(value)
    return (_VARINTS[size] if size < _SMALL else _varint(size), value)


def _header_name(name: str) -> bytes:
    raw = name.encode()
    _header_names[name] = found = _varint(len(raw)) + raw
    return found


def partition_of(key: bytes | None, partitions: Sequence[int]) -> int:
    """Return the partition that Kafka's default partitioner gives a key; without a key the first one."""
    if key is None or len(partitions) == 1:
        return partitions[0]
    return partitions[(int(murmur2(key)) & 0x7FFFFFFF) % len(partitions)]
