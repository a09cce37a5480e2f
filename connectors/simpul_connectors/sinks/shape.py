"""From a frame of events or figures to the rows of a table: pure, and the same for every database."""

import json
from collections.abc import Mapping
from functools import cache

import polars as pl

from simpul_connectors.sinks.source import REGION_NAME
from simpul_connectors.sinks.table import Column, Kind, Table
from simpul_schemas.intake import BLOCK, OFFSET
from simpul_schemas.regions import NATION, load_regions

#: Databases hold no NUL in a text; its picture stands for it, so that one odd character does not stop a ministry.
_NUL_PICTURE = "\N{SYMBOL FOR NULL}"
#: Which record a row is of, under names that no column of a table can have.
RECORD: Mapping[str, str] = {BLOCK: "record:block", OFFSET: "record:offset"}
_ROW = "record:row"


def shape(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return the table's columns, with the newest row of each key only, sorted by key, and which record it is of.

    The fewer rows reach the database the better; and two writers that take rows in the same order do not deadlock.
    """
    wanted = {column.field.name for column in table.columns} | {"region", *RECORD}
    chosen = frame.select(name for name in frame.columns if name in wanted)[_newest(frame, table)]
    return chosen.select(*(_fill(column, chosen) for column in table.columns), *_origin(chosen))


def _newest(frame: pl.DataFrame, table: Table) -> pl.Series:
    """Return which rows are the newest of their key, by number, sorted by key; no other column is touched for that."""
    leading = {*table.key, *table.order}
    ranked = frame.select(_fill(column, frame) for column in table.columns if column.name in leading)
    newest_first = [False] * len(table.key) + [True] * len(table.order)
    ranked = ranked.with_row_index(_ROW).sort([*table.key, *table.order], descending=newest_first, maintain_order=True)
    return ranked.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in table.key))[_ROW]


def _origin(frame: pl.DataFrame) -> list[pl.Expr]:
    """Return the columns that say which record a row is of, where they are there."""
    return [pl.col(name).alias(to) for name, to in RECORD.items() if name in frame.columns]


def _fill(column: Column, frame: pl.DataFrame) -> pl.Expr:
    name, kind = column.field.name, column.field.kind
    if name == REGION_NAME and name not in frame.columns:
        filled = pl.col("region").replace_strict(_region_names(), default=pl.col("region"))
    elif kind is Kind.TEXT:
        filled = pl.col(name).cast(pl.String)
        # To look is far quicker than to replace, and it hardly ever is there.
        if frame.select(filled.str.contains("\0", literal=True).any()).item():
            filled = filled.str.replace_all("\0", _NUL_PICTURE, literal=True)
    elif kind is Kind.JSON:
        filled = pl.col(name).map_batches(_to_json, return_dtype=pl.String)
    else:
        filled = pl.col(name).cast(pl.Float64 if kind is Kind.DOUBLE else pl.Int64)
    return filled.alias(column.name)


def _to_json(values: pl.Series) -> pl.Series:
    # Only for lists, which no event type of a high rate has.
    cleaned = map(_without_nul, values.to_list())
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in cleaned]
    return pl.Series(values.name, texts, pl.String)


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", _NUL_PICTURE)
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _without_nul(inner) for name, inner in value.items()}
    return value


@cache
def _region_names() -> dict[str, str]:
    regions = load_regions()
    return {code: regions.name(code) for code in (NATION, *regions.codes())}
