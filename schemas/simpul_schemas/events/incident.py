"""A conflict, disaster or disturbance; one subject follows it from the first notice to its end."""

from enum import StrEnum

from pydantic import AwareDatetime

from simpul_schemas.events.envelope import Event, Int, Long
from simpul_schemas.expressions import Field
from simpul_schemas.rules import Rule, Text, counts_not_negative, envelope_rules, reject

COUNTS = ("killed", "injured", "displaced", "buildings_damaged", "loss_idr")


class IncidentKind(StrEnum):
    """What sort of incident it is."""

    CONFLICT = "CONFLICT"
    DISASTER = "DISASTER"
    DISTURBANCE = "DISTURBANCE"


class ConflictPhase(StrEnum):
    """Phases of handling a social conflict (UU 7/2012)."""

    PENCEGAHAN = "PENCEGAHAN"
    PENGHENTIAN = "PENGHENTIAN"
    PEMULIHAN = "PEMULIHAN"


class IncidentSeverity(StrEnum):
    """How severe it is."""

    UNKNOWN = "UNKNOWN"
    MINOR = "MINOR"
    MODERATE = "MODERATE"
    SEVERE = "SEVERE"
    EXTREME = "EXTREME"


class Verification(StrEnum):
    """Whether somebody has checked it."""

    UNVERIFIED = "UNVERIFIED"
    VERIFIED = "VERIFIED"


class TimePrecision(StrEnum):
    """How exactly the time of occurrence is known."""

    MINUTE = "MINUTE"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


class Incident(Event):
    """Counts are persons or buildings, `loss_idr` is whole rupiah; None is unknown, never 0."""

    kind: IncidentKind
    category: str
    phase: ConflictPhase | None = None
    severity: IncidentSeverity
    verification: Verification
    time_precision: TimePrecision
    village: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    issue: str | None = None
    chronology: str | None = None
    killed: Int | None = None
    injured: Int | None = None
    displaced: Int | None = None
    buildings_damaged: Int | None = None
    loss_idr: Long | None = None
    response: str | None = None
    resolved_at: AwareDatetime | None = None


def _rules() -> tuple[Rule, ...]:
    latitude, longitude = Field("latitude"), Field("longitude")
    return (
        *envelope_rules(),
        counts_not_negative("incident", COUNTS),
        reject(
            "incident.position_outside_earth",
            ("latitude", "longitude"),
            # Said as "not inside", so that a NaN, which compares with nothing, is outside too.
            ~((latitude >= -90) & (latitude <= 90)) | ~((longitude >= -180) & (longitude <= 180)),
            Text("Koordinat di luar bumi.", "The position is not on earth."),
            Text("Lintang -90 sampai 90, bujur -180 sampai 180.", "Latitude -90 to 90, longitude -180 to 180."),
        ),
        reject(
            "incident.resolved_before_occurred",
            ("resolved_at", "occurred_at"),
            Field("resolved_at") < Field("occurred_at"),
            Text("Waktu selesai mendahului waktu kejadian.", "It is resolved before it occurred."),
            Text("Periksa kedua waktu.", "Check both times."),
        ),
    )


RULES = _rules()
