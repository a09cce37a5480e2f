"""Coverage as its readers see it: who was expected to report in a place and period, and who did.

One row for each event type, level, region and period, on the topic `simpul.view.completeness.v1`.
"""

import json
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.periods import Period, containing
from simpul_schemas.regions import NATION, Level, level_of

#: Names that one row lists at most; how many there are follows from the counts.
NAMES_AT_MOST = 1000
#: Bits of a revision that count the changes by reports and by time; above them stands the last change of the roster.
ROSTER_SHIFT = 28


class Place(NamedTuple):
    """What a row of coverage is about."""

    event_type: str
    level: str
    region: str
    period_kind: str
    period: str

    @property
    def key(self) -> str:
        """The place as the key of its record."""
        return _key(self)


@lru_cache(1 << 16)
def _key(place: Place) -> str:
    # A unit's period asks for the keys of some ten places, and most of them are those of many units.
    return json.dumps(place, ensure_ascii=False, separators=(",", ":"))


def chain(region: str) -> list[str]:
    """Return a region and every one above it, up to the nation."""
    parts = region.split(".")
    return [*(".".join(parts[:length]) for length in range(len(parts), 0, -1)), NATION]


def places(event_type: str, region: str, period_kind: str, period: str) -> Iterator[Place]:
    """Give the places that a unit's period counts in: its region and all above, its period and all that contain it."""
    for code in chain(region):
        for kind, text in containing(period_kind, period):
            yield Place(event_type, level_of(code).value, code, kind, text)


def candidates(region: str, period_kind: str, period: str) -> list[tuple[str, str, str]]:
    """Return where the coverage of a figure is looked for, the nearest first: region, kind and period.

    A place takes its own row; else that of a longer period which contains its own (a week goes with the month of its
    Thursday, as ISO 8601 gives it to a year); else those of the region above. It ends at the province, since no unit
    stands for the nation.
    """
    periods = list(containing(period_kind, period))
    if period_kind == PeriodKind.WEEK:
        periods += containing(PeriodKind.MONTH.value, month_of(period_kind, period))
    regions = [code for code in chain(region) if code != NATION or region == NATION]
    return [(code, kind, text) for code in dict.fromkeys(regions) for kind, text in periods]


def month_of(period_kind: str, period: str) -> str:
    """Return the month that a day lies in, or that a week goes with: that of its Thursday."""
    first = Period.read(period_kind, period).first
    if period_kind == PeriodKind.WEEK:
        first = date.fromordinal(first.toordinal() + 3)
    return Period.of(PeriodKind.MONTH, first).text


def is_known(revision: int) -> bool:
    """Return whether a roster has ever spoken of the region of a row; else it only tells of unexpected reports."""
    return revision >> ROSTER_SHIFT > 0


def _field(name: str, doc: str, kind: object = "long") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


_LEVEL = {"type": "enum", "name": "Level", "symbols": [level.value for level in Level]}
_NAMES = {"type": "array", "items": "string"}
_MOMENT = {"type": "long", "logicalType": "timestamp-micros"}

#: The Avro schema of the completeness topic.
COVERAGE_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Completeness",
        "namespace": "id.go.simpul.v1",
        "doc": "Kelengkapan laporan. Who was expected to report in a place and period, and who did.",
        "fields": [
            _field("event_type", "Jenis peristiwa. Event type that was to be reported on.", "string"),
            _field("level", "Tingkat wilayah. Level of the region.", _LEVEL),
            _field("region", f"Kode wilayah. Canonical code of the region; {NATION} is the nation.", "string"),
            _field("period_kind", "Jenis periode. Kind of the period.", "string"),
            _field("period", "Periode. The period.", "string"),
            _field("revision", "Urutan perubahan. Higher is newer, per place; only to be compared."),
            _field("expected", "Laporan yang ditunggu. Reports expected: one for each unit and period of the roster."),
            _field("reported", "Laporan yang masuk. Reports that came, in time or late."),
            _field("on_time", "Tepat waktu. Reports that came within the days allowed."),
            _field("late", "Terlambat. Reports that came after that."),
            _field("silent", "Tidak melapor. Reports that did not come, and whose days allowed have passed."),
            _field("nil", "Laporan nihil. Reports that claim no event at all."),
            _field("claimed", "Jumlah kendali. Sum of the control totals of the reports."),
            _field("unexpected", "Di luar daftar. Reports of units that the roster does not expect; counted nowhere."),
            _field("closed", "Ditutup. Whether the days allowed of everything expected have passed.", "boolean"),
            _field(
                "direct",
                "Unit sendiri. Whether a unit of the roster stands for this very region and length of period; "
                "otherwise the row is only a sum of others.",
                "boolean",
            ),
            _field("missing", "Yang belum melapor. Names of units that have not reported, at most 1,000.", _NAMES),
            _field("silent_units", "Yang tidak melapor. Those of them whose days allowed have passed.", _NAMES),
            _field("late_units", "Yang terlambat. Names of units that reported late, at most 1,000.", _NAMES),
            _field("as_of", "Per waktu. Broker's time of the newest that is in it, microseconds, UTC.", _MOMENT),
        ],
    },
    ensure_ascii=False,
)
