"""The stage that tells what changed in figures after they were closed.

It reads the figures as their readers do. Of two figures of one group that both say that their place is closed, the one
with the higher revision restates the other, if a measure differs.
"""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from simpul_processors.overlay import Overlay, digest
from simpul_processors.stages import Due, Publisher, advance
from simpul_processors.store import Snapshot, Space, Transaction
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.figures import VIEW_SPECS, Coverage, ViewSpec
from simpul_schemas.intake import BLOCK, OFFSET, RecordIntake
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.restatement import RESTATEMENT_SCHEMA, Why
from simpul_schemas.topics import restatement_topic, view_topic

_VERSION = 1
_COLUMNS = BlockDecoder(RESTATEMENT_SCHEMA).decode([]).frame.drop(ROW).schema


class RestatementStage:
    """Keeps of every closed figure the newest, and appends a restatement when it changes."""

    def __init__(self, registry: Registry) -> None:
        self.name = "restatement"
        self.topics: Sequence[str] = [view_topic(name) for name in VIEW_SPECS]
        self.follows: Sequence[str] = ()
        self.whole: Sequence[str] = ()
        self.declaration = json.dumps([_VERSION, [spec.figure_schema for spec in VIEW_SPECS.values()]])
        self._intakes = {name: RecordIntake(spec.figure_schema, registry) for name, spec in VIEW_SPECS.items()}
        self._publishers = {
            name: Publisher(restatement_topic(name), RESTATEMENT_SCHEMA, registry) for name in VIEW_SPECS
        }

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """See `Stage`."""
        found: list[Outgoing] = []
        for name, spec in VIEW_SPECS.items():
            mine = [block for block in blocks if block.partition.topic == view_topic(name)]
            if mine:
                found += self._take(transaction, spec, mine)
        return found

    def _take(self, transaction: Transaction, spec: ViewSpec, blocks: Sequence[Block]) -> list[Outgoing]:
        taken = self._intakes[spec.name].take(blocks)
        times = {offset: at for block in blocks for offset, at in zip(block.offsets, block.timestamps, strict=True)}
        closed = taken.frame.filter(pl.col("coverage") == Coverage.CLOSED.value)
        names = ("level", "region", *spec.dimension_names)
        keys = [f"{spec.name}/{digest(row)}" for row in closed.select(names).iter_rows()]
        store = Overlay(transaction)
        store.fetch(Space.ENTITIES, keys)
        rows, fresh = [], []
        for key, row in zip(keys, closed.iter_rows(named=True), strict=True):
            old = store.get(Space.ENTITIES, key)
            if old is not None and row["revision"] <= old["revision"]:
                continue
            if old is None:
                fresh.append(row[BLOCK])
            elif any(row[name] != old[name] for name in spec.measure_names):
                rows.append(_restatement(spec, old, row, times[row[OFFSET]]))
            kept = ("revision", "reported", *spec.measure_names)
            store.put(Space.ENTITIES, key, {name: row[name] for name in kept})
        store.flush(transaction)
        advance(transaction, blocks, taken.refused, pl.Series(fresh, dtype=pl.UInt32))
        keyed = pl.Series([_key(spec, row) for row in rows], dtype=pl.String)
        return self._publishers[spec.name].records(keyed, pl.DataFrame(rows, _COLUMNS, orient="row"))

    def due(self, snapshot: Snapshot) -> Due:  # noqa: ARG002  # nothing is published later than it is found
        """See `Stage`."""
        return Due([], [])

    def forget(self) -> None:
        """See `Stage`."""


def _key(spec: ViewSpec, row: dict[str, Any]) -> str:
    """Return the key of the figure that is restated."""
    own = [one["value"] for one in row["dimensions"]]
    parts = [row["level"], row["region"], row["period_kind"], row["period"], *own]
    assert len(own) == len(spec.dimensions)  # noqa: S101  # one value a dimension
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _restatement(spec: ViewSpec, old: dict[str, Any], new: dict[str, Any], at: int) -> dict[str, Any]:
    changed = [name for name in spec.measure_names if new[name] != old[name]]
    return {
        "view": spec.name,
        **{name: new[name] for name in ("level", "region", "period_kind", "period")},
        "dimensions": [{"name": one.name, "value": new[one.name]} for one in spec.dimensions],
        "revision": new["revision"],
        "revision_before": old["revision"],
        "changes": [
            {"measure": name, "before": old[name], "after": new[name], "difference": new[name] - old[name]}
            for name in changed
        ],
        "why": (Why.LATE if (new["reported"] or 0) > (old["reported"] or 0) else Why.CORRECTION).value,
        "at": at,
    }
