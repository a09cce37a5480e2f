"""The verdict of the rules for a column of records at once: the same trees as for a row, as polars expressions.

Two things could make a column say other than a row, and are dealt with here. Python's whole numbers never overflow and
polars' do, so every sum, difference and product is computed in a width that its bounds fit into (64 or 128 bits); one
that no width holds is refused when it is built. A named predicate is Python, so it is called once for each distinct
value of a block.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, TypeAlias

import polars as pl

from simpul_schemas import expressions as ex
from simpul_schemas.rules import RuleSet

#: The smallest and the largest value that a whole number can have; None for what is none.
Bounds: TypeAlias = tuple[int, int] | None

_INT: Bounds = (-(2**31), 2**31 - 1)
_LONG: Bounds = (-(2**63), 2**63 - 1)
#: The clock is ours, or the broker's, and no value of an event: a day more must still fit 64 bits.
_CLOCK: Bounds = (-(2**62), 2**62)
_WIDEST: Bounds = (-(2**127), 2**127 - 1)
#: No array of the wire is longer: its count alone would not fit an Arrow list.
_MOST_ITEMS = 2**31
#: A comparison with its sides exchanged.
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class Scope:
    """Where the fields of an expression are found, and of which Avro type they are.

    `path` is put before a field's name to find its type: `items.` inside the array `items`.
    """

    kinds: Mapping[str, str]
    path: str = ""

    def column(self, name: str) -> pl.Expr:
        """Return the column of a field."""
        return pl.element().struct.field(name) if self.path else pl.col(name)

    def limits(self, name: str) -> Bounds:
        """Return the bounds of a field; one whose type was not told may be as long as a number gets."""
        kind = self.kinds.get(self.path + name, "long")
        return {"int": _INT, "long": _LONG, "clock": _CLOCK}.get(kind)

    def inside(self, array: str) -> "Scope":
        """Return the scope of the items of an array."""
        return Scope(self.kinds, f"{self.path}{array}.")


class ColumnRules:
    """The rules of an event type as polars expressions, built once."""

    def __init__(self, rules: RuleSet) -> None:
        scope = Scope(rules.kinds)
        broken = {rule.code: to_polars(rule.broken, scope) for rule in rules.rules}
        self._bits = [
            pl.when(expression).then(pl.lit(1 << bit, pl.Int64)).otherwise(pl.lit(0, pl.Int64)).alias(code)
            for bit, (code, expression) in enumerate(broken.items())
        ]
        self._rejecting = [broken[rule.code] for rule in rules.rejecting]

    def judge(self, frame: pl.DataFrame) -> pl.Series:
        """Return the verdict of every row as `RuleSet.judge` would: bit i is set where the i-th rule is broken."""
        if frame.is_empty():
            return pl.Series("verdict", [], pl.Int64)
        return frame.select(verdict=pl.sum_horizontal(self._bits))["verdict"]

    def refuses(self, frame: pl.DataFrame) -> pl.Series:
        """Return for every row whether `RuleSet.judge` would refuse it, without asking under which codes."""
        if frame.is_empty() or not self._rejecting:
            return pl.repeat(value=False, n=len(frame), eager=True).alias("refused")
        return frame.select(refused=pl.any_horizontal(self._rejecting).fill_null(value=False))["refused"]


def judge(frame: pl.DataFrame, rules: RuleSet) -> pl.Series:
    """Judge a frame once; see `ColumnRules.judge`."""
    return ColumnRules(rules).judge(frame)


def bounds(expression: ex.Expression, scope: Scope) -> Bounds:
    """Return between which values a whole number lies; None for an expression that is none."""
    match expression:
        case ex.Field(name):
            return scope.limits(name)
        case ex.Constant(int() as value):
            return (value, value)
        case ex.Within(_, low, high):
            return (low, high)
        case ex.Binary(symbol, left, right) if symbol in ex.ARITHMETIC:
            return _combined(symbol, bounds(left, scope), bounds(right, scope))
        case ex.Aggregate(array, "sum", each):
            return _combined("*", bounds(each, scope.inside(array)), (0, _MOST_ITEMS))
    # Lengths and numbers of items fit a long; all else is no number.
    return _LONG if isinstance(expression, ex.ByteLength | ex.Aggregate) else None


def _combined(symbol: str, left: Bounds, right: Bounds) -> Bounds:
    if left is None or right is None:
        return None
    if symbol == "+":
        return (left[0] + right[0], left[1] + right[1])
    if symbol == "-":
        return (left[0] - right[1], left[1] - right[0])
    corners = [one * other for one in left for other in right]
    return (min(corners), max(corners))


def _fits(inner: Bounds, outer: Bounds) -> bool:
    return inner is None or outer is None or (outer[0] <= inner[0] and inner[1] <= outer[1])


def _widened(expression: ex.Expression, found: Sequence[Bounds], columns: Sequence[pl.Expr]) -> Sequence[pl.Expr]:
    """Make columns as wide as what is computed from them."""
    if all(_fits(one, _LONG) for one in found):
        return columns
    if not all(_fits(one, _WIDEST) for one in found):
        message = f"could leave 128 bits, bound its parts with within(): {expression!r}"
        raise TypeError(message)
    return [column.cast(pl.Int128) for column in columns]


@singledispatch
def to_polars(expression: ex.Expression, scope: Scope) -> pl.Expr:  # noqa: ARG001  # the signature of every form
    """Turn a rule's expression into a polars expression of the same truth."""
    message = f"no column form for {expression!r}"
    raise TypeError(message)


@to_polars.register
def _(expression: ex.Field, scope: Scope) -> pl.Expr:
    return scope.column(expression.name)


@to_polars.register
def _(expression: ex.Constant, scope: Scope) -> pl.Expr:  # noqa: ARG001  # the signature of every form
    value = expression.value
    if isinstance(value, str):
        return pl.lit(value)
    return pl.lit(value, pl.Int64 if _fits((value, value), _LONG) else pl.Int128)


@to_polars.register
def _(expression: ex.Binary, scope: Scope) -> pl.Expr:
    constant = [isinstance(side, ex.Constant) for side in (expression.left, expression.right)]
    if expression.symbol in _MIRRORED and constant == [True, False]:
        # polars 2.1 answers with a single row where a literal of 128 bits stands left of what is all unknown.
        return to_polars(ex.Binary(_MIRRORED[expression.symbol], expression.right, expression.left), scope)
    sides = (expression.left, expression.right)
    found = [bounds(side, scope) for side in sides]
    if expression.symbol in ex.ARITHMETIC:
        found.append(bounds(expression, scope))
    left, right = _widened(expression, found, [to_polars(side, scope) for side in sides])
    operations: Mapping[str, Any] = {
        "+": left.__add__,
        "-": left.__sub__,
        "*": left.__mul__,
        ">": left.gt,
        "<": left.lt,
        ">=": left.ge,
        "<=": left.le,
        "==": left.eq,
        "!=": left.ne,
    }
    computed: pl.Expr = operations[expression.symbol](right)
    return computed


@to_polars.register
def _(expression: ex.Logic, scope: Scope) -> pl.Expr:
    left, right = to_polars(expression.left, scope), to_polars(expression.right, scope)
    return left & right if expression.word == "and" else left | right


@to_polars.register
def _(expression: ex.Not, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).not_()


@to_polars.register
def _(expression: ex.Known, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).is_not_null()


@to_polars.register
def _(expression: ex.OneOf, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).is_in(sorted(expression.values))


@to_polars.register
def _(expression: ex.Matches, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).str.contains(f"^(?:{expression.pattern})$")


@to_polars.register
def _(expression: ex.Prefix, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).str.head(expression.characters)


@to_polars.register
def _(expression: ex.BeginsWith, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).str.starts_with(to_polars(expression.beginning, scope))


@to_polars.register
def _(expression: ex.ByteLength, scope: Scope) -> pl.Expr:
    return to_polars(expression.operand, scope).str.len_bytes().cast(pl.Int64)


@to_polars.register
def _(expression: ex.Within, scope: Scope) -> pl.Expr:
    value = to_polars(expression.operand, scope)
    return pl.when(value.is_between(expression.low, expression.high)).then(value)


@to_polars.register
def _(expression: ex.Satisfies, scope: Scope) -> pl.Expr:
    operands = [to_polars(operand, scope) for operand in expression.operands]
    return pl.map_batches(operands, _each_distinct(expression.predicate.function), return_dtype=pl.Boolean)


def _each_distinct(function: Callable[..., bool]) -> Callable[[Sequence[pl.Series]], pl.Series]:
    def call(columns: Sequence[pl.Series]) -> pl.Series:
        known: dict[tuple[object, ...], bool | None] = {}
        answers = []
        for values in zip(*(column.to_list() for column in columns), strict=True):
            if values not in known:
                known[values] = None if any(value is None for value in values) else function(*values)
            answers.append(known[values])
        return pl.Series(answers, dtype=pl.Boolean)

    return call


@to_polars.register
def _(expression: ex.Aggregate, scope: Scope) -> pl.Expr:
    column, inside = scope.column(expression.array), scope.inside(expression.array)
    if expression.kind == "count":
        return column.list.len().cast(pl.Int64)
    (each,) = _widened(
        expression,
        [bounds(expression, scope)] if expression.kind == "sum" else [],
        [to_polars(expression.each, inside)],
    )
    values = column.list.eval(each)
    # Null for an array that is unknown itself, and a condition that is null is not met.
    all_known = column.list.eval(each.is_null()).list.any().not_()
    if expression.kind == "any":
        return pl.when(values.list.any()).then(statement=True).when(all_known).then(statement=False)
    found = values.list.sum() if expression.kind == "sum" else values.list.n_unique().cast(pl.Int64)
    return pl.when(all_known).then(found)
