"""The errors of the connectors.

SimpulError
├── CallerError
│   ├── SinkSpecError       a sink's file says what cannot be; names file, key and remedy
│   ├── SinkOfAnotherBus    the database was filled from another Kafka cluster: its offsets mean nothing here
│   ├── DriverMissing       the database's driver is not installed; names the package
│   ├── NoSuchName          a view has no measure, rate or dimension of that name; names those that it has
│   ├── CursorUnusable      a cursor is of another view, cluster or topic, or cannot be read; says how to start anew
│   ├── FileUnwritable      a file that was asked for cannot be written; names it and the system's reason
│   ├── NoSuchTopic         the broker does not have the topic of a view
│   └── OperatorRefused     a portal operator that cannot be made or is not there
└── OutsideError
    ├── TargetUnavailable   the database does not answer, or cannot take the batch now: wait and try again
    ├── TargetRefused       the database answered, and said no to a table; carries its own words
    │   └── RowRefused      it said no to what stands in a row: the others can go on
    ├── OperatorsUnreadable the portal's file of operators cannot be used; names it and the remedy
    └── SinkFenced          another copy of this sink has moved its offsets: read them again and go on from there
        └── SinkSuperseded  a newer copy of this sink has taken over: stand by
"""

from collections.abc import Sequence
from pathlib import Path

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


class SinkOfAnotherBus(CallerError):
    """The database was filled from another Kafka cluster; nothing was written."""

    def __init__(self, sink: str, stored: str, found: str) -> None:
        super().__init__(
            f"Sink '{sink}' di basis data ini berasal dari klaster Kafka '{stored}', bukan '{found}'; kosongkan "
            f"tabelnya lalu jalankan 'simpul sink apply --new-cluster', atau pakai nama sink dan tabel lain.",
            f"Sink '{sink}' in this database comes from the Kafka cluster '{stored}', not '{found}'; empty its table "
            f"and run 'simpul sink apply --new-cluster', or use another sink name and table.",
        )


class DriverMissing(CallerError):
    """The database's driver is not installed."""

    exit_code = 3

    def __init__(self, package: str) -> None:
        super().__init__(
            f"Driver basis data belum terpasang; jalankan 'pip install {package}'.",
            f"The database's driver is not installed; run 'pip install {package}'.",
        )


class OperatorRefused(CallerError):
    """A portal operator that cannot be made or is not there."""


class OperatorsUnreadable(OutsideError):
    """The portal's file of operators, or its pepper, cannot be used; nobody may sign in."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Berkas operator {path} tidak dapat dipakai ({reason}); perbaiki isinya, dan hak aksesnya dengan chmod "
            "600.",
            f"The operators' file {path} cannot be used ({reason}); mend it, and its rights by chmod 600.",
        )
        self.path = path


class TargetUnavailable(OutsideError):
    """The database does not answer, or cannot take the batch now; nothing of it is lost."""


class TargetRefused(OutsideError):
    """The database said no to a table; `words` are its own."""

    def __init__(self, words: str, message_id: str, message_en: str) -> None:
        super().__init__(message_id, message_en)
        self.words = words


class RowRefused(TargetRefused):
    """The database said no to what stands in a row; `words` are its own."""


class SinkFenced(OutsideError):
    """Another copy of this sink has moved its offsets; nothing was written."""


class SinkSuperseded(SinkFenced):
    """A newer copy of this sink has taken over; nothing was written."""


class NoSuchName(CallerError):
    """A view has no measure, rate or dimension of that name."""

    def __init__(self, view: str, name: str, known: Sequence[str]) -> None:
        there = ", ".join(known) or "-"
        super().__init__(
            f"Tampilan '{view}' tidak punya '{name}'; yang ada: {there}.",
            f"The view '{view}' has no '{name}'; there are: {there}.",
        )


class CursorUnusable(CallerError):
    """A cursor cannot be gone on from: nothing was read, and the cursor was left as it is."""

    def __init__(self, cursor: str, problem: Text) -> None:
        super().__init__(
            f"Kursor '{cursor}' {problem.indonesian} Hapus atau pakai berkas kursor lain untuk membaca dari awal.",
            f"The cursor '{cursor}' {problem.english} Remove it, or use another cursor file, to read from the start.",
        )


class FileUnwritable(CallerError):
    """A file that was asked for cannot be written; what stood there before is as it was."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Berkas '{path}' tidak dapat ditulis ({reason}); pakai folder lain, atau beri ruang dan hak.",
            f"The file '{path}' cannot be written ({reason}); use another folder, or give it room and rights.",
        )


class NoSuchTopic(CallerError):
    """The broker does not have a topic."""

    exit_code = 3

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"Broker tidak punya topik '{topic}'; periksa alamat bus, atau jalankan 'simpul up'.",
            f"The broker has no topic '{topic}'; check the address of the bus, or run 'simpul up'.",
        )
