"""Terbilang: what is written is read back, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.words import LIMIT, read_rupiah, write_number, write_rupiah

number = st.integers(0, LIMIT - 1) | st.integers(0, 20_000) | st.integers(0, 17).map(lambda power: 10**power)


@given(number, st.integers(0, 99))
def test_an_amount_that_is_written_is_read_back(rupiah: int, sen: int) -> None:
    assert read_rupiah(write_rupiah(rupiah * 100 + sen)) == rupiah * 100 + sen


@given(number, number)
def test_different_numbers_have_different_words(one: int, other: int) -> None:
    assert (write_number(one) == write_number(other)) == (one == other)


@given(number)
def test_capitals_spaces_and_marks_do_not_matter(rupiah: int) -> None:
    words = write_number(rupiah)
    for spelling in (words.upper(), words.replace(" ", "   "), words.replace(" ", ""), f"## {words.title()} Rupiah ##"):
        assert read_rupiah(spelling) == rupiah * 100


@given(
    st.lists(st.sampled_from(["satu", "sembilan", "se", "puluh", "belas", "ratus", "ribu", "juta", "rupiah", "sen"]))
)
def test_what_is_read_from_any_words_is_written_with_the_same_meaning(words: list[str]) -> None:
    sen = read_rupiah(" ".join(words))
    assert sen is None or read_rupiah(write_rupiah(sen)) == sen


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    sen = read_rupiah(text)
    assert sen is None or sen >= 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "nol"),
        (10, "sepuluh"),
        (11, "sebelas"),
        (17, "tujuh belas"),
        (21, "dua puluh satu"),
        (100, "seratus"),
        (1000, "seribu"),
        (1100, "seribu seratus"),
        (21_000, "dua puluh satu ribu"),
        (101_000, "seratus satu ribu"),
        (1_000_000, "satu juta"),
        (1_001_000, "satu juta seribu"),
        (12_500_000, "dua belas juta lima ratus ribu"),
        (10**15, "satu kuadriliun"),
    ],
)
def test_numbers_are_written_as_one_says_them(value: int, words: str) -> None:
    assert write_number(value) == words


@pytest.mark.parametrize(
    ("words", "sen"),
    [
        ("Satu Ribu Rupiah", 100_000),
        ("sejuta", 100_000_000),
        ("Terbilang: satu milyar rupiah", 10**11),
        ("seratus seribu rupiah", 10_100_000),
        ("dua rupiah lima puluh sen", 250),
        ("lima puluh sen", 50),
        ("nol rupiah", 0),
        ("(tiga-puluh dua) rupiah.", 3200),
    ],
)
def test_usual_spellings_are_read(words: str, sen: int) -> None:
    assert read_rupiah(words) == sen


@pytest.mark.parametrize(
    "words",
    [
        "",
        "rupiah",
        "sen",
        "uang",
        "1000",
        "satu satu",
        "ribu",
        "puluh",
        "dua puluh sebelas",
        "satu ribu dua juta",
        "satu juta juta",
        "seratus rupiah seratus sen",
        "rupiah lima sen",
        "lima sen rupiah",
        "satu rupiah rupiah",
        "satu " * 1000,
    ],
)
def test_what_says_no_amount_is_not_read(words: str) -> None:
    assert read_rupiah(words) is None


@pytest.mark.parametrize("value", [-1, LIMIT])
def test_a_number_without_words_is_said(value: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        write_number(value)
