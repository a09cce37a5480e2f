"""The errors of the contract, and the root of every error of the bus.

    SimpulError
    ├── CallerError                 what was handed in is wrong; trying again changes nothing
    │   ├── InvalidEvent            an event breaks the contract; carries the verdict's codes
    │   ├── MalformedRecord         bytes that are no framed Avro record of a known schema
    │   ├── UnknownEventType        an event type that the contract does not have
    │   ├── UnknownView             a view that the contract does not have
    │   ├── UnknownGitRef           a git ref that does not exist, or holds no schemas
    │   ├── InvalidRoster           a roster file that cannot be used; carries every problem with its row and field
    │   ├── InvalidPeriod           a text that is no period of the calendar
    │   ├── InvalidRegion           a region code that the contract does not have
    │   └── SettingsError           a setting is unknown, missing or unreadable
    └── OutsideError                something outside failed; the same call may succeed later
        ├── BrokerUnavailable       no broker answers under the configured address
        ├── RegistryUnavailable     the schema registry does not answer
        └── RegistryRefused         the schema registry answered, and said no

Every message is held in Indonesian and in English; `str()` shows both, Indonesian first. `exit_code` is what the
`simpul` command exits with: 1 findings, 2 usage, 3 cannot connect, 4 partial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class SimpulError(Exception):
    """Root of all errors that the bus raises on purpose: one sentence that says what happened and what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.message_id = message_id
        self.message_en = message_en

    def __str__(self) -> str:
        return f"{self.message_id} / {self.message_en}"


class CallerError(SimpulError):
    """What was handed in is wrong."""

    exit_code: ClassVar[int] = 2


class InvalidEvent(CallerError):
    """An event breaks the contract.

    `codes` are the stable codes of the rules it broke, the first being the one it is counted under.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, codes: tuple[str, ...], message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.codes = codes


class MalformedRecord(CallerError):
    """Bytes that are no framed Avro record of a known schema; `code` says in what way."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.code = code


class UnknownEventType(CallerError):
    """An event type that the contract does not have."""


class UnknownView(CallerError):
    """A view that the contract does not have."""


class UnknownGitRef(CallerError):
    """A git ref that does not exist, or holds no schemas."""


@dataclass(frozen=True, slots=True)
class RosterProblem:
    """One thing that is wrong with a roster file, and how to mend it; row 1 is the line of column names."""

    file: str
    row: int
    field: str
    message_id: str
    message_en: str


class InvalidRoster(CallerError):
    """A roster file that cannot be used; `problems` are all that were found, in the order of their rows."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problems: Sequence[RosterProblem]) -> None:
        first = problems[0]
        where = f"{first.file}:{first.row}, {first.field}"
        super().__init__(
            f"Daftar pelapor salah di {len(problems)} tempat; pertama {where}: {first.message_id}",
            f"The roster is wrong in {len(problems)} places; the first is {where}: {first.message_en}",
        )
        self.problems = tuple(problems)


class InvalidPeriod(CallerError):
    """A text that is no period of the calendar."""

    def __init__(self, period: str) -> None:
        examples = "2024-02-14, 2024-W07, 2024-02, 2024-Q1, 2024-C1, 2024-S1, 2024"
        super().__init__(
            f"'{period}' bukan periode; contoh: {examples}.", f"'{period}' is no period; examples: {examples}."
        )


class InvalidRegion(CallerError):
    """A region code that the contract does not have."""

    def __init__(self, region: str) -> None:
        super().__init__(
            f"Wilayah '{region}' tidak ada; cari kodenya dengan 'simpul regions resolve'.",
            f"There is no region '{region}'; find its code by 'simpul regions resolve'.",
        )


class SettingsError(CallerError):
    """A setting is unknown, missing or unreadable."""


class OutsideError(SimpulError):
    """Something outside failed; the same call may succeed later."""

    exit_code: ClassVar[int] = 3


class BrokerUnavailable(OutsideError):
    """No broker answers under the configured address."""


class RegistryUnavailable(OutsideError):
    """The schema registry does not answer."""


class RegistryRefused(OutsideError):
    """The schema registry answered, and said no; `error_code` is its own numeric code, 0 where it gave none."""

    def __init__(self, error_code: int, message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.error_code = error_code
