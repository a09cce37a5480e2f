"""Periodic report of a work unit, with control totals: how many events of each type it claims for the period."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from simpul_schemas.events.envelope import Event, Long
from simpul_schemas.expressions import Field
from simpul_schemas.rules import Rule, Text, any_of, envelope_rules, reject


class PeriodKind(StrEnum):
    """How long a period is; CATURWULAN is a term of four months."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    CATURWULAN = "CATURWULAN"
    YEAR = "YEAR"


class Claim(BaseModel):
    """Control total of one event type; 0 is a nil report (laporan nihil)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    event_type: str
    count: Long


class Report(Event):
    """A unit's statement for one period; an event type without a claim was not claimed."""

    unit: str
    period_kind: PeriodKind
    period: str
    claims: tuple[Claim, ...] = ()
    note: str | None = None


_PERIOD_SHAPES = {
    PeriodKind.DAY: r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    PeriodKind.WEEK: r"[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])",
    PeriodKind.MONTH: r"[0-9]{4}-(0[1-9]|1[0-2])",
    PeriodKind.CATURWULAN: r"[0-9]{4}-C[1-3]",
    PeriodKind.YEAR: r"[0-9]{4}",
}


def _rules() -> tuple[Rule, ...]:
    kind, period = Field("period_kind"), Field("period")
    return (
        *envelope_rules(),
        reject(
            "report.unit_missing",
            ("unit",),
            Field("unit").byte_length() < 1,
            Text("Unit kerja kosong.", "The work unit is empty."),
            Text("Isi unit kerja seperti di daftar wajib lapor.", "Name the unit as the roster does."),
        ),
        reject(
            "report.period_malformed",
            ("period", "period_kind"),
            any_of([kind.equals(name.value) & ~period.matches(shape) for name, shape in _PERIOD_SHAPES.items()]),
            Text("Periode tidak sesuai dengan jenisnya.", "The period does not have the shape of its kind."),
            Text(
                "Contoh: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
                "Examples: 2024-02-14, 2024-W07, 2024-02, 2024-C1, 2024.",
            ),
        ),
    )


RULES = _rules()
