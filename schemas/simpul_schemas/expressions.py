"""Expressions over the fields of an event, written once and evaluated for one row or for a million.

An expression is a small tree. `compile_row` turns it into a function over one record; `simpul_schemas.columns` turns
the same tree into a polars expression over a frame. Both know three truth values: an expression over an unknown field
is unknown (None), `and` and `or` follow Kleene. A rule is broken only where its expression is true.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

#: A record as it is decoded: times as microseconds since the epoch, enums as their symbols, unknown as None.
Row: TypeAlias = Mapping[str, Any]
RowFunction: TypeAlias = Callable[[Row], Any]


class Expression:
    """A node of the tree. Comparison methods are named, because `==` must go on comparing trees."""

    __slots__ = ()

    def __add__(self, other: "Operand") -> "Binary":
        return Binary("+", self, _wrap(other))

    def __sub__(self, other: "Operand") -> "Binary":
        return Binary("-", self, _wrap(other))

    def __mul__(self, other: "Operand") -> "Binary":
        return Binary("*", self, _wrap(other))

    def __gt__(self, other: "Operand") -> "Binary":
        return Binary(">", self, _wrap(other))

    def __lt__(self, other: "Operand") -> "Binary":
        return Binary("<", self, _wrap(other))

    def __ge__(self, other: "Operand") -> "Binary":
        return Binary(">=", self, _wrap(other))

    def __le__(self, other: "Operand") -> "Binary":
        return Binary("<=", self, _wrap(other))

    def __and__(self, other: "Expression") -> "Logic":
        return Logic("and", self, other)

    def __or__(self, other: "Expression") -> "Logic":
        return Logic("or", self, other)

    def __invert__(self) -> "Not":
        return Not(self)

    def equals(self, other: "Operand") -> "Binary":
        """Return whether both sides are the same value."""
        return Binary("==", self, _wrap(other))

    def differs(self, other: "Operand") -> "Binary":
        """Return whether both sides are different values."""
        return Binary("!=", self, _wrap(other))

    def known(self) -> "Known":
        """Return whether the value is known; never unknown itself."""
        return Known(self)

    def one_of(self, values: frozenset[str]) -> "OneOf":
        """Return whether a text is one of the values."""
        return OneOf(self, values)

    def matches(self, pattern: str) -> "Matches":
        """Return whether a whole text matches a pattern that Python's and Rust's engines read alike."""
        return Matches(self, pattern)

    def prefix(self, characters: int) -> "Prefix":
        """Return the first characters of a text."""
        return Prefix(self, characters)

    def byte_length(self) -> "ByteLength":
        """Return the length of a text in bytes of UTF-8."""
        return ByteLength(self)


Operand: TypeAlias = Expression | int | str


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """The value of a field."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A value that is the same for every event."""

    value: int | str


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """Arithmetic or comparison; unknown where a side is."""

    symbol: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logic(Expression):
    """Kleene's `and` and `or`."""

    word: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """The opposite; unknown stays unknown."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Known(Expression):
    """Whether a value is known."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class OneOf(Expression):
    """Membership in a fixed set of texts."""

    operand: Expression
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matches(Expression):
    """A whole-text match."""

    operand: Expression
    pattern: str


@dataclass(frozen=True, slots=True)
class Prefix(Expression):
    """The first characters of a text."""

    operand: Expression
    characters: int


@dataclass(frozen=True, slots=True)
class ByteLength(Expression):
    """The length of a text in bytes."""

    operand: Expression


def _wrap(operand: Operand) -> Expression:
    return operand if isinstance(operand, Expression) else Constant(operand)


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def compile_row(expression: Expression) -> RowFunction:
    """Turn an expression into a function over one record, which returns a value or None for unknown."""
    match expression:
        case Field(name):
            return lambda row: row.get(name)
        case Constant(value):
            return lambda _row: value
        case Binary(symbol, left, right):
            return _binary(_OPERATORS[symbol], compile_row(left), compile_row(right))
        case Logic(word, left, right):
            return _logic(decides=word == "or", left=compile_row(left), right=compile_row(right))
        case Known(operand):
            inner = compile_row(operand)
            return lambda row: inner(row) is not None
    return _unary(expression)


def _unary(expression: Expression) -> RowFunction:
    match expression:
        case Not(operand):
            return _lift(operator.not_, operand)
        case OneOf(operand, values):
            return _lift(values.__contains__, operand)
        case Matches(operand, pattern):
            matcher = re.compile(pattern)
            return _lift(lambda text: matcher.fullmatch(text) is not None, operand)
        case Prefix(operand, characters):
            return _lift(lambda text: text[:characters], operand)
        case ByteLength(operand):
            return _lift(lambda text: len(text.encode()), operand)
    message = f"no row form for {expression!r}"
    raise TypeError(message)


def _lift(function: Callable[[Any], Any], operand: Expression) -> RowFunction:
    inner = compile_row(operand)

    def call(row: Row) -> Any:  # noqa: ANN401  # the value of any expression
        value = inner(row)
        return None if value is None else function(value)

    return call


def _binary(function: Callable[[Any, Any], Any], left: RowFunction, right: RowFunction) -> RowFunction:
    def call(row: Row) -> Any:  # noqa: ANN401  # the value of any expression
        first, second = left(row), right(row)
        return None if first is None or second is None else function(first, second)

    return call


def _logic(*, decides: bool, left: RowFunction, right: RowFunction) -> RowFunction:
    """Build `or` (true decides) or `and` (false decides); where no side decides, one unknown makes it unknown."""

    def call(row: Row) -> bool | None:
        first: bool | None = left(row)
        if first is decides:
            return decides
        second: bool | None = right(row)
        if second is decides:
            return decides
        return None if first is None or second is None else not decides

    return call
