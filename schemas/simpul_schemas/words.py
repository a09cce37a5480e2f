"""Amounts in words (terbilang), as the law wants them beside the figure: written, and read back.

Reading is the inverse of writing by construction: words are cut into tokens, added up leniently, and stand only if
writing that sum gives the same tokens again. What a hand may vary is levelled before: capitals, spaces (also left out,
as in `duabelas`), punctuation, `satu ribu` for `seribu`, `milyar` for `miliar`, and `rupiah` left out.
"""

import re
from functools import lru_cache

#: Sen in a rupiah.
SEN = 100
#: The first number that there are no words for here: a thousand kuadriliun.
LIMIT = 10**18

_DIGITS = ("", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
_SCALES = {"kuadriliun": 10**15, "triliun": 10**12, "miliar": 10**9, "juta": 10**6, "ribu": 10**3}
_UNITS = ("puluh", "belas", "ratus")
_SPELLINGS = {"milyar": "miliar", "trilyun": "triliun", "kuadrilyun": "kuadriliun", "se": "satu", "kosong": "nol"}
_FOLLOWS_SE = "|".join((*_UNITS, *_SCALES, "milyar", "trilyun", "kuadrilyun"))
#: `sembilan` and `sen` before `se`, which only counts in front of a unit.
_TOKEN = re.compile(
    "|".join((*_DIGITS[1:], "nol", *_SPELLINGS, *_UNITS, *_SCALES, "rupiah", "sen")).replace(
        "|se|", f"|se(?={_FOLLOWS_SE})|"
    )
)
_NO_LETTERS = re.compile(r"[\W\d_]+")
#: No amount needs more; a longer text is not looked at.
_LONGEST = 1000


def write_number(number: int) -> str:
    """Return a whole number in words, 0 to `LIMIT` - 1; another raises `ValueError`."""
    if not 0 <= number < LIMIT:
        message = f"no words for {number}"
        raise ValueError(message)
    words = " ".join(_tokens(number))
    words = re.sub(r"\bsatu (puluh|belas|ratus)\b", r"se\1", words)
    # A thousand alone is seribu, but 21,000 is dua puluh satu ribu.
    return re.sub(r"(^|(?:iliun|liar|juta) )satu ribu\b", r"\1seribu", words)


def write_rupiah(sen: int) -> str:
    """Return an amount in sen in words: `seribu rupiah`, `dua rupiah lima puluh sen`."""
    rupiah, rest = divmod(sen, SEN)
    return f"{write_number(rupiah)} rupiah" + (f" {write_number(rest)} sen" if rest else "")


# Two rules ask about the same words, and whole blocks repeat the same amounts.
@lru_cache(maxsize=1 << 12)
def read_rupiah(text: str) -> int | None:
    """Return the amount in sen that words say, or None where they say none that can be written so."""
    tokens = _read_tokens(text)
    if tokens is None:
        return None
    sen: int | None = 0
    if tokens and tokens[-1] == "sen":
        head, rupiah_said, tokens = _cut(tokens[:-1])
        sen = _value(tokens)
        if sen is None or sen >= SEN or (head and not rupiah_said):
            return None
        if not rupiah_said:
            return sen
        tokens = head
    elif tokens and tokens[-1] == "rupiah":
        tokens = tokens[:-1]
    rupiah = _value(tokens)
    return None if rupiah is None or sen is None else rupiah * SEN + sen


def _cut(tokens: list[str]) -> tuple[list[str], bool, list[str]]:
    """Cut at the word rupiah: what stands before it, whether it was there, what stands behind."""
    if "rupiah" not in tokens:
        return [], False, tokens
    place = tokens.index("rupiah")
    return tokens[:place], True, tokens[place + 1 :]


def _read_tokens(text: str) -> list[str] | None:
    if len(text) > _LONGEST:
        return None
    letters = _NO_LETTERS.sub("", text.casefold()).removeprefix("terbilang").removeprefix("rp")
    tokens, position = [], 0
    while position < len(letters):
        match = _TOKEN.match(letters, position)
        if match is None:
            return None
        tokens.append(_SPELLINGS.get(match[0], match[0]))
        position = match.end()
    return tokens


def _value(tokens: list[str]) -> int | None:
    """Add tokens up, and keep the sum only where it is written by these very tokens."""
    if tokens == ["nol"]:
        return 0
    total = group = digit = 0
    for token in tokens:
        if token in _DIGITS:
            digit = _DIGITS.index(token)
        elif token in _SCALES:
            total, group, digit = total + (group + digit) * _SCALES[token], 0, 0
        elif token == "belas":  # noqa: S105  # a word of a number, no password
            group, digit = group + digit + 10, 0
        elif token in _UNITS:
            group, digit = group + digit * (10 if token == "puluh" else 100), 0  # noqa: S105  # as above
        else:
            return None
    total += group + digit
    return total if 0 < total < LIMIT and _tokens(total) == tokens else None


def _tokens(number: int) -> list[str]:
    """Return the words of a number with `satu` for every `se`."""
    found: list[str] = []
    for word, scale in _SCALES.items():
        group, number = divmod(number, scale)
        if group:
            found += [*_below_thousand(group), word]
    found += _below_thousand(number)
    return found or ["nol"]


def _below_thousand(number: int) -> list[str]:
    hundreds, rest = divmod(number, 100)
    found = [_DIGITS[hundreds], "ratus"] if hundreds else []
    tens, ones = divmod(rest, 10)
    if tens == 1 and ones:
        return [*found, _DIGITS[ones], "belas"]
    if tens:
        found += [_DIGITS[tens], "puluh"]
    return [*found, _DIGITS[ones]] if ones else found
