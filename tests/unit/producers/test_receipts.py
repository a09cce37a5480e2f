"""Receipts of our own events: their words, and proofs that one flipped bit breaks."""

import dataclasses
import json
from typing import Any

import pytest

from simpul_producers.outbox import OutboxRow, Record, State
from simpul_producers.producer import Place
from simpul_producers.receipts import (
    NotProved,
    Standing,
    event_id_of,
    event_receipt,
    prove_record,
    settlement,
    verify_record,
)
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.merkle import leaf_hash, merkle_root
from simpul_schemas.receipts import Fate, Proof, RefusedRecord, Statement, read_receipt, write_receipt
from simpul_schemas.signing import KeyRing, new_signer
from simpul_schemas.wire import frame

SIGNER = new_signer()
KEYS = KeyRing([SIGNER._key.public_key()])
TOPIC = "simpul.53.incident.v1"
ID = "018da000-0000-7000-8000-000000000001"
#: An Avro body begins with the event id: its length as a zigzag varint, then its text.
BODY = bytes([len(ID) * 2]) + ID.encode() + b"the other fields"
OTHERS = [b"one", b"two", b"three"]


def receipt(**changes: object) -> bytes:
    leaves = [leaf_hash(OTHERS[0]), leaf_hash(frame(7, BODY)), *map(leaf_hash, OTHERS[1:])]
    said: dict[str, Any] = {
        "topic": TOPIC,
        "partition": 0,
        "first_offset": 10,
        "next_offset": 15,
        "records": 5,
        "accepted": 4,
        "superseded": (),
        "refused": (RefusedRecord(13, "e-bad", ("incident.phase_out_of_order", "record.undecodable")),),
        "root": merkle_root(leaves).hex(),
    }
    return write_receipt(Statement(**{**said, **changes}), leaves, SIGNER)


def a_record(**changes: object) -> Record:
    row = OutboxRow(ID, "incident", "s:1", 1, TOPIC, "uji.53", 5, '"x"', BODY)
    values: dict[str, Any] = {
        "row": row,
        "state": State.SENT,
        "reason": "",
        "taken_at": 1,
        "settled_at": 2,
        "wire_id": 7,
        "leaf": leaf_hash(frame(7, BODY)),
        "place": Place(0, 11),
        "fate": Fate.ACCEPTED,
        "codes": (),
        "receipt": receipt(),
        "verified": True,
    }
    return Record(**{**values, **changes})


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_an_event_id_is_read_out_of_a_value() -> None:
    assert event_id_of(frame(7, BODY)) == ID
    assert event_id_of(b"") == ""
    assert event_id_of(bytes(5) + b"\xff" * 20) == ""


def test_a_receipt_says_by_leaf_and_place_what_became_of_events() -> None:
    said = settlement(read_receipt(receipt(superseded=(14,))), b"body", verified=True)
    assert said.accepted == {leaf_hash(OTHERS[0]), leaf_hash(frame(7, BODY)), leaf_hash(OTHERS[1])}
    assert said.superseded == {leaf_hash(OTHERS[2])}
    assert said.refused == {"e-bad": (13, ("incident.phase_out_of_order", "record.undecodable"))}
    assert (said.topic, said.partition, said.refused_offsets) == (TOPIC, 0, {})


def test_with_a_gap_in_the_stretch_no_leaf_is_told_from_another() -> None:
    said = settlement(read_receipt(receipt(next_offset=16)), b"", verified=True)
    assert (said.accepted, said.superseded) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("superseded", "fate"), [((), Fate.ACCEPTED), ((11,), Fate.SUPERSEDED)], ids=["accepted", "superseded"]
)
def test_an_event_in_the_tree_is_proved_and_its_proof_stands_alone(superseded: tuple[int, ...], fate: Fate) -> None:
    record = a_record(receipt=receipt(superseded=superseded))
    assert verify_record(record, KEYS) is fate
    document = json.loads(json.dumps(prove_record(record, KEYS).to_json()))
    proof = Proof.from_json(document)
    assert proof.holds(KEYS)
    assert event_id_of(proof.value) == ID


def test_a_refusal_is_proved_by_id_and_place() -> None:
    refused = receipt(refused=(RefusedRecord(13, ID, ("a.b",)),))
    assert verify_record(a_record(receipt=refused, codes=("a.b",)), KEYS) is Fate.ACCEPTED  # its value is in the tree
    other = a_record(receipt=refused, codes=("a.b",), wire_id=8, leaf=leaf_hash(frame(8, BODY)), place=Place(0, 13))
    assert verify_record(other, KEYS) is Fate.REFUSED
    with pytest.raises(NotProved, match="refused"):
        prove_record(other, KEYS)
    with pytest.raises(NotProved, match=ID):
        verify_record(dataclasses.replace(other, codes=("a.c",)), KEYS)


def test_every_flipped_bit_of_the_body_names_the_event() -> None:
    for bit in range(len(BODY) * 8):
        row = a_record().row._replace(body=flipped(BODY, bit))
        with pytest.raises(NotProved, match=ID):
            verify_record(a_record(row=row), KEYS)


def test_every_flipped_bit_of_the_receipt_names_the_event() -> None:
    whole = receipt()
    for bit in range(len(whole) * 8):
        with pytest.raises(NotProved, match=ID):
            verify_record(a_record(receipt=flipped(whole, bit)), KEYS)


def holds(document: dict[str, Any]) -> bool:
    try:
        return Proof.from_json(document).holds(KEYS)
    except MalformedRecord:
        return False


def test_every_changed_character_of_a_proof_breaks_it() -> None:
    proof = prove_record(a_record(), KEYS).to_json()
    for field in ("kid", "signature", "statement", "value"):
        for at in range(len(proof[field])):
            text = proof[field][:at] + ("0" if proof[field][at] != "0" else "1") + proof[field][at + 1 :]
            assert not holds({**proof, field: text}), (field, at)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"receipt": None}, "has no receipt yet"),
        ({"wire_id": None}, "was never sent"),
        ({"receipt": receipt(topic="simpul.31.incident.v1")}, "another topic"),
    ],
)
def test_what_is_not_there_is_said(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(NotProved, match=said):
        verify_record(a_record(**changes), KEYS)


def test_a_receipt_of_an_unknown_key_proves_nothing() -> None:
    with pytest.raises(NotProved, match="unknown key"):
        verify_record(a_record(), KeyRing([]))


@pytest.mark.parametrize(
    ("record", "standing"),
    [
        (None, Standing.UNKNOWN),
        (a_record(state=State.PENDING, fate=None), Standing.WAITING),
        (a_record(fate=None), Standing.SENT),
        (a_record(state=State.REFUSED, fate=None, reason="too large"), Standing.REFUSED_BY_BROKER),
        (a_record(), Standing.ACCEPTED),
        (a_record(fate=Fate.SUPERSEDED), Standing.SUPERSEDED),
        (a_record(fate=Fate.REFUSED, codes=("record.undecodable",)), Standing.REFUSED),
    ],
)
def test_each_standing_is_told_in_both_languages(record: Record | None, standing: Standing) -> None:
    answer = event_receipt(ID, record)
    assert answer.standing is standing
    assert answer.message_id
    assert answer.message_en
    assert answer.message_id != answer.message_en
    assert answer.final is (standing not in {Standing.UNKNOWN, Standing.WAITING, Standing.SENT})


def test_a_refusal_carries_the_words_and_the_remedy_of_its_codes() -> None:
    answer = event_receipt(ID, a_record(fate=Fate.REFUSED, codes=("incident.severity_missing", "record.undecodable")))
    assert "record's body is not of its schema" in answer.message_en
    assert "Kodekan ulang" in answer.remedy_id
    assert answer.codes == ("incident.severity_missing", "record.undecodable")


def test_why_nothing_moves_is_told_with_what_waits_and_with_nothing_else() -> None:
    trouble = ("Kredensial ditolak", "The credential is refused")
    assert "The credential" in event_receipt(ID, a_record(fate=None), trouble).message_en
    assert "The credential" not in event_receipt(ID, a_record(), trouble).message_en
