"""Decoding one record: what fastavro writes is read as it was meant, and every length is checked before it is used."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.avro_types import read_schema
from simpul_schemas.rows import MAX_BODY_BYTES, RowDecoder, decode, encode
from simpul_schemas.wire import MALFORMED

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Uji",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "small", "type": "int"},
        {"name": "text", "type": ["null", "string"]},
        {"name": "last", "type": ["string", "null"]},
        {"name": "many", "type": {"type": "array", "items": "double"}},
    ],
}
PARSED = fastavro.parse_schema(SCHEMA)
DECODER = RowDecoder(read_schema(json.dumps(SCHEMA)))
RECORDS = st.fixed_dictionaries(
    {
        "number": st.integers(-(2**63), 2**63 - 1),
        "small": st.integers(-(2**31), 2**31 - 1),
        "text": st.none() | st.text(),
        "last": st.none() | st.text(),
        "many": st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    }
)


@given(RECORDS)
def test_a_written_record_is_read_as_fastavro_reads_it(record: dict[str, Any]) -> None:
    body = encode(PARSED, record)
    assert DECODER.decode(body) == decode(PARSED, body) == record
    assert fastavro.schemaless_reader(io.BytesIO(body), PARSED, None) == record


@given(RECORDS, st.data())
def test_a_cut_or_prolonged_record_is_refused(record: dict[str, Any], data: st.DataObject) -> None:
    body = encode(PARSED, record)
    assert DECODER.code(body[: data.draw(st.integers(0, len(body) - 1))]) == "record.undecodable"
    assert DECODER.code(body + data.draw(st.binary(min_size=1))) == "record.not_canonical"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_record_that_is_written_anew_with_the_same_value_or_a_code(body: bytes) -> None:
    code = DECODER.code(body)
    if code is None:
        record = DECODER.decode(body)
        assert DECODER.decode(encode(PARSED, record)) == record
    else:
        assert code in MALFORMED


def test_a_body_beyond_the_limit_is_refused_unread() -> None:
    assert DECODER.code(b"\xff" * MAX_BODY_BYTES) == "record.undecodable"
    assert DECODER.code(b"\xff" * (MAX_BODY_BYTES + 1)) == "record.too_large"


def test_a_value_that_the_schema_does_not_have_is_not_written() -> None:
    good: dict[str, Any] = {"number": 1, "small": 2, "text": None, "last": None, "many": []}
    for bad in (good | {"other": 1}, {name: good[name] for name in ("number", "small")}, good | {"number": 2**63}):
        with pytest.raises((ValueError, OverflowError)):
            encode(PARSED, bad)
