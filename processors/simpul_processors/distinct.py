"""Texts of a column, made once for each distinct value: of a batch's values few differ."""

import json
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

_ROW = "_row_of_all"


def by_distinct(column: pl.Series, write: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return the text of every value; `write` gives the texts of values that all differ."""
    distinct = column.unique()
    if distinct.is_empty():
        return pl.Series(column.name, [], pl.String)
    return column.replace_strict(distinct, write(distinct), return_dtype=pl.String)


def quoted(texts: pl.Series) -> pl.Series:
    """Return every text as JSON writes it, in quotes."""

    def write(distinct: pl.Series) -> pl.Series:
        return pl.Series([json.dumps(text, ensure_ascii=False) for text in distinct.to_list()], dtype=pl.String)

    return by_distinct(texts, write)


def distinct_rows(frame: pl.DataFrame) -> tuple[pl.DataFrame, npt.NDArray[np.intp]]:
    """Return the rows that differ, in the order in which they come, and for every row which of them it is."""
    if frame.is_empty():
        return frame, np.zeros(0, np.intp)
    grouped = frame.with_row_index(_ROW).group_by(frame.columns, maintain_order=True).agg(_ROW)
    rows = grouped[_ROW]
    which = np.empty(len(frame), np.intp)
    which[rows.explode().to_numpy()] = np.repeat(np.arange(len(grouped)), rows.list.len().to_numpy())
    return grouped.drop(_ROW), which
