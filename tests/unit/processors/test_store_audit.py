"""A dropped row, a skipped offset, an altered byte, a record changed in the log: each is found, and named."""

import dataclasses
from pathlib import Path
from typing import Any

import lmdb
import pytest

from simpul_processors.lmdb_store import LmdbStore, peek
from simpul_processors.partial_stage import PartialStage
from simpul_processors.receipt_audit import check_receipts
from simpul_processors.store import Space
from simpul_processors.store_audit import Snapshot, differences, gaps, rebuild, snapshot
from simpul_processors.views import VIEWS
from simpul_schemas.contract import event_type
from simpul_schemas.log import Block, Partition
from simpul_schemas.merkle import leaf_hash, merkle_root
from simpul_schemas.receipts import Receipt, RefusedRecord, Statement, read_receipt, write_receipt
from simpul_schemas.rows import encode
from simpul_schemas.signing import KeyRing, new_signer
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, partial_topic, value_subject
from simpul_schemas.wire import frame

VIEW = VIEWS["participation"]
KIND = event_type("participation")
PARTITION = Partition(event_topic("17", KIND.name), 0)
SIGNER = new_signer()
KEYS = KeyRing([SIGNER._key.public_key()])


def registry() -> InMemoryRegistry:
    made = InMemoryRegistry()
    made.register(value_subject(PARTITION.topic), KIND.schema)
    made.register(value_subject(partial_topic(VIEW.spec.name)), VIEW.spec.partial_schema)
    return made


def value(number: int, turned_out: int = 5) -> bytes:
    record = dict.fromkeys((field["name"] for field in KIND.parsed_schema["fields"]), None)
    record |= {
        "event_id": f"018e0000-0000-7000-8000-{number:012x}",
        "subject": f"tps:{number % 7}",
        "revision": number + 1,
        "action": "SUBMIT",
        "region": "17.01.01",
        "occurred_at": 1_700_000_000_000_000,
        "recorded_at": 1_700_000_000_000_000,
        "published_at": 1_700_000_000_000_000,
        "source": "uji.17",
        "mode": "ACTUAL",
        "election": "uji",
        "turned_out": turned_out,
    }
    return frame(1, encode(KIND.parsed_schema, record))


def the_log(count: int = 20, size: int = 6) -> list[Block]:
    found = []
    for start in range(0, count, size):
        numbers = range(start, min(start + size, count))
        found.append(
            Block(
                PARTITION,
                [value(number) for number in numbers],
                [b"k" for _ in numbers],
                list(numbers),
                [1_700_000_000_000_000 + number for number in numbers],
            )
        )
    return found


def stage() -> PartialStage:
    return PartialStage(VIEW, registry())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A worker's store over the first 15 records of the log."""
    path = tmp_path / "store"
    store, made = LmdbStore(path, "x"), stage()
    for block in the_log(15, 4):
        with store.transaction() as transaction:
            made.apply(transaction, [block])
    store.close()
    return path


def audited(folder: Path) -> list[str]:
    found = Snapshot(*peek(folder, Space))
    return [str(each) for each in differences(found, rebuild(stage, the_log(), found.positions))]


def alter(folder: Path, space: Space, change: Any) -> bytes:
    with lmdb.open(str(folder / "data"), max_dbs=8) as env:
        database = env.open_db(space.value.encode())
        with env.begin(write=True, db=database) as inner:
            key, old = next(iter(inner.cursor()))
            new = change(old)
            _ = inner.delete(key) if new is None else inner.put(key, new)
    return bytes(key)


def test_a_store_that_is_what_the_log_says_differs_in_nothing_however_the_log_was_cut(folder: Path) -> None:
    assert audited(folder) == []


def test_refused_records_are_counted_once_though_their_partition_comes_in_several_blocks(tmp_path: Path) -> None:
    log = [dataclasses.replace(block, values=[b"junk", *block.values[1:]]) for block in the_log(15, 4)]
    store, made = LmdbStore(tmp_path / "store", "x"), stage()
    for block in log:
        with store.transaction() as transaction:
            made.apply(transaction, [block])
    found = snapshot(store)
    store.close()
    assert found.positions[PARTITION].refused == len(log)
    assert differences(found, rebuild(stage, log, found.positions)) == []


def test_a_dropped_row_is_named(folder: Path) -> None:
    key = alter(folder, Space.ENTITIES, lambda _: None)
    (found,) = audited(folder)
    assert key.decode() in found
    assert "stored -" in found


@pytest.mark.parametrize("space", [Space.ENTITIES, Space.GROUPS])
def test_an_altered_byte_is_named(folder: Path, space: Space) -> None:
    alter(folder, space, lambda old: bytes([old[0] ^ 1]) + old[1:])
    (found,) = audited(folder)
    assert found.startswith(space.value)
    assert "17" in found


def test_a_skipped_offset_is_found_in_what_it_would_have_changed(tmp_path: Path) -> None:
    blocks = the_log(15, 1)
    store, made = LmdbStore(tmp_path / "store", "x"), stage()
    for block in [*blocks[:9], *blocks[10:]]:
        with store.transaction() as transaction:
            made.apply(transaction, [block])
    found = snapshot(store)
    store.close()
    named = [str(each) for each in differences(found, rebuild(stage, the_log(), found.positions))]
    assert any('"records": 14' in each and '"records": 15' in each for each in named)
    assert any("tps:2" in each for each in named)


def test_an_offset_that_is_missing_from_the_log_is_named() -> None:
    blocks = the_log()
    assert gaps(blocks) == []
    (found,) = gaps([blocks[0], *blocks[2:]])
    assert (found.in_store, found.by_log) == ("12", "6")


def a_receipt(first: int, end: int, refused: int | None = None) -> Receipt:
    leaves = [leaf_hash(value(number)) for number in range(first, end) if number != refused]
    statement = Statement(
        PARTITION.topic,
        PARTITION.number,
        first,
        end,
        end - first,
        len(leaves),
        (),
        () if refused is None else (RefusedRecord(refused, None, ("x.y",)),),
        merkle_root(leaves).hex(),
    )
    return read_receipt(write_receipt(statement, leaves, SIGNER))


def test_receipts_that_cover_the_log_hold_also_when_a_stretch_has_two() -> None:
    found = check_receipts([a_receipt(0, 8, 3), a_receipt(8, 20), a_receipt(0, 5, 3)], the_log(), KEYS)
    assert found.holds
    assert (found.covered, found.uncovered) == (20, 0)


def test_a_record_without_a_receipt_is_counted() -> None:
    found = check_receipts([a_receipt(0, 8), a_receipt(10, 20)], the_log(), KEYS)
    assert not found.holds
    assert found.uncovered == 2


def test_a_record_that_was_altered_in_the_log_is_named_by_its_offset() -> None:
    blocks = the_log()
    altered = dataclasses.replace(blocks[1], values=[value(6), value(7, 6), *blocks[1].values[2:]])
    found = check_receipts([a_receipt(0, 20)], [blocks[0], altered, *blocks[2:]], KEYS)
    assert [each.place for each in found.differences] == [f"{PARTITION}@7"]


def test_a_receipt_that_nobody_signed_covers_nothing() -> None:
    found = check_receipts([a_receipt(0, 20)], the_log(), KeyRing([new_signer()._key.public_key()]))
    assert found.uncovered == 20
    assert "not genuine" in found.differences[0].in_store
