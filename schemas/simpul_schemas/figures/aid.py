"""Aid handed over, by what the papers (BAST) say as a whole; `aid_items` has their lines."""

from types import MappingProxyType

from simpul_schemas.figures.spec import Named, ViewSpec

AID = ViewSpec(
    name="aid",
    event_type="aid_handover",
    doc="Bantuan yang diserahterimakan. Aid handed over, by kind and status, with value.",
    dimensions=(
        Named("aid_kind", "Jenis bantuan. CASH (dana) or GOODS (barang)."),
        Named("status", "Status serah terima. PLANNED, HANDED_OVER or VERIFIED; what is planned is not handed over."),
    ),
    measures=(
        Named("handovers", "Serah terima. Handovers."),
        Named("valued", "Serah terima dengan nilai. Handovers whose total value is known."),
        Named("value_sen", "Nilai, sen (1/100 rupiah). Value, over the handovers that gave it."),
        Named("recipients_known", "Serah terima dengan jumlah penerima. Handovers that gave the number of recipients."),
        Named("recipients", "Penerima. Persons whom the aid reaches, over the handovers that gave the number."),
        Named("listed", "Serah terima dengan rincian. Handovers with at least one line."),
    ),
    coverage=("valued", "handovers"),
    fields=frozenset({"aid_kind", "status", "total_value_sen", "recipient_count", "items"}),
    rates=MappingProxyType({"recipients_per_handover": ("recipients", "recipients_known")}),
)
