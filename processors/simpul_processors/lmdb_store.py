"""The store on disk: LMDB, memory-mapped, so that its anonymous memory stays flat however many entities it holds.

Commits are left to the operating system to write out: a killed process loses nothing, and a power cut is noticed by
the boot id that the store was opened under, whereupon the store is thrown away and rebuilt from the log.
"""

import json
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from simpul_processors.errors import StoreBroken, StoreFull
from simpul_processors.lock import FolderLock
from simpul_processors.store import Position, Snapshot, Space, Transaction
from simpul_schemas.log import Outgoing, Partition

#: Address space that is set aside; disk is used only as it fills.
_MAP_BYTES = 64 << 30
_MOST_TABLES = 32
#: Room that must be left on the disk. LMDB maps its lock file and writes into it: without room for that the process
#: would be ended by a signal. And it tells a write cut short by a full disk as an "input/output error".
_ROOM_BYTES = 1 << 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_POSITION = struct.Struct("<4q")
_POSITIONS = b"positions"
_LENGTH = struct.Struct("<i")


class LmdbStore:
    """See `simpul_processors.store.Store`.

    Args:
        folder: Of its own; made if it is not there.
        fingerprint: Of the view and the layout; a store of another one is thrown away and rebuilt from the log.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder
        self._lock = FolderLock(folder)
        try:
            self._env = self._open(folder / "data", fingerprint)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, folder: Path, fingerprint: str) -> Any:  # noqa: ANN401  # lmdb ships no types
        boot = folder / "boot_id"
        expected = json.dumps({"boot": _boot_id(), "fingerprint": fingerprint})
        if folder.exists() and (not boot.exists() or boot.read_text(encoding="utf-8") != expected):
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        if _is_full(folder):
            raise _full()
        durable = not _boot_id()  # where a power cut could not be noticed, it must do no harm
        try:
            # No writemap: with it a full disk would kill the process by a signal instead of raising.
            env = lmdb.open(str(folder), map_size=_MAP_BYTES, max_dbs=_MOST_TABLES, sync=durable, metasync=durable)
            self._spaces = {space: env.open_db(space.value.encode()) for space in Space}
            self._positions_db = env.open_db(_POSITIONS)
            self._pending_db = env.open_db(b"pending")
        except lmdb.Error as error:
            raise _translate(error, self._folder) from error
        boot.write_text(expected, encoding="utf-8")
        return env

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """See `simpul_processors.store.Store`."""
        try:
            with self._env.begin(write=True) as inner:
                yield _LmdbTransaction(inner, self._spaces, self._positions_db, self._pending_db)
        except lmdb.Error as error:
            raise _translate(error, self._folder) from error

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See `simpul_processors.store.Store`."""
        try:
            with self._env.begin() as inner:
                yield _LmdbTransaction(inner, self._spaces, self._positions_db, self._pending_db)
        except lmdb.Error as error:
            raise _translate(error, self._folder) from error

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_processors.store.Store`."""
        return {
            _unpack_partition(key): Position(*_POSITION.unpack(value)) for key, value in self._all(self._positions_db)
        }

    def pending(self) -> Iterable[tuple[int, Sequence[Outgoing]]]:
        """See `simpul_processors.store.Store`."""
        return [(int.from_bytes(key, "big"), _unpack_records(value)) for key, value in self._all(self._pending_db)]

    def items(self, space: Space) -> Iterable[tuple[bytes, bytes]]:
        """See `simpul_processors.store.Store`."""
        return self._all(self._spaces[space])

    def close(self) -> None:
        """See `simpul_processors.store.Store`."""
        self._env.close()
        self._lock.close()

    def _all(self, database: Any) -> list[tuple[bytes, bytes]]:  # noqa: ANN401  # lmdb ships no types
        with self._env.begin(db=database) as inner:
            return list(inner.cursor())


def peek_positions(folder: Path) -> Mapping[Partition, Position]:
    """Return the positions in a store that a worker may hold right now; nothing where there is no store yet."""
    return peek(folder, ())[0]


def peek(
    folder: Path, spaces: Iterable[Space]
) -> tuple[Mapping[Partition, Position], Mapping[Space, Mapping[bytes, bytes]]]:
    """Return positions and items of a store that a worker may hold right now, as they were at one moment."""
    data = folder / "data"
    wanted = list(spaces)
    if not (data / "data.mdb").exists():
        return {}, {space: {} for space in wanted}
    try:
        with lmdb.open(str(data), readonly=True, max_dbs=_MOST_TABLES) as env:
            positions = env.open_db(_POSITIONS, create=False)
            opened = {space: env.open_db(space.value.encode(), create=False) for space in wanted}
            with env.begin() as inner:
                return (
                    {_unpack_partition(key): Position(*_POSITION.unpack(at)) for key, at in inner.cursor(positions)},
                    {space: dict(inner.cursor(database)) for space, database in opened.items()},
                )
    except lmdb.NotFoundError:
        return {}, {space: {} for space in wanted}


class _LmdbTransaction:
    """See `simpul_processors.store.Transaction`."""

    def __init__(self, inner: Any, spaces: Mapping[Space, Any], positions: Any, pending: Any) -> None:  # noqa: ANN401  # lmdb ships no types
        self._inner = inner
        self._spaces = spaces
        self._positions = positions
        self._pending = pending

    def get(self, space: Space, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        with self._inner.cursor(self._spaces[space]) as cursor:
            return dict(cursor.getmulti(keys))

    def items(self, space: Space) -> Sequence[tuple[bytes, bytes]]:
        with self._inner.cursor(self._spaces[space]) as cursor:
            return list(cursor)

    def put(self, space: Space, items: Sequence[tuple[bytes, bytes]]) -> None:
        with self._inner.cursor(self._spaces[space]) as cursor:
            cursor.putmulti(items)

    def append(self, space: Space, value: bytes) -> None:
        self._append(self._spaces[space], value)

    def delete(self, space: Space, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._inner.delete(key, db=self._spaces[space])

    def position(self, partition: Partition) -> Position:
        value = self._inner.get(_pack_partition(partition), db=self._positions)
        return Position(*_POSITION.unpack(value)) if value is not None else Position()

    def put_position(self, partition: Partition, position: Position) -> None:
        value = _POSITION.pack(position.next_offset, position.records, position.refused, position.current)
        self._inner.put(_pack_partition(partition), value, db=self._positions)

    def put_pending(self, records: Sequence[Outgoing]) -> int | None:
        return self._append(self._pending, _pack_records(records)) if records else None

    def settle(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._inner.delete(number.to_bytes(8, "big"), db=self._pending)

    def _append(self, database: Any, value: bytes) -> int:  # noqa: ANN401  # lmdb ships no types
        with self._inner.cursor(database) as cursor:
            number = int.from_bytes(cursor.key(), "big") + 1 if cursor.last() else 0
            cursor.put(number.to_bytes(8, "big"), value)
        return number


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < _ROOM_BYTES


def _full() -> StoreFull:
    return StoreFull(
        "Cakram penuh: penyimpanan pekerja tidak dapat bertambah; kosongkan ruang, pekerja melanjutkan sendiri.",
        "The disk is full: the worker's store cannot grow; free some room, and the worker goes on by itself.",
    )


def _translate(error: lmdb.Error, folder: Path) -> StoreFull | StoreBroken:
    if isinstance(error, (lmdb.MapFullError, lmdb.DiskError)) or _is_full(folder):
        return _full()
    return StoreBroken(
        f"Penyimpanan pekerja rusak ({error}); hapus foldernya, ia dibangun ulang dari log.",
        f"The worker's store is broken ({error}); delete its folder, it is rebuilt from the log.",
    )


def _pack_partition(partition: Partition) -> bytes:
    return json.dumps(partition).encode()


def _unpack_partition(key: bytes) -> Partition:
    return Partition(*json.loads(key))


def _pack_records(records: Sequence[Outgoing]) -> bytes:
    """Write records one after the other, each part behind its length; -1 is None."""
    parts: list[bytes] = []
    for record in records:
        headers = [part for name, value in record.headers for part in (name.encode(), value)]
        parts.append(_LENGTH.pack(len(headers)))
        for part in (record.topic.encode(), record.key, record.value, *headers):
            parts.extend((_LENGTH.pack(-1 if part is None else len(part)), part or b""))
    return b"".join(parts)


def _unpack_records(data: bytes) -> list[Outgoing]:
    records: list[Outgoing] = []
    at = 0

    def take() -> bytes | None:
        nonlocal at
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if length < 0:
            return None
        at += length
        return data[at - length : at]

    while at < len(data):
        (count,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        topic, key, value, *headers = (take() for _ in range(3 + count))
        pairs = zip(headers[::2], headers[1::2], strict=True)
        records.append(
            Outgoing(
                (topic or b"").decode(),
                key,
                value,
                tuple(((name or b"").decode(), part or b"") for name, part in pairs),
            )
        )
    return records
