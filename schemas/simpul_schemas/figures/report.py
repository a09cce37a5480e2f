"""Periodic reports of work units, with what they claim."""

from types import MappingProxyType

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.events.report import CLAIMABLE
from simpul_schemas.figures.spec import Named, ViewSpec

REPORT = ViewSpec(
    name="report",
    event_type="report",
    doc="Laporan berkala. Periodic reports of work units, with control totals.",
    dimensions=(
        Named("unit_kind", "Jenis unit kerja. The unit's name up to its first point: kesbangpol of kesbangpol.73.71."),
        Named(
            "report_kind",
            "Jenis laporan. Length of the period that each report speaks of, so that the daily and monthly reports in "
            "a year's figure are not taken for one another.",
        ),
    ),
    measures=(
        Named("reports", "Laporan. Reports."),
        Named("claiming", "Laporan dengan jumlah kendali. Reports with at least one control total."),
        Named("nil", "Laporan nihil. Of these, reports all of whose control totals are 0."),
        Named("approved", "Laporan disetujui. Reports whose approval is stated."),
        *(
            Named(f"claimed_{name}", f"Jumlah kendali {name}. Events of type '{name}' that the reports claim.")
            for name in sorted(CLAIMABLE)
        ),
    ),
    coverage=("claiming", "reports"),
    fields=frozenset({"unit", "period_kind", "period", "claims", "approved_at"}),
    rates=MappingProxyType({"nil": ("nil", "claiming")}),
    periods=tuple(PeriodKind),
)
