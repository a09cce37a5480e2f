"""Columnar decoding: agrees with the row referee on every byte string, and one bad record never takes others along."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_schemas import rows
from simpul_schemas.columns import ROW, BlockDecoder, conform
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.errors import MalformedRecord

TYPE = event_type("participation")
GOOD: dict[str, Any] = {
    **dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None),
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "tps:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "17.01.01",
    "occurred_at": 1_700_000_000_000_001,
    "recorded_at": 2,
    "published_at": 3,
    "source": "uji.17",
    "mode": "ACTUAL",
    "election": "uji",
    "valid": 7,
}
BODY = rows.encode(TYPE.parsed_schema, GOOD)
DECODERS = {name: BlockDecoder(kind.schema) for name, kind in EVENT_TYPES.items()}


def referee(body: bytes) -> str | None:
    try:
        rows.decode(TYPE.parsed_schema, body)
    except MalformedRecord as error:
        return error.code
    return None


def test_a_decoded_row_is_the_record_that_was_written_with_times_in_microseconds() -> None:
    decoded = DECODERS["participation"].decode([BODY])
    assert decoded.frame.drop(ROW).row(0, named=True) == GOOD
    assert rows.decode(TYPE.parsed_schema, BODY) == GOOD


def test_every_prefix_of_a_record_and_every_record_with_bytes_left_over_is_refused() -> None:
    bodies = [BODY[:length] for length in range(len(BODY))] + [BODY + b"\0", BODY + BODY]
    decoded = DECODERS["participation"].decode([*bodies, BODY])
    assert set(decoded.malformed) == set(range(len(bodies)))
    assert decoded.frame[ROW].to_list() == [len(bodies)]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_columns_and_rows_agree_on_a_record_with_flipped_bytes(flips: list[tuple[int, int]]) -> None:
    body = bytearray(BODY)
    for position, value in flips:
        body[position] = value
    decoded = DECODERS["participation"].decode([BODY, bytes(body), BODY])
    assert decoded.malformed.get(1) == referee(bytes(body))
    assert {0, 2} <= set(decoded.frame[ROW].to_list())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80" * 1_000_000,
        b"\xff" * 16,
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        BODY.replace(b"tps:1", b"\xff\xfe\xfd\xfc\xfb"),
    ],
    ids=["nothing", "endless integer", "all ones", "a text of 2^62 bytes", "no UTF-8"],
)
def test_hostile_bytes_are_refused_and_their_neighbours_taken(body: bytes) -> None:
    decoded = DECODERS["participation"].decode([BODY, body, BODY])
    assert set(decoded.malformed) == {1}
    assert decoded.frame[ROW].to_list() == [0, 2]


def test_an_older_schema_gives_unknown_for_what_it_did_not_have() -> None:
    frame = pl.DataFrame({"subject": ["a"], "valid": pl.Series([1], dtype=pl.Int32), "extra": [1]})
    current = pl.Schema({"subject": pl.String(), "valid": pl.Int64(), "invalid": pl.Int64()})
    assert conform(frame, current).rows() == [("a", 1, None)]
    assert conform(frame, current).schema == current
