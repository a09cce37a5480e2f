"""Findings of early warning (FKDM)."""

from types import MappingProxyType

from simpul_schemas.figures.spec import Named, ViewSpec

PREVENTION = ViewSpec(
    name="prevention",
    event_type="prevention",
    doc="Temuan kewaspadaan dini. Early-warning findings by field and kind.",
    dimensions=(
        Named("sphere", "Bidang. What it is a threat to: IDEOLOGI, POLITIK, EKONOMI, SOSIAL, BUDAYA, HANKAM."),
        Named("athg_kind", "Jenis ATHG. ANCAMAN, TANTANGAN, HAMBATAN or GANGGUAN."),
    ),
    measures=(
        Named("findings", "Temuan. Findings."),
        Named("verified", "Temuan terverifikasi. Findings that somebody has checked."),
        Named("responded", "Temuan yang ditindaklanjuti. Findings that were acted on, with the time stated."),
        Named("became_incident", "Temuan yang menjadi kejadian. Findings that name the incident they became."),
    ),
    coverage=("verified", "findings"),
    fields=frozenset({"sphere", "athg_kind", "verification", "time_precision", "responded_at", "incident_subject"}),
    rates=MappingProxyType(
        {"responded": ("responded", "findings"), "became_incident": ("became_incident", "findings")}
    ),
)
