"""What became of every record: receipts, and what goes home to its province's quarantine.

A record's fate is what was true when it came: it does not depend on how the log was cut into batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simpul_processors.fold import Applied, Words
from simpul_schemas.columns import ROW
from simpul_schemas.intake import Intake, Refused, refusals
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.merkle import leaf_hashes, merkle_root
from simpul_schemas.quarantine import Origin, Refusal, refusal_record
from simpul_schemas.receipts import MAX_RECORDS, RECEIPT_SCHEMA, RefusedRecord, Signer, Statement, write_receipt
from simpul_schemas.registry import Registry
from simpul_schemas.topics import province_of_topic, receipt_topic, value_subject
from simpul_schemas.wire import frame

#: Code of a record that has the subject and revision of an earlier one, and says something else. It counts as the law
#: has it (the higher event id wins); the notice asks the region which of the two it meant.
CONFLICT = "subject.conflict"

Indexes = npt.NDArray[np.intp]


def leaves_of(taken: Intake) -> list[bytes]:
    """Return the Merkle leaf of every accepted record."""
    rows = taken.frame[ROW]
    return leaf_hashes(taken.values if len(rows) == len(taken.values) else taken.values.take(rows.to_numpy()))  # type: ignore[arg-type]  # an accepted record has a value


def contents_of(leaves: Sequence[bytes]) -> Words:
    """Return 64 bits of every leaf: what tells the content of one record from that of another."""
    return np.frombuffer(b"".join(leaves), "<u8")[::4]


@dataclass(frozen=True)
class _Fates:
    """What became of a batch: the numbers of its accepted and superseded records, in rising order, and the others."""

    accepted: Indexes
    leaves: Sequence[bytes]
    superseded: Indexes
    refused: Mapping[Partition, Sequence[RefusedRecord]]

    def statement(self, block: Block, start: int, begin: int, end: int) -> tuple[Statement, Sequence[bytes]]:
        """Say what became of some records of a block, and with which leaves; `start` numbers the block's first one."""
        first = block.offsets[begin]
        behind = block.offsets[end] if end < len(block.values) else block.next_offset
        leaves = self.leaves[slice(*np.searchsorted(self.accepted, [start + begin, start + end]))]
        late = self.superseded[slice(*np.searchsorted(self.superseded, [start + begin, start + end]))]
        statement = Statement(
            topic=block.partition.topic,
            partition=block.partition.number,
            first_offset=first,
            next_offset=behind,
            records=end - begin,
            accepted=len(leaves),
            superseded=tuple(block.offsets[number - start] for number in late.tolist()),
            refused=tuple(one for one in self.refused.get(block.partition, ()) if first <= one.offset < behind),
            root=merkle_root(leaves).hex(),
        )
        return statement, leaves


class Teller:
    """Writes down what became of the records of a batch."""

    def __init__(self, signer: Signer, registry: Registry) -> None:
        self._signer = signer
        self._registry = registry
        self._heads: dict[str, bytes] = {}

    def tell(self, blocks: Sequence[Block], taken: Intake, applied: Applied, leaves: Sequence[bytes]) -> list[Outgoing]:
        """Return the refused records, a notice of every conflict, and the receipts of all blocks."""
        accepted = taken.frame[ROW].to_numpy()
        conflicts = dict.fromkeys(accepted[applied.conflicting].tolist(), (CONFLICT,))
        found = list(map(quarantined, [*taken.refused, *refusals(blocks, conflicts)]))
        fates = _Fates(accepted, leaves, accepted[applied.superseded], _by_partition(taken.refused))
        start = 0
        for block in blocks:
            found.extend(self._receipts(block, start, fates))
            start += len(block.values)
        return found

    def _receipts(self, block: Block, start: int, fates: _Fates) -> Iterator[Outgoing]:
        count = len(block.values)
        for begin in range(0, count, MAX_RECORDS):
            statement, leaves = fates.statement(block, start, begin, min(begin + MAX_RECORDS, count))
            yield self._record(block.partition, write_receipt(statement, leaves, self._signer))

    def _record(self, partition: Partition, body: bytes) -> Outgoing:
        topic = receipt_topic(_province(partition))
        head = self._heads.get(topic)
        if head is None:
            head = self._heads[topic] = frame(self._registry.lookup(value_subject(topic), RECEIPT_SCHEMA), b"")
        return Outgoing(topic, str(partition).encode(), head + body)


def _by_partition(refused: Sequence[Refused]) -> dict[Partition, list[RefusedRecord]]:
    found: dict[Partition, list[RefusedRecord]] = {}
    for record in sorted(refused, key=lambda record: record.offset):
        found.setdefault(record.partition, []).append(RefusedRecord(record.offset, record.event_id, record.codes))
    return found


def quarantined(record: Refused) -> Outgoing:
    """Send a refused record home; see `simpul_schemas.quarantine`."""
    origin = Origin(record.partition, record.offset)
    return refusal_record(Refusal(origin, record.codes, record.key, record.value, record.appended_at))


def _province(partition: Partition) -> str:
    province = province_of_topic(partition.topic)
    assert province is not None  # noqa: S101  # events are only read from a province's topics
    return province
