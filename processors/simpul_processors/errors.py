"""The errors of the processors.

SimpulError
├── CallerError
│   └── StoreInUse        another worker of this machine holds the store
└── OutsideError
    ├── StoreFull         the disk, or the room given to the store, is used up
    └── StoreBroken       the store on disk cannot be what a worker wrote: it is to be rebuilt from the log
"""

from simpul_schemas.errors import CallerError, OutsideError


class StoreInUse(CallerError):
    """Another worker of this machine holds the store."""


class StoreFull(OutsideError):
    """The disk, or the room given to the store, is used up."""


class StoreBroken(OutsideError):
    """The store on disk cannot be what a worker wrote: it is to be rebuilt from the log."""
