import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.portal.measures import Unit
from simpul_connectors.portal.numbers import (
    ago_text,
    moment_text,
    percent,
    period_text,
    short_text,
    value_text,
    written,
)


@pytest.mark.parametrize(
    ("number", "digits", "indonesian", "english"),
    [(1234.5, 1, "1.234,5", "1,234.5"), (0, 0, "0", "0"), (-1234, 0, "-1.234", "-1,234"), (-0.01, 1, "0,0", "0.0")],
)
def test_numbers_are_written_as_each_language_does(number: float, digits: int, indonesian: str, english: str) -> None:
    assert written(number, "id", digits) == indonesian
    assert written(number, "en", digits) == english


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.COUNT, "\N{EN DASH}"),
        (12_345, Unit.COUNT, "12.345"),
        (123_450, Unit.SEN, "Rp\N{NO-BREAK SPACE}1.234,50"),
        (123_400, Unit.SEN, "Rp\N{NO-BREAK SPACE}1.234"),
        (5_000, Unit.RUPIAH, "Rp\N{NO-BREAK SPACE}5.000"),
        (1_500, Unit.THOUSANDTHS, "1,500"),
        (2_000, Unit.THOUSANDTHS, "2"),
        (0.8187, Unit.SHARE, "81,9\N{NO-BREAK SPACE}%"),
        (2.25, Unit.MEAN, "2,2"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float | None, unit: Unit, text: str) -> None:
    assert value_text(value, unit, "id") == text


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_share_below_all_never_looks_like_all_nor_one_above_none_like_none(part: int, more: int) -> None:
    share = part / (part + more)
    for digits in (0, 1):
        text = percent(share, "en", digits).removesuffix("\N{NO-BREAK SPACE}%")
        assert 0 < float(text) < 100
    assert percent(1, "id") == "100,0\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (9_999, Unit.COUNT, "9.999"),
        (12_345, Unit.COUNT, "12\N{NO-BREAK SPACE}rb"),
        (1_200_000, Unit.COUNT, "1,2\N{NO-BREAK SPACE}jt"),
    ],
)
def test_a_tile_says_large_numbers_in_a_few_characters(value: float, unit: Unit, text: str) -> None:
    assert short_text(value, unit, "id") == text


@pytest.mark.parametrize(
    ("kind", "period", "indonesian", "english"),
    [
        ("DAY", "2024-02-14", "14 Februari 2024", "14 February 2024"),
        ("WEEK", "2025-W01", "Minggu 1, 2025", "Week 1, 2025"),
        ("MONTH", "2024-02", "Februari 2024", "February 2024"),
        ("CATURWULAN", "2024-C1", "Caturwulan 1, 2024", "Four-month term 1, 2024"),
        ("QUARTER", "2024-Q3", "Triwulan 3, 2024", "Quarter 3, 2024"),
        ("YEAR", "2024", "2024", "2024"),
        ("NONE", "-", "Semua waktu", "All time"),
    ],
)
def test_periods_are_written_in_words(kind: str, period: str, indonesian: str, english: str) -> None:
    assert period_text(kind, period, "id") == indonesian
    assert period_text(kind, period, "en") == english


def test_a_moment_stands_in_the_zone_of_its_region() -> None:
    moment = 1_710_122_400_000_000
    assert moment_text(moment, "id") == "11 Maret 2024 09.00 WIB"
    assert moment_text(moment, "en", "73.71") == "11 March 2024 10:00 WITA"
    assert moment_text(moment, "id", "91") == "11 Maret 2024 11.00 WIT"
    assert moment_text(0, "id") == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0"), (4.25, "4,2"), (59.0, "59"), (150.0, "2"), (7200.0, "2"), (200_000.0, "2")],
)
def test_stretches_of_time_are_told_in_their_largest_unit(seconds: float, text: str) -> None:
    assert ago_text(seconds, "id").split("\N{NO-BREAK SPACE}")[0] == text
