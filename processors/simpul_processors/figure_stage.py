"""The second stage of a fold: partial figures to figures at every level."""

import hashlib
from collections.abc import Sequence

import polars as pl

from simpul_processors.fold import CONTENT, GROUP, HEAD, ID, KEY, NO_CONTENT, NO_ID, REVISION, Fold
from simpul_processors.stages import Due, Publisher, advance
from simpul_processors.store import Snapshot, Transaction
from simpul_processors.view import as_text, roll_up
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, RecordIntake
from simpul_schemas.log import Block, Outgoing, Partition
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
        self._partition = Partition(partial_topic(spec.name), 0)
        self._partials = Publisher(partial_topic(spec.name), spec.partial_schema, registry)
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
            NO_CONTENT.alias(CONTENT),
            pl.Series(GROUP, groups, HEAD[GROUP]),
            *self._spec.measure_names,
        )
        applied = self._fold.apply(transaction, batch)
        advance(transaction, blocks, taken.refused, taken.frame[BLOCK].gather(applied.fresh))
        return self._healed(transaction, taken.frame[applied.older], batch[KEY].gather(applied.older))

    def due(self, snapshot: Snapshot) -> Due:
        """See `Stage`."""
        due = self._fold.due(snapshot)
        spec = self._spec
        texts = pl.Series(due.texts, dtype=pl.String)
        named = texts.str.json_decode(pl.List(pl.String))
        position = snapshot.position(self._partition).next_offset
        figures = pl.DataFrame(
            {
                **{name: named.list.get(at) for at, name in enumerate(("level", "region", *spec.dimension_names))},
                "revision": pl.repeat(position, len(texts), dtype=pl.Int64, eager=True),
                **{name: pl.Series(due.values[:, at]) for at, name in enumerate(spec.measure_names)},
            }
        )
        return Due(self._publisher.records(texts, figures), due.entries)

    def _healed(self, transaction: Transaction, older: pl.DataFrame, keys: pl.Series) -> list[Outgoing]:
        """Append again what an older partial figure has come behind, before compaction could take it for the newest.

        A worker that was frozen past its session, and wakes, may append such a one.
        """
        if older.is_empty():
            return []
        newest = self._fold.newest(transaction, keys.to_list())
        spec = self._spec
        figures = older.with_columns(
            pl.Series("revision", newest["revision"]),
            *(pl.Series(name, newest["measures"][:, at]) for at, name in enumerate(spec.measure_names)),
        ).unique(("region", *spec.dimension_names, "origin"), maintain_order=True)
        names = [as_text(row) for row in figures.select("region", *spec.dimension_names, "origin").iter_rows()]
        return self._partials.records(pl.Series(names, dtype=pl.String), figures)

    def forget(self) -> None:
        """See `Stage`."""
        self._fold.forget()


def _short(text: str) -> str:
    """Return a key of fixed length, as the dimensions of a group may be longer than a store's keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
