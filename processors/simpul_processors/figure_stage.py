"""The second stage of a fold: partial figures to figures at every level."""

import hashlib
from collections.abc import Sequence

import polars as pl

from simpul_processors.fold import GROUP, HEAD, ID, KEY, NO_ID, REVISION, Fold
from simpul_processors.stages import Publisher, advance
from simpul_processors.store import Transaction
from simpul_processors.view import as_text, from_text, roll_up
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, RecordIntake
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import partial_topic, view_topic


class FigureStage:
    """Folds partial figures into the figures of every level: an entity is (group, input partition)."""

    def __init__(self, spec: ViewSpec, registry: Registry) -> None:
        self.name = f"{spec.name}.figure"
        self.topics: Sequence[str] = [partial_topic(spec.name)]
        self.declaration = spec.figure_schema
        self._spec = spec
        self._intake = RecordIntake(spec.partial_schema, registry)
        self._fold = Fold(spec.measure_names, roll_up)
        self._publisher = Publisher(view_topic(spec.name), spec.figure_schema, registry)

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
        advance(transaction, blocks, taken.refused, applied.fresh[BLOCK])
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


def _short(text: str) -> str:
    """Return a key of fixed length, as the dimensions of a group may be longer than a store's keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
