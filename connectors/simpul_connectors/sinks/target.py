"""The port of a database that a sink writes to: rows and offsets move together, or not at all.

Each dialect is an adapter under `dialects/`, `simpul_connectors.testing` holds the twin in memory, and
`tests/contract/target/` runs on all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import polars as pl

from simpul_connectors.errors import SinkFenced, SinkSuperseded
from simpul_connectors.sinks.plan import Plan
from simpul_schemas.log import Partition

#: Tables of the target database beside the sinks' own: offsets, one row a sink, withdrawn subjects without a row, and
#: heartbeats, which stand apart from the row of a sink because a batch holds that one locked until it is stored.
OFFSET_TABLE = "simpul_offset"
SINK_TABLE = "simpul_sink"
WITHDRAWN_TABLE = "simpul_withdrawn"
HEARTBEAT_TABLE = "simpul_heartbeat"
STAGING_TABLE = "simpul_staging"
#: A sign of life that is older than so many of its intervals is late: the process is taken for dead.
LATE_INTERVALS = 3.0


class State(StrEnum):
    """What the newest copy of a sink last said of itself."""

    NEW = "new"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition has been stored: of `records` before `next_offset`, `refused` did not pass the rules."""

    next_offset: int = 0
    records: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What a batch does to the position of a partition; `before` is what the writer believes to be stored."""

    partition: Partition
    before: Position
    after: Position


@dataclass(frozen=True, slots=True)
class Control:
    """The row of a sink, shared by its copies and by those who pause it.

    `generation` rises with every copy that takes over, `beat` with every sign of life; `beat_at` is when that was by
    the copy's own clock, in microseconds since the epoch. `cluster` is the Kafka cluster that the offsets are of.
    """

    generation: int = 0
    paused: bool = False
    beat: int = 0
    beat_at: int = 0
    state: State = State.NEW
    words: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life that the newest copy of a sink gives at an interval which it states.

    `words` say why it waits or failed. `error` is what went wrong since the sign before, in the database's own words;
    empty leaves the older one. `worker` names host and process. The `first` sign of a process says that it began after
    all requests to restart that there are.
    """

    generation: int
    state: State
    interval_seconds: float
    words: str = ""
    error: str = ""
    worker: str = ""
    first: bool = False


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a sink, and the requests to restart it; all times are the database's own clock.

    They are microseconds since the epoch: `beat_at` of the sign, `since` of the first with this `state`, `error_at` of
    the last `error` (0 where there was none), and `now` when this was read. Of `restart` requests, `restarted` were
    obeyed.
    """

    generation: int
    state: State
    words: str
    worker: str
    interval_seconds: float
    beat_at: int
    since: int
    error: str
    error_at: int
    restart: int
    restarted: int
    now: int

    @property
    def age_seconds(self) -> float:
        """How long ago the sign was given."""
        return (self.now - self.beat_at) / 1e6

    @property
    def is_late(self) -> bool:
        """Whether the process that gave this sign is taken for dead."""
        return self.age_seconds > LATE_INTERVALS * self.interval_seconds

    @property
    def is_over(self) -> bool:
        """Whether no process gives signs any more: it ended, or is taken for dead."""
        return self.is_late or self.state in {State.STOPPED, State.FAILED}


@dataclass(frozen=True)
class BadRow:
    """A row that the database refuses: its number in the frame, and the database's own words."""

    row: int
    words: str


@dataclass(frozen=True)
class Sifted:
    """What was found in a frame: bad rows, and the heights of the parts in which the others went in."""

    bad: Sequence[BadRow]
    parts: Sequence[int]


class Target(Protocol):
    """The table and the offsets of one sink in one database; used by one thread at a time.

    Every method may raise `TargetUnavailable` (wait, then call again: no call does harm twice) and `TargetRefused`.
    """

    def plan(self) -> Plan:
        """Say what the database lacks for this sink, and what does not fit; nothing is touched."""

    def apply(self) -> Plan:
        """Do what `plan` says, and return it; nothing is ever dropped or narrowed.

        A table that had to be made is empty, so offsets that stand there from an older one are forgotten with it: the
        log fills it again from the beginning. Raises `TargetRefused` where something does not fit.
        """

    def prepare(self) -> None:
        """Make what is wholly missing, as `apply` does; a table that is there must fit as it is."""

    def claim(self, cluster: str) -> int:
        """Take over, and return the generation: every older copy of this sink is fenced from now on.

        Raises `SinkOfAnotherBus` where the offsets are of another Kafka cluster. A target that never claimed is fenced
        by its offsets alone.
        """

    def forget(self) -> None:
        """Forget offsets and cluster, so that the log is read from its beginning; rows stay."""

    def control(self) -> Control:
        """Return the row of the sink."""

    def beat(self, state: State, words: str) -> Control:
        """Give a sign of life, unless a newer copy has taken over; returns the row of the sink."""

    def pause(self, paused: bool) -> None:  # noqa: FBT001  # it is what is set
        """Set or lift the pause, which all copies see, now and after a restart."""

    def sign(self, sign: Sign) -> Heartbeat:
        """Write a sign of life down, unless a newer copy has given one; returns what stands there now."""

    def heartbeat(self) -> Heartbeat | None:
        """Return the last sign of life; None where no copy ever gave one."""

    def ask_restart(self) -> int:
        """Ask the running copy to open everything anew; returns the number of the request."""

    def positions(self) -> Mapping[Partition, Position]:
        """Return the stored position of every partition; nothing where nothing was prepared yet."""

    def rows(self) -> int:
        """Return the number of rows in the table, withdrawn ones included; 0 where nothing was prepared yet."""

    def write(self, rows: pl.DataFrame, moves: Sequence[Move], parts: Sequence[int] = ()) -> None:
        """Put rows in and move positions in one transaction.

        `rows` are those of `shape.shape`: one for each key; they go in at once, or in parts of these heights. A row
        that is there and is not older stays. Raises `SinkFenced`, with nothing written, where a stored position is not
        the one that its move starts from, or another copy has claimed; `RowRefused` where a row is at fault. A batch
        that is stored already, because an earlier call's answer was cut off, is left as it is.
        """

    def foresee(self, rows: pl.DataFrame) -> None:
        """Do ahead what can be done of a later `write` of these very rows without the database; from any thread.

        It is only a matter of time: without it, or after another call of it, `write` does the same.
        """

    def sift(self, rows: pl.DataFrame) -> Sifted:
        """Find the rows that the database refuses, by bisection, in a transaction that is rolled back."""

    def close(self) -> None:
        """Disconnect; harmless when called twice, and the next call connects again."""


#: Characters that a sign's words, and its worker's name, are cut to.
WORDS_LENGTH, WORKER_LENGTH = 500, 200


def fitting(sign: Sign) -> Sign:
    """Return a sign whose texts every database can hold: cut, and without NUL."""
    words, error, worker = (
        text.replace("\0", "␀")[:length]
        for text, length in ((sign.words, WORDS_LENGTH), (sign.error, WORDS_LENGTH), (sign.worker, WORKER_LENGTH))
    )
    return replace(sign, words=words, error=error, worker=worker)


def is_stored(stored: Mapping[Partition, Position], moves: Sequence[Move]) -> bool:
    """Judge a batch by the stored positions, which the caller holds locked, before anything is written.

    True: an earlier call has stored it, though its answer was cut off. False: it is next in turn. `SinkFenced`:
    another copy of the sink, or a table made anew, has moved the positions.
    """
    found = [stored.get(move.partition, Position()) for move in moves]
    if found == [move.before for move in moves]:
        return False
    if found == [move.after for move in moves]:
        return True
    raise SinkFenced(
        "Salinan lain dari sink ini telah memindahkan ofsetnya; dibaca ulang dan dilanjutkan dari sana.",
        "Another copy of this sink has moved its offsets; they are read again and it goes on from there.",
    )


def check_generation(stored: Control, mine: int | None) -> None:
    """Raise `SinkSuperseded` where a newer copy has taken over; None is a copy that never claimed."""
    if mine is not None and stored.generation != mine:
        raise SinkSuperseded(
            "Salinan yang lebih baru dari sink ini telah mengambil alih; salinan ini bersiaga.",
            "A newer copy of this sink has taken over; this one stands by.",
        )
