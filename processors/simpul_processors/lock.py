"""A lock on a folder of this machine; the operating system gives it back when its process ends, however it ends."""

import fcntl
from pathlib import Path

from simpul_processors.errors import StoreInUse


class FolderLock:
    """Holds a folder, or raises `StoreInUse`; the folder is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise StoreInUse(
                f"Penyimpanan '{folder}' dipakai pekerja lain; beri pekerja ini nama lain dengan --name.",
                f"The store '{folder}' is used by another worker; give this one another --name.",
            ) from error

    def close(self) -> None:
        """Give the folder back; harmless when called twice."""
        self._file.close()


def claim_folder(parent: Path, name: str | None, most: int = 64) -> FolderLock:
    """Hold the named folder, or, without a name, the first of `worker-0`, `worker-1`, ... that nobody holds.

    Raises `StoreInUse` where the named one, or all, are held.
    """
    if name is not None:
        return FolderLock(parent / name)
    for number in range(most - 1):
        try:
            return FolderLock(parent / f"worker-{number}")
        except StoreInUse:
            continue
    return FolderLock(parent / f"worker-{most - 1}")
