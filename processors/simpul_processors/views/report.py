"""Reports by unit kind and length, with what they claim; a nil report claims nothing of anything."""

import polars as pl

from simpul_processors.view import PeriodOf, View
from simpul_schemas.events.report import CLAIMABLE
from simpul_schemas.figures.report import REPORT

_CLAIMS = pl.col("claims")
_COUNTS = _CLAIMS.list.eval(pl.element().struct.field("count"))


def _claimed(event_type: str) -> pl.Expr:
    one = pl.when(pl.element().struct.field("event_type") == event_type).then(pl.element().struct.field("count"))
    return _CLAIMS.list.eval(one).list.sum()


VIEW = View(
    spec=REPORT,
    period=PeriodOf(pl.col("period_kind"), pl.col("period")),
    dimensions={
        "unit_kind": pl.col("unit").str.extract("^([^.]*)", 1),
        "report_kind": pl.col("period_kind"),
    },
    measures={
        "reports": pl.lit(1),
        "claiming": _CLAIMS.list.len() > 0,
        "nil": (_CLAIMS.list.len() > 0) & (_COUNTS.list.max() == 0),
        "approved": pl.col("approved_at").is_not_null(),
        **{f"claimed_{name}": _claimed(name) for name in sorted(CLAIMABLE)},
    },
)
