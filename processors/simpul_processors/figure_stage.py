"""The second stage of a fold: partial figures to figures at every level."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from simpul_processors.coverage_index import Spot, attach, groups_below, register, store_rows
from simpul_processors.distinct import distinct_rows
from simpul_processors.fold import Batch, Fold
from simpul_processors.stages import Due, Publisher, advance
from simpul_processors.store import Snapshot, Space, Transaction
from simpul_processors.view import as_text, group_text, roll_up, unfold
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.figures import ViewSpec
from simpul_schemas.intake import BLOCK, RecordIntake
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import COVERAGE_TOPIC, partial_topic, view_topic

#: Columns: the group of a partial figure as it came, and its list, before a list in it is unfolded.
_WHOLE, _LIST = "_whole", "_list"


#: Measure: the input positions of the parts, which grows with every newer part.
_PARTS = "_parts"
#: Name in the store: highest append time read.
_AS_OF = b"newest|as_of"


class FigureStage:
    """Folds partial figures into the figures of every level and period: an entity is (group, input partition).

    Where a view unfolds a dimension, an entity is one value of a partial figure's list.

    Beside the partial figures it follows completeness, and gives every figure its coverage; a figure whose coverage has
    changed is published again. A figure's revision is made of what is in the figure and of nothing else: the sum of the
    input positions of its parts, and the rank and revision of its coverage. So it does not matter which of the two
    topics was read further.
    """

    def __init__(self, spec: ViewSpec, registry: Registry) -> None:
        self.name = f"{spec.name}.figure"
        self.topics: Sequence[str] = [partial_topic(spec.name)]
        self.follows: Sequence[str] = [COVERAGE_TOPIC]
        self.whole: Sequence[str] = ()
        self.declaration = json.dumps([spec.figure_schema, spec.partial_schema, spec.adds_up])
        self._spec = spec
        self._intake = RecordIntake(spec.partial_schema, registry)
        self._coverage = RecordIntake(COVERAGE_SCHEMA, registry)
        self._fold = Fold([*spec.measure_names, _PARTS], partial(roll_up, adds_up=spec.adds_up))
        self._partials = Publisher(partial_topic(spec.name), spec.partial_schema, registry)
        self._publisher = Publisher(view_topic(spec.name), spec.figure_schema, registry)

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        self._note_time(transaction, blocks)
        self._take_coverage(transaction, [block for block in blocks if block.partition.topic == COVERAGE_TOPIC])
        blocks = [block for block in blocks if block.partition.topic != COVERAGE_TOPIC]
        return self._take_partials(transaction, blocks) if blocks else []

    @staticmethod
    def _note_time(transaction: Transaction, blocks: Sequence[Block]) -> None:
        newest = max(at for block in blocks for at in block.timestamps)
        transaction.put(Space.NAMES, [(_AS_OF, max(newest, _as_of(transaction)).to_bytes(8, "big"))])

    def _take_coverage(self, transaction: Transaction, blocks: Sequence[Block]) -> None:
        if not blocks:
            return
        taken = self._coverage.take(blocks)
        mine = taken.frame.filter(pl.col("event_type") == self._spec.event_type)
        changed = store_rows(transaction, mine.iter_rows(named=True))
        self._fold.make_due(transaction, groups_below(transaction, changed))
        advance(transaction, blocks, taken.refused, pl.Series(dtype=pl.UInt32))

    def _take_partials(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        taken = self._intake.take(blocks)
        parts = taken.frame.with_columns(group_text(taken.frame, self._spec).alias(_WHOLE))
        if self._spec.unfolds:
            parts = unfold(parts.with_columns(pl.col(self._spec.unfolds).alias(_LIST)), self._spec)
        groups = group_text(parts, self._spec)
        # The whole group and not only its part: of two lists that share a value, each adds its own.
        named = parts.select(pl.concat_str(_WHOLE, "origin", groups, separator="\n")).to_series()
        texts, group_of = distinct_rows(groups.to_frame())
        count = len(parts)
        keys = pl.Series(map(_short, named.to_list()), dtype=pl.String)
        batch = Batch(
            keys=keys,
            revisions=parts["revision"].to_numpy(),
            ids=np.zeros((count, 2), np.uint64),  # the revision says all of it
            contents=np.zeros(count, np.uint64),
            groups=texts.to_series().to_list(),
            group_of=group_of,
            measures=parts.select(*self._spec.measure_names, pl.col("revision").alias(_PARTS)).to_numpy(),
        )
        applied = self._fold.apply(transaction, batch)
        register(transaction, self._fold.texts(transaction, applied.appeared.tolist()), applied.appeared)
        advance(transaction, blocks, taken.refused, parts[BLOCK].gather(applied.fresh))
        return self._healed(transaction, parts[applied.older], keys.gather(applied.older))

    def due(self, snapshot: Snapshot) -> Due:
        """See `Stage`."""
        due = self._fold.due(snapshot)
        spec = self._spec
        texts = pl.Series(due.texts, dtype=pl.String)
        named = texts.str.json_decode(pl.List(pl.String))
        keys = pl.DataFrame(
            {name: named.list.get(at) for at, name in enumerate(("level", "region", *spec.dimension_names))}
        )
        coverage = attach(snapshot, keys.select(*Spot._fields))
        measures = {name: pl.Series(due.values[:, at]) for at, name in enumerate([*spec.measure_names, _PARTS])}
        figures = keys.with_columns(
            **measures,
            **coverage.to_dict(),
            as_of=pl.lit(_as_of(snapshot), pl.Int64).cast(pl.Datetime("us", "UTC")),
        ).with_columns(revision=pl.col(_PARTS) + pl.col("rank"))
        return Due(self._publisher.records(texts, figures), due.entries)

    def _healed(self, transaction: Transaction, older: pl.DataFrame, keys: pl.Series) -> list[Outgoing]:
        """Append again what an older partial figure has come behind, before compaction could take it for the newest.

        A worker that was frozen past its session, and wakes, may append such a one.
        """
        if older.is_empty():
            return []
        revisions, measures = self._fold.newest(transaction, keys.to_list())
        spec = self._spec
        figures = older.with_columns(
            pl.Series("revision", revisions),
            *(pl.Series(name, measures[:, at]) for at, name in enumerate(spec.measure_names)),
        ).unique((_WHOLE, "origin"), keep="first", maintain_order=True)
        if spec.unfolds:
            figures = _folded(figures, spec)
        names = [as_text(row) for row in figures.select("region", *spec.dimension_names, "origin").iter_rows()]
        return self._partials.records(pl.Series(names, dtype=pl.String), figures)

    def forget(self) -> None:
        """See `Stage`."""
        self._fold.forget()


def _as_of(snapshot: Snapshot) -> int:
    return int.from_bytes(snapshot.get(Space.NAMES, [_AS_OF]).get(_AS_OF, b""), "big")


def _folded(figures: pl.DataFrame, spec: ViewSpec) -> pl.DataFrame:
    """Turn the first value of a list back into the partial figure with the whole list; see `view.unfold`."""
    assert spec.unfolds is not None  # noqa: S101  # asked for by such views only
    first, *others = spec.measure_names
    counts = [total // json.loads(listed)[0][1] for listed, total in figures.select(_LIST, first).iter_rows()]
    return figures.with_columns(
        pl.col(_LIST).alias(spec.unfolds),
        pl.Series(first, counts, pl.Int64),
        *(pl.lit(0, pl.Int64).alias(name) for name in others),
    )


def _short(text: str) -> str:
    """Return a key of fixed length, as the dimensions of a group may be longer than a store's keys."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
