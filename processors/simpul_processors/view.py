"""A view: what events of one type add to which figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from simpul_processors.fold import GROUP
from simpul_schemas.events.envelope import Action, Mode
from simpul_schemas.figures import ViewSpec
from simpul_schemas.regions import NATION, Level, level_of

#: Exercises, tests and what was withdrawn are kept as entities, but add nothing.
COUNTS = (pl.col("action") == Action.SUBMIT.value) & (pl.col("mode") == Mode.ACTUAL.value)


@dataclass(frozen=True)
class View:
    """A view with what it computes: for each dimension and measure of `spec` an expression over an event's columns.

    A measure that is unknown for an event adds nothing; what is unknown is told by the measures of coverage.
    """

    spec: ViewSpec
    dimensions: Mapping[str, pl.Expr]
    measures: Mapping[str, pl.Expr]

    @property
    def declaration(self) -> str:
        """All that the view says, as a text that changes when it does."""
        expressions = {name: str(expression) for name, expression in {**self.dimensions, **self.measures}.items()}
        return json.dumps([self.spec.partial_schema, expressions], sort_keys=True)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of an event that the fold of this view needs."""
        expressions = [*self.dimensions.values(), *self.measures.values(), COUNTS]
        asked = {name for expression in expressions for name in expression.meta.root_names()}
        return frozenset({"event_id", "subject", "revision", "region", *asked})

    def contributions(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return the measures of each event, and its base group as text: region and dimensions."""
        group = pl.struct("region", *(self.dimensions[name].alias(name) for name in self.spec.dimension_names))
        return events.with_columns(
            _as_text(events.select(group=group)["group"], self.spec),
            *(
                pl.when(COUNTS).then(self.measures[name]).fill_null(0).cast(pl.Int64).alias(name)
                for name in self.spec.measure_names
            ),
        )


def _as_text(groups: pl.Series, spec: ViewSpec) -> pl.Series:
    """Write every distinct group as a JSON list once, and give it to all its rows."""
    names = ("region", *spec.dimension_names)
    distinct = groups.unique()
    texts = [as_text([row[name] for name in names]) for row in distinct.to_list()]
    frame = pl.DataFrame({"struct": groups}).join(
        pl.DataFrame({"struct": distinct, GROUP: pl.Series(texts, dtype=pl.String)}),
        on="struct",
        how="left",
        maintain_order="left",
    )
    return frame[GROUP]


def as_text(parts: Sequence[str]) -> str:
    """Write the parts of a group as one text that can be taken apart again."""
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> list[str]:
    """Take the text of a group apart."""
    parts: list[str] = json.loads(text)
    return parts


def roll_up(text: str) -> list[str]:
    """Return the groups that a region's group adds to: itself and every level above it, up to the nation.

    `["17.01.02","pilpres-2024"]` adds to `["district","17.01.02",...]`, `["regency","17.01",...]` and so on. What an
    event says of a whole province is in no kabupaten, so it enters at the province.
    """
    region, *dimensions = from_text(text)
    parts = region.split(".")
    codes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    groups = [[level_of(code).value, code, *dimensions] for code in codes]
    return [as_text(group) for group in [*groups, [Level.NATION.value, NATION, *dimensions]]]
