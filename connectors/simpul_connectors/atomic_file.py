"""Files that are there whole or not at all, also when the power goes in between."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from simpul_connectors.errors import FileUnwritable


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside `path`, and put it into its place when it is whole; until then the old one stays.

    Raises `FileUnwritable` where the system does not let it.
    """
    try:
        _replace_file(path, write)
    except OSError as error:
        raise FileUnwritable(path, error.strerror or str(error)) from error


def _replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the mask that new files get; it can only be read by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found
