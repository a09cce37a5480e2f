"""NIP and NIK: which digits can be a person's."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.persons import nik_is_doubtful, nip_is_doubtful


@pytest.mark.parametrize(
    ("nip", "doubtful"),
    [
        ("198001012005011001", False),
        ("198002292005012001", False),
        ("198102292005011001", True),
        ("198013012005011001", True),
        ("191912312005011001", True),
        ("201601012005011001", True),
        ("198001012005013001", True),
        # Staff under contract (PPPK) have 21 where others have the month.
        ("199001012023211001", False),
        ("19800101", False),
        ("١٩٨٠٠١٠١٢٠٠٥٠١١٠٠١", False),
    ],
)
def test_a_nip_holds_a_birth_date_and_a_sex(nip: str, doubtful: bool) -> None:
    assert nip_is_doubtful(nip) is doubtful


@pytest.mark.parametrize(
    ("nik", "doubtful"),
    [
        ("1701014101800001", False),
        ("1701010101800001", False),
        ("1701017112800001", False),
        ("1701013112800001", False),
        ("1701013202800001", True),
        ("1701014001800001", True),
        ("1701017202800001", True),
        ("1701010113800001", True),
        # 29 February of a year 00: there was one in 2000, none in 1900.
        ("1701012902000001", False),
        ("1701012902010001", True),
        ("9901010101800001", True),
        ("0001010101800001", True),
        ("17010101", False),
    ],
)
def test_a_nik_holds_a_province_and_a_birth_date_with_40_added_for_a_woman(nik: str, doubtful: bool) -> None:
    assert nik_is_doubtful(nik) is doubtful


@given(st.dates(min_value=date(1920, 1, 1), max_value=date(2015, 12, 31)))
def test_every_birth_date_is_plausible(born: date) -> None:
    assert not nip_is_doubtful(f"{born:%Y%m%d}200501" + "1001")
    assert not nik_is_doubtful(f"170101{born:%d%m%y}0001")


@given(st.text(alphabet="0123456789", min_size=18, max_size=18))
def test_no_digits_make_the_check_fail(digits: str) -> None:
    assert nip_is_doubtful(digits) in {True, False}
    assert nik_is_doubtful(digits[:16]) in {True, False}
