"""Aid handed over by an agency, as its Berita Acara Serah Terima (BAST) says.

A BAST number is given once per agency and year: so it stands in the subject, and a second paper under one number is a
second revision of the first.
"""

from enum import StrEnum

from pydantic import BaseModel

from simpul_schemas import words
from simpul_schemas.events.envelope import PART, Event, Int, Long
from simpul_schemas.events.shared import in_order, malformed_date, personal_number_rules, village_rule
from simpul_schemas.expressions import Field, Items, Predicate
from simpul_schemas.rules import Rule, Text, counts_not_negative, envelope_rules, reject, warn

#: A billion units, in thousandths.
MAX_QUANTITY = 10**12
#: A hundred trillion rupiah for one unit, in sen. With the bound on quantities their sum fits any column.
MAX_UNIT_VALUE_SEN = 10**16
#: Rp 1,000 trillion in sen, a third of the national budget of 2024; ninety of it still fit into the 64 bits of a sum.
MAX_TOTAL_SEN = 10**17
#: Quantities are thousandths.
_SCALE = 1000


def _words_disagree(in_words: str, total_sen: int) -> bool:
    said = words.read_rupiah(in_words)
    return said is not None and said != total_sen


_WORDS_DISAGREE = Predicate("words_disagree", _words_disagree)
_WORDS_UNREADABLE = Predicate("words_unreadable", lambda text: words.read_rupiah(text) is None)


class HandoverStatus(StrEnum):
    """Planned, handed over, verified; see `simpul_schemas.lifecycles`."""

    PLANNED = "PLANNED"
    HANDED_OVER = "HANDED_OVER"
    VERIFIED = "VERIFIED"


class AidKind(StrEnum):
    """Bantuan dana or bantuan barang."""

    CASH = "CASH"
    GOODS = "GOODS"


class HandoverAttachmentKind(StrEnum):
    """What is attached to a BAST."""

    PHOTO = "PHOTO"
    RECIPIENT_LIST = "RECIPIENT_LIST"
    OTHER = "OTHER"


class AidItem(BaseModel):
    """One line: 2.5 kg at 10,000 rupiah is 2500 thousandths at 1,000,000 sen."""

    model_config = PART

    name: str
    brand: str | None = None
    quantity_thousandths: Long | None = None
    unit: str | None = None
    unit_value_sen: Long | None = None
    condition: str | None = None
    note: str | None = None


class HandoverAttachment(BaseModel):
    """A paper or picture that the agency keeps."""

    model_config = PART

    kind: HandoverAttachmentKind
    reference: str | None = None


class AidHandover(Event):
    """Values are sen, exact; quantities are thousandths; None is unknown, never 0."""

    status: HandoverStatus
    aid_kind: AidKind
    bast_number: str | None = None
    handover_date: str | None = None
    place: str | None = None
    village: str | None = None
    legal_basis_number: str | None = None
    legal_basis_date: str | None = None
    legal_basis_subject: str | None = None
    programme: str | None = None
    fund_source: str | None = None
    first_party_name: str | None = None
    first_party_nip: str | None = None
    first_party_position: str | None = None
    first_party_agency: str | None = None
    second_party_name: str | None = None
    second_party_nik: str | None = None
    second_party_organisation: str | None = None
    second_party_address: str | None = None
    witness_name: str | None = None
    witness_nip: str | None = None
    witness_position: str | None = None
    items: tuple[AidItem, ...] | None = None
    total_value_sen: Long | None = None
    in_words: str | None = None
    recipient_count: Int | None = None
    acceptance: str | None = None
    attachments: tuple[HandoverAttachment, ...] | None = None
    verified_on: str | None = None
    verified_by: str | None = None


def _rules() -> tuple[Rule, ...]:
    handed_over = Field("status").differs(HandoverStatus.PLANNED.value)
    return (
        *envelope_rules(),
        counts_not_negative("aid_handover", ("recipient_count",)),
        reject(
            "aid_handover.number_missing",
            ("bast_number", "status"),
            handed_over & (~Field("bast_number").known() | (Field("bast_number").byte_length() < 1)),
            Text("Serah terima tanpa nomor BAST.", "A handover without a BAST number."),
            Text("Isi nomor BAST.", "Give the BAST number."),
        ),
        reject(
            "aid_handover.date_missing",
            ("handover_date", "status"),
            handed_over & ~Field("handover_date").known(),
            Text("Serah terima tanpa tanggal.", "A handover without a date."),
            Text("Isi tanggal serah terima.", "Give the date of the handover."),
        ),
        malformed_date("aid_handover", ("legal_basis_date", "handover_date", "verified_on")),
        in_order("aid_handover", "dates", ("legal_basis_date", "handover_date", "verified_on")),
        *_value_rules(),
        *personal_number_rules("aid_handover", nips=("first_party_nip", "witness_nip"), niks=("second_party_nik",)),
        warn(
            "aid_handover.items_missing",
            ("items", "status", "aid_kind"),
            handed_over
            & Field("aid_kind").equals(AidKind.GOODS.value)
            & (~Field("items").known() | Items("items").count().equals(0)),
            Text("Bantuan barang tanpa rincian.", "Goods without a list."),
            Text("Isi rincian barang.", "List the goods."),
        ),
        warn(
            "aid_handover.receiver_missing",
            ("second_party_name", "second_party_organisation", "status"),
            handed_over & ~Field("second_party_name").known() & ~Field("second_party_organisation").known(),
            Text("PIHAK KEDUA tidak diketahui.", "Who received is unknown."),
            Text("Isi nama atau organisasi penerima.", "Name the person or the organisation."),
        ),
        village_rule("aid_handover"),
    )


def _value_rules() -> tuple[Rule, ...]:
    """Return the rules about the money.

    The sum is compared in thousandths of a sen. Less than a rupiah apart is the rounding of a total to whole rupiah,
    which fractional quantities need; from one rupiah on it is another amount.
    """
    items, total = Items("items"), Field("total_value_sen")
    quantity, value = Field("quantity_thousandths"), Field("unit_value_sen")
    lines = items.sum(quantity.within(0, MAX_QUANTITY) * value.within(0, MAX_UNIT_VALUE_SEN))
    apart = lines - total.within(0, MAX_TOTAL_SEN) * _SCALE
    rupiah = words.SEN * _SCALE
    return (
        reject(
            "aid_handover.amount_out_of_range",
            ("items.quantity_thousandths", "items.unit_value_sen", "total_value_sen"),
            (total < 0)
            | (total > MAX_TOTAL_SEN)
            | items.any((quantity < 0) | (quantity > MAX_QUANTITY) | (value < 0) | (value > MAX_UNIT_VALUE_SEN)),
            Text("Jumlah atau nilai negatif atau mustahil.", "A quantity or value is negative or impossible."),
            Text("Periksa satuan: perseribu dan sen.", "Check the units: thousandths and sen."),
        ),
        reject(
            "aid_handover.items_do_not_sum",
            ("items.quantity_thousandths", "items.unit_value_sen", "total_value_sen"),
            (items.count() > 0) & ((apart >= rupiah) | (apart <= -rupiah)),
            Text("Jumlah rincian tidak sama dengan nilai total.", "The lines do not sum to the total."),
            Text("Jumlah x harga satuan, dijumlahkan, harus sama.", "Quantity x unit value, summed, must equal it."),
        ),
        reject(
            "aid_handover.words_disagree",
            ("in_words", "total_value_sen"),
            _WORDS_DISAGREE.of(Field("in_words"), total),
            Text("Terbilang tidak sama dengan nilai total.", "The amount in words is not the total."),
            Text("Perbaiki terbilang atau nilainya.", "Correct the words or the value."),
        ),
        warn(
            "aid_handover.words_unreadable",
            ("in_words",),
            _WORDS_UNREADABLE.of(Field("in_words")),
            Text("Terbilang tidak terbaca sebagai jumlah uang.", "The amount in words cannot be read."),
            Text("Tulis misalnya: satu juta dua ratus ribu rupiah.", "Write as: satu juta dua ratus ribu rupiah."),
        ),
        reject(
            "aid_handover.item_unnamed",
            ("items.name",),
            items.any(Field("name").byte_length() < 1),
            Text("Rincian tanpa nama barang.", "A line without the name of what is handed over."),
            Text("Isi nama barang.", "Name it."),
        ),
    )


RULES = _rules()
