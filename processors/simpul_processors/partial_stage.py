"""The first stage of a fold: events to partial figures, one input partition at a time."""

from collections.abc import Mapping, Sequence

import polars as pl

from simpul_processors.fold import GROUP, ID, KEY, REVISION, Fold, as_ids
from simpul_processors.stages import Publisher, advance
from simpul_processors.store import Transaction
from simpul_processors.view import View, as_text, from_text
from simpul_schemas.contract import event_type
from simpul_schemas.intake import BLOCK, EventIntake, Refused
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.quarantine import Origin, Refusal, refusal_record
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry
from simpul_schemas.topics import event_topic, partial_topic, province_of_topic


class PartialStage:
    """Folds the events of a type, one input partition at a time, into partial figures.

    A partial figure is the whole sum over one input partition, with the input position as its revision, so that it
    says the same whoever computes it.
    """

    def __init__(self, view: View, registry: Registry) -> None:
        self.name = f"{view.spec.name}.partial"
        self.topics: Sequence[str] = [
            event_topic(province, view.spec.event_type) for province in load_regions().provinces()
        ]
        self.declaration = view.declaration
        self._view = view
        self._intake = EventIntake(event_type(view.spec.event_type), registry)
        self._fold = Fold(view.spec.measure_names, lambda text: (text,))
        self._publisher = Publisher(partial_topic(view.spec.name), view.spec.partial_schema, registry)

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        taken = self._intake.take(blocks)
        lanes = pl.Series("lane", [_lane(block.partition) for block in blocks], pl.String).gather(taken.frame[BLOCK])
        batch = self._view.contributions(taken.frame).select(
            pl.concat_str(lanes, pl.lit("/"), "subject").alias(KEY),
            pl.col("revision").alias(REVISION),
            as_ids(pl.col("event_id")).alias(ID),
            # An input partition has groups of its own, so its text carries the partition.
            pl.concat_str(lanes, pl.lit("/"), GROUP).alias(GROUP),
            *self._view.spec.measure_names,
            BLOCK,
        )
        applied = self._fold.apply(transaction, batch)
        advance(transaction, blocks, taken.refused, applied.fresh[BLOCK])
        positions = {_lane(block.partition): (block.partition, block.next_offset) for block in blocks}
        figures = [
            self._figure(positions, text, row)
            for text, row in zip(applied.groups, applied.values.tolist(), strict=True)
        ]
        return [*map(_quarantined, taken.refused), *figures]

    def _figure(self, positions: Mapping[str, tuple[Partition, int]], text: str, measures: list[int]) -> Outgoing:
        province, number, group = text.split("/", 2)
        partition, position = positions[f"{province}/{number}"]
        region, *dimensions = from_text(group)
        spec = self._view.spec
        value = {
            "region": region,
            "origin": str(partition),
            "revision": position,
            **dict(zip(spec.dimension_names, dimensions, strict=True)),
            **dict(zip(spec.measure_names, measures, strict=True)),
        }
        return self._publisher.record(as_text([region, *dimensions, str(partition)]), value)

    def forget(self) -> None:
        """See `Stage`."""
        self._fold.forget()


def _lane(partition: Partition) -> str:
    """Return the short name of an event partition, which begins its keys in the store: province/number."""
    return f"{province_of_topic(partition.topic)}/{partition.number}"


def _quarantined(record: Refused) -> Outgoing:
    """Send a refused record home; see `simpul_schemas.quarantine`."""
    origin = Origin(record.partition, record.offset)
    return refusal_record(Refusal(origin, record.codes, record.key, record.value, record.appended_at))
