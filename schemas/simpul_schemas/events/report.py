"""Periodic report of a work unit, with control totals: how many events of each type it claims for the period."""

from pydantic import AwareDatetime, BaseModel

from simpul_schemas.calendars import PERIOD_SHAPES, PeriodKind
from simpul_schemas.events.envelope import PART, Event, Long
from simpul_schemas.events.shared import empty, in_future, missing_period
from simpul_schemas.expressions import Field, Items
from simpul_schemas.rules import Rule, Text, any_of, envelope_rules, reject

#: Every type that a unit can claim events of; the names stand in topics and never change.
CLAIMABLE = frozenset(
    {"report", "incident", "aid_handover", "aspiration", "prevention", "participation", "budget"},
)


class Claim(BaseModel):
    """Control total of one event type; 0 is a nil report (laporan nihil)."""

    model_config = PART

    event_type: str
    count: Long


class Report(Event):
    """A unit's statement for one period; an event type without a claim was not claimed."""

    unit: str
    period_kind: PeriodKind
    period: str
    claims: tuple[Claim, ...] = ()
    note: str | None = None
    prepared_by: str | None = None
    approved_by: str | None = None
    approved_at: AwareDatetime | None = None


def _rules() -> tuple[Rule, ...]:
    kind, period = Field("period_kind"), Field("period")
    return (
        *envelope_rules(),
        empty("report", "unit", "Unit kerja", "The work unit"),
        reject(
            "report.period_malformed",
            ("period", "period_kind"),
            any_of([kind.equals(name.value) & ~period.matches(shape) for name, shape in PERIOD_SHAPES.items()]),
            Text("Periode tidak sesuai dengan jenisnya.", "The period does not have the shape of its kind."),
            Text(
                "Contoh: 2024-02-14, 2024-W07, 2024-02, 2024-Q1, 2024-C1, 2024-S1, 2024.",
                "Examples: 2024-02-14, 2024-W07, 2024-02, 2024-Q1, 2024-C1, 2024-S1, 2024.",
            ),
        ),
        missing_period("report", kind, "period"),
        *_claim_rules(),
        in_future("report", "approved_at"),
    )


def _claim_rules() -> tuple[Rule, ...]:
    claims, event_type = Items("claims"), Field("event_type")
    return (
        reject(
            "report.claim_negative",
            ("claims.count",),
            claims.any(Field("count") < 0),
            Text("Jumlah kendali negatif.", "A control total is negative."),
            Text("Isi 0 untuk laporan nihil.", "Give 0 for a nil report."),
        ),
        reject(
            "report.claim_of_unknown_type",
            ("claims.event_type",),
            claims.any(~event_type.one_of(CLAIMABLE)),
            Text("Jumlah kendali untuk jenis peristiwa yang tidak ada.", "A control total of no event type."),
            Text(f"Jenis yang ada: {', '.join(sorted(CLAIMABLE))}.", f"There are: {', '.join(sorted(CLAIMABLE))}."),
        ),
        reject(
            "report.claim_twice",
            ("claims.event_type",),
            claims.distinct(event_type).differs(claims.count()),
            Text("Satu jenis peristiwa diklaim dua kali.", "One event type is claimed twice."),
            Text("Satu jumlah kendali untuk tiap jenis.", "Give one control total for each type."),
        ),
    )


RULES = _rules()
