import polars as pl
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.sinks.dialects.mariadb_literals import to_literals
from simpul_connectors.sinks.table import Column, Field, Kind


def columns(*kinds: Kind) -> list[Column]:
    return [Column(f"c{number}", Field(f"c{number}", kind, required=False)) for number, kind in enumerate(kinds)]


def unescaped(literal: str) -> str:
    """Read a quoted literal as the server does, and find nothing behind it."""
    assert literal[0] == "'"
    found, rest = [], iter(literal[1:])
    for character in rest:
        if character == "'":
            assert next(rest, None) is None, "something stands behind the literal"
            return "".join(found)
        found.append(next(rest) if character == "\\" else character)
    raise AssertionError(literal)


@given(st.text() | st.text(alphabet="\\'\"`%;-\n"))
def test_no_text_can_leave_its_literal(text: str) -> None:
    (line,) = to_literals(pl.DataFrame({"c0": [text]}), columns(Kind.TEXT))
    assert line[0] + line[-1] == "()"
    assert unescaped(line[1:-1]) == text


def test_every_kind_is_written_and_the_unknown_is_null() -> None:
    kinds = (Kind.TEXT, Kind.BIGINT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.JSON)
    frame = pl.DataFrame(
        {"c0": ["a", None], "c1": [-(2**63), None], "c2": [1e-300, None], "c3": [1, None], "c4": ["[1]", None]}
    )
    (lines,) = to_literals(frame, columns(*kinds))
    first, second = lines.split("),(")
    assert first == "('a',-9223372036854775808,1e-300,'1970-01-01 00:00:00.000001','[1]'"
    assert second == "NULL,NULL,NULL,NULL,NULL)"


def test_statements_are_cut_and_no_row_is_lost() -> None:
    frame = pl.DataFrame({"c0": ["x" * 300_000] * 10 + ["y" * 1_500_000] + ["z"] * 3})
    parts = list(to_literals(frame, columns(Kind.TEXT)))
    assert sum(part.count("('") for part in parts) == 14
    assert len(parts) > 3
    assert sorted(map(len, parts))[-2] < 1_000_100


def test_a_frame_without_rows_has_no_statement() -> None:
    assert list(to_literals(pl.DataFrame({"c0": []}, schema={"c0": pl.String}), columns(Kind.TEXT))) == []


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(pymysql.err.DataError):
        list(to_literals(pl.DataFrame({"c0": [1.0, number]}), columns(Kind.DOUBLE)))
