"""The errors of what enters the bus, below the two roots of `simpul_schemas.errors`.

    CallerError
    ├── KeyRefused              a key of the gateway cannot be made, rotated or revoked like this
    ├── MappingError            a mapping file is unknown, unreadable or says something that cannot be meant
    ├── TableError              a data file is not what the mapping says: not there, not text, no such column
    ├── RegionNotForTemplate    a template is asked for a region that is none, or is a kecamatan
    ├── PollError               a poll file cannot be read, or names a table or column that is not there
    ├── CursorNotKept           the cursor column holds values that have no order to go on from
    └── SweepRefused            more rows are gone than the poll file allows; nothing was withdrawn
    OutsideError
    ├── GatewayFileError        a file of the gateway (keys, answers, pepper) cannot be read or written
    ├── KeysUnavailable         the gateway has not seen its keys for too long to trust them
    ├── LinkBroken              a BrokerUnavailable with its cause by name, as a probe found it
    ├── OutboxError             the outbox on disk cannot do its work
    │   ├── DiskFull            no room left; what was taken before is intact
    │   ├── OutboxFull          a limit of the outbox is reached; what was taken before is intact
    │   ├── OutboxNotWritable   no right to write there, or the folder cannot be made
    │   ├── OutboxDamaged       the file is no outbox, or is torn
    │   └── OutboxBusy          another process holds it longer than one waits
    ├── DatabaseUnavailable     the database that is polled does not answer, or refuses
    ├── ReportNotWritable       the report of refused rows cannot be written
    ├── WorkbookNotWritable     a template or an answer cannot be written
    ├── ReceiptsNotReadable     the credential may not read the province's receipts
    ├── SenderRunning           another process is sending this outbox already
    └── SendFailed              the broker answers, but did not take a record, for a reason that is not the record's own

Every message is held in Indonesian and in English, as in `simpul_schemas.errors`.
"""

from pathlib import Path
from typing import ClassVar

from simpul_producers.findings import Finding
from simpul_schemas.errors import BrokerUnavailable, CallerError, OutsideError


class KeyRefused(CallerError):
    """A key of the gateway cannot be made, rotated or revoked like this."""


class MappingError(CallerError):
    """A mapping says something that cannot be meant; `file` is where, `key` the dotted place in it ("" for all)."""

    def __init__(self, file: str, key: str, message_id: str, message_en: str) -> None:
        place = f"{file}: {key}" if key else file
        super().__init__(f"Pemetaan {place}: {message_id}", f"Mapping {place}: {message_en}")
        self.file = file
        self.key = key


class TableError(CallerError):
    """A data file is not what the mapping says; `file` is its name."""

    def __init__(self, file: str, message_id: str, message_en: str) -> None:
        super().__init__(f"Berkas {file}: {message_id}", f"File {file}: {message_en}")
        self.file = file


class PollError(CallerError):
    """A poll file cannot be read, or names a table or column that is not there."""

    def __init__(self, file: str, message_id: str, message_en: str) -> None:
        super().__init__(f"Berkas poll {file}: {message_id}", f"Poll file {file}: {message_en}")
        self.file = file


class CursorNotKept(CallerError):
    """The cursor column holds values that have no order to go on from."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"Kolom cursor berisi {kind}; pakai kolom waktu, nomor urut, atau teks.",
            f"The cursor column holds {kind}; use a column of times, numbers or texts.",
        )


class SweepRefused(CallerError):
    """More rows are gone than the poll file allows; nothing was withdrawn."""

    exit_code: ClassVar[int] = 1

    def __init__(self, name: str, missing: int, known: int) -> None:
        super().__init__(
            f"{name}: {missing} dari {known} baris hilang dari tabel; tidak ada yang ditarik. Bila memang dihapus, "
            "jalankan sekali dengan --allow-missing.",
            f"{name}: {missing} of {known} rows are gone from the table; nothing was withdrawn. If they were deleted "
            "on purpose, run once with --allow-missing.",
        )
        self.missing = missing
        self.known = known


class DatabaseUnavailable(OutsideError):
    """The database that is polled does not answer, or refuses; `address` is without its password."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"Basis data {address} tidak dapat dibaca ({reason}); periksa alamat, kata sandi, dan hak baca.",
            f"The database {address} cannot be read ({reason}); check address, password and the right to read.",
        )
        self.reason = reason


class RegionNotForTemplate(CallerError):
    """A template is asked for a region that is none, or is a kecamatan; `region` is what was given."""

    def __init__(self, region: str) -> None:
        super().__init__(
            f"Wilayah '{region}' bukan provinsi atau kabupaten/kota; tulis kode Kemendagri, misalnya 53.13.",
            f"The region '{region}' is no province or kabupaten/kota; give Kemendagri's code, such as 53.13.",
        )
        self.region = region


class GatewayFileError(OutsideError):
    """A file of the gateway (keys, answers, pepper) cannot be read or written; `path` is which."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"Berkas gerbang {path} tidak dapat dipakai ({detail}); periksa hak akses dan ruang disk.",
            f"The gateway's file {path} cannot be used ({detail}); check access rights and room on the disk.",
        )
        self.path = path


class KeysUnavailable(OutsideError):
    """The gateway has not seen its keys for too long to trust them: one of them may have been revoked since."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Kunci tidak dapat dibaca ({reason}); permintaan ditolak sampai terbaca lagi.",
            f"The keys cannot be read ({reason}); requests are refused until they can.",
        )


class LinkBroken(BrokerUnavailable):
    """The way to the broker is broken, and a probe has found where; `finding` says it in full."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(
            f"{finding.message_id}: {finding.remedy_id}. Peristiwa aman di kotak keluar. [{finding.code}]",
            f"{finding.message_en}: {finding.remedy_en}. Events are safe in the outbox. [{finding.code}]",
        )
        self.finding = finding


class OutboxError(OutsideError):
    """The outbox on disk cannot do its work; `path` is its file."""

    what_id: ClassVar[str] = "Kotak keluar {path} bermasalah ({detail})."
    what_en: ClassVar[str] = "The outbox {path} is in trouble ({detail})."

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(self.what_id.format(path=path, detail=detail), self.what_en.format(path=path, detail=detail))
        self.path = path
        self.detail = detail


class DiskFull(OutboxError):
    """No room left; what was taken before is intact, what was handed in now is not taken."""

    what_id = "Disk penuh: kotak keluar {path} tidak bisa menerima lagi ({detail}); kosongkan disk lalu ulangi."
    what_en = "The disk is full: the outbox {path} takes no more ({detail}); make room, then try again."


class OutboxFull(OutboxError):
    """A limit of the outbox is reached; what was taken before is intact, what was handed in now is not taken."""

    what_id = "Kotak keluar {path} penuh ({detail}); kirim dulu yang menunggu, atau naikkan batasnya (outbox.*)."
    what_en = "The outbox {path} is full ({detail}); send what waits first, or raise the limit (outbox.*)."


class OutboxNotWritable(OutboxError):
    """No right to write there, or the folder cannot be made."""

    what_id = "Kotak keluar {path} tidak dapat dibuka atau ditulis ({detail}); periksa hak akses atau data_dir."
    what_en = "The outbox {path} cannot be opened or written ({detail}); check access rights or data_dir."


class OutboxDamaged(OutboxError):
    """The file is no outbox, or is torn."""

    what_id = "Berkas {path} bukan kotak keluar atau rusak ({detail}); pindahkan berkas itu, lalu impor ulang."
    what_en = "The file {path} is no outbox, or is damaged ({detail}); move it away, then import again."


class OutboxBusy(OutboxError):
    """Another process holds it longer than one waits."""

    what_id = "Kotak keluar {path} sedang dipakai proses lain ({detail}); coba lagi sebentar."
    what_en = "The outbox {path} is held by another process ({detail}); try again in a moment."


class ReportNotWritable(OutsideError):
    """The report of refused rows cannot be written; rows taken so far are in the outbox."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"Laporan {path} tidak dapat ditulis ({detail}); pilih tempat lain dengan --report, lalu impor ulang.",
            f"The report {path} cannot be written ({detail}); choose another place by --report, then import again.",
        )
        self.path = path


class WorkbookNotWritable(OutsideError):
    """A template or an answer cannot be written; what was taken into the outbox stays there."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"Berkas {path} tidak dapat ditulis ({detail}); tutup berkas itu di Excel, atau pilih tempat lain.",
            f"The file {path} cannot be written ({detail}); close it in Excel, or choose another place.",
        )
        self.path = path


class ReceiptsNotReadable(OutsideError):
    """The credential may not read the receipts of a province, or there is no such topic; sending goes on."""

    def __init__(self, topic: str, detail: str) -> None:
        super().__init__(
            f"Tanda terima di {topic} tidak boleh dibaca dengan kredensial ini ({detail}); minta hak READ.",
            f"The receipts in {topic} may not be read with this credential ({detail}); ask for the right to READ.",
        )
        self.topic = topic


class SenderRunning(OutsideError):
    """Another process is sending this outbox already; only one may, so that order is kept."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"Proses lain sedang mengirim kotak keluar {path}; tunggu sampai selesai.",
            f"Another process is sending the outbox {path}; wait until it has finished.",
        )


class SendFailed(OutsideError):
    """The broker answers, but did not take a record for a reason that is not the record's own; the rows stay."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Broker belum menerima peristiwa ({reason}); peristiwa aman di kotak keluar, coba lagi nanti.",
            f"The broker did not take an event ({reason}); events are safe in the outbox, try again later.",
        )
        self.reason = reason
