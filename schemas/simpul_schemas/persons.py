"""Numbers of persons: NIP (civil servants, 18 digits) and NIK (every resident, 16 digits).

A NIP begins with the birth date (yyyymmdd), and its 15th digit is the sex, 1 or 2. A NIK begins with the place where
it was given (province 2, kabupaten/kota 2, kecamatan 2), then the birth date as ddmmyy, where 40 is added to a woman's
day, then 4 digits. Real registers hold numbers with a wrong date, so a date that cannot be is a doubt, not a proof.
"""

import re
from datetime import date

from simpul_schemas.regions import load_regions

NIP_SHAPE = "[0-9]{18}"
NIK_SHAPE = "[0-9]{16}"

_NIP, _NIK = re.compile(NIP_SHAPE), re.compile(NIK_SHAPE)
#: Nobody who is in office was born before, and nobody born after is old enough.
_FIRST_BIRTH_YEAR, _LAST_BIRTH_YEAR = 1920, 2015
_WOMAN = 40
_CENTURIES = (1900, 2000)


def nip_is_doubtful(nip: str) -> bool:
    """Return whether 18 digits hold a birth date or a sex that cannot be; False for what has no such shape."""
    if _NIP.fullmatch(nip) is None:
        return False
    year = int(nip[:4])
    born = _exists(year, int(nip[4:6]), int(nip[6:8])) and _FIRST_BIRTH_YEAR <= year <= _LAST_BIRTH_YEAR
    return not born or nip[14] not in "12"


def nik_is_doubtful(nik: str) -> bool:
    """Return whether 16 digits hold a province or a birth date that cannot be; False for what has no such shape."""
    if _NIK.fullmatch(nik) is None:
        return False
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    if day > _WOMAN:
        day -= _WOMAN
    born = any(_exists(century + year, month, day) for century in _CENTURIES)
    return not born or nik[:2] not in load_regions()


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
