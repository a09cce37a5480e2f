"""Avro for one record at a time: what the outbox encodes, and the referee where columns disagree.

Avro readers accept much that no writer writes: overlong integers, indexes below zero, bytes left over, counts without
end. So reading is done here, byte by byte, and each step is checked before it is taken: time and memory are bounded by
the length of the body, whatever it claims. A list may come in several blocks, with or without their byte sizes, since
writers of other languages do so.
"""

import io
import math
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import fastavro

from simpul_schemas.avro_types import (
    AvroType,
    Items,
    Optional,
    Real,
    Record,
    Symbols,
    Text,
    Truth,
    Whole,
    read_parsed,
)
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.wire import HEADER_SIZE, MAX_ITEMS, MAX_RECORD_BYTES, malformed

#: Bytes of an Avro body at most.
MAX_BODY_BYTES = MAX_RECORD_BYTES - HEADER_SIZE

#: Reads a value at a position, and returns it with the position behind it.
_Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]


def encode(parsed_schema: Any, record: dict[str, Any]) -> bytes:  # noqa: ANN401  # fastavro's schema type
    """Encode one record; an unknown field or a value of the wrong type raises what fastavro raises."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, parsed_schema, record, strict=True)
    return buffer.getvalue()


def decode(parsed_schema: Any, body: bytes) -> dict[str, Any]:  # noqa: ANN401  # fastavro's schema type
    """Decode one body of a schema that the contract holds, or raise `MalformedRecord`.

    Times stay whole numbers: microseconds since the epoch. For many records of one schema, keep a `RowDecoder`.
    """
    return RowDecoder(read_parsed(parsed_schema)).decode(body)


class RowDecoder:
    """Decodes bodies that were written with one schema."""

    def __init__(self, root: Record) -> None:
        self._read = _compile(root)

    def decode(self, body: bytes) -> dict[str, Any]:
        """Decode one body, or raise `MalformedRecord`; times stay whole numbers in the unit of the schema."""
        if len(body) > MAX_BODY_BYTES:
            raise malformed("record.too_large")
        try:
            record, end = self._read(body, 0)
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise malformed("record.undecodable") from error
        if end != len(body):
            raise malformed("record.not_canonical")
        found: dict[str, Any] = record
        return found

    def code(self, body: bytes) -> str | None:
        """Return the code under which a body is refused; None where it is a record."""
        try:
            self.decode(body)
        except MalformedRecord as error:
            return error.code
        return None


def _compile(kind: AvroType) -> _Reader:  # noqa: PLR0911  # one return a type
    match kind:
        case Whole():
            return _whole(kind)
        case Real(size):
            return _real(struct.Struct("<f" if size == 4 else "<d"))
        case Truth():
            return _truth
        case Text():
            return _text
        case Symbols(symbols):
            return _symbols(symbols)
        case Items(item):
            return _items(_compile(item))
        case Optional(inner, null_index):
            return _optional(_compile(inner), null_index)
        case Record(_, fields):
            return _record([(name, _compile(field)) for name, field in fields])


def _long(body: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag integer of 64 bits; no shorter form of it may exist. Past the end it raises IndexError."""
    byte = body[at]
    at += 1
    number = byte & 0x7F
    shift = 7
    while byte & 0x80:
        byte = body[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift == 70 and byte > 1:
            raise malformed("record.undecodable")
    if byte == 0 and shift > 7:
        raise malformed("record.not_canonical")
    return (number >> 1) ^ -(number & 1), at


def _whole(kind: Whole) -> _Reader:
    low, high = kind.low, kind.high
    code = "record.time_out_of_range" if kind.is_time else "record.undecodable"

    def read(body: bytes, at: int) -> tuple[int, int]:
        number, at = _long(body, at)
        if not low <= number <= high:
            raise malformed(code)
        return number, at

    return read


def _real(form: struct.Struct) -> _Reader:
    def read(body: bytes, at: int) -> tuple[float, int]:
        (number,) = form.unpack_from(body, at)
        if not math.isfinite(number):
            raise malformed("record.number_not_finite")
        return number, at + form.size

    return read


def _truth(body: bytes, at: int) -> tuple[bool, int]:
    byte = body[at]
    if byte > 1:
        raise malformed("record.undecodable")
    return byte == 1, at + 1


def _text(body: bytes, at: int) -> tuple[str, int]:
    length, at = _long(body, at)
    end = at + length
    if not at <= end <= len(body):
        raise malformed("record.undecodable")
    return body[at:end].decode(), end


def _symbols(symbols: tuple[str, ...]) -> _Reader:
    def read(body: bytes, at: int) -> tuple[str, int]:
        index, at = _long(body, at)
        if not 0 <= index < len(symbols):
            raise malformed("record.undecodable")
        return symbols[index], at

    return read


def _optional(inner: _Reader, null_index: int) -> _Reader:
    def read(body: bytes, at: int) -> tuple[Any, int]:
        index, at = _long(body, at)
        if index == null_index:
            return None, at
        if index != 1 - null_index:
            raise malformed("record.undecodable")
        return inner(body, at)

    return read


def _items(item: _Reader) -> _Reader:
    def read(body: bytes, at: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        while True:
            count, at = _long(body, at)
            if count == 0:
                return found, at
            size = None
            if count < 0:
                size, at = _long(body, at)
            start = at
            if abs(count) > len(body) - at:  # an item has at least one byte
                raise malformed("record.undecodable")
            if abs(count) + len(found) > MAX_ITEMS:
                raise malformed("record.too_large")
            for _ in range(abs(count)):
                value, at = item(body, at)
                found.append(value)
            if size is not None and at - start != size:
                raise malformed("record.undecodable")

    return read


def _record(fields: list[tuple[str, _Reader]]) -> _Reader:
    def read(body: bytes, at: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        for name, field in fields:
            found[name], at = field(body, at)
        return found, at

    return read
