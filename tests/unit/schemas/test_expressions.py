"""Any expression has one truth for a row and for a column: sums that leave 64 bits, NaN, unknown, arrays of records."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_schemas.column_rules import Scope, judge, to_polars
from simpul_schemas.expressions import Constant, Expression, Field, Items, Predicate, compile_row
from simpul_schemas.rules import RuleSet, Text, reject

KINDS = {"a": "long", "b": "long", "n": "int", "x": "double", "t": "string", "u": "string", "items.p": "long"}
SCHEMA = pl.Schema(
    {
        "a": pl.Int64(),
        "b": pl.Int64(),
        "n": pl.Int64(),
        "x": pl.Float64(),
        "t": pl.String(),
        "u": pl.String(),
        "items": pl.List(pl.Struct({"p": pl.Int64(), "q": pl.Int64(), "s": pl.String()})),
    }
)
LONG = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1)
TEXT = st.sampled_from(["", "a", "ab", "é", "a\n"]) | st.text(max_size=3)
ITEM = st.fixed_dictionaries({"p": st.none() | LONG, "q": st.none() | LONG, "s": TEXT})
ROWS = st.fixed_dictionaries(
    {
        "a": st.none() | LONG,
        "b": st.none() | LONG,
        "n": st.none() | st.integers(-(2**31), 2**31 - 1),
        "x": st.none() | st.floats(),
        "t": st.none() | TEXT,
        "u": st.none() | TEXT,
        "items": st.none() | st.lists(ITEM, max_size=3),
    }
)
_ITEMS = Items("items")
_SMALL = Field("p").within(-(2**40), 2**40)
_EVEN = Predicate("even", lambda number: number % 2 == 0)

whole = st.deferred(
    lambda: (
        st.sampled_from([Field("a"), Field("b"), Field("n"), Constant(10**30), Constant(-1), _ITEMS.count()])
        | st.sampled_from([Field("a") + Field("b"), Field("a") * Field("b"), Field("n") - Field("a") * 12])
        | st.sampled_from([_ITEMS.sum(_SMALL * _SMALL), _ITEMS.sum(Field("p")), _ITEMS.distinct(Field("s"))])
    )
)
# A comparison of two constants has one answer, not one for each row; no rule asks it.
compared = st.tuples(st.sampled_from([">", "<", ">=", "<=", "==", "!="]), whole, whole).filter(
    lambda parts: not all(isinstance(part, Constant) for part in parts[1:])
)
_METHODS = {">": "__gt__", "<": "__lt__", ">=": "__ge__", "<=": "__le__", "==": "equals", "!=": "differs"}


def compare(symbol: str, left: Expression, right: Expression) -> Expression:
    found: Expression = getattr(left, _METHODS[symbol])(right)
    return found


truth: st.SearchStrategy[Expression] = st.recursive(
    compared.map(lambda parts: compare(*parts))
    | st.tuples(st.sampled_from(sorted(_METHODS)), st.sampled_from([Constant(0), Field("x")])).map(
        lambda parts: compare(parts[0], Field("x"), parts[1])
    )
    | st.sampled_from(
        [
            Field("t").begins_with(Field("u")),
            Field("t").matches("a.?"),
            Field("t").prefix(1).differs(Field("u")),
            Field("t").byte_length() > 1,
            Field("items").known(),
            _EVEN.of(Field("a")),
            _ITEMS.any(Field("p") > Field("q")),
            _ITEMS.any(~Field("s").one_of(frozenset({"a", "ab"}))),
        ]
    ),
    lambda inner: (
        st.tuples(inner, inner).map(lambda both: both[0] & both[1])
        | st.tuples(inner, inner).map(lambda both: both[0] | both[1])
        | inner.map(lambda one: ~one)
    ),
    max_leaves=4,
)


def column_truth(expression: Expression, rows: list[dict[str, Any]]) -> list[Any]:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    return frame.with_columns(found=to_polars(expression, Scope(KINDS)))["found"].to_list()


@settings(max_examples=400, deadline=None)
@given(truth, st.lists(ROWS, min_size=1, max_size=6))
def test_every_expression_is_true_false_or_unknown_alike_for_rows_and_columns(
    expression: Expression, rows: list[dict[str, Any]]
) -> None:
    function = compile_row(expression)
    assert column_truth(expression, rows) == [function(row) for row in rows]


def row(**values: Any) -> dict[str, Any]:
    return dict.fromkeys(SCHEMA) | values


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        (Field("a") + Field("b") > 0, {"a": 2**63 - 1, "b": 1}, True),
        (Field("a") - Field("b") < 0, {"a": -(2**63), "b": 2**63 - 1}, True),
        (Field("a") * Field("b") > 0, {"a": -(2**63), "b": -(2**63)}, True),
        (Field("n") * 12 > Field("a") * 10, {"n": 2**31 - 1, "a": 2**63 - 1}, False),
        (_ITEMS.sum(Field("p")) > 0, {"items": [{"p": 2**63 - 1, "q": 0, "s": ""}] * 3}, True),
        (_ITEMS.sum(Field("p")) > 0, {"items": []}, False),
        (_ITEMS.sum(Field("p")) > 0, {"items": [{"p": 5, "q": 0, "s": ""}, {"p": None, "q": 0, "s": ""}]}, None),
        (_ITEMS.any(Field("p") > 0), {"items": [{"p": 5, "q": 0, "s": ""}, {"p": None, "q": 0, "s": ""}]}, True),
        (_ITEMS.any(Field("p") > 0), {"items": [{"p": 0, "q": 0, "s": ""}, {"p": None, "q": 0, "s": ""}]}, None),
        (_ITEMS.any(Field("p") > 0), {"items": []}, False),
        (_ITEMS.any(Field("p") > 0), {"items": None}, None),
        (Field("x") > 5, {"x": math.nan}, True),
        (Field("x") <= 5, {"x": math.nan}, False),
        (Field("x").equals(Field("x")), {"x": math.nan}, True),
        (Field("a").within(0, 5).known(), {"a": 6}, False),
        (Field("a").within(0, 5).known(), {"a": 5}, True),
    ],
)
def test_the_boundaries_have_one_answer(expression: Expression, values: dict[str, Any], expected: bool | None) -> None:
    assert compile_row(expression)(row(**values)) is expected
    assert column_truth(expression, [row(**values)]) == [expected]


def test_a_constant_before_what_is_all_unknown_leaves_every_row_its_own_answer() -> None:
    expression = Constant(10**30) > _ITEMS.sum(Field("p"))
    assert column_truth(expression, [row(), row(), row()]) == [None, None, None]


def test_a_sum_that_no_width_holds_is_refused_when_it_is_built() -> None:
    unbounded = _ITEMS.sum(Field("p") * Field("q")) > 0
    with pytest.raises(TypeError, match="within"):
        to_polars(unbounded, Scope(KINDS))


def test_a_predicate_is_asked_once_for_each_distinct_value_and_never_about_the_unknown() -> None:
    asked = []

    def remember(value: int) -> bool:
        asked.append(value)
        return value > 1

    expression = Predicate("remember", remember).of(Field("a"))
    rows = [row(a=value) for value in (1, 2, None, 2, 1, None)]
    assert column_truth(expression, rows) == [False, True, None, True, False, None]
    assert asked == [1, 2]


def test_an_empty_frame_has_an_empty_verdict() -> None:
    rule = reject("t.a", ("a",), Field("a") < 0, Text("a", "b"), Text("c", "d"))
    assert judge(pl.DataFrame(schema=SCHEMA), RuleSet((rule,), KINDS)).to_list() == []
