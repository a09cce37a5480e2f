"""What a view publishes: the dimensions and measures of its figures, and the Avro schemas of its two topics.

A partial figure is the sum over one input partition, a figure the sum over all, at every level and period length.
Measures can only be counts and sums, since only these can be subtracted when a correction comes; rates are derived by
the reader.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.periods import FIGURE_KINDS, NO_KIND, NO_PERIOD
from simpul_schemas.regions import NATION, Level

#: Order of the columns before the dimensions of a view.
PARTIAL_HEAD = ("region", "period_kind", "period", "origin", "revision")
FIGURE_HEAD = ("level", "region", "period_kind", "period", "revision")
#: What every figure says of its coverage, behind its measures; `as_of` follows.
FIGURE_COVERAGE = ("expected", "reported", "on_time", "late", "coverage", "missing")
#: Names that a figure lists at most.
MISSING_AT_MOST = 20
#: Value of a dimension that the event does not state.
NOT_STATED = "-"
#: Characters of a dimension at most: free text is cut, as it becomes a part of keys.
DIMENSION_CHARACTERS = 100
#: Periods of a figure that begins as that of a day.
FROM_DAYS = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.CATURWULAN, PeriodKind.YEAR)


class Coverage(StrEnum):
    """What is known of the reports behind a figure."""

    NONE = "NONE"
    OPEN = "OPEN"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Named:
    """A dimension or measure: its name in topics and tables, and what it means, Indonesian first."""

    name: str
    doc: str


@dataclass(frozen=True)
class ViewSpec:
    """A view as its readers see it.

    `fields` are the payload fields of the event type that it is computed from. `coverage` names the measures (reported,
    expected) that must stand beside every number; `rates` are quotients that a reader derives, by name: (numerator,
    denominator). `periods` are the lengths that its figures have, none for a view that is of no period; `adds_up` says
    whether figures of a period are part of those of the longer ones, which what is counted from 1 January is not.

    `unfolds` is the dimension that an event has several values of, as aid has several units. A partial figure then has
    the whole list there, `[[value, measure, ...], ...]` in JSON, and counts in its first measure how many events have
    it; its list being part of what a partial figure is called by, a correction retracts every value of the older list.
    The figures are of single values.
    """

    name: str
    event_type: str
    doc: str
    dimensions: tuple[Named, ...]
    measures: tuple[Named, ...]
    coverage: tuple[str, str]
    fields: frozenset[str]
    rates: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    periods: tuple[PeriodKind, ...] = FROM_DAYS
    adds_up: bool = True
    unfolds: str | None = None

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """What a figure is named by besides level and region: period kind, period, and the view's own dimensions."""
        return ("period_kind", "period", *(dimension.name for dimension in self.dimensions))

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The names of the measures."""
        return tuple(measure.name for measure in self.measures)

    @cached_property
    def partial_schema(self) -> str:
        """The Avro schema of a partial figure."""
        head = [
            _field("region", "Kode wilayah seperti pada peristiwa. Region as the events name it, 1 to 3 levels."),
            *_period_fields("Finest period that the events state."),
            _field("origin", "Partisi masukan. Input partition that this is the sum of: topic/partition."),
            _field(
                "revision",
                "Posisi masukan. Input position: the figure is the sum of all records before this offset.",
                "long",
            ),
        ]
        return self._schema("Partial", head, self.unfolds)

    @cached_property
    def figure_schema(self) -> str:
        """The Avro schema of a figure."""
        level = {"type": "enum", "name": "Level", "symbols": [level.value for level in Level]}
        head = [
            _field("level", "Tingkat wilayah. Level of the region.", level),
            _field("region", f"Kode wilayah. Canonical code of the region; {NATION} is the nation."),
            *_period_fields("Cut in the zone of the province."),
            _field(
                "revision",
                "Urutan perubahan. Higher is newer, per figure; only to be compared. Sum of the input positions of all "
                "that is in it, and the revision of its coverage.",
                "long",
            ),
        ]
        return self._schema("Figure", head, None, _COVERAGE_FIELDS)

    def _schema(
        self,
        suffix: str,
        head: list[dict[str, object]],
        unfolds: str | None,
        tail: Sequence[dict[str, object]] = (),
    ) -> str:
        fields = [
            *head,
            *(_field(one.name, _LISTED if one.name == unfolds else one.doc) for one in self.dimensions),
            *(_field(measure.name, measure.doc, "long") for measure in self.measures),
            *tail,
        ]
        name = "".join(word.capitalize() for word in self.name.split("_")) + suffix
        return json.dumps(
            {"type": "record", "name": name, "namespace": "id.go.simpul.v1", "doc": self.doc, "fields": fields}
        )


_LISTED = (
    "Seluruh rincian, JSON. The whole list as JSON, [[value, measure, ...], ...]; the first measure of this record "
    "counts the events that have it, the others are 0."
)


def _period_fields(doc: str) -> list[dict[str, object]]:
    """Return the fields of the period; their defaults are what a figure without periods says."""
    kind = {"type": "enum", "name": "FigurePeriod", "symbols": list(FIGURE_KINDS)}
    return [
        _field("period_kind", f"Jenis periode. Length of the period; {NO_KIND} where there is none.", kind)
        | {"default": NO_KIND},
        _field(
            "period",
            f"Periode: 2024-02-14, 2024-W07 (ISO 8601), 2024-02, 2024-Q1, 2024-C1, 2024-S1, 2024. {doc} "
            f"{NO_PERIOD} where there is none.",
        )
        | {"default": NO_PERIOD},
    ]


def _field(name: str, doc: str, kind: object = "string") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


def _or_null(name: str, doc: str) -> dict[str, object]:
    return _field(name, f"{doc} Null where no roster knows the place.", ["null", "long"]) | {"default": None}


_COVERAGE_FIELDS = (
    _or_null("expected", "Laporan yang ditunggu. Reports of units that were expected here."),
    _or_null("reported", "Laporan yang masuk. Those of them that came, in time or late."),
    _or_null("on_time", "Tepat waktu. Those that came within the days allowed."),
    _or_null("late", "Terlambat. Those that came after that."),
    _field(
        "coverage",
        "Keadaan laporan. NONE where no roster knows the place, OPEN while reports may come in time, CLOSED when the "
        "days allowed of all of them have passed.",
        {"type": "enum", "name": "FigureCoverage", "symbols": [state.value for state in Coverage], "default": "NONE"},
    )
    | {"default": Coverage.NONE.value},
    _field(
        "missing",
        f"Yang belum melapor. Names of units that have not reported, at most {MISSING_AT_MOST}; how many there are is "
        "expected less reported.",
        {"type": "array", "items": "string"},
    )
    | {"default": []},
    _field(
        "as_of",
        "Per waktu. Broker's time of the newest record counted when this was published, microseconds, UTC.",
        {"type": "long", "logicalType": "timestamp-micros"},
    )
    | {"default": 0},
)
