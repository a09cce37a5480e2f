"""The second stage of a fold: partial figures to figures at every level."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

import polars as pl

from simpul_processors.fold import HEAD, ID, KEY, NO_ID, REVISION, Fold
from simpul_processors.stages import Publisher, advance
from simpul_processors.store import Transaction
from simpul_processors.view import from_text, group_text, roll_up, unfold
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, RecordIntake
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import partial_topic, view_topic

#: Column: the group of a partial figure as it came, before a list in it is unfolded.
_WHOLE = "_whole"


class FigureStage:
    """Folds partial figures into the figures of every level and period: an entity is (group, input partition).

    Where a view unfolds a dimension, an entity is one value of a partial figure's list.
    """

    def __init__(self, spec: ViewSpec, registry: Registry) -> None:
        self.name = f"{spec.name}.figure"
        self.topics: Sequence[str] = [partial_topic(spec.name)]
        self.declaration = json.dumps([spec.figure_schema, spec.partial_schema, spec.adds_up])
        self._spec = spec
        self._intake = RecordIntake(spec.partial_schema, registry)
        self._fold = Fold(spec.measure_names, partial(roll_up, adds_up=spec.adds_up))
        self._publisher = Publisher(view_topic(spec.name), spec.figure_schema, registry)

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        taken = self._intake.take(blocks)
        whole = taken.frame.with_columns(group_text(taken.frame, self._spec).alias(_WHOLE))
        parts = unfold(whole, self._spec) if self._spec.unfolds else whole
        groups = group_text(parts, self._spec)
        # The whole group and not only its part: of two lists that share a value, each adds its own.
        named = parts.select(pl.concat_str(_WHOLE, "origin", groups, separator="\n"))
        batch = parts.select(
            pl.Series(KEY, map(_short, named.to_series().to_list()), HEAD[KEY]),
            pl.col("revision").alias(REVISION),
            pl.lit(NO_ID).alias(ID),
            groups,
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
