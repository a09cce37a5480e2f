"""Incidents by kind, phase and severity; a count that nobody gave adds nothing, and is not counted as given."""

import polars as pl

from simpul_processors.view import View, by_precision
from simpul_schemas.events.incident import COUNTS
from simpul_schemas.events.shared import Verification
from simpul_schemas.figures.incident import INCIDENT

VIEW = View(
    spec=INCIDENT,
    period=by_precision(),
    dimensions={name: pl.col(name) for name in ("kind", "phase", "severity")},
    measures={
        "incidents": pl.lit(1),
        "verified": pl.col("verification") == Verification.VERIFIED.value,
        "resolved": pl.col("resolved_at").is_not_null(),
        "assessed": pl.any_horizontal(pl.col(COUNTS).is_not_null()),
        **{name: pl.col(name) for name in COUNTS},
        **{f"{name}_known": pl.col(name).is_not_null() for name in COUNTS},
    },
)
