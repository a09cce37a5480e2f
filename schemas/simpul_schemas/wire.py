"""The frame around every Avro body: Confluent's magic byte 0 and a 4-byte big-endian schema id.

Here is also every way in which bytes can fail to be a record: each has a code, which counts and quarantines go by.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType

from simpul_schemas.errors import MalformedRecord

_HEADER = struct.Struct(">BI")
#: Bytes before the Avro body.
HEADER_SIZE = _HEADER.size
#: Bytes of a whole record, frame included. What a broker takes by default, and a thousand times what an event needs.
MAX_RECORD_BYTES = 1 << 20
#: Entries of one list in a record: a Python object each, so their number is bounded as well as their bytes.
MAX_ITEMS = 10_000
#: Bytes that one batch of the log may unpack to: eight times what the broker takes as a batch that is not packed.
MAX_BATCH_BYTES = 8 << 20

#: Every code of a record that cannot be decoded, with a sentence in Indonesian and in English.
MALFORMED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "record.empty": ("Catatan tanpa isi.", "The record has no value."),
        "record.too_large": (
            f"Catatan lebih dari {MAX_RECORD_BYTES} bita, atau daftarnya lebih dari {MAX_ITEMS} butir.",
            f"The record has more than {MAX_RECORD_BYTES} bytes, or a list of more than {MAX_ITEMS} entries.",
        ),
        "record.truncated": ("Catatan terpotong.", "The record is cut off inside its frame."),
        "record.magic_byte_wrong": (
            "Catatan tidak memakai bingkai Confluent.",
            "The record is not in Confluent framing: its first byte is not 0.",
        ),
        "record.schema_unknown": ("Skema catatan tidak dikenal.", "The registry does not know the record's schema."),
        "record.wrong_type": ("Catatan ini dari jenis lain.", "The record is of another type than its topic."),
        "record.schema_incompatible": (
            "Skema catatan tidak cocok dengan kontrak.",
            "The record was written with a schema that does not fit the contract.",
        ),
        "record.undecodable": ("Isi catatan tidak dapat dibaca.", "The record's body is not of its schema."),
        "record.not_canonical": (
            "Isi catatan tidak baku atau kelebihan bita.",
            "The record's body is not what an Avro writer writes, or has bytes left over.",
        ),
        "record.number_not_finite": (
            "Ada bilangan yang tak hingga atau bukan bilangan.",
            "A number is infinite, or is not a number.",
        ),
        "record.time_out_of_range": (
            "Ada waktu di luar tahun 1 sampai 9999.",
            "A time lies outside the years 1 to 9999.",
        ),
        "record.batch_too_large": (
            f"Kelompok catatan ini mengembang lebih dari {MAX_BATCH_BYTES} bita, atau tidak dapat dibuka.",
            f"The batch of records unpacks to more than {MAX_BATCH_BYTES} bytes, or cannot be unpacked.",
        ),
    }
)


class UnreadableBatch(bytes):
    """What stands in a block for a whole batch of the log that could not be unpacked: the batch as it was sent."""


def malformed(code: str) -> MalformedRecord:
    """Return the error of a code."""
    return MalformedRecord(code, *MALFORMED[code])


def frame(schema_id: int, body: bytes) -> bytes:
    """Put the frame before an Avro body."""
    return _HEADER.pack(0, schema_id) + body


def unframe(record: bytes | None) -> tuple[int, bytes]:
    """Split a record's value into schema id and Avro body, or raise `MalformedRecord`."""
    schema_id = schema_id_of(record)
    assert record is not None  # noqa: S101  # it has a schema id
    return schema_id, record[HEADER_SIZE:]


def schema_id_of(record: bytes | None) -> int:
    """Return the schema id of a record's value, or raise `MalformedRecord`; nothing is copied."""
    if record is None:
        raise malformed("record.empty")
    if isinstance(record, UnreadableBatch):
        raise malformed("record.batch_too_large")
    if len(record) > MAX_RECORD_BYTES:
        raise malformed("record.too_large")
    if len(record) < HEADER_SIZE:
        raise malformed("record.truncated")
    magic: int
    schema_id: int
    magic, schema_id = _HEADER.unpack_from(record)
    if magic != 0:
        raise malformed("record.magic_byte_wrong")
    return schema_id
