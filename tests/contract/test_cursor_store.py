"""Where a reader keeps its cursor: the twin in memory and a file keep the same promises."""

from pathlib import Path

import pytest

from simpul_connectors.errors import CursorUnusable
from simpul_connectors.subscribe import Cursor, CursorFile, CursorStore
from simpul_connectors.subscribe.cursor import Reached
from simpul_connectors.testing import InMemoryCursor

ONE = Cursor("incident", "klaster", {0: Reached(7, 1_700_000_000_000_000)})
TWO = Cursor("incident", "klaster", {0: Reached(9, 1_700_000_000_000_001), 1: Reached(0, -1)})


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CursorStore:
    return InMemoryCursor() if request.param == "memory" else CursorFile(tmp_path / "kursor")


def test_nothing_was_saved_at_first_and_then_the_last_one(store: CursorStore) -> None:
    assert store.load() is None
    for cursor in (ONE, TWO, ONE):
        store.save(cursor)
        assert store.load() == cursor
    assert store.name


def test_another_process_finds_what_was_saved(tmp_path: Path) -> None:
    CursorFile(tmp_path / "kursor").save(ONE)
    assert CursorFile(str(tmp_path / "kursor")).load() == ONE


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"version": 9}'])
def test_a_file_that_is_no_cursor_is_refused_by_its_name_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kursor"
    path.write_bytes(content)
    with pytest.raises(CursorUnusable, match="kursor"):
        CursorFile(path).load()
    assert path.read_bytes() == content
