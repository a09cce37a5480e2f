"""Runs of a fetch: the same records as aiokafka hands out one by one, from any offset, and never too many at once."""

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas import fetched
from simpul_schemas.fetched import Fetched, Run, Runs, in_runs
from simpul_schemas.record_batches import UNREADABLE_HEADER
from simpul_schemas.wire import UnreadableBatch

Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]


def a_batch(base: int, records: list[Record]) -> bytes:
    """Build a batch; each record is (offset, key, value, headers)."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 30)
    for offset, key, value, headers in records:
        builder.append(offset - base, 1_700_000_000_000 + offset, key, value, headers)
    whole = bytearray(builder.build())
    whole[:8] = base.to_bytes(8, "big")  # the checksum begins behind it
    return bytes(whole)


def runs_of(data: bytes, start: int = 0) -> Runs:
    return Runs("t/0", Fetched(data), start)


def flat(runs: list[Run]) -> list[tuple[int, bytes | None, bytes | None, int]]:
    return [row for run in runs for row in zip(run.offsets, run.keys, run.values, run.timestamps, strict=True)]


@given(
    gaps=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=4),
    start=st.integers(0, 30),
    most=st.integers(1, 4),
    headers=st.booleans(),
)
def test_runs_hold_every_record_from_the_offset_on_once_and_in_order(
    gaps: list[list[int]], start: int, most: int, headers: bool
) -> None:
    data, expected, offset = b"", [], 0
    for steps in gaps:
        base, records = offset, []
        for step in steps:
            value = None if offset % 5 == 1 else b"v%d" % offset
            records.append((offset, b"k%d" % offset, value, [("h", b"x")] if headers else []))
            expected.append((offset, b"k%d" % offset, value, (1_700_000_000_000 + offset) * 1000))
            offset += step
        data += a_batch(base, records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetched, "RUN_RECORDS", most)
        runs = runs_of(data, start)
        found = list(runs)
    assert flat(found) == [row for row in expected if row[0] >= start]
    assert all(0 < len(run.values) <= most for run in found)
    assert runs.next_fetch_offset == max(start, expected[-1][0] + 1)


def test_a_flipped_bit_is_noticed() -> None:
    data = bytearray(a_batch(0, [(0, b"k", b"value", [])]))
    data[-3] ^= 1
    with pytest.raises(CorruptRecordException):
        list(runs_of(bytes(data)))


def test_only_the_mark_of_this_process_makes_a_record_stand_for_a_batch() -> None:
    name, token = UNREADABLE_HEADER
    data = a_batch(0, [(0, b"", b"a", [(name, token)]), (1, b"", b"b", [(name, b"guessed")]), (2, b"", b"c", [])])
    (run,) = runs_of(data)
    assert [type(value) for value in run.values] == [UnreadableBatch, bytes, bytes]


def test_other_consumers_of_the_process_get_what_they_always_did() -> None:
    data = a_batch(0, [(0, b"k", b"v", [])])

    def records(deserializer: object) -> object:
        return fetcher.PartitionRecords(
            TopicPartition("t", 0), Fetched(data), [], 0, deserializer, None, True, fetcher.READ_UNCOMMITTED
        )

    assert isinstance(records(in_runs), Runs)
    (record,) = records(None)  # type: ignore[attr-defined]  # aiokafka's own
    assert (record.topic, record.offset, record.key, record.value) == ("t", 0, b"k", b"v")
