"""The port of a fold's state: memory and LMDB keep the same promises."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simpul_processors.errors import StoreInUse
from simpul_processors.lmdb_store import LmdbStore
from simpul_processors.lock import claim_folder
from simpul_processors.store import Position, Space, Store
from simpul_processors.testing import InMemoryStore
from simpul_schemas.log import Outgoing, Partition

PARTITION = Partition("simpul.17.participation.v1", 0)
RECORDS = [
    Outgoing("t", b"k", b"v", (("a", b"1"), ("b", b""))),
    Outgoing("t", b"", None),
    Outgoing("t", None, b""),
    Outgoing("ü", b"", b""),
]


@pytest.fixture(params=["memory", "lmdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = InMemoryStore() if request.param == "memory" else LmdbStore(tmp_path, "f")
    yield made
    made.close()


def test_what_was_put_is_there_after_the_transaction_and_missing_keys_are_left_out(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put(Space.ENTITIES, [(b"a", b"1"), (b"b", b"2")])
        transaction.put(Space.GROUPS, [(b"a", b"3")])
        assert transaction.get(Space.ENTITIES, [b"a", b"c"]) == {b"a": b"1"}
    with store.transaction() as transaction:
        assert transaction.get(Space.ENTITIES, [b"a", b"b"]) == {b"a": b"1", b"b": b"2"}
        assert transaction.get(Space.GROUPS, [b"a"]) == {b"a": b"3"}
    assert list(store.items(Space.ENTITIES)) == [(b"a", b"1"), (b"b", b"2")]


def test_a_transaction_that_raises_leaves_nothing_behind(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as transaction:
            transaction.put(Space.ENTITIES, [(b"a", b"1")])
            transaction.put_position(PARTITION, Position(1, 1, 0, 1))
            transaction.put_pending(RECORDS)
            message = "killed here"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError):
        fail()
    assert list(store.items(Space.ENTITIES)) == []
    assert store.positions() == {}
    assert list(store.pending()) == []


def test_positions_are_kept_per_partition_and_start_at_zero(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.position(PARTITION) == Position()
        transaction.put_position(PARTITION, Position(7, 6, 2, 3))
        assert transaction.position(PARTITION) == Position(7, 6, 2, 3)
    assert store.positions() == {PARTITION: Position(7, 6, 2, 3)}
    assert Position(7, 6, 2, 3).superseded == 1


def test_pending_records_come_back_whole_and_in_order_until_they_are_settled(store: Store) -> None:
    for records in (RECORDS, RECORDS[:1], []):
        with store.transaction() as transaction:
            transaction.put_pending(records)
    (first, one), (second, two) = store.pending()
    assert (list(one), list(two)) == (RECORDS, RECORDS[:1])
    with store.transaction() as transaction:
        transaction.settle([first])
    assert [number for number, _ in store.pending()] == [second]
    with store.transaction() as transaction:
        transaction.settle([second, 99])
    assert list(store.pending()) == []


def _reopened(folder: Path, fingerprint: str) -> list[tuple[bytes, bytes]]:
    store = LmdbStore(folder, fingerprint)
    try:
        return list(store.items(Space.ENTITIES))
    finally:
        store.close()


def _filled(folder: Path) -> None:
    store = LmdbStore(folder, "f")
    with store.transaction() as transaction:
        transaction.put(Space.ENTITIES, [(b"a", b"1")])
    store.close()


def test_a_store_on_disk_outlives_its_process(tmp_path: Path) -> None:
    _filled(tmp_path)
    assert _reopened(tmp_path, "f") == [(b"a", b"1")]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: None,
        lambda folder: (folder / "data" / "boot_id").write_text("another boot"),
        lambda folder: (folder / "data" / "boot_id").unlink(),
    ],
    ids=["another view or cluster", "a power cut since", "no mark"],
)
def test_a_store_that_may_not_be_what_the_log_says_is_thrown_away(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    _filled(tmp_path)
    spoil(tmp_path)
    assert _reopened(tmp_path, "g") == []


def test_a_store_has_one_worker_and_the_next_worker_takes_the_next_folder(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "one", "f")
    with pytest.raises(StoreInUse, match="--name"):
        LmdbStore(tmp_path / "one", "f")
    store.close()
    first, second = claim_folder(tmp_path, None), claim_folder(tmp_path, None)
    assert (first.folder.name, second.folder.name) == ("worker-0", "worker-1")
    with pytest.raises(StoreInUse):
        claim_folder(tmp_path, "worker-1")
    second.close()
    assert claim_folder(tmp_path, None).folder.name == "worker-1"
