"""Kafka's record batches, unpacked within a limit.

No client limits what a batch unpacks to: 11 kB on the wire became 256 MiB in aiokafka. The broker does not help: told
to unpack by itself (`compression.type=uncompressed`), it refuses a bomb of 100 MiB and dies of one of 400 MiB, with a
heap of 512 MiB. So it is left to keep what producers send, and every reader unpacks here.

`unpack_batches` turns what a fetch brought into the same records without compression. A batch that cannot be unpacked,
or not within `MAX_BATCH_BYTES`, becomes a single record at the batch's last offset that holds the batch as it was sent:
it goes to quarantine like any other record that is refused, and reading goes on behind it. All five codecs of Kafka are
read, whichever libraries aiokafka finds.

The format is version 2 (KIP-98), the only one that brokers store since Kafka 4.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from secrets import token_bytes
from types import MappingProxyType

import pyarrow as pa
from crc32c import crc32c

from simpul_schemas.wire import MAX_BATCH_BYTES

#: Base offset, length of what follows, leader epoch, magic, checksum of what follows, attributes, last offset delta,
#: first and last timestamp, producer id and epoch, base sequence, number of records.
HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">qi")
_CRC_AT = 17
#: Where the attributes are, from which on a batch is under its checksum.
CHECKED_FROM = 21
MAGIC = 2
#: Attributes: the broker's time counts, and it is the newest; the broker wrote the batch for itself.
IS_APPEND_TIME, IS_CONTROL = 0x08, 0x20
_CODEC_MASK = 0x07
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_INT = struct.Struct(">i")

#: Header of a record that stands for a batch; its value is drawn anew in each process, so that nobody can send it.
UNREADABLE_HEADER = ("simpul_unreadable_batch", token_bytes(16))


class _Unreadable(Exception):
    """A batch that does not unpack, or not within the limit."""


def unpack_batches(data: bytes) -> bytes:
    """Return the same records without compression.

    Stops behind the batch that brings what was unpacked to `MAX_BATCH_BYTES`: the rest is fetched again, as is the
    batch that a fetch has cut off.
    """
    if not any(_is_packed(data, start) for start, _ in find_batches(data, len(data))):
        return data
    found: list[bytes] = []
    unpacked = 0
    for start, end in find_batches(data, len(data)):
        batch = data[start:end]
        if _is_packed(data, start):
            batch, size = _unpack(batch)
            unpacked += size
        found.append(batch)
        if unpacked >= MAX_BATCH_BYTES:
            break
    return b"".join(found)


def find_batches(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Find where each whole batch of the first `size` bytes begins and ends."""
    at = 0
    while at + HEADER.size <= size:
        _, length = _LENGTH.unpack_from(data, at)
        end = at + _LENGTH.size + length
        if not at + HEADER.size <= end <= size:
            return
        yield at, end
        at = end


def _is_packed(data: bytes, start: int) -> bool:
    # A batch whose checksum is wrong is left as it is: aiokafka says so.
    return data[start + 16] == MAGIC and bool(data[start + CHECKED_FROM + 1] & _CODEC_MASK)


def _unpack(batch: bytes) -> tuple[bytes, int]:
    """Return a batch without compression, and how many bytes were unpacked for it."""
    base, _, epoch, magic, crc, attributes, last, *rest, count = HEADER.unpack_from(batch)
    if crc32c(batch[CHECKED_FROM:]) != crc:
        return batch, 0
    try:
        records = _decompress(attributes & _CODEC_MASK, batch[HEADER.size :])
        unpacked = len(records)
    except _Unreadable:
        records, count, unpacked = _standing_for(batch, last), 1, MAX_BATCH_BYTES
    head = HEADER.pack(
        base, HEADER.size - _LENGTH.size + len(records), epoch, magic, 0, attributes & ~_CODEC_MASK, last, *rest, count
    )
    whole = bytearray(head + records)
    struct.pack_into(">I", whole, _CRC_AT, crc32c(bytes(whole[CHECKED_FROM:])))
    return bytes(whole), unpacked


def _standing_for(batch: bytes, offset_delta: int) -> bytes:
    """Write the one record that stands for a batch."""
    body = b"".join(
        (
            b"\0",  # attributes, of which there are none
            _varint(0),  # timestamp, as the batch has it
            _varint(offset_delta),
            _varint(-1),  # no key
            _varint(len(batch)) + batch,
            UNREADABLE_HEADERS,
        )
    )
    return _varint(len(body)) + body


def _varint(number: int) -> bytes:
    rest, found = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def _decompress(codec: int, payload: bytes) -> bytes:
    unpack = _CODECS.get(codec)
    if unpack is None:
        raise _Unreadable
    try:
        found = unpack(payload)
    except (OSError, EOFError, ValueError, zlib.error, struct.error, IndexError) as error:
        raise _Unreadable from error
    if not 0 < len(found) <= MAX_BATCH_BYTES:
        raise _Unreadable
    return found


def _gzip(payload: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(payload)) as stream:
        return stream.read(MAX_BATCH_BYTES + 1)


def _streamed(name: str) -> Callable[[bytes], bytes]:
    def read(payload: bytes) -> bytes:
        found: bytes = pa.CompressedInputStream(pa.BufferReader(payload), name).read(MAX_BATCH_BYTES + 1)
        return found

    return read


def _snappy(payload: bytes) -> bytes:
    """Unpack snappy as Java clients send it, in blocks behind a header of their own, or bare."""
    if not payload.startswith(_XERIAL):
        return _snappy_block(payload, MAX_BATCH_BYTES)
    found = bytearray()
    at = _XERIAL_HEADER_BYTES
    while at < len(payload):
        (size,) = _INT.unpack_from(payload, at)
        at += _INT.size
        if not 0 < size <= len(payload) - at:
            raise _Unreadable
        found += _snappy_block(payload[at : at + size], MAX_BATCH_BYTES - len(found))
        at += size
    return bytes(found)


def _snappy_block(block: bytes, limit: int) -> bytes:
    """Unpack one block, which begins with its unpacked size."""
    size = shift = 0
    for byte in block[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > limit:
        raise _Unreadable
    found: bytes = pa.decompress(block, size, codec="snappy", asbytes=True)
    return found


def _headers(name: str, token: bytes) -> bytes:
    return _varint(1) + _varint(len(name)) + name.encode() + _varint(len(token)) + token


#: How a record ends that has `UNREADABLE_HEADER` and no other.
UNREADABLE_HEADERS = _headers(*UNREADABLE_HEADER)

_CODECS: Mapping[int, Callable[[bytes], bytes]] = MappingProxyType(
    {1: _gzip, 2: _snappy, 3: _streamed("lz4"), 4: _streamed("zstd")}
)
