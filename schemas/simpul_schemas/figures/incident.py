"""Incidents with what they did to people and things."""

from types import MappingProxyType

from simpul_schemas.events.incident import COUNTS
from simpul_schemas.figures.spec import Named, ViewSpec

#: What each count of an incident is called, Indonesian and English.
_CALLED = {
    "killed": ("Korban meninggal", "Persons killed"),
    "injured": ("Korban luka", "Persons injured"),
    "displaced": ("Pengungsi", "Persons displaced"),
    "buildings_damaged": ("Bangunan rusak", "Buildings damaged"),
    "loss_idr": ("Kerugian, rupiah utuh", "Loss in whole rupiah"),
}

INCIDENT = ViewSpec(
    name="incident",
    event_type="incident",
    doc="Kejadian dan korbannya. Incidents by kind, phase and severity, with casualties.",
    dimensions=(
        Named("kind", "Jenis kejadian. CONFLICT, DISASTER or DISTURBANCE."),
        Named("phase", "Tahap penanganan konflik (UU 7/2012). Phase of handling a conflict; - where none is stated."),
        Named("severity", "Keparahan (CAP). Severity."),
    ),
    measures=(
        Named("incidents", "Kejadian. Incidents."),
        Named("verified", "Kejadian terverifikasi. Incidents that somebody has checked."),
        Named("resolved", "Kejadian selesai. Incidents whose end is stated."),
        Named("assessed", "Kejadian dengan angka. Incidents of which at least one of the counts below is known."),
        *(
            Named(name, f"{indonesian}. {english}, over the incidents that gave the number.")
            for name, (indonesian, english) in ((name, _CALLED[name]) for name in COUNTS)
        ),
        *(
            Named(f"{name}_known", f"Kejadian yang memberi angka itu. Incidents that gave '{name}', 0 included.")
            for name in COUNTS
        ),
    ),
    coverage=("assessed", "incidents"),
    fields=frozenset({"kind", "phase", "severity", "verification", "time_precision", "resolved_at", *COUNTS}),
    rates=MappingProxyType({"verified": ("verified", "incidents"), "resolved": ("resolved", "incidents")}),
)
