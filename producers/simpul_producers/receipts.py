"""What the bus says became of our events: from signed receipts to the fate of each event, its proof and its words.

All of this is pure; `receipts_taker` brings receipts in, the outbox keeps them with the events they are about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from simpul_producers.outbox import Record, Settlement, State
from simpul_schemas.catalogue.codes import OTHER_CODES
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import CallerError, MalformedRecord
from simpul_schemas.merkle import leaf_hash
from simpul_schemas.receipts import Fate, Proof, Receipt, Verify, read_receipt
from simpul_schemas.wire import HEADER_SIZE, frame


class Standing(StrEnum):
    """Where an event stands."""

    #: Never taken by this outbox, or pruned long ago.
    UNKNOWN = "unknown"
    #: In the outbox; the broker does not have it yet.
    WAITING = "waiting"
    #: The broker has it; the fold has not said yet what it is.
    SENT = "sent"
    #: The broker refused the record itself.
    REFUSED_BY_BROKER = "refused_by_broker"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


#: Nothing more is to be waited for.
FINAL = frozenset({Standing.REFUSED_BY_BROKER, Standing.ACCEPTED, Standing.SUPERSEDED, Standing.REFUSED})


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """The answer about one event: where it stands, why, in both languages, and what to do.

    `codes` are those of the verdict; `verified` tells whether a known key has signed the receipt that says so.
    """

    event_id: str
    standing: Standing
    codes: tuple[str, ...]
    verified: bool
    message_id: str
    message_en: str
    remedy_id: str = ""
    remedy_en: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.standing in FINAL

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "event_id": self.event_id,
            "standing": self.standing.value,
            "codes": list(self.codes),
            "verified": self.verified,
            "message": {"id": self.message_id, "en": self.message_en},
            "remedy": {"id": self.remedy_id, "en": self.remedy_en},
        }


_WORDS: Mapping[Standing, tuple[str, str]] = MappingProxyType(
    {
        Standing.UNKNOWN: (
            "Tidak ada di kotak keluar ini, atau sudah lama dihapus dari sana",
            "Not in this outbox, or removed from it long ago",
        ),
        Standing.WAITING: ("Di jalan: masih di kotak keluar", "On its way: still in the outbox"),
        Standing.SENT: (
            "Di jalan: sudah di bus, tanda terima belum ada",
            "On its way: on the bus, and no receipt yet",
        ),
        Standing.REFUSED_BY_BROKER: ("Ditolak broker", "Refused by the broker"),
        Standing.ACCEPTED: ("Diterima", "Accepted"),
        Standing.SUPERSEDED: (
            "Diterima tetapi sudah digantikan: revisi yang lebih tinggi lebih dulu sampai",
            "Accepted but superseded: a higher revision was there before",
        ),
        Standing.REFUSED: ("Ditolak", "Refused"),
    }
)
_FATES = {
    Fate.ACCEPTED: Standing.ACCEPTED,
    Fate.SUPERSEDED: Standing.SUPERSEDED,
    Fate.REFUSED: Standing.REFUSED,
}


def event_receipt(event_id: str, record: Record | None, trouble: tuple[str, str] | None = None) -> EventReceipt:
    """Say where an event stands; `trouble` is why nothing moves just now, where that is known."""
    standing = _standing(record)
    message_id, message_en = _WORDS[standing]
    if record is None:
        return EventReceipt(event_id, standing, (), verified=False, message_id=message_id, message_en=message_en)
    if record.reason:
        message_id, message_en = f"{message_id} ({record.reason})", f"{message_en} ({record.reason})"
    if trouble is not None and standing in {Standing.WAITING, Standing.SENT}:
        message_id, message_en = f"{message_id}. {trouble[0]}", f"{message_en}. {trouble[1]}"
    words = [_explain(code, record.row.event_type) for code in record.codes]
    if words:
        message_id = f"{message_id}: {' '.join(word[0] for word in words)}"
        message_en = f"{message_en}: {' '.join(word[1] for word in words)}"
    return EventReceipt(
        event_id,
        standing,
        record.codes,
        record.verified,
        message_id,
        message_en,
        " ".join(word[2] for word in words),
        " ".join(word[3] for word in words),
    )


def _standing(record: Record | None) -> Standing:
    if record is None:
        return Standing.UNKNOWN
    if record.state is State.REFUSED:
        return Standing.REFUSED_BY_BROKER
    if record.fate is not None:
        return _FATES[record.fate]
    return Standing.SENT if record.state is State.SENT else Standing.WAITING


def _explain(code: str, event_type: str) -> tuple[str, str, str, str]:
    kind = EVENT_TYPES.get(event_type)
    for rule in kind.rules.rules if kind else ():
        if rule.code == code:
            return rule.message.indonesian, rule.message.english, rule.remedy.indonesian, rule.remedy.english
    known = OTHER_CODES.get(code)
    if known is None:
        return f"({code})", f"({code})", "", ""
    return known.message.indonesian, known.message.english, known.remedy.indonesian, known.remedy.english


def settlement(receipt: Receipt, body: bytes, *, verified: bool) -> Settlement:
    """Return what a receipt says, by what our events are known by; raises `MalformedRecord` where it says nonsense.

    Where each offset of the stretch was a record, the leaves stand in the order of those that were not refused. Were
    one missing, no leaf could be told from another, and none is called accepted or superseded.
    """
    said = receipt.statement
    refused = {record.offset: record for record in said.refused}
    accepted = [offset for offset in range(said.first_offset, said.next_offset) if offset not in refused]
    leaves = receipt.leaf_hashes
    late = set(said.superseded)
    gapless = len(leaves) == len(accepted)
    return Settlement(
        topic=said.topic,
        partition=said.partition,
        first_offset=said.first_offset,
        next_offset=said.next_offset,
        body=body,
        verified=verified,
        accepted=frozenset(leaf for offset, leaf in zip(accepted, leaves, strict=gapless) if offset not in late)
        if gapless
        else frozenset(),
        superseded=frozenset(leaf for offset, leaf in zip(accepted, leaves, strict=gapless) if offset in late)
        if gapless
        else frozenset(),
        refused={each.event_id: (each.offset, each.codes) for each in said.refused if each.event_id is not None},
        refused_offsets={each.offset: each.codes for each in said.refused if each.event_id is None},
    )


class NotProved(CallerError):
    """Something does not fit to what was signed; the message names the event and what was changed."""

    exit_code = 1


def value_of(record: Record) -> bytes:
    """Return the value of an event as it lies on its topic; raises `NotProved` where it was never handed over."""
    if record.wire_id is None:
        raise _not_proved(record.row.event_id, "belum pernah dikirim", "was never sent")
    return frame(record.wire_id, record.row.body)


def verify_record(record: Record, verify: Verify) -> Fate:
    """Return the fate of an event that its receipt proves, or raise `NotProved` that says what was changed."""
    event_id = record.row.event_id
    value = value_of(record)
    if record.receipt is None:
        raise _not_proved(event_id, "belum ada tanda terimanya", "has no receipt yet")
    if leaf_hash(value) != record.leaf:
        raise _not_proved(
            event_id,
            "isinya di kotak keluar bukan lagi yang dikirim",
            "is no longer in the outbox as it was sent",
        )
    try:
        receipt = read_receipt(record.receipt)
        genuine = receipt.encoded() == record.receipt and receipt.genuine(verify)
        said = settlement(receipt, record.receipt, verified=genuine) if genuine else None
    except MalformedRecord as error:
        raise _damaged(event_id) from error
    if said is None:
        raise _damaged(event_id)
    if said.topic != record.row.topic:
        raise _not_proved(event_id, "tanda terimanya dari topik lain", "has a receipt of another topic")
    if record.leaf in said.accepted:
        return Fate.ACCEPTED
    if record.leaf in said.superseded:
        return Fate.SUPERSEDED
    refused = said.refused.get(event_id)
    if refused is not None and refused[1] == record.codes:
        return Fate.REFUSED
    if record.place is not None and said.refused_offsets.get(record.place.offset) == record.codes:
        return Fate.REFUSED
    raise _not_proved(event_id, "tidak ada di tanda terimanya", "is not in its receipt")


def prove_record(record: Record, verify: Verify) -> Proof:
    """Return the proof that an event was accepted; raises `NotProved` where it was not, or something was changed."""
    fate = verify_record(record, verify)
    if fate is Fate.REFUSED:
        raise _not_proved(
            record.row.event_id,
            "ditolak; tanda terima itu sendiri buktinya",
            "was refused; the receipt itself is the proof of that",
        )
    if record.receipt is None:  # `verify_record` has looked
        raise _damaged(record.row.event_id)
    proof = read_receipt(record.receipt).prove(value_of(record))
    if proof is None:
        raise _damaged(record.row.event_id)
    return proof


def event_id_of(value: bytes) -> str:
    """Return the event id of a value as it lies on a topic: the first field of every event; "" where there is none."""
    length, shift, at = 0, 0, HEADER_SIZE
    while at < len(value) and shift < 35:
        length |= (value[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if value[at - 1] < 0x80:
            break
    text = value[at : at + (length >> 1)]
    return text.decode("utf-8", "replace") if text.isascii() else ""


def _damaged(event_id: str) -> NotProved:
    return _not_proved(
        event_id,
        "tanda terimanya rusak, diubah, atau ditandatangani kunci yang tidak dikenal",
        "has a receipt that is damaged, was changed, or is signed by an unknown key",
    )


def _not_proved(event_id: str, indonesian: str, english: str) -> NotProved:
    return NotProved(
        f"Peristiwa {event_id} tidak terbukti: {indonesian}.", f"The event {event_id} is not proved: it {english}."
    )
