"""Voter participation: stations, those that reported, and the sums of what they gave."""

import polars as pl

from simpul_processors.view import NEVER, View
from simpul_schemas.events.participation import COUNTS
from simpul_schemas.figures.participation import PARTICIPATION

_REGISTERED, _TURNED_OUT = pl.col("registered"), pl.col("turned_out")

VIEW = View(
    spec=PARTICIPATION,
    period=NEVER,
    dimensions={"election": pl.col("election")},
    measures={
        "stations": pl.lit(1),
        "stations_reported": pl.any_horizontal(pl.col(COUNTS).is_not_null()),
        "registered": _REGISTERED,
        "turned_out": _TURNED_OUT,
        "valid": pl.col("valid"),
        "invalid": pl.col("invalid"),
        "rate_registered": pl.when(_TURNED_OUT.is_not_null()).then(_REGISTERED),
        "rate_turned_out": pl.when(_REGISTERED.is_not_null()).then(_TURNED_OUT),
    },
)
