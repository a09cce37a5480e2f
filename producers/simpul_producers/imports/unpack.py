"""The bytes of a data file, whether plain, gzipped or in a zip archive; what unpacks without end is refused.

Nothing of an archive is written to disk, and names inside it are only compared.
"""

import fnmatch
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from simpul_producers.errors import TableError

#: What a file may unpack to.
MAX_UNPACKED_BYTES = 4 << 30
#: What one packed byte may unpack to, beyond the first megabyte; tables are seldom packed to less than a twentieth.
MAX_RATIO = 200
_FREE_BYTES = 1 << 20
_MAX_MEMBERS = 1000
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_TABLES = ("*.csv", "*.tsv", "*.txt", "*.json", "*.geojson")

#: What may go wrong while bytes are unpacked.
UNPACK_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class UnpacksTooFar(OSError):
    """A packed file holds far more than tables do."""


class Guarded(io.RawIOBase):
    """Reads a stream, and stops where it has unpacked to more than its packed size can honestly hold."""

    def __init__(self, inner: BinaryIO, packed_bytes: int) -> None:
        super().__init__()
        self._inner = inner
        self._limit = min(MAX_UNPACKED_BYTES, _FREE_BYTES + packed_bytes * MAX_RATIO)
        self._read = 0

    def readable(self) -> bool:
        """See `io.RawIOBase`."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for any writable buffer
        """See `io.RawIOBase`."""
        data = self._inner.read(len(buffer))
        self._read += len(data)
        if self._read > self._limit:
            message = f"it unpacks to more than {self._limit >> 20} MB"
            raise UnpacksTooFar(message)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_bytes(path: Path, member: str | None) -> Iterator[tuple[io.BufferedReader, BinaryIO, str]]:
    """Open a data file: its unpacked bytes, the file on disk (for progress), and the name of what was unpacked.

    Raises `TableError` where it cannot be opened, is not what its name says, or holds no table or several.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        detail = error.strerror or str(error)
        raise TableError(str(path), f"tidak dapat dibuka ({detail}).", f"cannot be opened ({detail}).") from error
    with raw:
        magic = raw.read(4)
        raw.seek(0)
        size = path.stat().st_size
        if magic.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield _buffered(unpacked, size), raw, path.name.removesuffix(".gz")
        elif path.suffix == ".gz":
            raise TableError(path.name, "bernama .gz tetapi bukan gzip.", "it is named .gz, but is not gzip.")
        elif magic == _ZIP_MAGIC:
            with _opened(path.name, raw) as archive:
                info = _only_table(path.name, archive, member)
                with archive.open(info) as unpacked:
                    yield _buffered(unpacked, info.compress_size), raw, info.filename
        else:
            yield io.BufferedReader(raw), raw, path.name


def _buffered(unpacked: object, packed_bytes: int) -> io.BufferedReader:
    return io.BufferedReader(Guarded(unpacked, packed_bytes), 1 << 16)  # type: ignore[arg-type]  # both read bytes


def _opened(file: str, raw: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except UNPACK_ERRORS as error:
        raise TableError(file, f"arsip zip rusak ({error}).", f"the zip archive is damaged ({error}).") from error


def _only_table(file: str, archive: zipfile.ZipFile, member: str | None) -> zipfile.ZipInfo:
    infos = archive.infolist()
    if any(info.filename == "[Content_Types].xml" for info in infos):
        raise TableError(
            file,
            "adalah buku kerja Excel; simpan sebagai CSV UTF-8 dulu.",
            "it is an Excel workbook; save it as CSV UTF-8 first.",
        )
    if len(infos) > _MAX_MEMBERS:
        raise TableError(file, "arsip berisi terlalu banyak berkas.", "the archive holds too many files.")
    patterns = [member] if member else _TABLES
    found = [info for info in infos if any(fnmatch.fnmatch(info.filename.lower(), each.lower()) for each in patterns)]
    if len(found) != 1:
        raise TableError(
            file,
            f"arsip berisi {len(found)} tabel; harus tepat satu. Sebutkan dengan table.member.",
            f"the archive holds {len(found)} tables instead of one. Name it by table.member.",
        )
    if found[0].flag_bits & 1:
        raise TableError(file, "arsip terkunci kata sandi; buka dulu.", "the archive has a password; unpack it first.")
    return found[0]
