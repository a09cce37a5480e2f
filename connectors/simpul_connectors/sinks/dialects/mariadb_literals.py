"""A frame as rows of literals for MariaDB, written in columns.

pymysql binds values by writing them into the statement too, one at a time in Python; this is the same for a whole
column at once. It is only right for a session of ours: utf8mb4, and a sql_mode without NO_BACKSLASH_ESCAPES or
ANSI_QUOTES, so that a backslash and a quote are all there is to escape.
"""

from collections.abc import Iterator, Sequence

import polars as pl
import pymysql

from simpul_connectors.sinks.dialects.dialect import FIRST_MICROS, LAST_MICROS
from simpul_connectors.sinks.table import Column, Kind

#: A statement is not longer than this, unless a single row is: every server takes 1 MiB and a bit.
_STATEMENT_BYTES = 1_000_000


def to_literals(rows: pl.DataFrame, columns: Sequence[Column]) -> Iterator[str]:
    """Yield lists of rows as they stand behind VALUES; `pymysql.err.DataError` for a number that is not finite."""
    for column in columns:
        if column.field.kind is Kind.DOUBLE and not rows[column.name].is_finite().all():
            raise pymysql.err.DataError("inf", f"Column '{column.name}' cannot hold inf or nan")
    values = pl.concat_str([_literal(column) for column in columns], separator=",")
    lines = rows.select(pl.format("({})", values).alias("line"))["line"]
    ends = lines.str.len_bytes().cum_sum().to_list()
    start, sent = 0, 0
    for row, end in enumerate(ends):
        if row > start and end - sent > _STATEMENT_BYTES:
            yield ",".join(lines[start:row])
            start, sent = row, ends[row - 1]
    if start < len(lines):
        yield ",".join(lines[start:])


def _literal(column: Column) -> pl.Expr:
    value, kind = pl.col(column.name), column.field.kind
    if kind is Kind.TIMESTAMP:
        moment = value.clip(FIRST_MICROS, LAST_MICROS).cast(pl.Datetime("us"))
        text = pl.format("'{}'", moment.dt.strftime("%Y-%m-%d %H:%M:%S%.6f"))
    elif kind in {Kind.TEXT, Kind.JSON}:
        escaped = value.str.replace_all("\\", "\\\\", literal=True).str.replace_all("'", "\\'", literal=True)
        text = pl.format("'{}'", escaped)
    else:
        text = value.cast(pl.String)
    return text.fill_null("NULL")
