"""The frame around every Avro body: Confluent's magic byte 0 and a 4-byte big-endian schema id."""

import struct

from simpul_schemas.errors import MalformedRecord

_HEADER = struct.Struct(">BI")
#: Bytes before the Avro body.
HEADER_SIZE = _HEADER.size


def frame(schema_id: int, body: bytes) -> bytes:
    """Put the frame before an Avro body."""
    return _HEADER.pack(0, schema_id) + body


def unframe(record: bytes | None) -> tuple[int, bytes]:
    """Split a record's value into schema id and Avro body, or raise `MalformedRecord`."""
    if record is None:
        raise MalformedRecord("record.empty", "Catatan tanpa isi.", "The record has no value.")
    if len(record) < HEADER_SIZE:
        raise MalformedRecord("record.truncated", "Catatan terpotong.", "The record is cut off inside its frame.")
    magic, schema_id = _HEADER.unpack_from(record)
    if magic != 0:
        raise MalformedRecord(
            "record.magic_byte_wrong",
            "Catatan tidak memakai bingkai Confluent.",
            "The record is not in Confluent framing: its first byte is not 0.",
        )
    return schema_id, record[HEADER_SIZE:]
