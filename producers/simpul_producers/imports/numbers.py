"""Numbers as Indonesians and English speakers write them, with units, into exact whole numbers.

`2.402,58 M` (milliard) with `times: 100` is 240,258,000,000,000 sen. What does not come out whole is refused, since a
rounded amount is another amount.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from simpul_producers.imports.model import NumberSpec

#: What a unit stands for; letter case does not matter but for M, which is a milliard and never a million.
UNITS = {
    "T": Fraction(10**12),
    "triliun": Fraction(10**12),
    "trilyun": Fraction(10**12),
    "M": Fraction(10**9),
    "miliar": Fraction(10**9),
    "milyar": Fraction(10**9),
    "mlr": Fraction(10**9),
    "jt": Fraction(10**6),
    "juta": Fraction(10**6),
    "rb": Fraction(10**3),
    "ribu": Fraction(10**3),
    "%": Fraction(1, 100),
    "persen": Fraction(1, 100),
}
_STYLES = {
    "plain": re.compile(r"(?P<whole>[0-9]{1,30})(?P<part>)"),
    "indonesian": re.compile(r"(?P<whole>[0-9]{1,3}(\.[0-9]{3}){1,9}|[0-9]{1,30})(,(?P<part>[0-9]{1,30}))?"),
    "english": re.compile(r"(?P<whole>[0-9]{1,3}(,[0-9]{3}){1,9}|[0-9]{1,30})(\.(?P<part>[0-9]{1,30}))?"),
}
_FRAME = re.compile(
    r"(?P<open>\()?(?P<minus>-)?(?:Rp\.?\s*|IDR\s*)?(?P<number>[0-9.,]+)\s*(?P<unit>[A-Za-z%]*)(?P<close>\))?"
)


class NotANumber(ValueError):
    """A text is not written as the mapping says."""


class NotExact(ValueError):
    """A number is no whole one in the unit of the field."""


def unit_named(name: str) -> Fraction | None:
    """Return what a unit stands for, or None where there is no such unit."""
    return UNITS.get(name) or (UNITS.get(name.lower()) if len(name) > 1 else None)


def number_reader(spec: NumberSpec) -> Callable[[str], Fraction]:
    """Return what reads a text as an exact number in the unit of the field; it raises `NotANumber`."""
    form = _STYLES[spec.style]
    allowed = {unit_named(unit) for unit in spec.units}
    without = unit_named(spec.unit) if spec.unit is not None else Fraction(1)
    bare = spec.style == "plain" and not spec.units

    def read(text: str) -> Fraction:
        frame = _FRAME.fullmatch(text if bare else text.strip())
        if frame is None or (frame["open"] is None) != (frame["close"] is None) or (bare and frame["number"] != text):
            raise NotANumber(text)
        minus = frame["minus"] is not None or frame["open"] is not None
        match = form.fullmatch(frame["number"])
        if match is None or (minus and not spec.negative):
            raise NotANumber(text)
        factor = unit_named(frame["unit"]) if frame["unit"] else without
        if factor is None or (frame["unit"] and factor not in allowed):
            raise NotANumber(text)
        part = match["part"] or ""
        digits = int(re.sub("[.,]", "", match["whole"]) + part)
        value = Fraction(digits, 10 ** len(part)) * factor * spec.times
        return -value if minus else value

    return read


def whole(value: Fraction, text: str) -> int:
    """Return a whole number, or raise `NotExact`."""
    if value.denominator != 1:
        raise NotExact(text)
    return value.numerator
