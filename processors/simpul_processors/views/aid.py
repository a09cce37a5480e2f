"""Aid handed over, each paper as a whole."""

import polars as pl

from simpul_processors.view import View, by_day
from simpul_schemas.figures.aid import AID

VIEW = View(
    spec=AID,
    period=by_day(),
    dimensions={"aid_kind": pl.col("aid_kind"), "status": pl.col("status")},
    measures={
        "handovers": pl.lit(1),
        "valued": pl.col("total_value_sen").is_not_null(),
        "value_sen": pl.col("total_value_sen"),
        "recipients_known": pl.col("recipient_count").is_not_null(),
        "recipients": pl.col("recipient_count"),
        "listed": pl.col("items").list.len() > 0,
    },
)
