"""Expressions over the fields of an event, written once and evaluated for one row or for a million.

An expression is a small tree. `compile_row` turns it into a function over one record; `simpul_schemas.column_rules`
turns the same tree into a polars expression over a frame. Both know three truth values: an expression over an unknown
field is unknown (None), `and` and `or` follow Kleene. A rule is broken only where its expression is true.

Whole numbers do not overflow. A NaN is equal to itself and above every number, as PostgreSQL and polars have it, so
that "not inside the limits" finds it; doubles are only compared with constants that a double holds exactly.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeAlias

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

    def begins_with(self, beginning: "Operand") -> "BeginsWith":
        """Return whether a text begins with another."""
        return BeginsWith(self, _wrap(beginning))

    def byte_length(self) -> "ByteLength":
        """Return the length of a text in bytes of UTF-8."""
        return ByteLength(self)

    def within(self, low: int, high: int) -> "Within":
        """Return a number where it lies between two limits, both included; unknown elsewhere."""
        return Within(self, low, high)


Operand: TypeAlias = Expression | int | str


def as_text(part: object) -> str:
    """Write an expression, or a part of one, as a text that changes with what it says and is alike in every process."""
    if isinstance(part, Predicate):
        return part.name
    if isinstance(part, frozenset):
        return repr(sorted(part))
    if isinstance(part, tuple):
        return f"({','.join(map(as_text, part))})"
    if is_dataclass(part) and not isinstance(part, type):
        return f"{type(part).__name__}({','.join(as_text(getattr(part, each.name)) for each in fields(part))})"
    return repr(part)


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
class BeginsWith(Expression):
    """Whether a text begins with another; unknown where one is."""

    operand: Expression
    beginning: Expression


@dataclass(frozen=True, slots=True)
class ByteLength(Expression):
    """The length of a text in bytes."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Within(Expression):
    """A number between two limits, unknown elsewhere: what keeps a sum of products in 128 bits."""

    operand: Expression
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Predicate:
    """A named question about known values, asked of Python: pure, and never raising, whatever the values are."""

    name: str
    function: Callable[..., bool]

    def of(self, *operands: Expression) -> "Satisfies":
        """Ask it of the values of fields, or of what is made from them; unknown where one of them is."""
        return Satisfies(self, operands)


@dataclass(frozen=True, slots=True)
class Satisfies(Expression):
    """The answer of a predicate. It costs a call for each distinct value, so it is for what nothing else can say."""

    predicate: Predicate
    operands: tuple[Expression, ...]


AggregateKind: TypeAlias = Literal["any", "sum", "count", "distinct"]


@dataclass(frozen=True, slots=True)
class Aggregate(Expression):
    """One value of all items of an array; see `Items`."""

    array: str
    kind: AggregateKind
    each: Expression


@dataclass(frozen=True, slots=True)
class Items:
    """An array of records; a `Field` in what is asked about it is a field of an item.

    What is asked is unknown where the array is.
    """

    array: str

    def any(self, each: Expression) -> Aggregate:
        """Return Kleene's `or` over all items; false for none."""
        return Aggregate(self.array, "any", each)

    def sum(self, each: Expression) -> Aggregate:
        """Return the sum over all items, unknown where one is; 0 for none."""
        return Aggregate(self.array, "sum", each)

    def distinct(self, each: Expression) -> Aggregate:
        """Return how many different values the items have, unknown where one is."""
        return Aggregate(self.array, "distinct", each)

    def count(self) -> Aggregate:
        """Return the number of items."""
        return Aggregate(self.array, "count", Constant(1))


def _wrap(operand: Operand) -> Expression:
    return operand if isinstance(operand, Expression) else Constant(operand)


def fields_of(expression: Expression) -> frozenset[str]:
    """Return the fields of an event that an expression looks at; of an array's items only the array."""
    match expression:
        case Field(name):
            return frozenset({name})
        case Aggregate(array):
            return frozenset({array})
    inner = (getattr(expression, field.name) for field in fields(expression))  # type: ignore[arg-type]  # every node is a dataclass
    parts = (part for value in inner for part in (value if isinstance(value, tuple) else (value,)))
    return frozenset[str]().union(*(fields_of(part) for part in parts if isinstance(part, Expression)))


#: The operators that compute, rather than compare.
ARITHMETIC = frozenset("+-*")

# A value that differs from itself is a NaN: equal to another NaN, and above all else.
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    ">": lambda left, right: left > right or (_is_nan(left) and not _is_nan(right)),
    "<": lambda left, right: left < right or (_is_nan(right) and not _is_nan(left)),
    ">=": lambda left, right: left >= right or _is_nan(left),
    "<=": lambda left, right: left <= right or _is_nan(right),
    "==": lambda left, right: left == right or (_is_nan(left) and _is_nan(right)),
    "!=": lambda left, right: left != right and not (_is_nan(left) and _is_nan(right)),
}


def _is_nan(value: object) -> bool:
    return value != value  # noqa: PLR0124  # only a NaN differs from itself


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
        case Within(operand, low, high):
            return _lift(lambda value: value if low <= value <= high else None, operand)
        case Matches(operand, pattern):
            matcher = re.compile(pattern)
            return _lift(lambda text: matcher.fullmatch(text) is not None, operand)
    return _compound(expression)


def _compound(expression: Expression) -> RowFunction:
    match expression:
        case Satisfies(predicate, operands):
            return _satisfies(predicate.function, [compile_row(operand) for operand in operands])
        case Aggregate(array, kind, each):
            return _aggregate(array, kind, compile_row(each))
        case Prefix(operand, characters):
            return _lift(lambda text: text[:characters], operand)
        case BeginsWith(operand, beginning):
            return _binary(str.startswith, compile_row(operand), compile_row(beginning))
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


def _satisfies(function: Callable[..., bool], operands: list[RowFunction]) -> RowFunction:
    def call(row: Row) -> bool | None:
        values = [operand(row) for operand in operands]
        return None if any(value is None for value in values) else function(*values)

    return call


def _aggregate(array: str, kind: AggregateKind, each: RowFunction) -> RowFunction:
    def call(row: Row) -> Any:  # noqa: ANN401  # a truth or a number
        items = row.get(array)
        if items is None:
            return None
        values = [each(item) for item in items]
        if kind == "any" and True in values:
            return True
        if None in values:
            return None
        if kind == "any":
            return False
        return sum(values) if kind == "sum" else len(values if kind == "count" else set(values))

    return call
