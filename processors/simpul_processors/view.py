"""A view: what events of one type add to which figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import polars as pl

from simpul_processors.distinct import by_distinct, quoted
from simpul_processors.local_time import local_day
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.events.envelope import Action, Mode
from simpul_schemas.events.shared import TimePrecision
from simpul_schemas.figures import DIMENSION_CHARACTERS, NOT_STATED, ViewSpec
from simpul_schemas.periods import NO_KIND, NO_PERIOD, containing
from simpul_schemas.regions import NATION, level_of

#: Column: the text of a base group.
GROUP = "group"

#: Exercises, tests and what was withdrawn are kept as entities, but add nothing.
COUNTS = (pl.col("action") == Action.SUBMIT.value) & (pl.col("mode") == Mode.ACTUAL.value)

#: Column: what `COUNTS` says of an event, which every measure asks.
_COUNTED = "_counted"

#: Characters of an ISO day that its month, its year and itself have.
_MONTH, _YEAR, _DAY = 7, 4, 10
#: Of places and periods there are few; of whole groups there can be any number, so these are not kept.
_CACHED = 1 << 16


@dataclass(frozen=True)
class PeriodOf:
    """The finest period that events state, as expressions over their columns."""

    kind: pl.Expr
    text: pl.Expr


def by_day(moment: str = "occurred_at") -> PeriodOf:
    """Return the local day of a moment."""
    return PeriodOf(pl.lit(PeriodKind.DAY.value), _day_text(moment))


def by_precision(moment: str = "occurred_at", precision: str = "time_precision") -> PeriodOf:
    """Return the local day, month or year of a moment, as exact as it is known.

    What is only known to have happened in May is in no day's figure: 1 May would be a day that nobody has stated.
    """
    known = pl.col(precision)
    is_month, is_year = known == TimePrecision.MONTH.value, known == TimePrecision.YEAR.value
    kind = _either(is_month, PeriodKind.MONTH.value, is_year, PeriodKind.YEAR.value, PeriodKind.DAY.value)
    return PeriodOf(kind, _day_text(moment).str.head(_either(is_month, _MONTH, is_year, _YEAR, _DAY)))


def _either(first: pl.Expr, one: object, second: pl.Expr, other: object, rest: object) -> pl.Expr:
    return pl.when(first).then(pl.lit(one)).when(second).then(pl.lit(other)).otherwise(pl.lit(rest))


def _day_text(moment: str) -> pl.Expr:
    return local_day(moment).cast(pl.Int32).cast(pl.Date).map_batches(_iso, return_dtype=pl.String)


def _iso(days: pl.Series) -> pl.Series:
    return by_distinct(days, lambda distinct: distinct.cast(pl.String))


#: Of figures that are of no period.
NEVER = PeriodOf(pl.lit(NO_KIND), pl.lit(NO_PERIOD))


@dataclass(frozen=True)
class View:
    """A view with what it computes: for its period and each dimension and measure an expression over event columns.

    A measure that is unknown for an event adds nothing; what is unknown is told by the measures of coverage. A
    dimension that is unknown is `NOT_STATED`.

    `version` is raised when something changes that the text of the expressions does not show: a Python function, or a
    long list of values.
    """

    spec: ViewSpec
    period: PeriodOf
    dimensions: Mapping[str, pl.Expr]
    measures: Mapping[str, pl.Expr]
    version: int = 1

    @cached_property
    def expressions(self) -> dict[str, pl.Expr]:
        """All that is computed from an event, by the columns it fills; measures count only what `COUNTS`."""
        own = {
            name: self._short(name, expression.cast(pl.String).fill_null(NOT_STATED))
            for name, expression in self.dimensions.items()
        }
        counted = {name: pl.when(pl.col(_COUNTED)).then(self.measures[name]) for name in self.spec.measure_names}
        return {
            "period_kind": self.period.kind,
            "period": self.period.text,
            **own,
            **{name: expression.fill_null(0).cast(pl.Int64) for name, expression in counted.items()},
        }

    def _short(self, name: str, dimension: pl.Expr) -> pl.Expr:
        """Cut a text: it stands in the key and the value of up to 20 figures, which a broker must take."""
        return dimension if name == self.spec.unfolds else dimension.str.head(DIMENSION_CHARACTERS)

    @property
    def declaration(self) -> str:
        """All that the view says, as a text that changes when it does."""
        expressions = {name: str(expression) for name, expression in self.expressions.items()}
        return json.dumps([self.version, self.spec.partial_schema, expressions, str(COUNTS)], sort_keys=True)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of an event that the view needs; polars names no columns inside a list of them, `fields` does."""
        expressions = [*self.expressions.values(), COUNTS]
        asked = {name for expression in expressions for name in expression.meta.root_names()} - {_COUNTED}
        return frozenset({"event_id", "subject", "revision", "region", *asked, *self.spec.fields})

    def flags(self, events: pl.Schema) -> frozenset[str]:
        """Return the measures that an event of such columns adds 0 or 1 to, whatever is in it."""
        measures = {name: self.measures[name] for name in self.spec.measure_names}
        kinds = pl.DataFrame(schema=events).select(**measures).schema
        return frozenset(
            name
            for name, measure in measures.items()
            if kinds[name] == pl.Boolean or (measure.meta.is_literal() and pl.select(measure).item() in {0, 1})
        )

    def computed(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return the events with their period, dimensions and measures."""
        return events.with_columns(COUNTS.alias(_COUNTED)).with_columns(**self.expressions)

    def contributions(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return the events with their period, dimensions and measures, and their base group as text."""
        computed = self.computed(events)
        return computed.with_columns(group_text(computed, self.spec))


def group_text(frame: pl.DataFrame, spec: ViewSpec) -> pl.Series:
    """Write the base group of every row as a JSON list: region, period kind, period, dimensions.

    Only the view's own dimensions can hold any character; they are quoted once for each distinct value.
    """
    own = spec.dimension_names[2:]
    columns = [quoted(frame[name]).alias(f"_{number}") for number, name in enumerate(own)]
    written = pl.format(
        '["{}","{}","{}"' + ",{}" * len(own) + "]",
        "region",
        "period_kind",
        "period",
        *(pl.col(column.name) for column in columns),
    )
    heads = frame.select(pl.col("region", "period_kind", "period").cast(pl.String))
    return heads.with_columns(columns).select(written.alias(GROUP))[GROUP]


def as_text(parts: Sequence[str]) -> str:
    """Write the parts of a group as one text that can be taken apart again."""
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> list[Any]:
    """Take the text of a group, or a list inside one, apart."""
    parts: list[Any] = json.loads(text)
    return parts


def roll_up(text: str, *, adds_up: bool = True) -> list[str]:
    """Return the groups that a base group adds to: every level from its region up, at every length from its period up.

    `["17.01.02","DAY","2024-02-14","CONFLICT"]` adds to `["district","17.01.02","DAY","2024-02-14","CONFLICT"]`,
    `["regency","17.01","WEEK","2024-W07","CONFLICT"]` and so on. What an event says of a whole province is in no
    kabupaten, so it enters at the province; in the same way what is known by the month is in no day. Without `adds_up`
    a period is in no longer one.
    """
    # Codes, kinds and periods hold no quotes, so the text comes apart without being read as a whole.
    _, region, _, kind, _, period, dimensions = text.split('"', 6)
    lengths = _lengths(kind, period) if adds_up else (f'"{kind}","{period}"',)
    return [f"{place},{length}{dimensions}" for place in _places(region) for length in lengths]


@lru_cache(maxsize=_CACHED)
def _places(region: str) -> tuple[str, ...]:
    """Return a region and all above it, as the beginnings of group texts."""
    parts = region.split(".")
    codes = [*(".".join(parts[:length]) for length in range(len(parts), 0, -1)), NATION]
    return tuple(f'["{level_of(code).value}","{code}"' for code in codes)


@lru_cache(maxsize=_CACHED)
def _lengths(kind: str, period: str) -> tuple[str, ...]:
    """Return a period and the longer ones it is in, as they stand in group texts."""
    return tuple(f'"{each}","{text}"' for each, text in containing(kind, period))


def unfold(frame: pl.DataFrame, spec: ViewSpec) -> pl.DataFrame:
    """Turn partial figures of a view that unfolds a dimension into a row for each value in their lists.

    The measures of a value are what one event with this list has of it, times the events that have the list.
    """
    assert spec.unfolds is not None  # noqa: S101  # asked for by such views only
    rows: list[int] = []
    values: list[str] = []
    each: list[list[int]] = []
    for row, listed in enumerate(frame[spec.unfolds].to_list()):
        for value, *one in from_text(listed):
            rows.append(row)
            values.append(value)
            each.append(one)
    counts = frame[spec.measure_names[0]].to_numpy()[np.array(rows, np.int64)]
    measures = np.array(each, np.int64).reshape(len(rows), len(spec.measures)) * counts[:, np.newaxis]
    return frame[rows].with_columns(
        pl.Series(spec.unfolds, values, pl.String),
        *(pl.Series(name, measures[:, at], pl.Int64) for at, name in enumerate(spec.measure_names)),
    )
