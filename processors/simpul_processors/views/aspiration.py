"""Aspirations by class and status, and the working days that each step took."""

import polars as pl

from simpul_processors.local_time import working_days
from simpul_processors.view import View, by_day
from simpul_schemas.figures.aspiration import ASPIRATION, WAITS, Wait


def _measures(wait: Wait) -> dict[str, pl.Expr]:
    days = working_days(wait.start, wait.end)
    both = pl.col(wait.start).is_not_null() & pl.col(wait.end).is_not_null()
    found = {f"{wait.name}_count": both, f"{wait.name}_working_days": days}
    return found if wait.limit is None else found | {f"{wait.name}_late": days > wait.limit}


VIEW = View(
    spec=ASPIRATION,
    period=by_day(),
    dimensions={"classification": pl.col("classification"), "status": pl.col("status")},
    measures={
        "aspirations": pl.lit(1),
        **{name: expression for wait in WAITS for name, expression in _measures(wait).items()},
    },
)
