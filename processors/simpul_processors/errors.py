"""The errors of the processors.

SimpulError
├── CallerError
│   ├── AlertRuleWrong     a rule of early warning breaks its form, or names what does not exist
│   ├── ChangeUnreadable  a field, file or script that says how to mend an event cannot be understood
│   ├── RefusalUnknown     no refused record of this id lies in quarantine
│   ├── RepairRefused      a mended event still breaks the contract, or cannot be what was refused
│   └── StoreInUse         another worker of this machine holds the store
└── OutsideError
    ├── LogCut             records that the fold needs are gone from the log, or the log ends before what was read
    ├── StoreFull          the disk, or the room given to the store, is used up
    └── StoreBroken        the store on disk cannot be what a worker wrote: it is to be rebuilt from the log
"""

from typing import ClassVar

from simpul_schemas.errors import CallerError, OutsideError


class AlertRuleWrong(CallerError):
    """A rule of early warning breaks its form, or names what does not exist."""


class ChangeUnreadable(CallerError):
    """A field, file or script that says how to mend an event cannot be understood."""


class RefusalUnknown(CallerError):
    """No refused record of this id lies in quarantine."""


class RepairRefused(CallerError):
    """A mended event still breaks the contract, or cannot be what was refused; `codes` as in `InvalidEvent`."""

    exit_code: ClassVar[int] = 1

    def __init__(self, codes: tuple[str, ...], message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.codes = codes


class StoreInUse(CallerError):
    """Another worker of this machine holds the store."""


class LogCut(OutsideError):
    """Records that the fold needs are gone from the log, or the log ends before what was read of it."""


class StoreFull(OutsideError):
    """The disk, or the room given to the store, is used up."""


class StoreBroken(OutsideError):
    """The store on disk cannot be what a worker wrote: it is to be rebuilt from the log."""


def head_cut(partition: object, expected: int, begin: int) -> LogCut:
    """Return the error of a log whose first records, kept for ever by the contract, were deleted."""
    return LogCut(
        f"Log {partition} terpotong: rekaman {expected} sampai {begin - 1} sudah dihapus. Tidak ada angka yang diubah; "
        "pulihkan topik dari cadangan, dan periksa retention.ms-nya (harus -1).",
        f"Log {partition} is cut: records {expected} to {begin - 1} were deleted. No figure is changed; restore the "
        "topic from a backup, and check its retention.ms (must be -1).",
    )


def tail_cut(partition: object, expected: int, end: int) -> LogCut:
    """Return the error of a log that ends before what was read of it: made anew, or cut by a broker that lost data."""
    return LogCut(
        f"Log {partition} berakhir di {end}, padahal sudah dibaca sampai {expected}: topik dibuat ulang, atau broker "
        "kehilangan data. Tidak ada angka yang diubah; pulihkan topik, atau hitung ulang dari log ini (operate.md).",
        f"Log {partition} ends at {end}, though it was read up to {expected}: the topic was made anew, or a broker "
        "has lost data. No figure is changed; restore the topic, or count anew from this log (operate.md).",
    )
