"""A potential threat that an FKDM found, as it reports it to the Tim Kewaspadaan Dini."""

from enum import StrEnum

from pydantic import AwareDatetime

from simpul_schemas.events.envelope import Event
from simpul_schemas.events.shared import (
    Certainty,
    GeoPrecision,
    SourceKind,
    TimePrecision,
    Urgency,
    Verification,
    empty,
    in_future,
    in_order,
    position_rules,
    village_rule,
)
from simpul_schemas.expressions import Field
from simpul_schemas.rules import Rule, Text, envelope_rules, reject, warn


class AthgKind(StrEnum):
    """Ancaman, tantangan, hambatan or gangguan."""

    ANCAMAN = "ANCAMAN"
    TANTANGAN = "TANTANGAN"
    HAMBATAN = "HAMBATAN"
    GANGGUAN = "GANGGUAN"


class Sphere(StrEnum):
    """What it is a threat to (bidang)."""

    IDEOLOGI = "IDEOLOGI"
    POLITIK = "POLITIK"
    EKONOMI = "EKONOMI"
    SOSIAL = "SOSIAL"
    BUDAYA = "BUDAYA"
    HANKAM = "HANKAM"


class Prevention(Event):
    """A finding before anything happened; `incident_subject` names the incident that it became."""

    athg_kind: AthgKind
    sphere: Sphere
    information: str
    recommendation: str | None = None
    verification: Verification
    time_precision: TimePrecision
    village: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    geo_precision: GeoPrecision | None = None
    location: str | None = None
    source_kind: SourceKind | None = None
    urgency: Urgency | None = None
    certainty: Certainty | None = None
    reported_by: str | None = None
    response: str | None = None
    responded_at: AwareDatetime | None = None
    incident_subject: str | None = None


def _rules() -> tuple[Rule, ...]:
    return (
        *envelope_rules(),
        empty("prevention", "information", "Uraian informasi", "The information"),
        *position_rules("prevention"),
        in_order("prevention", "dates", ("occurred_at", "responded_at")),
        in_future("prevention", "responded_at"),
        reject(
            "prevention.incident_is_itself",
            ("incident_subject", "subject"),
            Field("incident_subject").equals(Field("subject")),
            Text("Temuan menunjuk dirinya sendiri sebagai kejadian.", "The finding names itself as the incident."),
            Text("Isi subjek kejadian, bukan subjek temuan.", "Give the subject of the incident."),
        ),
        warn(
            "prevention.recommendation_missing",
            ("recommendation",),
            ~Field("recommendation").known() | (Field("recommendation").byte_length() < 1),
            Text("Temuan tanpa rekomendasi.", "A finding without a recommendation."),
            Text("Tulis apa yang disarankan FKDM.", "Write what the FKDM recommends."),
        ),
        village_rule("prevention"),
    )


RULES = _rules()
