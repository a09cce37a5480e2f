"""From raw blocks of a view's topic to its figures in columns: decoded, and of each group the highest revision.

An older figure may lie behind a newer one (decisions 3 and 14), so the order of the log says nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from simpul_connectors.subscribe.figure import Figure, FigureCoverage
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.figures import FIGURE_COVERAGE, Coverage, ViewSpec
from simpul_schemas.intake import BLOCK, OFFSET, RecordIntake
from simpul_schemas.log import Block
from simpul_schemas.registry import Registry

#: Columns: where a figure lies in the log (number of the partition, offset), and when the broker took it.
PARTITION, AT, APPENDED = "_partition", "_offset", "_appended"


@dataclass(frozen=True)
class Taken:
    """What came of some blocks: figures in columns, in the order of the log, and how many could not be read."""

    frame: pl.DataFrame
    unreadable: int


def key_columns(spec: ViewSpec) -> list[str]:
    """Return the columns that name a figure of a view."""
    return ["level", "region", *spec.dimension_names]


class FigureIntake:
    """Decodes the figures of one view."""

    def __init__(self, spec: ViewSpec, registry: Registry) -> None:
        self._spec = spec
        self._records = RecordIntake(spec.figure_schema, registry)
        self._names = [*key_columns(spec), *spec.measure_names, *FIGURE_COVERAGE, "as_of", "revision"]

        places = dict.fromkeys((PARTITION, AT, APPENDED), pl.Int64)
        self._nothing = (
            BlockDecoder(spec.figure_schema)
            .decode([])
            .frame.select(*self._names, *(pl.lit(None, kind).alias(name) for name, kind in places.items()))
        )

    def take(self, blocks: Sequence[Block]) -> Taken:
        """Decode blocks; a registry that does not answer raises, so that nothing is skipped.

        A record without a value (a tombstone) and one of another kind count as unreadable: they name no revision, so
        the law of the bus has no place for them.
        """
        if not blocks:
            return Taken(self._nothing, 0)
        taken = self._records.take(blocks)
        found = taken.frame
        numbers = pl.Series([block.partition.number for block in blocks], dtype=pl.Int64)
        times = pl.Series([at for block in blocks for at in block.timestamps], dtype=pl.Int64)
        frame = found.select(
            *self._names,
            numbers.gather(found[BLOCK]).alias(PARTITION),
            pl.col(OFFSET).alias(AT),
            times.gather(found[ROW]).alias(APPENDED),
        ).with_columns(
            # What a schema of before coverage did not have.
            pl.col("coverage").fill_null(Coverage.NONE.value),
            pl.col("as_of").fill_null(0),
        )
        return Taken(frame, len(taken.refused))


def newest(frame: pl.DataFrame, spec: ViewSpec) -> pl.DataFrame:
    """Keep of each group the highest revision, the first of equal ones, in the order of the log."""
    ranked = frame.sort("revision", descending=True, maintain_order=True)
    return ranked.unique(key_columns(spec), keep="first").sort(PARTITION, AT)


def figures_of(frame: pl.DataFrame, spec: ViewSpec) -> Iterator[tuple[Figure, tuple[int, int, int]]]:
    """Give each row as a figure, with where it lies: partition, offset and append time."""
    own, measures = spec.dimension_names[2:], spec.measure_names
    for row in frame.iter_rows(named=True):
        yield _figure(spec.name, own, measures, row), (row[PARTITION], row[AT], row[APPENDED])


def _figure(view: str, own: Sequence[str], measures: Sequence[str], row: dict[str, Any]) -> Figure:
    return Figure(
        view=view,
        level=row["level"],
        region=row["region"],
        period_kind=row["period_kind"],
        period=row["period"],
        dimensions=MappingProxyType({name: row[name] for name in own}),
        measures=MappingProxyType({name: row[name] for name in measures}),
        coverage=FigureCoverage(
            state=Coverage(row["coverage"]),
            expected=row["expected"],
            reported=row["reported"],
            on_time=row["on_time"],
            late=row["late"],
            missing=tuple(row["missing"] or ()),
            as_of=row["as_of"],
        ),
        revision=row["revision"],
    )
