"""Numbers, moments and periods as people read them in Indonesian and in English. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from simpul_connectors.portal.measures import Unit
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.periods import NO_KIND, Period
from simpul_schemas.regions import load_regions

Language = Literal["id", "en"]
#: What stands where nothing is known, or nothing was reported.
NOTHING = "\N{EN DASH}"

_MONTHS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": (
            *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
            *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
        ),
        "en": (
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
    }
)
#: From which size on a number is shortened, by what, and the word for it.
_SCALES: Mapping[str, tuple[tuple[int, int, str], ...]] = MappingProxyType(
    {
        "id": ((10**12, 10**12, "T"), (10**9, 10**9, "M"), (10**6, 10**6, "jt"), (10**4, 10**3, "rb")),
        "en": ((10**12, 10**12, "tn"), (10**9, 10**9, "bn"), (10**6, 10**6, "m"), (10**4, 10**3, "k")),
    }
)
#: One of what is stored is so many of what is shown.
_PARTS = MappingProxyType({Unit.SEN: 100, Unit.THOUSANDTHS: 1000})
_ZONES = MappingProxyType(
    {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
)


def written(number: float, language: Language, digits: int = 0) -> str:
    """Write a number with so many digits after the point: 1.234,5 in Indonesian, 1,234.5 in English."""
    text = f"{number:,.{digits}f}"
    if text.strip("-0.,") == "":
        text = text.removeprefix("-")
    return text.translate(str.maketrans(",.", ".,")) if language == "id" else text


def value_text(value: float | None, unit: Unit, language: Language) -> str:
    """Write a value in full, with its unit; a dash for one that is unknown."""
    if value is None:
        return NOTHING
    match unit:
        case Unit.SHARE:
            text = percent(value, language)
        case Unit.MEAN:
            text = written(value, language, 1)
        case Unit.RUPIAH:
            text = f"Rp\N{NO-BREAK SPACE}{written(value, language)}"
        case Unit.SEN:
            text = f"Rp\N{NO-BREAK SPACE}{written(value / 100, language, 2 if value % 100 else 0)}"
        case Unit.THOUSANDTHS:
            text = written(value / 1000, language, 3 if value % 1000 else 0)
        case Unit.COUNT:
            text = written(value, language)
    return text


def short_text(value: float | None, unit: Unit, language: Language) -> str:
    """Write a value in a few characters, for a tile: 1,2 jt."""
    if value is None:
        return NOTHING
    if unit is Unit.SHARE:
        return percent(value, language, 0)
    if unit is Unit.MEAN:
        return written(value, language, 1)
    whole = value / _PARTS.get(unit, 1)
    for least, size, word in _SCALES[language]:
        if abs(whole) >= least:
            scaled = whole / size
            return f"{written(scaled, language, 1 if abs(scaled) < 10 else 0)}\N{NO-BREAK SPACE}{word}"
    return written(whole, language)


def percent(share: float | None, language: Language, digits: int = 1) -> str:
    """Write a share as a percentage; one that is not whole is never rounded up to 100, nor down to 0."""
    if share is None:
        return NOTHING
    step = 10.0**-digits
    shown = share * 100
    if share < 1:
        shown = min(shown, 100 - step)
    if share > 0:
        shown = max(shown, step)
    return f"{written(shown, language, digits)}\N{NO-BREAK SPACE}%"


def moment_text(micros: int, language: Language, region: str = "") -> str:
    """Write a moment in the zone of a region, in WIB for the nation: 14 Februari 2024 09.30 WIB."""
    if micros <= 0:
        return NOTHING
    found = load_regions().get(region[:2]) if region else None
    zone = found.timezone if found else "Asia/Jakarta"
    local = datetime.fromtimestamp(micros / 1_000_000, UTC).astimezone(ZoneInfo(zone))
    mark = "." if language == "id" else ":"
    day = f"{local.day} {_MONTHS[language][local.month - 1]} {local.year}"
    return f"{day} {local:%H}{mark}{local:%M} {_ZONES.get(zone, '')}".strip()


def period_text(kind: str, period: str, language: Language) -> str:
    """Write a period in words: Februari 2024, Caturwulan I 2024, 12-18 Februari 2024."""
    if kind == NO_KIND:
        return "Semua waktu" if language == "id" else "All time"
    found = Period.read(kind, period)
    year = found.first.year
    months = _MONTHS[language]
    match found.kind:
        case PeriodKind.DAY:
            return f"{found.first.day} {months[found.first.month - 1]} {year}"
        case PeriodKind.WEEK:
            iso_year, week, _ = found.first.isocalendar()
            return f"Minggu {week}, {iso_year}" if language == "id" else f"Week {week}, {iso_year}"
        case PeriodKind.MONTH:
            return f"{months[found.first.month - 1]} {year}"
        case PeriodKind.YEAR:
            return str(year)
        case _:
            return f"{_LONG[found.kind][language == 'en']} {period[-1]}, {year}"


_LONG = {
    PeriodKind.QUARTER: ("Triwulan", "Quarter"),
    PeriodKind.CATURWULAN: ("Caturwulan", "Four-month term"),
    PeriodKind.SEMESTER: ("Semester", "Half-year"),
}


def ago_text(seconds: float | None, language: Language) -> str:
    """Write a stretch of time in its largest unit: 12 dtk, 3 mnt, 2 jam, 5 hari."""
    if seconds is None:
        return NOTHING
    words = ("dtk", "mnt", "jam", "hari") if language == "id" else ("s", "min", "h", "d")
    for size, word in ((86_400, words[3]), (3_600, words[2]), (60, words[1])):
        if seconds >= 2 * size:
            return f"{written(seconds // size, language)}\N{NO-BREAK SPACE}{word}"
    digits = 1 if 0 < seconds < 10 else 0
    return f"{written(seconds, language, digits)}\N{NO-BREAK SPACE}{words[0]}"
