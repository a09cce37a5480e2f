"""A conflict, disaster or disturbance; one subject follows it from the first notice to its end."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel

from simpul_schemas.events.envelope import PART, Event, Int, Long
from simpul_schemas.events.shared import (
    Certainty,
    GeoPrecision,
    SourceKind,
    TimePrecision,
    Urgency,
    Verification,
    empty,
    in_future,
    position_rules,
    village_rule,
)
from simpul_schemas.expressions import Field
from simpul_schemas.rules import DAY_MICROS, NOW, Rule, Text, counts_not_negative, envelope_rules, reject, warn

COUNTS = ("killed", "injured", "displaced", "buildings_damaged", "loss_idr")
#: UU 7/2012: a declared status lasts at most so many days.
_STATUS_DAYS = 90


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
    """How severe it is (CAP severity)."""

    UNKNOWN = "UNKNOWN"
    MINOR = "MINOR"
    MODERATE = "MODERATE"
    SEVERE = "SEVERE"
    EXTREME = "EXTREME"


class ConflictSource(StrEnum):
    """What a social conflict comes from (UU 7/2012)."""

    POLEKSOSBUD = "POLEKSOSBUD"
    SARA = "SARA"
    BATAS_WILAYAH = "BATAS_WILAYAH"
    SUMBER_DAYA_ALAM = "SUMBER_DAYA_ALAM"
    KETIMPANGAN = "KETIMPANGAN"


class ConflictStatus(StrEnum):
    """The scale of a declared Status Keadaan Konflik."""

    KABUPATEN_KOTA = "KABUPATEN_KOTA"
    PROVINSI = "PROVINSI"
    NASIONAL = "NASIONAL"


class Party(BaseModel):
    """A party to the incident."""

    model_config = PART

    name: str | None = None
    kind: str | None = None


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
    geo_precision: GeoPrecision | None = None
    issue: str | None = None
    form: str | None = None
    conflict_source: ConflictSource | None = None
    parties: tuple[Party, ...] | None = None
    chronology: str | None = None
    killed: Int | None = None
    injured: Int | None = None
    displaced: Int | None = None
    buildings_damaged: Int | None = None
    loss_idr: Long | None = None
    source_kind: SourceKind | None = None
    urgency: Urgency | None = None
    certainty: Certainty | None = None
    conflict_status: ConflictStatus | None = None
    conflict_status_from: AwareDatetime | None = None
    conflict_status_until: AwareDatetime | None = None
    response: str | None = None
    agencies: tuple[str, ...] | None = None
    resolved_at: AwareDatetime | None = None


def _rules() -> tuple[Rule, ...]:
    return (
        *envelope_rules(),
        counts_not_negative("incident", COUNTS),
        *position_rules("incident"),
        reject(
            "incident.resolved_before_occurred",
            ("resolved_at", "occurred_at"),
            Field("resolved_at") < Field("occurred_at"),
            Text("Waktu selesai mendahului waktu kejadian.", "It is resolved before it occurred."),
            Text("Periksa kedua waktu.", "Check both times."),
        ),
        in_future("incident", "resolved_at"),
        empty("incident", "category", "Kategori", "The category"),
        village_rule("incident"),
        *_conflict_rules(),
    )


def _conflict_rules() -> tuple[Rule, ...]:
    """Return the rules about social conflicts.

    A status over its 90 days warns and does not refuse: the law's limit is about the government, and who reads must
    see that it was broken.
    """
    begin, end = Field("conflict_status_from"), Field("conflict_status_until")
    conflict_fields = ("phase", "conflict_source", "conflict_status")
    limit = _STATUS_DAYS * DAY_MICROS
    return (
        reject(
            "incident.conflict_status_ends_before_it_begins",
            ("conflict_status_until", "conflict_status_from"),
            end < begin,
            Text("Status Keadaan Konflik berakhir sebelum mulai.", "The conflict status ends before it begins."),
            Text("Periksa kedua waktu.", "Check both times."),
        ),
        warn(
            "incident.conflict_status_over_90_days",
            ("conflict_status_until", "conflict_status_from"),
            # One that nobody ended is measured by the clock that judges.
            (end - begin > limit) | (~end.known() & (Field(NOW) - begin > limit)),
            Text("Status Keadaan Konflik lebih dari 90 hari.", "The conflict status lasts over 90 days."),
            Text("Isi waktu berakhirnya, atau periksa keputusannya.", "Give its end, or check the decision."),
        ),
        warn(
            "incident.conflict_fields_without_conflict",
            ("kind", *conflict_fields),
            Field("kind").differs(IncidentKind.CONFLICT.value)
            & (Field("phase").known() | Field("conflict_source").known() | Field("conflict_status").known()),
            Text("Isian konflik pada kejadian yang bukan konflik.", "Conflict fields on what is no conflict."),
            Text("Ubah jenis kejadian, atau kosongkan isian itu.", "Change the kind, or leave these fields empty."),
        ),
    )


RULES = _rules()
