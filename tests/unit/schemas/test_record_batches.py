"""Record batches of Kafka: all codecs are read, a bomb becomes one record, and nothing is lost or taken twice."""

import gzip
import struct
from collections.abc import Callable

import pyarrow as pa
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.kafka_log import cut
from simpul_schemas.log import Block, Partition
from simpul_schemas.record_batches import UNREADABLE_HEADER, unpack_batches
from simpul_schemas.wire import MAX_BATCH_BYTES

HEADER_BYTES = 61
Found = list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]


def xerial(records: bytes) -> bytes:
    """What snappy-java writes: a header, then blocks with their sizes."""
    packed = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    for start in range(0, len(records), 32 << 10):
        block = pa.compress(records[start : start + (32 << 10)], codec="snappy", asbytes=True)
        packed += struct.pack(">i", len(block)) + block
    return packed


def by_pyarrow(codec: str) -> Callable[[bytes], bytes]:
    return lambda records: bytes(pa.compress(records, codec=codec, asbytes=True))


CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (1, gzip.compress),
    "snappy of Java": (2, xerial),
    "snappy bare": (2, by_pyarrow("snappy")),
    "lz4": (3, by_pyarrow("lz4")),
    "zstd": (4, by_pyarrow("zstd")),
}


def a_batch(values: list[bytes | None], base: int = 0, codec: int = 0, pack: Callable[[bytes], bytes] = bytes) -> bytes:
    """Build a batch with aiokafka's own builder, and pack its records."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 30)
    for offset, value in enumerate(values):
        builder.append(offset, 1_700_000_000_000 + offset, b"k%d" % offset, value, [("h", b"v")])
    plain = bytes(builder.build())
    return rewritten(plain, base, codec, pack(plain[HEADER_BYTES:]))


def rewritten(batch: bytes, base: int, codec: int, records: bytes) -> bytes:
    whole = bytearray(batch[:HEADER_BYTES] + records)
    struct.pack_into(">qi", whole, 0, base, len(whole) - 12)
    struct.pack_into(">h", whole, 21, codec)
    struct.pack_into(">I", whole, 17, calc_crc32c(bytes(whole[21:])))
    return bytes(whole)


def read(data: bytes) -> Found:
    found: Found = []
    records = MemoryRecords(data)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        assert batch.compression_type == 0
        found.extend((one.offset, one.timestamp, one.key, one.value, list(one.headers)) for one in batch)
        assert not found or found[-1][0] < batch.next_offset
    return found


def bomb(name: str, size: int, base: int = 0) -> bytes:
    codec, pack = CODECS[name]
    return a_batch([bytes(size)], base, codec, pack)


@pytest.mark.parametrize("name", CODECS)
@given(st.lists(st.none() | st.binary(max_size=50), min_size=1, max_size=20), st.integers(0, 2**60))
def test_a_packed_batch_has_the_records_of_the_plain_one(name: str, values: list[bytes | None], base: int) -> None:
    codec, pack = CODECS[name]
    assert read(unpack_batches(a_batch(values, base, codec, pack))) == read(a_batch(values, base))


@pytest.mark.parametrize("name", CODECS)
def test_a_bomb_becomes_one_record_that_holds_it_as_it_was_sent(name: str) -> None:
    sent = bomb(name, MAX_BATCH_BYTES, 7)
    assert len(sent) < MAX_BATCH_BYTES / 20
    before, after = a_batch([b"before"], 6), a_batch([b"after"], 8)
    first = unpack_batches(before + sent + after)
    assert [(offset, value) for offset, _, _, value, _ in read(first)] == [(6, b"before"), (7, sent)]
    assert read(first)[1][4] == [UNREADABLE_HEADER]
    assert [value for _, _, _, value, _ in read(unpack_batches(after))] == [b"after"]


@pytest.mark.parametrize("name", CODECS)
def test_a_batch_of_just_the_limit_is_read(name: str) -> None:
    codec, pack = CODECS[name]
    around = len(a_batch([bytes(MAX_BATCH_BYTES // 2)])) - HEADER_BYTES - MAX_BATCH_BYTES // 2
    values: list[bytes | None] = [bytes(MAX_BATCH_BYTES - around)]
    assert [len(value or b"") for _, _, _, value, _ in read(unpack_batches(a_batch(values, 0, codec, pack)))] == [
        MAX_BATCH_BYTES - around
    ]
    values = [bytes(MAX_BATCH_BYTES - around + 1)]
    assert read(unpack_batches(a_batch(values, 0, codec, pack)))[0][4] == [UNREADABLE_HEADER]


def test_a_bomb_of_many_records_stands_at_its_last_offset_so_that_reading_goes_on_behind_it() -> None:
    values: list[bytes | None] = [bytes(100_000)] * 100
    sent = a_batch(values, 1000, 1, gzip.compress)
    ((offset, _, key, value, _),) = read(unpack_batches(sent))
    assert (offset, key, value) == (1099, None, sent)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("damage", ["cut", "emptied", "nonsense"])
def test_a_batch_that_does_not_unpack_becomes_one_record(name: str, damage: str) -> None:
    codec, pack = CODECS[name]
    whole = pack(bytes(100_000))
    records = {"cut": whole[: len(whole) // 2], "emptied": b"", "nonsense": b"\x07" * 40}[damage]
    sent = rewritten(a_batch([b"v"]), 5, codec, records)
    ((offset, _, _, value, headers),) = read(unpack_batches(sent))
    assert (offset, value, headers) == (5, sent, [UNREADABLE_HEADER])


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_that_kafka_does_not_have_becomes_one_record(codec: int) -> None:
    sent = rewritten(a_batch([b"v"]), 5, codec, b"records")
    assert read(unpack_batches(sent))[0][3] == sent


def test_no_more_is_unpacked_at_a_time_than_the_limit_and_the_rest_is_left_to_be_fetched_again() -> None:
    codec, pack = CODECS["zstd"]
    batches = [a_batch([bytes(MAX_BATCH_BYTES // 3)], base, codec, pack) for base in range(10)]
    found: list[int] = []
    while len(found) < 10:
        part = [offset for offset, *_ in read(unpack_batches(b"".join(batches[len(found) :])))]
        assert 1 <= len(part) <= 3
        found += part
    assert found == list(range(10))


def test_what_is_not_packed_is_passed_on_untouched_and_a_cut_tail_as_well() -> None:
    plain = a_batch([b"a", None]) + a_batch([b"b"], 2)
    assert unpack_batches(plain) is plain
    cut_off = plain + a_batch([b"c"], 3, 1, gzip.compress)[:-1]
    assert unpack_batches(cut_off) is cut_off
    assert unpack_batches(b"") == b""


def test_a_batch_with_a_wrong_checksum_is_left_to_aiokafka_which_says_so() -> None:
    broken = bytearray(a_batch([b"a"], 0, 1, gzip.compress))
    broken[-1] ^= 1
    found = MemoryRecords(unpack_batches(bytes(broken))).next_batch()
    assert not found.validate_crc()


# --- cutting what was fetched ---


def blocks(sizes: list[list[int]]) -> list[Block]:
    return [
        Block(
            Partition("t", number),
            [bytes(size) if size else None for size in block],
            [b"k"] * len(block),
            range(10, 10 + len(block)),
            [0] * len(block),
        )
        for number, block in enumerate(sizes)
    ]


@given(
    st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=6), max_size=4),
    st.integers(1, 10),
    st.integers(1, 60),
)
def test_cutting_keeps_every_record_in_order_and_both_limits(sizes: list[list[int]], records: int, size: int) -> None:
    left, found = blocks(sizes), []
    while left:
        now, left = cut(left, records, size)
        given_out = [(block.partition, *row) for block in now for row in zip(block.offsets, block.values, strict=True)]
        assert 1 <= len(given_out) <= records
        assert sum(len(value or b"") + 1 for *_, value in given_out) <= size or len(given_out) == 1
        assert all(block.values for block in now)
        found += given_out
    assert found == [
        (block.partition, *row) for block in blocks(sizes) for row in zip(block.offsets, block.values, strict=True)
    ]
