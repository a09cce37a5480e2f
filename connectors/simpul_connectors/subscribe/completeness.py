"""Completeness as its readers get it: who was expected to report on a place and period, who is silent and who is late.

Rows of `simpul.view.completeness.v1`, of each place the one with the highest revision.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from simpul_connectors.subscribe.held_rows import NULL, HeldRows, Key, Rows
from simpul_schemas.coverage import is_known
from simpul_schemas.regions import level_of

#: The numbers of a row, in the order of its table; times are microseconds since the epoch, truths 0 and 1.
NUMBERS = (
    "revision",
    "expected",
    "reported",
    "on_time",
    "late",
    "silent",
    "nil",
    "claimed",
    "unexpected",
    "closed",
    "direct",
    "as_of",
)
NAMES = ("missing", "silent_units", "late_units")


@dataclass(frozen=True, slots=True)
class Completeness:
    """One row; the fields are those of `simpul_schemas.coverage`, names at most 1,000 each."""

    event_type: str
    region: str
    period_kind: str
    period: str
    revision: int
    expected: int
    reported: int
    on_time: int
    late: int
    silent: int
    nil: int
    claimed: int
    unexpected: int
    closed: bool
    direct: bool
    as_of: int
    missing: tuple[str, ...]
    silent_units: tuple[str, ...]
    late_units: tuple[str, ...]

    @property
    def level(self) -> str:
        """The level of the region."""
        return level_of(self.region).value

    @property
    def is_known(self) -> bool:
        """Whether a roster has ever spoken of the place; else it only tells of unexpected reports."""
        return is_known(self.revision)

    @property
    def share(self) -> float | None:
        """Reported of expected; None where nobody was expected."""
        return self.reported / self.expected if self.expected > 0 else None


@dataclass(frozen=True)
class CompletenessPiece:
    """Rows of one event type, level and kind of period, ready to be put into `HeldRows`."""

    event_type: str
    level: str
    period_kind: str
    rows: Rows


def completeness_pieces(frame: pl.DataFrame, at_most: int) -> list[CompletenessPiece]:
    """Cut decoded rows into pieces of one event type, level and kind of period, and of so many rows at most."""
    found = []
    for (event_type, level, kind), whole in frame.group_by("event_type", "level", "period_kind", maintain_order=True):
        for part in whole.iter_slices(at_most):
            keys = list(zip(part["region"].to_list(), part["period"].to_list(), strict=True))
            numbers = part.select(pl.col(name).cast(pl.Int64).fill_null(NULL) for name in NUMBERS).to_numpy()
            lists = zip(*(part[name].to_list() for name in NAMES), strict=True)
            beside = {at: tuple(map(tuple, three)) for at, three in enumerate(lists) if any(three)}
            found.append(CompletenessPiece(str(event_type), str(level), str(kind), Rows(keys, numbers, beside)))
    return found


def completeness_at(event_type: str, period_kind: str, held: HeldRows, key: Key) -> Completeness:
    """Return a row that is there as its readers get it."""
    (numbers,) = held.numbers([key]).tolist()
    region, period = key
    fields: dict[str, Any] = dict(zip(NUMBERS, numbers, strict=True))
    fields |= {"closed": bool(fields["closed"]), "direct": bool(fields["direct"])}
    names = dict(zip(NAMES, held.beside(key) or ((), (), ()), strict=True))
    return Completeness(event_type, region, period_kind, period, **fields, **names)
