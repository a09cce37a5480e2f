"""What every key store and every answer memory keeps, run on the files and on their twins in memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simpul_producers.errors import GatewayFileError
from simpul_producers.gateway.answers import KEPT_MICROS, AnswerMemory, Refusal
from simpul_producers.gateway.keys import Key, KeyStore
from simpul_producers.gateway.sqlite_answers import SqliteAnswerMemory
from simpul_producers.gateway.sqlite_keys import SqliteKeyStore
from simpul_producers.testing import InMemoryAnswerMemory, InMemoryKeyStore

KEY = Key("ab12", b"\x00mac\xff", "53.13", "sitimdu.53.13", ("incident", "report"), 1, 2**62)
REFUSAL = Refusal("sitimdu.53", "id-1", b"\x00digest", 10 * KEPT_MICROS, '[["a", "/b", "c", "d"]]')


@pytest.fixture(
    params=[lambda path: SqliteKeyStore(path / "k.db"), lambda _path: InMemoryKeyStore()], ids=["sqlite", "memory"]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    make: Callable[[Path], KeyStore] = request.param
    made = make(tmp_path)
    yield made
    made.close()
    made.close()


@pytest.fixture(
    params=[lambda path: SqliteAnswerMemory(path / "a.db"), lambda _path: InMemoryAnswerMemory()],
    ids=["sqlite", "memory"],
)
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnswerMemory]:
    make: Callable[[Path], AnswerMemory] = request.param
    made = make(tmp_path)
    yield made
    made.close()
    made.close()


def test_keys_come_back_as_they_were_put_in_the_order_they_were_made(store: KeyStore) -> None:
    other = replace(KEY, key_id="00", event_types=(), revoked_at=7)
    store.put(KEY)
    store.put(other)
    assert store.all_keys() == [KEY, other]


def test_a_key_that_is_put_again_is_replaced_in_its_place(store: KeyStore) -> None:
    store.put(KEY)
    store.put(replace(KEY, key_id="00"))
    store.put(replace(KEY, revoked_at=9, expires_at=5))
    assert [(key.key_id, key.revoked_at, key.expires_at) for key in store.all_keys()] == [
        ("ab12", 9, 5),
        ("00", None, 2**62),
    ]


def test_the_version_differs_after_every_change_and_only_then(store: KeyStore) -> None:
    before = store.version()
    assert store.version() == before
    store.put(KEY)
    between = store.version()
    assert between != before
    store.put(replace(KEY, revoked_at=1))
    assert store.version() not in {before, between}


def test_the_version_differs_after_another_process_changed_the_file(tmp_path: Path) -> None:
    ours, theirs = SqliteKeyStore(tmp_path / "k.db"), SqliteKeyStore(tmp_path / "k.db")
    before = ours.version()
    theirs.put(KEY)
    assert ours.version() != before
    assert ours.all_keys() == [KEY]
    ours.close()
    theirs.close()


def test_a_file_that_is_no_database_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    path.write_bytes(b"not a database, and long enough to be looked at " * 100)
    with pytest.raises(GatewayFileError, match=str(path)):
        SqliteKeyStore(path)


def test_a_refusal_is_recalled_by_source_and_id(memory: AnswerMemory) -> None:
    memory.remember([REFUSAL, REFUSAL._replace(event_id="id-2", faults="[]")])
    assert memory.recall("sitimdu.53", "id-1") == REFUSAL
    assert memory.recall("sitimdu.99", "id-1") is None
    assert memory.recall("sitimdu.53", "id-3") is None


def test_the_latest_refusal_of_an_event_stands(memory: AnswerMemory) -> None:
    later = REFUSAL._replace(digest=b"other", at=REFUSAL.at + 1)
    memory.remember([REFUSAL])
    memory.remember([later])
    memory.remember([])
    assert memory.recall("sitimdu.53", "id-1") == later


def test_what_is_too_old_is_forgotten_when_something_new_comes(memory: AnswerMemory) -> None:
    memory.remember([REFUSAL])
    memory.remember([REFUSAL._replace(event_id="id-2", at=REFUSAL.at + KEPT_MICROS)])
    assert memory.recall("sitimdu.53", "id-1") is not None
    memory.remember([REFUSAL._replace(event_id="id-3", at=REFUSAL.at + KEPT_MICROS + 1)])
    assert memory.recall("sitimdu.53", "id-1") is None
