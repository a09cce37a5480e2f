"""A disk that is full under a worker's store: it is said as that, nothing is torn, and with room the work goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from simpul_processors import lmdb_store
from simpul_processors.errors import StoreFull
from simpul_processors.lmdb_store import LmdbStore
from simpul_processors.store import Position, Space
from simpul_schemas.log import Partition

PARTITION = Partition("simpul.17.participation.v1", 0)


def fill(store: LmdbStore, start: int, most: int) -> int:
    """Put entities until the disk is full or there are enough; returns how many were put."""
    for count in range(start, most, 500):
        with store.transaction() as transaction:
            transaction.put(Space.ENTITIES, [(b"%08d" % one, bytes(64)) for one in range(count, count + 500)])
            transaction.put_position(PARTITION, Position(count + 500, count + 500, 0, 0))
    return most


def held(store: LmdbStore) -> tuple[int, int]:
    return store.positions()[PARTITION].next_offset, len(list(store.items(Space.ENTITIES)))


def test_what_does_not_fit_leaves_what_was_there_and_goes_in_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_store, "_MAP_BYTES", 1 << 20)
    store = LmdbStore(tmp_path, "x")
    with pytest.raises(StoreFull, match="disk is full"):
        fill(store, 0, 100_000)
    reached, entities = held(store)
    assert 0 < reached == entities
    store.close()
    monkeypatch.undo()
    store = LmdbStore(tmp_path, "x")
    fill(store, reached, reached + 5_000)
    assert held(store) == (reached + 5_000, reached + 5_000)
    store.close()


#: What a worker's process does on a disk of 3 MB; on its own, as a signal may end it.
ON_A_SMALL_DISK = """
import subprocess, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_full_disk import LmdbStore, StoreFull, fill, held

disk = Path({disk!r})
store = LmdbStore(disk / "store", "x")
try:
    fill(store, 0, 100_000)
except StoreFull:
    reached, entities = held(store)
    assert 0 < reached == entities
    print("full")
store.close()
try:
    LmdbStore(disk / "other", "x")
except StoreFull:
    print("full at opening")
subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
store = LmdbStore(disk / "store", "x")
fill(store, reached, reached + 5_000)
assert held(store) == (reached + 5_000, reached + 5_000)
print("went on")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount: Sequence[str] = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a disk of its own, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_worker_on_a_disk_that_is_really_full_says_so_and_is_not_ended_by_a_signal(small_disk: Path) -> None:
    code = ON_A_SMALL_DISK.format(here=str(Path(__file__).parent), disk=str(small_disk))
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout.splitlines()) == (0, ["full", "full at opening", "went on"]), found.stderr
