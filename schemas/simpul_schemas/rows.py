"""Avro for one record at a time: what the outbox encodes, and the referee where columns disagree."""

import io
from datetime import datetime
from typing import Any

import fastavro

from simpul_schemas.errors import MalformedRecord
from simpul_schemas.events.envelope import to_micros


def encode(parsed_schema: Any, record: dict[str, Any]) -> bytes:  # noqa: ANN401  # fastavro's schema type
    """Encode one record; an unknown field or a value of the wrong type raises what fastavro raises."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, parsed_schema, record, strict=True)
    return buffer.getvalue()


def decode(parsed_schema: Any, body: bytes) -> dict[str, Any]:  # noqa: ANN401  # fastavro's schema type
    """Decode one body of a schema that the contract holds, or raise `MalformedRecord`.

    Avro readers accept much that no writer writes: overlong integers, indexes out of range, bytes left over. So the
    record is written again, and only the very same bytes are a record. Times stay microseconds since the epoch.
    """
    stream = io.BytesIO(body)
    try:
        record: Any = fastavro.schemaless_reader(stream, parsed_schema, None)
        again = encode(parsed_schema, record)
    except Exception as error:
        raise MalformedRecord(
            "record.undecodable", "Isi catatan tidak dapat dibaca.", "The record's body is not of its schema."
        ) from error
    if again != body:
        raise MalformedRecord(
            "record.not_canonical",
            "Isi catatan tidak baku atau kelebihan bita.",
            "The record's body is not what an Avro writer writes, or has bytes left over.",
        )
    return {name: _raw(value) for name, value in record.items()}


def _raw(value: object) -> object:
    return to_micros(value) if isinstance(value, datetime) else value
