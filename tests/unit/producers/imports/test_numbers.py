"""Numbers as they are written: exact, or refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_producers.imports.model import NumberSpec
from simpul_producers.imports.numbers import NotANumber, NotExact, number_reader, whole


def read(text: str, **spec: object) -> Fraction:
    return number_reader(NumberSpec.model_validate(spec))(text)


@pytest.mark.parametrize(
    ("text", "spec", "expected"),
    [
        ("2.402,58 M", {"style": "indonesian", "units": ["M"], "times": 100}, 240_258_000_000_000),
        ("2,5 jt", {"style": "indonesian", "units": ["jt"]}, 2_500_000),
        ("3 rb", {"style": "indonesian", "units": ["rb"]}, 3000),
        ("1,5 miliar", {"style": "indonesian", "units": ["M"]}, 1_500_000_000),
        ("45,5 %", {"style": "indonesian", "units": ["%"], "times": 10_000}, 4550),
        ("1,895.88", {"style": "english", "times": 100}, 189_588),
        ("998.77", {"style": "english", "unit": "M"}, 998_770_000_000),
        ("Rp 1.000.000", {"style": "indonesian"}, 1_000_000),
        ("(55,71 M)", {"style": "indonesian", "units": ["M"], "negative": True}, -55_710_000_000),
        ("-7", {"style": "english", "negative": True}, -7),
        ("0044", {}, 44),
    ],
)
def test_a_number_is_read_exactly(text: str, spec: dict[str, object], expected: int) -> None:
    assert whole(read(text, **spec), text) == expected


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1.5", {}),
        (" 1", {}),
        ("1.50", {"style": "indonesian"}),  # not a thousand, and not one and a half either
        ("1,50", {"style": "english"}),
        ("1.000.00", {"style": "indonesian"}),
        ("-1", {"style": "english"}),
        ("(1", {"style": "english", "negative": True}),
        ("1 jt", {"style": "indonesian"}),
        ("1 m", {"style": "indonesian", "units": ["M"]}),  # metres, or a million; never a milliard
        ("1 M", {"style": "indonesian", "units": ["jt"]}),
        ("", {"style": "english"}),
        ("1e5", {"style": "english"}),
        ("\u0661", {"style": "english"}),
        ("9" * 31, {}),
    ],
)
def test_what_is_not_written_as_the_mapping_says_is_no_number(text: str, spec: dict[str, object]) -> None:
    with pytest.raises(NotANumber):
        read(text, **spec)


def test_what_does_not_come_out_whole_is_not_rounded() -> None:
    with pytest.raises(NotExact):
        whole(read("0,005", style="indonesian", times=100), "0,005")


@given(st.integers(0, 10**15), st.integers(0, 99))
def test_both_ways_of_writing_give_the_same_number(number: int, cents: int) -> None:
    english = f"{number:,}.{cents:02}"
    indonesian = english.translate(str.maketrans(",.", ".,"))
    expected = number * 100 + cents
    assert read(english, style="english", times=100) == read(indonesian, style="indonesian", times=100) == expected
