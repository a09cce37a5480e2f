"""Times as tables hold them: Indonesian months, serial numbers of days, zones; into microseconds since the epoch."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from simpul_producers.imports.model import EXCEL, REGION_ZONE, ZONES, TimeSpec
from simpul_schemas.events.envelope import from_micros, to_micros
from simpul_schemas.regions import load_regions

#: Times repeat, and to read one costs more than to remember it.
_REMEMBERED = 1 << 16
#: Spreadsheets count days from here; serials up to 60 are a day off, since 1900 was no leap year, and are refused.
_SERIAL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001  # a day of a calendar; its zone is the mapping's
_SERIAL = re.compile(r"[0-9]{2,7}(\.[0-9]{1,17})?")
_FIRST_SERIAL, _LAST_SERIAL = 61, 2_958_465

_MONTHS = (
    "jan januari january",
    "feb februari pebruari peb february",
    "mar maret mrt march",
    "apr april",
    "mei may",
    "jun juni june",
    "jul juli july",
    "agu agustus agt ags agus aug august",
    "sep september sept",
    "okt oktober oct october",
    "nov november nopember nop",
    "des desember dec december",
)
#: Month by name, as Indonesians write and shorten them, and as English speakers do.
MONTHS = MappingProxyType({name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()})
_WORD = re.compile(r"[^\W\d_]+")

Reader = Callable[[str], int]


def zone_of(spec: TimeSpec, region: str | None = None) -> ZoneInfo | None:
    """Return the zone that a time is told in, None where the format holds it; `region` is the event's own."""
    if spec.timezone is None:
        return None
    if spec.timezone != REGION_ZONE:
        return ZoneInfo(ZONES.get(spec.timezone, spec.timezone))
    found = load_regions().get(region or "")
    # A region that is none is refused elsewhere, by its own code.
    return ZoneInfo(found.timezone if found else ZONES["wib"])


def time_reader(spec: TimeSpec, zone: ZoneInfo | None) -> Reader:
    """Return what reads a text as microseconds since the epoch; it raises ValueError or OverflowError."""
    readers = [_format_reader(form) for form in spec.formats]

    @lru_cache(maxsize=_REMEMBERED)
    def read(text: str) -> int:
        for number, reader in enumerate(readers, 1):
            try:
                return _in_zone(reader(text), zone)
            except ValueError:
                if number == len(readers):
                    raise
        raise ValueError(text)

    return read


def day_of(micros: int, zone: ZoneInfo | None) -> str:
    """Return the day of a moment in a zone, 2024-02-14."""
    return from_micros(micros).astimezone(zone or UTC).date().isoformat()


def _format_reader(form: str) -> Callable[[str], datetime]:
    if form == EXCEL:
        return _from_serial
    if "%b" not in form and "%B" not in form:
        return lambda text: datetime.strptime(text, form)  # noqa: DTZ007  # the zone is added afterwards, or %z
    with_number = form.replace("%b", "%m").replace("%B", "%m")
    return lambda text: datetime.strptime(_WORD.sub(_month, text), with_number)  # noqa: DTZ007  # the same


def _month(match: re.Match[str]) -> str:
    number = MONTHS.get(match[0].lower())
    return match[0] if number is None else f"{number:02}"


def _from_serial(text: str) -> datetime:
    if _SERIAL.fullmatch(text) is None or not _FIRST_SERIAL <= float(text) <= _LAST_SERIAL:
        message = "no serial number of a day"
        raise ValueError(message)
    days, _, fraction = text.partition(".")
    # To whole seconds: a float of a day is no more exact than that.
    seconds = round(int(fraction or 0) * 86_400 / 10 ** len(fraction or "0"))
    return _SERIAL_ZERO + timedelta(days=int(days), seconds=seconds)


def _in_zone(moment: datetime, zone: ZoneInfo | None) -> int:
    if zone is None:
        return to_micros(moment)
    aware = moment.replace(tzinfo=zone)
    # An hour that the clocks jumped over exists in no zone; what comes back from UTC is another hour.
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        message = "no such local time"
        raise ValueError(message)
    return to_micros(aware)
