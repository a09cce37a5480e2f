"""Merkle trees as RFC 6962 (Certificate Transparency) draws them: SHA-256, leaves and nodes hashed apart.

A root of 32 bytes stands for a list of records in their order; a path of at most log2(n) hashes proves that one record
is in it, without the others.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
#: What is hashed before a record, and before two nodes, so that neither passes for the other.
_LEAF = b"\x00"
_NODE = b"\x01"


def leaf_hash(record: bytes) -> bytes:
    """Return the hash of a record as a leaf."""
    return sha256(_LEAF + record).digest()


def leaf_hashes(records: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of records as leaves."""
    # A copy of a hash that was begun costs less than a new one.
    begin = sha256(_LEAF).copy
    found: list[bytes] = []
    for record in records:
        leaf = begin()
        leaf.update(record)
        found.append(leaf.digest())
    return found


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; that of no leaves is the hash of nothing."""
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0] if level else sha256(b"").digest()


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from the leaf at `index` to the root, nearest first."""
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _next_level(level)
        index //= 2
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to in a tree of `size` leaves; None where the path has the wrong length."""
    if not 0 <= index < size:
        return None
    steps = iter(path)
    found, last = leaf, size - 1
    while last > 0:
        if index % 2 or index < last:  # the last of an odd level has no sibling and goes up as it is
            sibling = next(steps, None)
            if sibling is None:
                return None
            found = _node(sibling, found) if index % 2 else _node(found, sibling)
        index //= 2
        last //= 2
    return found if next(steps, None) is None else None


def _next_level(level: list[bytes]) -> list[bytes]:
    begin = sha256(_NODE).copy
    above: list[bytes] = []
    for at in range(0, len(level) - 1, 2):
        node = begin()
        node.update(level[at] + level[at + 1])
        above.append(node.digest())
    if len(level) % 2:
        above.append(level[-1])
    return above


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()
