"""The fast encoder: the bytes of fastavro, and as strict."""

import io
import string
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.avro_types import AvroType, Items, Optional, Real, Record, Symbols, Text, Truth, Whole, read_parsed
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.row_encoder import RowEncoder
from simpul_schemas.rows import decode


def values(kind: AvroType) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # one return a type
    match kind:
        case Whole(low, high):
            return st.integers(low, high) | st.sampled_from([n for n in (0, 1, 63, 64, 4095, 4096) if low <= n <= high])
        case Real(size):
            return st.floats(allow_nan=False, allow_infinity=False, width=64 if size == 8 else 32)
        case Truth():
            return st.booleans()
        case Text():
            return st.text(max_size=20) | st.text(string.ascii_letters, min_size=60, max_size=70)
        case Symbols(symbols):
            return st.sampled_from(symbols)
        case Items(item):
            return st.lists(values(item), max_size=3)
        case Optional(inner):
            return st.none() | values(inner)
        case Record(_, fields):
            return st.fixed_dictionaries({name: values(field) for name, field in fields})


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(data=st.data())
def test_every_record_is_written_as_fastavro_writes_it(name: str, data: st.DataObject) -> None:
    kind = EVENT_TYPES[name]
    record = data.draw(values(read_parsed(kind.parsed_schema)))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, kind.parsed_schema, record, strict=True)
    body = kind.encoder.encode(record)
    assert body == buffer.getvalue()
    assert decode(kind.parsed_schema, body) == record


SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Some",
        "fields": [
            {"name": "small", "type": "int"},
            {"name": "maybe", "type": ["null", "long"], "default": None},
            {"name": "word", "type": "string"},
            {"name": "choice", "type": {"type": "enum", "name": "Choice", "symbols": ["A", "B"]}},
            {"name": "real", "type": "double"},
            {"name": "truth", "type": "boolean"},
            {"name": "list", "type": {"type": "array", "items": "string"}},
        ],
    }
)
GOOD = {"small": 1, "maybe": None, "word": "x", "choice": "A", "real": 0.5, "truth": True, "list": ["a"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"small": True},
        {"small": 1.0},
        {"small": "1"},
        {"small": 2**31},
        {"small": None},
        {"maybe": True},
        {"maybe": 2**63},
        {"word": 1},
        {"word": "\ud800"},
        {"choice": "C"},
        {"choice": 0},
        {"real": float("nan")},
        {"real": "0.5"},
        {"truth": 1},
        {"list": "a"},
        {"list": [1]},
        {"unknown": 1},
    ],
)
def test_what_is_not_of_the_schema_raises(changes: dict[str, Any]) -> None:
    encoder = RowEncoder(SCHEMA)
    assert encoder.encode(GOOD)
    with pytest.raises(ValueError, match=r".+"):
        encoder.encode(GOOD | changes)


def test_a_missing_field_raises() -> None:
    with pytest.raises(ValueError, match="is no record of"):
        RowEncoder(SCHEMA).encode({name: value for name, value in GOOD.items() if name != "word"})
