"""The tie-out: what was published equals what was accepted and refused, what was counted, and what is stored.

The log is read once more from its beginning and everything is computed anew in plain group-bys, without the fold, its
stores or its topics; each place that holds a number is then compared with that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from simpul_processors.store import Position
from simpul_processors.view import View, unfold
from simpul_schemas.contract import event_type
from simpul_schemas.figures import FIGURE_COVERAGE, ViewSpec
from simpul_schemas.intake import EventIntake, RecordIntake
from simpul_schemas.log import Block, LogReader, Partition
from simpul_schemas.periods import containing
from simpul_schemas.regions import NATION, Level
from simpul_schemas.registry import Registry

_READ_RECORDS = 50_000
#: Characters of a region's code at each level.
_CODE_LENGTHS = {Level.DISTRICT: 8, Level.REGENCY: 5, Level.PROVINCE: 2}


@dataclass(frozen=True)
class Survey:
    """What the log of one event type holds, seen from its beginning.

    `records` counts all records, copies included; `quarantined_by_code` those of them that were refused, each under its
    first code. `events` has the distinct ids of the accepted ones (column `event_id`), `current` subject and event id
    of the winner of each subject, `figures` the figures of every level and period that these add up to.
    """

    records: int
    quarantined_by_code: Mapping[str, int]
    events: pl.DataFrame
    current: pl.DataFrame
    figures: pl.DataFrame

    @property
    def quarantined(self) -> int:
        """Records that were refused."""
        return sum(self.quarantined_by_code.values())

    @property
    def accepted(self) -> int:
        """Distinct accepted events."""
        return len(self.events)

    @property
    def superseded(self) -> int:
        """Accepted events that a higher revision of their subject has replaced."""
        return self.accepted - len(self.current)


@dataclass(frozen=True, slots=True)
class Check:
    """One equation of the tie-out: two numbers that must be equal, and the first difference where they are not."""

    name: str
    left: int
    right: int
    difference: str = ""

    @property
    def holds(self) -> bool:
        """Whether both sides agree, not only in number."""
        return self.left == self.right and not self.difference


async def read_all(reader: LogReader) -> list[Block]:
    """Read every record that is there now, from the position the reader starts at."""
    ends = {partition: end for partition, end in (await reader.end_offsets()).items() if end}
    blocks: list[Block] = []
    while ends:
        for block in await reader.read(_READ_RECORDS, 1.0):
            blocks.append(block)
            if block.next_offset >= ends.get(block.partition, 0):
                ends.pop(block.partition, None)
    return blocks


def survey(view: View, registry: Registry, blocks: Sequence[Block]) -> Survey:
    """Judge and count a log anew."""
    intake = EventIntake(event_type(view.spec.event_type), registry)
    names = ["subject", "revision", "event_id", "region", *view.spec.dimension_names, *view.spec.measure_names]
    frames: list[pl.DataFrame] = []
    quarantined: Counter[str] = Counter()
    for block in blocks:
        taken = intake.take([block])
        quarantined.update(record.codes[0] for record in taken.refused)
        frames.append(view.contributions(taken.frame).select(names))
    events = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    current = events.sort("revision", "event_id").unique("subject", keep="last")
    return Survey(
        records=sum(len(block.values) for block in blocks),
        quarantined_by_code=quarantined,
        events=events.select("event_id").unique(),
        current=current.select("subject", "event_id"),
        figures=add_up(view.spec, current),
    )


def add_up(spec: ViewSpec, events: pl.DataFrame) -> pl.DataFrame:
    """Sum the contributions of events to every level and period; a group that adds up to nothing is left out."""
    sums = [pl.col(name).sum() for name in spec.measure_names]
    placed = _in_every_period(spec, unfold(events, spec) if spec.unfolds else events)
    levels = [
        placed.filter(pl.col("region").str.len_chars() >= length)
        .group_by(pl.col("region").str.head(length), *spec.dimension_names)
        .agg(sums)
        .with_columns(level=pl.lit(level.value))
        for level, length in _CODE_LENGTHS.items()
    ]
    nation = (
        placed.group_by(*spec.dimension_names)
        .agg(sums)
        .with_columns(level=pl.lit(Level.NATION.value), region=pl.lit(NATION))
    )
    return without_nothing(spec, pl.concat([*levels, nation], how="diagonal"))


def _in_every_period(spec: ViewSpec, events: pl.DataFrame) -> pl.DataFrame:
    """Repeat every row for each longer period that its own one is part of."""
    if not spec.adds_up:
        return events
    finest = ["period_kind", "period"]
    rows = [(*own, *each) for own in events.select(finest).unique().rows() for each in containing(*own)]
    names = [*finest, "longer_kind", "longer"]
    longer = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return events.join(longer, on=finest).drop(finest).rename({"longer_kind": "period_kind", "longer": "period"})


def newest_figures(spec: ViewSpec, registry: Registry, blocks: Sequence[Block]) -> pl.DataFrame:
    """Return what a reader of a view's topic holds: for each group the figure of the highest revision."""
    taken = RecordIntake(spec.figure_schema, registry).take(blocks) if blocks else None
    if taken is None:
        return pl.DataFrame(
            schema=dict.fromkeys(figure_keys(spec), pl.String) | dict.fromkeys(spec.measure_names, pl.Int64)
        )
    newest = taken.frame.sort("revision").unique(figure_keys(spec), keep="last")
    return without_nothing(spec, newest)


def newest_with_coverage(spec: ViewSpec, registry: Registry, blocks: Sequence[Block]) -> pl.DataFrame:
    """Return the newest figure of each group as readers get it, with its coverage; in one order."""
    if not blocks:
        return newest_figures(spec, registry, blocks)
    taken = RecordIntake(spec.figure_schema, registry).take(blocks).frame
    newest = taken.sort("revision").unique(figure_keys(spec), keep="last")
    names = [*figure_keys(spec), *spec.measure_names, *FIGURE_COVERAGE, "as_of"]
    return newest.select(names).sort(figure_keys(spec))


def figure_keys(spec: ViewSpec) -> list[str]:
    """Return the columns that name a figure."""
    return ["level", "region", *spec.dimension_names]


def without_nothing(spec: ViewSpec, figures: pl.DataFrame) -> pl.DataFrame:
    """Keep the figures that say something, in one order of rows and columns."""
    names = [*figure_keys(spec), *spec.measure_names]
    something = pl.any_horizontal(pl.col(spec.measure_names) != 0)
    return figures.select(names).filter(something).sort(figure_keys(spec))


def furthest(stores: Iterable[Mapping[Partition, Position]]) -> dict[Partition, Position]:
    """Join the positions of several workers' stores: for each partition that of the one which went furthest."""
    found: dict[Partition, Position] = {}
    for positions in stores:
        for partition, position in positions.items():
            if position.next_offset > found.get(partition, Position()).next_offset:
                found[partition] = position
    return found


def check_frames(name: str, left: pl.DataFrame, right: pl.DataFrame) -> Check:
    """Compare two tables of the same columns, row for row, and name the first row that only one of them has."""
    columns = left.columns
    right = right.select(columns)
    only_left = left.join(right, on=columns, how="anti", nulls_equal=True)
    only_right = right.join(left, on=columns, how="anti", nulls_equal=True)
    difference = ""
    for side, rows in (("left", only_left), ("right", only_right)):
        if len(rows) and not difference:
            difference = f"only {side}: {rows.row(0, named=True)}"
    return Check(name, len(left), len(right), difference)
