import struct

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.sinks.dialects.postgresql_copy import to_copy_stream
from simpul_connectors.sinks.table import Kind

LONGS = st.none() | st.integers(-(2**63), 2**63 - 1)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]))


def read(stream: bytes) -> list[list[bytes | None]]:
    """Read a binary stream as PostgreSQL's manual describes it, field by field."""
    assert stream.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    at, found = 19, []
    while (count := struct.unpack_from("!h", stream, at)[0]) != -1:
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", stream, at)
            at += 4
            row.append(None if length == -1 else stream[at : at + length])
            at += max(length, 0)
        found.append(row)
    assert at + 2 == len(stream)
    return found


def copied(columns: dict[str, pl.Series], kinds: list[Kind]) -> list[list[bytes | None]]:
    return read(b"".join(to_copy_stream(pl.DataFrame(columns), kinds)))


@given(st.lists(st.tuples(TEXTS, LONGS, st.none() | st.floats(), TEXTS)))
def test_every_value_stands_in_the_stream_with_its_length(
    found: list[tuple[str | None, int | None, float | None, str | None]],
) -> None:
    frame = pl.DataFrame(found, schema={"a": pl.String, "b": pl.Int64, "c": pl.Float64, "d": pl.String}, orient="row")
    stream = b"".join(to_copy_stream(frame, [Kind.TEXT, Kind.BIGINT, Kind.DOUBLE, Kind.JSON]))
    assert read(stream) == [
        [
            a.encode() if a is not None else None,
            struct.pack("!q", b) if b is not None else None,
            struct.pack("!d", c) if c is not None else None,
            b"\x01" + d.encode() if d is not None else None,
        ]
        for a, b, c, d in found
    ]


@pytest.mark.parametrize(
    ("micros", "stored"),
    [
        (0, -946_684_800_000_000),
        (946_684_800_000_000, 0),
        (2**63 - 1, 2**63 - 1 - 946_684_800_000_000),
        (-210_866_803_200_000_000, -211_813_488_000_000_000),
        (-210_866_803_200_000_001, -(2**63)),
        (-(2**63), -(2**63)),
    ],
)
def test_times_count_from_2000_and_are_minus_infinity_before_the_calendar(micros: int, stored: int) -> None:
    assert copied({"t": pl.Series([micros])}, [Kind.TIMESTAMP]) == [[struct.pack("!q", stored)]]


def test_a_slice_of_a_larger_frame_is_written_as_it_stands() -> None:
    frame = pl.DataFrame({"a": ["x", "y", None, "z"], "b": [1, None, 3, 4]}).slice(1, 2)
    assert read(b"".join(to_copy_stream(frame, [Kind.TEXT, Kind.BIGINT]))) == [
        [b"y", None],
        [None, struct.pack("!q", 3)],
    ]


def test_a_frame_without_rows_is_an_empty_stream() -> None:
    assert copied({"a": pl.Series([], dtype=pl.String)}, [Kind.TEXT]) == []
