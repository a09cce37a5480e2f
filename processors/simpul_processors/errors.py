"""The errors of the processors.

SimpulError
├── CallerError
│   ├── AlertRuleWrong     a rule of early warning breaks its form, or names what does not exist
│   ├── ChangeUnreadable  a field, file or script that says how to mend an event cannot be understood
│   ├── RefusalUnknown     no refused record of this id lies in quarantine
│   ├── RepairRefused      a mended event still breaks the contract, or cannot be what was refused
│   └── StoreInUse         another worker of this machine holds the store
└── OutsideError
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


class StoreFull(OutsideError):
    """The disk, or the room given to the store, is used up."""


class StoreBroken(OutsideError):
    """The store on disk cannot be what a worker wrote: it is to be rebuilt from the log."""
