"""Receipts and the tree under them: what was accepted can be proved, one bit that was flipped cannot."""

import json
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_schemas.errors import MalformedRecord, SettingsError
from simpul_schemas.merkle import audit_path, leaf_hash, merkle_root, root_of_path
from simpul_schemas.receipts import (
    Fate,
    Proof,
    Receipt,
    RefusedRecord,
    Statement,
    read_receipt,
    write_receipt,
)
from simpul_schemas.settings import load_settings
from simpul_schemas.signing import (
    KeyRing,
    load_key_ring,
    load_or_make_signer,
    load_signer,
    new_signer,
    signer_from_settings,
)

SIGNER = new_signer()
KEYS = KeyRing([SIGNER._key.public_key()])


def receipt(values: list[bytes], **changes: object) -> bytes:
    leaves = [leaf_hash(value) for value in values]
    said = {
        "topic": "simpul.53.incident.v1",
        "partition": 0,
        "first_offset": 100,
        "next_offset": 100 + len(values) + 2,
        "records": len(values) + 2,
        "accepted": len(values),
        "superseded": (101,),
        "refused": (RefusedRecord(103, None, ("wire.magic",)), RefusedRecord(104, "e-4", ("a.b", "c.d"))),
        "root": merkle_root(leaves).hex(),
    }
    return write_receipt(Statement(**{**said, **changes}), leaves, SIGNER)  # type: ignore[arg-type]


def tree_by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word: split at the largest power of two below the size."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_by_the_book(leaves[:split]) + tree_by_the_book(leaves[split:])).digest()


@given(st.integers(0, 70))
def test_the_root_is_that_of_rfc_6962_and_every_leaf_has_a_path_to_it(size: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    root = merkle_root(leaves)
    assert root == tree_by_the_book(leaves)
    for index, leaf in enumerate(leaves):
        path = audit_path(leaves, index)
        assert root_of_path(leaf, index, size, path) == root
        assert root_of_path(leaf_hash(b"another"), index, size, path) != root
        assert root_of_path(leaf, index, size, [*path, root]) is None
        assert not path or root_of_path(leaf, index, size, path[:-1]) is None


def test_a_receipt_comes_back_as_it_was_written_and_tells_the_fate_of_every_offset() -> None:
    found = read_receipt(receipt([b"one", b"two", b"three"]))
    assert found.genuine(KEYS)
    statement = found.statement
    assert (statement.records, statement.accepted) == (5, 3)
    assert statement.fate(100) == (Fate.ACCEPTED, ())
    assert statement.fate(101) == (Fate.SUPERSEDED, ())
    assert statement.fate(103) == (Fate.REFUSED, ("wire.magic",))
    assert statement.fate(104) == (Fate.REFUSED, ("a.b", "c.d"))
    assert statement.fate(99) is None
    assert statement.fate(105) is None


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20, unique=True), st.data())
def test_a_flipped_bit_anywhere_in_a_proof_is_noticed(values: list[bytes], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(values))
    proof = read_receipt(receipt(values)).prove(wanted)
    assert proof is not None
    assert proof.holds(KEYS)
    document = json.loads(json.dumps(proof.to_json()))
    assert Proof.from_json(document) == proof
    name = data.draw(st.sampled_from([name for name in ("signature", "value") if document[name]]))
    bits = len(document[name]) * 4
    flipped = int(document[name], 16) ^ 1 << data.draw(st.integers(0, bits - 1))
    assert not Proof.from_json({**document, name: f"{flipped:0{bits // 4}x}"}).holds(KEYS)
    said = bytearray(proof.text, "latin-1")
    said[data.draw(st.integers(0, len(said) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    assert not Proof.from_json({**document, "statement": said.decode("latin-1")}).holds(KEYS)


def test_a_receipt_whose_leaves_were_changed_or_whose_key_is_unknown_is_not_genuine() -> None:
    found = read_receipt(receipt([b"one", b"two"]))
    assert not found.genuine(KeyRing([new_signer()._key.public_key()]))
    swapped = found.leaves[32:] + found.leaves[:32]
    assert not Receipt(found.kid, found.signature, found.text, swapped).genuine(KEYS)
    assert not Receipt(found.kid, found.signature, found.text, found.leaves[:32]).genuine(KEYS)
    assert found.prove(b"three") is None


def test_bytes_that_are_no_receipt_are_refused_with_a_code() -> None:
    for body in (b"", b"\x00", receipt([b"one"])[:-1]):
        with pytest.raises(MalformedRecord):
            read_receipt(body)
    with pytest.raises(MalformedRecord):
        Proof.from_json({"kid": "x"})


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "receipts.pem"
    signer = load_or_make_signer(path)
    assert load_or_make_signer(path).kid == signer.kid == load_signer(path).kid
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = tmp_path / "public.pem"
    public.write_bytes(signer.public_pem + new_signer().public_pem)
    ring = load_key_ring(public)
    assert signer.kid in ring.kids
    assert len(ring.kids) == 2
    assert ring(signer.kid, signer.sign(b"x"), b"x")
    assert not ring(signer.kid, signer.sign(b"x"), b"y")


def test_a_worker_finds_its_key_in_the_settings_and_lays_the_public_one_beside_it(tmp_path: Path) -> None:
    own = signer_from_settings(load_settings({"SIMPUL__DATA_DIR": str(tmp_path)}))
    private = tmp_path / "keys" / "receipts.pem"
    assert load_key_ring(private.with_name("receipts.pub.pem")).kids == [own.kid]
    named = {"SIMPUL__DATA_DIR": str(tmp_path / "other"), "SIMPUL__RECEIPTS__SIGNING_KEY_FILE": str(private)}
    assert signer_from_settings(load_settings(named)).kid == own.kid
    missing = {"SIMPUL__RECEIPTS__SIGNING_KEY_FILE": str(tmp_path / "hilang.pem")}
    with pytest.raises(SettingsError, match=r"hilang\.pem"):  # a key that was named is never made up
        signer_from_settings(load_settings(missing))


@pytest.mark.parametrize("content", [b"", b"nothing", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    for load in (load_signer, load_key_ring):
        with pytest.raises(SettingsError, match=r"key\.pem"):
            load(path)
