"""What was handed over, line by line: quantities by unit."""

from simpul_schemas.figures.spec import Named, ViewSpec

AID_ITEMS = ViewSpec(
    name="aid_items",
    event_type="aid_handover",
    doc="Rincian bantuan per satuan. Lines of the aid handed over, by kind, status and unit.",
    dimensions=(
        Named("aid_kind", "Jenis bantuan. CASH (dana) or GOODS (barang)."),
        Named("status", "Status serah terima. PLANNED, HANDED_OVER or VERIFIED; what is planned is not handed over."),
        Named(
            "unit",
            "Satuan, huruf kecil, paling banyak 40 huruf. Unit of the quantity in lower case, cut to 40 characters, "
            "such as kg; - where none is stated. Never add quantities of two units.",
        ),
    ),
    measures=(
        Named("handovers", "Serah terima dengan satuan ini. Handovers with at least one line of this unit."),
        Named("lines", "Baris rincian. Lines."),
        Named("lines_counted", "Baris dengan jumlah. Lines that gave their quantity."),
        Named("quantity_thousandths", "Jumlah, perseribu satuan. Quantity in thousandths of the unit, over these."),
        Named("lines_valued", "Baris dengan nilai. Lines that gave quantity and value of a unit."),
        Named(
            "value_sen",
            "Nilai, sen. Quantity x unit value over these lines, of each handover rounded down to whole sen.",
        ),
    ),
    coverage=("lines_counted", "lines"),
    fields=frozenset({"aid_kind", "status", "items"}),
    unfolds="unit",
)
