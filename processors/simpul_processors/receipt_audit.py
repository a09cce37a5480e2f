"""Do the receipts cover the log, and does the log still hold what they were signed for?

Every record of an event partition must be in a stretch of a receipt. The leaves of a receipt are the hashes of the
accepted records in the order of the log, so a record that was altered afterwards is named by its offset.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simpul_processors.store_audit import Difference
from simpul_schemas.log import Block, Partition
from simpul_schemas.merkle import leaf_hash
from simpul_schemas.receipts import Fate, Receipt, Verify


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """What was found: records that receipts cover, those that none covers, and what differs."""

    covered: int
    uncovered: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether every record is covered and none differs."""
        return not self.uncovered and not self.differences


def check_receipts(receipts: Iterable[Receipt], blocks: Sequence[Block], verify: Verify) -> ReceiptCheck:
    """Compare receipts with the whole log of the partitions that they are of.

    A stretch may be receipted more than once, since a worker that lost its store folds the log again; it is enough that
    one receipt covers a record, and no receipt may say otherwise than the log.
    """
    values = {
        (block.partition, offset): value
        for block in blocks
        for offset, value in zip(block.offsets, block.values, strict=True)
    }
    covered: set[tuple[Partition, int]] = set()
    found: list[Difference] = []
    for receipt in receipts:
        statement = receipt.statement
        partition = Partition(statement.topic, statement.partition)
        place = f"{partition}@{statement.first_offset}-{statement.next_offset}"
        if not receipt.genuine(verify):
            found.append(Difference(place, "tanda tangan tidak sah / not genuine", receipt.kid))
            continue
        offsets = [at for at in range(statement.first_offset, statement.next_offset) if (partition, at) in values]
        accepted = [at for at in offsets if (fate := statement.fate(at)) is not None and fate[0] is not Fate.REFUSED]
        covered.update((partition, at) for at in offsets)
        leaves = receipt.leaf_hashes
        if len(accepted) != len(leaves):
            found.append(Difference(place, f"{len(accepted)} diterima / accepted", f"{len(leaves)}"))
            continue
        found.extend(
            Difference(f"{partition}@{at}", actual.hex(), leaf.hex())
            for at, leaf in zip(accepted, leaves, strict=True)
            if (actual := leaf_hash(values[partition, at] or b"")) != leaf
        )
    return ReceiptCheck(len(covered), len(values) - len(covered), tuple(found))
