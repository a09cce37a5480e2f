"""The errors of the connectors.

SimpulError
├── CallerError
│   └── SinkSpecError       a sink's file says what cannot be; names file, key and remedy
└── OutsideError
    ├── TargetUnavailable   the database does not answer, or cannot take the batch now: wait and try again
    ├── TargetRefused       the database answered, and said no to a table or a row; carries its own words
    └── SinkFenced          another copy of this sink has moved its offsets: read them again and go on from there
"""

from simpul_schemas.errors import CallerError, OutsideError
from simpul_schemas.rules import Text


class SinkSpecError(CallerError):
    """A sink's file says what cannot be.

    `file` is the file or the name that was asked for, `key` the key at fault (empty for the file as a whole), `remedy`
    what to do about it.
    """

    def __init__(self, file: str, key: str, problem: Text, remedy: Text) -> None:
        where = f"{file}: {key}: " if key else f"{file}: "
        super().__init__(
            f"{where}{problem.indonesian} {remedy.indonesian}", f"{where}{problem.english} {remedy.english}"
        )
        self.file = file
        self.key = key
        self.remedy = remedy


class TargetUnavailable(OutsideError):
    """The database does not answer, or cannot take the batch now; nothing of it is lost."""


class TargetRefused(OutsideError):
    """The database said no to a table or a row; `words` are its own."""

    def __init__(self, words: str, message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.words = words


class SinkFenced(OutsideError):
    """Another copy of this sink has moved its offsets; nothing was written."""
