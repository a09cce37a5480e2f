"""The two stages of a fold: events to partial figures, partial figures to figures at every level.

A stage is pure apart from the registry it asks for schemas: blocks and a transaction in, records to be sent out.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import fastavro
import numpy as np
import polars as pl

from simpul_processors.fold import GROUP, HEAD, ID, KEY, NO_ID, REVISION, Fold, as_ids
from simpul_processors.store import Transaction
from simpul_processors.view import View, as_text, from_text, roll_up
from simpul_schemas.contract import event_type
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, EventIntake, RecordIntake, Refused
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry
from simpul_schemas.rows import encode
from simpul_schemas.topics import (
    event_topic,
    partial_topic,
    province_of_topic,
    quarantine_topic,
    value_subject,
    view_topic,
)
from simpul_schemas.wire import frame


class Stage(Protocol):
    """One step of the fold: which topics it reads, and what it does with their blocks.

    `declaration` is a text that changes with what the stage computes: a store of another one is rebuilt from the log.
    """

    name: str
    topics: Sequence[str]
    declaration: str

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """Fold the blocks, move the positions of their partitions, and return what must be sent."""

    def forget(self) -> None:
        """Forget what was learned inside a transaction that did not commit."""


class _Publisher:
    """Turns groups into records of a topic; the schema's id is asked for when the first one is sent."""

    def __init__(self, topic: str, schema: str, registry: Registry) -> None:
        self._topic = topic
        self._schema = schema
        self._parsed: Any = fastavro.parse_schema(json.loads(schema))
        self._registry = registry
        self._id: int | None = None

    def record(self, key: str, value: dict[str, Any]) -> Outgoing:
        if self._id is None:
            self._id = self._registry.lookup(value_subject(self._topic), self._schema)
        return Outgoing(self._topic, key.encode(), frame(self._id, encode(self._parsed, value)))


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
        self._publisher = _Publisher(partial_topic(view.spec.name), view.spec.partial_schema, registry)

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
        _advance(transaction, blocks, taken.refused, applied.fresh[BLOCK])
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


class FigureStage:
    """Folds partial figures into the figures of every level: an entity is (group, input partition)."""

    def __init__(self, spec: ViewSpec, registry: Registry) -> None:
        self.name = f"{spec.name}.figure"
        self.topics: Sequence[str] = [partial_topic(spec.name)]
        self.declaration = spec.figure_schema
        self._spec = spec
        self._intake = RecordIntake(spec.partial_schema, registry)
        self._fold = Fold(spec.measure_names, roll_up)
        self._publisher = _Publisher(view_topic(spec.name), spec.figure_schema, registry)

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        taken = self._intake.take(blocks)
        names = ("region", *self._spec.dimension_names)
        groups = [as_text(row) for row in taken.frame.select(names).iter_rows()]
        keys = [_short(as_text([group, origin])) for group, origin in zip(groups, taken.frame["origin"], strict=True)]
        batch = taken.frame.select(
            pl.Series(KEY, keys, HEAD[KEY]),
            pl.col("revision").alias(REVISION),
            pl.lit(NO_ID).alias(ID),
            pl.Series(GROUP, groups, HEAD[GROUP]),
            *self._spec.measure_names,
            BLOCK,
        )
        applied = self._fold.apply(transaction, batch)
        _advance(transaction, blocks, taken.refused, applied.fresh[BLOCK])
        position = blocks[-1].next_offset
        return [
            self._figure(text, row, position) for text, row in zip(applied.groups, applied.values.tolist(), strict=True)
        ]

    def _figure(self, text: str, measures: list[int], position: int) -> Outgoing:
        level, region, *dimensions = from_text(text)
        value = {
            "level": level,
            "region": region,
            "revision": position,
            **dict(zip(self._spec.dimension_names, dimensions, strict=True)),
            **dict(zip(self._spec.measure_names, measures, strict=True)),
        }
        return self._publisher.record(text, value)

    def forget(self) -> None:
        """See `Stage`."""
        self._fold.forget()


def _lane(partition: Partition) -> str:
    """Return the short name of an event partition, which begins its keys in the store: province/number."""
    return f"{province_of_topic(partition.topic)}/{partition.number}"


def _short(text: str) -> str:
    """Return a key of fixed length, as the dimensions of a group may be longer than a store's keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _advance(
    transaction: Transaction, blocks: Sequence[Block], refused: Sequence[Refused], fresh_blocks: pl.Series
) -> None:
    """Move the position of every block's partition to its end."""
    fresh = np.bincount(fresh_blocks.to_numpy(), minlength=len(blocks)).tolist()
    for block, current in zip(blocks, fresh, strict=True):
        before = transaction.position(block.partition)
        after = replace(
            before,
            next_offset=block.next_offset,
            records=before.records + len(block.values),
            refused=before.refused + sum(record.partition == block.partition for record in refused),
            current=before.current + current,
        )
        transaction.put_position(block.partition, after)


def _quarantined(record: Refused) -> Outgoing:
    """Send a refused record home: its original bytes, where it lay, and why it was refused."""
    headers = (
        ("simpul_origin_topic", record.partition.topic.encode()),
        ("simpul_origin_partition", str(record.partition.number).encode()),
        ("simpul_origin_offset", str(record.offset).encode()),
        ("simpul_codes", ",".join(record.codes).encode()),
    )
    province = province_of_topic(record.partition.topic)
    assert province is not None  # noqa: S101  # events are only read from a province's topics
    key = b"" if record.key is None and record.value is None else record.key
    return Outgoing(quarantine_topic(province), key, record.value, headers)
