"""Texts of a column, made once for each distinct value: of a batch's values few differ."""

import json
from collections.abc import Callable

import polars as pl


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
