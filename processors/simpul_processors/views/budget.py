"""Budget lines by account level and group; a line is of its month, and of its year where it states a ceiling only."""

import polars as pl

from simpul_processors.view import PeriodOf, View
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.events.budget import AMOUNTS
from simpul_schemas.figures.budget import BUDGET

_BY_MONTH = pl.col("period").is_not_null()
_CEILING, _REALISATION = pl.col("ceiling_sen"), pl.col("realisation_sen")
#: Characters of the first two parts of an account code, 5.1.
_GROUP = 3

VIEW = View(
    spec=BUDGET,
    period=PeriodOf(
        pl.when(_BY_MONTH).then(pl.lit(PeriodKind.MONTH.value)).otherwise(pl.lit(PeriodKind.YEAR.value)),
        pl.col("period").fill_null(pl.col("budget_year").cast(pl.String)),
    ),
    dimensions={"account_level": pl.col("account_level"), "account_group": pl.col("account_code").str.head(_GROUP)},
    measures={
        "lines": pl.lit(1),
        "lines_realised": _REALISATION.is_not_null(),
        **{name: pl.col(name) for name in AMOUNTS},
        **{f"{name}_known": pl.col(name).is_not_null() for name in AMOUNTS[:3]},
        "rate_ceiling_sen": pl.when(_REALISATION.is_not_null()).then(_CEILING),
        "rate_realisation_sen": pl.when(_CEILING.is_not_null()).then(_REALISATION),
    },
)
