"""Receipts: what became of every record of a stretch of a partition, signed, so that a region can prove it.

The fold writes one receipt for each stretch of an event partition that it has taken, on the province's receipt topic.
The statement names the stretch, every refused record with its codes, every record that came too late to win, and the
Merkle root (RFC 6962) over the accepted records in the order of the log, each as the value that lies on the topic.
What is signed is the text of the statement, never an object, as one value has several encodings.

A record's fate does not depend on how the log was cut into batches: it is refused, or superseded (an earlier record of
the partition had at least its revision), or accepted. Accepted counts the superseded ones too: they are in the tree.
"""

import json
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import fastavro
from pydantic import TypeAdapter, ValidationError

from simpul_schemas.avro_types import read_parsed
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.merkle import HASH_SIZE, audit_path, leaf_hash, merkle_root, root_of_path
from simpul_schemas.rows import RowDecoder, encode

#: Records of one receipt at most: even with every one refused it fits into a record of a topic.
MAX_RECORDS = 4096
_DOMAIN = b"simpul.receipt.v1\x00"

RECEIPT_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Receipt",
        "namespace": "id.go.simpul.v1",
        "doc": "Tanda terima satu rentang partisi. Receipt of a stretch of a partition.",
        "fields": [
            {"name": "kid", "type": "string", "doc": "Kunci penanda tangan. Key that signed."},
            {"name": "signature", "type": "string", "doc": "Tanda tangan Ed25519 (base64). Ed25519 signature."},
            {"name": "statement", "type": "string", "doc": "Isi yang ditandatangani (JSON). What was signed, in JSON."},
            {
                "name": "leaves",
                "type": "string",
                "doc": "Sidik catatan yang diterima (base64). Leaf hashes, 32 B each.",
            },
        ],
    }
)
_RECEIPT: Any = fastavro.parse_schema(json.loads(RECEIPT_SCHEMA))


class Fate(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class Signer(Protocol):
    """Signs on behalf of one key; `signing.Ed25519Signer` is the real one."""

    kid: str

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""


#: Tells whether (kid, signature, message) is right; False also for a key that it does not know.
Verify = Callable[[str, bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A refused record: where it lay, its event id where that could be read, and the codes of its verdict."""

    offset: int
    event_id: str | None
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a receipt says of the records of `topic`/`partition` from `first_offset` up to before `next_offset`.

    `accepted` counts the superseded ones too; `superseded` (offsets) and `refused` rise; `root` is hexadecimal.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    records: int
    accepted: int
    superseded: tuple[int, ...]
    refused: tuple[RefusedRecord, ...]
    root: str

    def fate(self, offset: int) -> tuple[Fate, tuple[str, ...]] | None:
        """Return what became of the record at an offset, with its codes; None outside of the stretch."""
        if not self.first_offset <= offset < self.next_offset:
            return None
        at = bisect_left(self.refused, offset, key=lambda record: record.offset)
        if at < len(self.refused) and self.refused[at].offset == offset:
            return Fate.REFUSED, self.refused[at].codes
        at = bisect_left(self.superseded, offset)
        if at < len(self.superseded) and self.superseded[at] == offset:
            return Fate.SUPERSEDED, ()
        return Fate.ACCEPTED, ()


@dataclass(frozen=True)
class Receipt:
    """A receipt as it was read: nothing of it is believed before `genuine` says so."""

    kid: str
    signature: bytes
    text: str
    leaves: bytes

    @cached_property
    def statement(self) -> Statement:
        """What the receipt says; raises `MalformedRecord` where its text is no statement."""
        return _read_statement(self.text)

    @property
    def leaf_hashes(self) -> list[bytes]:
        """The leaf hashes of the accepted records, in the order of the log."""
        return [self.leaves[at : at + HASH_SIZE] for at in range(0, len(self.leaves), HASH_SIZE)]

    def encoded(self) -> bytes:
        """Return the Avro body: the one way to write this receipt, so that any other bytes were changed."""
        return encode(
            _RECEIPT,
            {
                "kid": self.kid,
                "signature": b64encode(self.signature).decode(),
                "statement": self.text,
                "leaves": b64encode(self.leaves).decode(),
            },
        )

    def genuine(self, verify: Verify) -> bool:
        """Return whether a known key has signed it, and the leaves are those that it has signed."""
        if not verify(self.kid, self.signature, _DOMAIN + self.text.encode()):
            return False
        leaves = self.leaf_hashes
        return len(leaves) == self.statement.accepted and merkle_root(leaves).hex() == self.statement.root

    def prove(self, value: bytes) -> "Proof | None":
        """Return the proof that a record is among the accepted ones; None where it is not."""
        leaves = self.leaf_hashes
        leaf = leaf_hash(value)
        if leaf not in leaves:
            return None
        index = leaves.index(leaf)
        return Proof(self.kid, self.signature, self.text, value, index, tuple(audit_path(leaves, index)))


@dataclass(frozen=True)
class Proof:
    """The proof that one record was accepted: it needs neither the other records nor the bus, only the public key."""

    kid: str
    signature: bytes
    text: str
    value: bytes
    index: int
    path: tuple[bytes, ...]

    def holds(self, verify: Verify) -> bool:
        """Return whether a known key has signed a root that the record leads to."""
        if not verify(self.kid, self.signature, _DOMAIN + self.text.encode()):
            return False
        statement = _read_statement(self.text)
        root = root_of_path(leaf_hash(self.value), self.index, statement.accepted, self.path)
        return root is not None and root.hex() == statement.root

    def to_json(self) -> dict[str, Any]:
        """Return the proof as a document; bytes in hexadecimal."""
        return {
            "kid": self.kid,
            "signature": self.signature.hex(),
            "statement": self.text,
            "value": self.value.hex(),
            "index": self.index,
            "path": [step.hex() for step in self.path],
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Proof":
        """Read a proof, or raise `MalformedRecord` where the document is none."""
        try:
            return Proof(
                kid=str(document["kid"]),
                signature=bytes.fromhex(document["signature"]),
                text=str(document["statement"]),
                value=bytes.fromhex(document["value"]),
                index=int(document["index"]),
                path=tuple(bytes.fromhex(step) for step in document["path"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed("Dokumen bukti rusak", "The proof is damaged") from error


def write_receipt(statement: Statement, leaves: Sequence[bytes], signer: Signer) -> bytes:
    """Sign a statement and return the Avro body of its receipt; `leaves` are the hashes that its root stands for."""
    text = json.dumps(asdict(statement), separators=(",", ":"))
    signature = signer.sign(_DOMAIN + text.encode())
    return Receipt(signer.kid, signature, text, b"".join(leaves)).encoded()


def read_receipt(body: bytes) -> Receipt:
    """Read the Avro body of a receipt, or raise `MalformedRecord`."""
    found = _DECODER.decode(body)
    try:
        signature, leaves = b64decode(found["signature"], validate=True), b64decode(found["leaves"], validate=True)
    except ValueError as error:
        raise _malformed("Tanda terima rusak", "The receipt is damaged") from error
    return Receipt(found["kid"], signature, found["statement"], leaves)


def _read_statement(text: str) -> Statement:
    try:
        return _STATEMENT.validate_json(text, strict=True)
    except ValidationError as error:
        raise _malformed("Isi tanda terima rusak", "The statement of the receipt is damaged") from error


def _malformed(indonesian: str, english: str) -> MalformedRecord:
    return MalformedRecord(
        "receipt.malformed",
        f"{indonesian}; minta salinan baru dari operator.",
        f"{english}; ask the operator for a new copy.",
    )


_STATEMENT = TypeAdapter(Statement)
_DECODER = RowDecoder(read_parsed(_RECEIPT))
