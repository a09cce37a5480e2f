"""Many expressions over one record at once: the bits of those that are true.

`expressions.compile_row` makes a function of a function of a function; a polling station asks some 300 of them for its
34 rules. Here the trees become the source of one Python function, which asks the same in a quarter of the time. It is
Kleene's logic told by two questions, "is it true" and "is it false", so that what is unknown needs no third value.

The names in the source are made here; what comes from a tree (names of fields, constants, patterns) is only ever put
there as a literal or handed in as a value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from simpul_schemas.expressions import (
    ARITHMETIC,
    Binary,
    ByteLength,
    Constant,
    Expression,
    Field,
    Known,
    Logic,
    Matches,
    Not,
    OneOf,
    Prefix,
    Row,
    compile_row,
)

Verdict: TypeAlias = Callable[[Row], int]

#: A NaN is equal to itself and above every number, as in `expressions`.
_COMPARE = {
    ">": "({0} > {1} or ({0} != {0} and {1} == {1}))",
    "<": "({0} < {1} or ({1} != {1} and {0} == {0}))",
    ">=": "({0} >= {1} or {0} != {0})",
    "<=": "({0} <= {1} or {1} != {1})",
    "==": "({0} == {1} or ({0} != {0} and {1} != {1}))",
    "!=": "({0} != {1} and not ({0} != {0} and {1} != {1}))",
}


def compile_verdict(broken: Sequence[Expression], kinds: Mapping[str, str]) -> Verdict:
    """Return a function that gives bit i for the i-th expression that is true of a record, and no other.

    `kinds` gives the Avro types of fields by their names; what is no number with a fraction cannot be a NaN.
    """
    source = _Source(kinds)
    tests = [f"    if {source.true(each)}:\n        bits |= {1 << bit}" for bit, each in enumerate(broken)]
    fields = [f"    {local} = get({name!r})" for name, local in source.fields.items()]
    text = "\n".join(["def verdict(row):", "    get = row.get", "    bits = 0", *fields, *tests, "    return bits"])
    namespace = dict(source.values)
    exec(compile(text, "<verdict>", "exec"), namespace)  # noqa: S102  # our own rules, never what somebody sends
    made: Verdict = namespace["verdict"]
    return made


class _Source:
    """Writes expressions as Python; `fields` are the locals that hold fields, `values` what is handed in."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.fields: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self._kinds = kinds
        self._answers: dict[Expression, str] = {}

    def true(self, expression: Expression) -> str:
        """Return what tells whether an expression is true."""
        return self._is(expression, wanted=True)

    def _is(self, expression: Expression, *, wanted: bool) -> str:
        match expression:
            case Logic(word, left, right):
                # Either side decides an `or` that is true and an `and` that is false.
                joined = "or" if (word == "or") is wanted else "and"
                return f"({self._is(left, wanted=wanted)} {joined} {self._is(right, wanted=wanted)})"
            case Not(operand):
                return self._is(operand, wanted=not wanted)
            case Known(operand):
                return self._all([self._known(operand)]) if wanted else f"(not {self._all([self._known(operand)])})"
        known = self._known(expression)
        value = self._value(expression)
        return self._all([known, value if wanted else f"not {value}"])

    @staticmethod
    def _all(conditions: Sequence[str]) -> str:
        needed = [each for each in conditions if each]
        return f"({' and '.join(needed)})" if needed else "True"

    def _known(self, expression: Expression) -> str:
        """Return what tells whether a value is known; empty where it always is. It is asked before the value."""
        match expression:
            case Field(name):
                return f"{self._local(name)} is not None"
            case Constant():
                return ""
            case Binary(_, left, right):
                known = [each for each in (self._known(left), self._known(right)) if each]
                return " and ".join(known)
            case Matches(operand) | OneOf(operand) | Prefix(operand) | ByteLength(operand):
                return self._known(operand)
        answer = self._answers.setdefault(expression, f"answer{len(self._answers)}")
        return f"({answer} := {self._hand_in(compile_row(expression))}(row)) is not None"

    def _value(self, expression: Expression) -> str:  # noqa: PLR0911  # one return a node
        """Return a value, under the condition that it is known."""
        match expression:
            case Field(name):
                return self._local(name)
            case Constant(value):
                return repr(value) if isinstance(value, int | str) else self._hand_in(value)
            case Binary(symbol, left, right):
                sides = self._value(left), self._value(right)
                if symbol in ARITHMETIC or (self._whole(left) and self._whole(right)):
                    return f"({sides[0]} {symbol} {sides[1]})"
                return _COMPARE[symbol].format(*sides)
            case Matches(operand, pattern):
                return f"({self._hand_in(re.compile(pattern).fullmatch)}({self._value(operand)}) is not None)"
            case OneOf(operand, values):
                return f"({self._value(operand)} in {self._hand_in(values)})"
            case Prefix(operand, characters):
                return f"{self._value(operand)}[:{characters}]"
            case ByteLength(operand):
                return f"len({self._value(operand)}.encode())"
        return self._answers[expression]

    def _whole(self, expression: Expression) -> bool:
        """Return whether a value can be no NaN."""
        match expression:
            case Field(name):
                return self._kinds.get(name, "double") not in {"double", "float"}
            case Constant(value):
                return isinstance(value, int | str)
            case Binary(_, left, right):
                return self._whole(left) and self._whole(right)
            case Prefix() | ByteLength():
                return True
        return False

    def _local(self, name: str) -> str:
        return self.fields.setdefault(name, f"field{len(self.fields)}")

    def _hand_in(self, value: object) -> str:
        name = f"value{len(self.values)}"
        self.values[name] = value
        return name
