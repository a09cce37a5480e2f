"""Is a worker's store what the log says it must be? It is built once more from the log and compared byte for byte.

A store is a cache of the log: whatever it holds follows from the records before its positions. So the first key that
differs names what was dropped, altered or skipped.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simpul_processors.lmdb_store import LmdbStore
from simpul_processors.stages import Stage
from simpul_processors.store import Position, Space, Store
from simpul_schemas.log import Block, Partition

#: Records that are folded at a time.
_RECORDS = 50_000
#: What follows from the log alone; which groups are still to be published does not.
COMPARED = (Space.ENTITIES, Space.GROUPS, Space.NAMES)
#: Differences that are named; the rest is counted.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store held at one moment: its positions, and every item of every space."""

    positions: Mapping[Partition, Position]
    items: Mapping[Space, Mapping[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a store differs from the log: where, and what is in each of both."""

    place: str
    in_store: str
    by_log: str

    def __str__(self) -> str:
        return f"{self.place}: disimpan / stored {self.in_store}, menurut log / by the log {self.by_log}"


def snapshot(store: Store) -> Snapshot:
    """Copy what a store holds."""
    return Snapshot(store.positions(), {space: dict(store.items(space)) for space in COMPARED})


def rebuild(
    make_stage: Callable[[], Stage], blocks: Iterable[Block], positions: Mapping[Partition, Position]
) -> Snapshot:
    """Build a store from the log, up to the positions of another one, and return what it holds."""
    with (
        tempfile.TemporaryDirectory(prefix="simpul-audit-") as name,
        closing(LmdbStore(Path(name) / "store", "audit")) as store,
    ):
        stage = make_stage()
        for batch in _batches(blocks, positions):
            with store.transaction() as transaction:
                stage.apply(transaction, batch)
        return snapshot(store)


def differences(found: Snapshot, expected: Snapshot) -> list[Difference]:
    """Compare two stores; names the first ten items that differ, and how many more there are."""
    named = [
        Difference(f"posisi / position {partition}", _shown(found.positions.get(partition)), _shown(position))
        for partition, position in expected.positions.items()
        if found.positions.get(partition) != position
    ]
    names = {**expected.items[Space.NAMES], **found.items[Space.NAMES]}
    for space in COMPARED:
        left, right = (_telling(space, each.items[space]) for each in (found, expected))
        named += [
            Difference(_place(space, key, names), _hex(left.get(key)), _hex(right.get(key)))
            for key in sorted(left.keys() | right.keys())
            if left.get(key) != right.get(key)
        ]
    if len(named) <= _NAMED:
        return named
    return [*named[:_NAMED], Difference("…", f"+{len(named) - _NAMED}", "-")]


def gaps(blocks: Iterable[Block]) -> list[Difference]:
    """Find offsets that are missing from event partitions: these are kept for ever, so every offset must be there.

    The blocks are a partition's whole log, in its order.
    """
    next_offset: dict[Partition, int] = {}
    found: list[Difference] = []
    for block in blocks:
        expected = next_offset.get(block.partition, 0)
        for offset in block.offsets:
            if offset != expected:
                found.append(Difference(f"{block.partition}", f"{offset}", f"{expected}"))
            expected = offset + 1
        next_offset[block.partition] = expected
    return found


def _batches(blocks: Iterable[Block], positions: Mapping[Partition, Position]) -> Iterable[Sequence[Block]]:
    batch: list[Block] = []
    for each in blocks:
        block = _before(each, positions.get(each.partition, Position()).next_offset)
        if block is None:
            continue
        batch.append(block)
        if sum(len(one.values) for one in batch) >= _RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


def _before(block: Block, offset: int) -> Block | None:
    """Return what of a block lies before an offset; None where nothing does."""
    behind = block.since(offset)
    count = len(block.values) - (0 if behind is None else len(behind.values))
    if not count:
        return None
    return Block(
        block.partition,
        block.values[:count],
        block.keys[:count],
        block.offsets[:count],
        block.timestamps[:count],
    )


def _telling(space: Space, items: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """Leave out groups that add up to nothing: whether they have been there depends on where batches ended."""
    return {key: value for key, value in items.items() if value.strip(b"\0")} if space is Space.GROUPS else items


def _place(space: Space, key: bytes, names: Mapping[bytes, bytes]) -> str:
    text = names.get(key, key) if space is Space.GROUPS else key
    try:
        return f"{space.value} {text.decode()}"
    except UnicodeDecodeError:
        return f"{space.value} {key.hex()}"


def _shown(position: Position | None) -> str:
    return "-" if position is None else json.dumps(_fields(position))


def _fields(position: Position) -> dict[str, int]:
    return {
        "next_offset": position.next_offset,
        "records": position.records,
        "refused": position.refused,
        "current": position.current,
    }


def _hex(value: bytes | None) -> str:
    return "-" if value is None else value.hex()
