"""Figures as they were known at a moment: computed anew from the log, out of what the broker had appended by then.

The topics of a view keep the newest figure of each group only, the event topics keep everything. So what was known is
found where it cannot have been lost: every accepted event that was there, the highest (revision, event_id) of each
subject, added up. Memory grows with the subjects and not with the events.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from simpul_processors.audit import add_up
from simpul_processors.view import View
from simpul_schemas.contract import event_type
from simpul_schemas.intake import BLOCK, EventIntake
from simpul_schemas.log import Block
from simpul_schemas.registry import Registry

_LANE, _ORDER = "_lane", "_order"


class KnownBy:
    """Takes an event type's log, a piece at a time, and tells what its figures were at a moment.

    Args:
        view: What is computed.
        registry: Knows the schemas of the events.
        moment: Microseconds since the epoch; records that the broker appended later are left out. None is now.
    """

    def __init__(self, view: View, registry: Registry, moment: int | None = None) -> None:
        self._view = view
        self._intake = EventIntake(event_type(view.spec.event_type), registry)
        self._moment = moment
        self._names = ["subject", "revision", "event_id", "region", *view.spec.dimension_names]
        self._names += view.spec.measure_names
        self._winners: pl.DataFrame | None = None
        #: Append time of the newest record that is in it; None where none is.
        self.newest: int | None = None

    def take(self, blocks: Sequence[Block]) -> list[str]:
        """Add blocks, each partition's in the order of its log; returns the event ids that could be read in them."""
        blocks = [block for each in blocks if (block := self._until(each)) is not None]
        if not blocks:
            return []
        self.newest = max(self.newest or 0, *(int(max(block.timestamps)) for block in blocks))
        taken = self._intake.take(blocks)
        lanes = pl.Series(_LANE, [str(block.partition) for block in blocks], pl.String).gather(taken.frame[BLOCK])
        events = self._view.contributions(taken.frame).select(self._names).with_columns(lanes)
        together = events if self._winners is None else pl.concat([self._winners, events])
        # Among copies of one (revision, id) the first in the log stays, as it does in the fold.
        ranked = together.with_row_index(_ORDER).sort(
            "revision", "event_id", _ORDER, descending=[False, False, True], maintain_order=True
        )
        self._winners = ranked.unique([_LANE, "subject"], keep="last", maintain_order=True).drop(_ORDER)
        refused = [record.event_id for record in taken.refused if record.event_id is not None]
        return [*events["event_id"].to_list(), *refused]

    def figures(self) -> pl.DataFrame:
        """Return the figures of every level and period, in one order; groups that add up to nothing are left out."""
        spec = self._view.spec
        if self._winners is None:
            texts = dict.fromkeys(["level", "region", *spec.dimension_names], pl.String)
            return pl.DataFrame(schema=texts | dict.fromkeys(spec.measure_names, pl.Int64))
        return add_up(spec, self._winners)

    def _until(self, block: Block) -> Block | None:
        """Return what of a block was there at the moment; a broker's clock may have gone back in between."""
        if self._moment is None or max(block.timestamps) <= self._moment:
            return block
        at = np.flatnonzero(np.asarray(block.timestamps, np.int64) <= self._moment).tolist()
        if not at:
            return None
        return Block(
            block.partition,
            [block.values[index] for index in at],
            [block.keys[index] for index in at],
            [block.offsets[index] for index in at],
            [block.timestamps[index] for index in at],
        )
