"""Rules compiled into one function: the same verdict as the functions of functions that they replace."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.expressions import (
    BeginsWith,
    Binary,
    ByteLength,
    Constant,
    Expression,
    Field,
    Items,
    Known,
    Logic,
    Matches,
    Not,
    OneOf,
    Predicate,
    Prefix,
    Within,
    compile_row,
)
from simpul_schemas.row_verdict import compile_verdict

KINDS = {"whole": "int", "other": "long", "real": "double", "word": "string", "text": "string"}
EVEN = Predicate("even", lambda number: number % 2 == 0)

numbers = st.recursive(
    st.sampled_from([Field("whole"), Field("other")]) | st.integers(-3, 3).map(Constant),
    lambda inner: (
        st.builds(Binary, st.sampled_from("+-*"), inner, inner)
        | inner.map(lambda each: Within(each, -2, 2))
        | st.just(Items("list").sum(Field("n")))
        | st.just(Items("list").count())
    ),
    max_leaves=4,
)
words = st.sampled_from([Field("word"), Field("text"), Prefix(Field("word"), 1), Constant("a")])
compared = st.sampled_from([">", "<", ">=", "<=", "==", "!="])
truths = st.recursive(
    st.builds(Binary, compared, numbers, numbers)
    | st.builds(Binary, compared, st.just(Field("real")), st.just(Field("real")) | st.integers(-2, 2).map(Constant))
    | st.builds(Binary, st.sampled_from(["==", "!="]), words, words)
    | words.map(lambda each: Matches(each, "a+"))
    | words.map(lambda each: OneOf(each, frozenset({"a", "ab"})))
    | words.map(lambda each: Binary("<", ByteLength(each), Constant(2)))
    | st.builds(BeginsWith, words, words)
    | st.builds(Known, numbers | words)
    | numbers.map(EVEN.of)
    | st.just(Items("list").any(Field("n") > 1)),
    lambda inner: st.builds(Logic, st.sampled_from(["and", "or"]), inner, inner) | inner.map(Not),
    max_leaves=6,
)
maybe = st.none() | st.integers(-4, 4)
rows = st.fixed_dictionaries(
    {
        "whole": maybe,
        "other": maybe,
        "real": st.none() | st.sampled_from([math.nan, -1.0, 0.0, 1.0, 2.0]),
        "word": st.none() | st.sampled_from(["", "a", "ab", "b", "á"]),
        "text": st.none() | st.sampled_from(["", "a", "ab"]),
        "list": st.none() | st.lists(st.fixed_dictionaries({"n": maybe}), max_size=3),
    }
)


@given(st.lists(truths, min_size=1, max_size=3), rows, st.booleans())
def test_a_bit_is_set_where_the_expression_is_true_and_nowhere_else(
    expressions: list[Expression], row: dict[str, Any], kinds_known: bool
) -> None:
    expected = sum(1 << bit for bit, each in enumerate(expressions) if compile_row(each)(row) is True)
    assert compile_verdict(expressions, KINDS if kinds_known else {})(row) == expected


def test_a_field_that_is_not_there_is_unknown() -> None:
    assert compile_verdict([Field("a") > 1, ~Field("a").known()], {})({}) == 2


def test_a_name_that_is_no_python_stays_a_name() -> None:
    name = "x'] or __import__('os')['"
    assert compile_verdict([Field(name).equals("a")], {})({name: "a"}) == 1
