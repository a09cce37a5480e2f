"""Findings of early warning by what they threaten, and what became of them."""

import polars as pl

from simpul_processors.view import View, by_precision
from simpul_schemas.events.shared import Verification
from simpul_schemas.figures.prevention import PREVENTION

VIEW = View(
    spec=PREVENTION,
    period=by_precision(),
    dimensions={"sphere": pl.col("sphere"), "athg_kind": pl.col("athg_kind")},
    measures={
        "findings": pl.lit(1),
        "verified": pl.col("verification") == Verification.VERIFIED.value,
        "responded": pl.col("responded_at").is_not_null(),
        "became_incident": pl.col("incident_subject").is_not_null(),
    },
)
