"""The first stage of a fold: events to partial figures, one input partition at a time."""

import json
from collections.abc import Sequence

import polars as pl

from simpul_processors.distinct import distinct_rows
from simpul_processors.fates import Teller, contents_of, leaves_of
from simpul_processors.fold import Batch, Fold, ids_of
from simpul_processors.stages import Due, Publisher, advance
from simpul_processors.store import Snapshot, Transaction
from simpul_processors.view import View, group_text
from simpul_schemas.contract import event_type
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, EventIntake
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.receipts import Signer
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry
from simpul_schemas.topics import event_topic, partial_topic, province_of_topic

#: Column: the short name of an event's partition.
_LANE = "_lane"


def input_topics(spec: ViewSpec) -> list[str]:
    """Return the topics that a view's first stage reads."""
    return [event_topic(province, spec.event_type) for province in load_regions().provinces()]


class PartialStage:
    """Folds the events of a type, one input partition at a time, into partial figures.

    A partial figure is the whole sum over one input partition, with the input position as its revision, so that it
    says the same whoever computes it.

    With a `signer` the stage also tells the regions what became of their records: it writes receipts, and sends home
    what was refused. Of several views of one event type only one does.
    """

    def __init__(self, view: View, registry: Registry, signer: Signer | None = None) -> None:
        self.name = f"{view.spec.name}.partial"
        self.topics: Sequence[str] = input_topics(view.spec)
        self.follows: Sequence[str] = ()
        self.whole: Sequence[str] = self.topics
        # What is refused is part of what is counted: two workers of different rules would tell different sums.
        self.declaration = json.dumps([view.declaration, event_type(view.spec.event_type).rules.declaration])
        self._view = view
        self._intake = EventIntake(event_type(view.spec.event_type), registry, view.columns)
        flags = view.flags(self._intake.schema)
        self._measures = sorted(view.spec.measure_names, key=flags.__contains__)
        self._fold = Fold(self._measures, flags=len(flags))
        self._publisher = Publisher(partial_topic(view.spec.name), view.spec.partial_schema, registry)
        self._teller = Teller(signer, registry) if signer is not None else None

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        taken = self._intake.take(blocks)
        leaves = leaves_of(taken)
        spec = self._view.spec
        lanes = pl.Series(_LANE, [_lane(block.partition) for block in blocks], pl.String)
        events = self._view.computed(taken.frame).with_columns(lanes.gather(taken.frame[BLOCK]))
        # An input partition has groups of its own, so its text carries the partition.
        groups, group_of = distinct_rows(events.select(_LANE, "region", *spec.dimension_names))
        texts = groups.select(pl.concat_str(_LANE, pl.lit("/"), group_text(groups, spec))).to_series()
        batch = Batch(
            keys=events.select(pl.concat_str(_LANE, pl.lit("/"), "subject")).to_series(),
            revisions=events["revision"].to_numpy(),
            ids=ids_of(events["event_id"]),
            contents=contents_of(leaves),
            groups=texts.to_list(),
            group_of=group_of,
            measures=events.select(self._measures).to_numpy(),
        )
        applied = self._fold.apply(transaction, batch)
        advance(transaction, blocks, taken.refused, taken.frame[BLOCK].gather(applied.fresh))
        return [] if self._teller is None else self._teller.tell(blocks, taken, applied, leaves)

    def due(self, snapshot: Snapshot) -> Due:
        """See `Stage`."""
        due = self._fold.due(snapshot)
        spec = self._view.spec
        # A lane holds no bracket, so the first one is that of the list.
        split = pl.Series(due.texts, dtype=pl.String).str.splitn("/[", 2).struct.unnest()
        parts = split.select(lane="field_0", group=pl.lit("[") + pl.col("field_1"))
        lanes = parts["lane"].unique()
        partitions = [_partition(lane, spec.event_type) for lane in lanes.to_list()]
        positions = [snapshot.position(partition).next_offset for partition in partitions]
        origin = pl.col("lane").replace_strict(lanes, pl.Series(map(str, partitions), dtype=pl.String))
        named = parts["group"].str.json_decode(pl.List(pl.String))
        figures = parts.with_columns(
            origin=origin,
            revision=pl.col("lane").replace_strict(lanes, pl.Series(positions, dtype=pl.Int64)),
            **{name: named.list.get(at) for at, name in enumerate(("region", *spec.dimension_names))},
            **{name: pl.Series(due.values[:, at]) for at, name in enumerate(self._measures)},
        )
        keys = figures.select(pl.format('{},"{}"]', pl.col("group").str.strip_suffix("]"), "origin")).to_series()
        return Due(self._publisher.records(keys, figures), due.entries)

    def forget(self) -> None:
        """See `Stage`."""
        self._fold.forget()


def _lane(partition: Partition) -> str:
    """Return the short name of an event partition, which begins its keys in the store: province/number."""
    return f"{province_of_topic(partition.topic)}/{partition.number}"


def _partition(lane: str, event_type: str) -> Partition:
    """Return the partition behind a short name."""
    province, number = lane.split("/")
    return Partition(event_topic(province, event_type), int(number))
