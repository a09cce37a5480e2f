"""What the portal shows, and the port that it is read through.

`subscribed` holds the adapter to the topics, `testing` the twin in memory; `tests/contract` runs on both.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from simpul_schemas.figures import Coverage


@dataclass(frozen=True, slots=True)
class Cover:
    """Who was expected to report on a place and period, and did; counts are None where no roster knows the place.

    `missing` names units that have not reported, at most 20; `as_of` is the broker's time of the newest record that is
    in it, microseconds since the epoch, 0 where nothing is.
    """

    state: Coverage = Coverage.NONE
    expected: int | None = None
    reported: int | None = None
    on_time: int | None = None
    late: int | None = None
    missing: tuple[str, ...] = ()
    as_of: int = 0

    @property
    def share(self) -> float | None:
        """What part of the expected reports came, from 0 to 1; None where it is not known."""
        return self.reported / self.expected if self.expected and self.reported is not None else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One group of one place and period: its dimensions and measures in the order of the view's declaration."""

    dimensions: tuple[str, ...]
    measures: tuple[int, ...]
    cover: Cover
    revision: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """A row of completeness; see `simpul_schemas.coverage`. The lists hold at most 1,000 names."""

    expected: int
    reported: int
    on_time: int
    late: int
    silent: int
    nil: int
    unexpected: int
    closed: bool
    #: Whether a roster knows the place; a row may also only tell of unexpected reports.
    known: bool
    #: Whether a unit of the roster stands for this very place, so that what is below it has its coverage too.
    direct: bool
    missing: tuple[str, ...]
    silent_units: tuple[str, ...]
    late_units: tuple[str, ...]
    as_of: int

    @property
    def cover(self) -> Cover:
        """The coverage that a figure of this place has."""
        if not self.known:
            return Cover(as_of=self.as_of)
        state = Coverage.CLOSED if self.closed else Coverage.OPEN
        return Cover(
            state, self.expected, self.reported, self.on_time, self.late, self.missing[:20], self.as_of
        )


class Change(NamedTuple):
    """One measure of a restated figure."""

    measure: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Restated:
    """A closed figure that was published with other numbers; `why` is LATE or CORRECTION, `at` in microseconds."""

    region: str
    period_kind: str
    period: str
    dimensions: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    why: str
    at: int


class Touched(NamedTuple):
    """A figure that has changed, as listeners are told: its place."""

    region: str
    period: str


class Listener(Protocol):
    """Told of changes of one view; a slow one is told to look at everything, and costs no memory."""

    async def wait(self, timeout_seconds: float) -> frozenset[Touched] | None:
        """Return what has changed since the last call, at the latest after the timeout; None: look at everything."""


class Figures(Protocol):
    """The newest figures of all views, with their coverage. Every call answers from memory, in well under 1 ms."""

    def caught_up(self) -> bool:
        """Return whether everything was read that was there at the start."""

    def version(self) -> str:
        """Return a text that differs once anything has changed; not the same after a restart."""

    def periods(self, view: str) -> Sequence[tuple[str, str]]:
        """Return kind and period of every period that the nation has figures or completeness of, in no order."""

    def place(self, view: str, region: str, period_kind: str, period: str) -> Sequence[Figure]:
        """Return the groups of one place and period, in no order; none where nothing is known."""

    def completeness(self, event_type: str, region: str, period_kind: str, period: str) -> Completeness | None:
        """Return the row of completeness of a place and period, None where there is none."""

    def restatements(self, view: str, region: str | None) -> Sequence[Restated]:
        """Return what was restated of a region, or of all, newest first; a bounded number is kept."""

    def listen(self, view: str) -> AbstractContextManager[Listener]:
        """Return what is told of the changes of a view while it is open."""
