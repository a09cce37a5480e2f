"""What a stage of the fold is, and what the stages share.

A stage is pure apart from the registry it asks for schemas: blocks and a transaction in, records to be sent out.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import Protocol

import polars as pl
import pyarrow as pa
import pyruhvro

from simpul_processors.store import Snapshot, Transaction
from simpul_schemas.avro_types import plain_schema, read_schema
from simpul_schemas.intake import Refused
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import value_subject
from simpul_schemas.wire import frame


@dataclass(frozen=True)
class Due:
    """Figures that changed and were not published since, and the entries of the store that say so."""

    records: Sequence[Outgoing]
    entries: Sequence[bytes]


class Stage(Protocol):
    """One step of the fold: which topics it reads, and what it does with their blocks.

    `follows` are topics that are read beside, by whoever has a partition of `topics`, see `follow`.
    `whole` are topics that are kept for ever: a worker that finds the beginning of one deleted changes no figure.
    `declaration` is a text that changes with what the stage computes: a store of another one is rebuilt from the log.
    """

    name: str
    topics: Sequence[str]
    follows: Sequence[str]
    whole: Sequence[str]
    declaration: str

    def apply(self, transaction: Transaction, blocks: Sequence[Block]) -> list[Outgoing]:
        """Fold the blocks, move the positions of their partitions, and return what must be sent besides figures."""

    def due(self, snapshot: Snapshot) -> Due:
        """Return the figures that changed and were not published since, as they are now."""

    def forget(self) -> None:
        """Forget what was learned inside a transaction that did not commit."""


class Publisher:
    """Turns columns into records of a topic; the schema's id is asked for when the first one is sent."""

    def __init__(self, topic: str, schema: str, registry: Registry) -> None:
        self._topic = topic
        self._schema = schema
        self._plain = plain_schema(read_schema(schema))
        self._arrow = pyruhvro.deserialize_array([], self._plain).schema
        self._registry = registry
        self._head: bytes | None = None

    def records(self, keys: pl.Series, values: pl.DataFrame) -> list[Outgoing]:
        """Return a record for each row; columns are found by the names of the schema's fields."""
        if self._head is None:
            self._head = frame(self._registry.lookup(value_subject(self._topic), self._schema), b"")
        columns = [values[field.name].to_arrow().cast(field.type) for field in self._arrow]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._arrow)
        bodies = pyruhvro.serialize_record_batch(batch, self._plain, 1)[0].to_pylist() if len(values) else []
        rows = zip(
            repeat(self._topic),
            keys.cast(pl.Binary).to_list(),
            map(self._head.__add__, bodies),
            repeat(()),
            strict=False,
        )
        return list(map(_OUTGOING, rows))


#: Makes an `Outgoing` of its four fields: there are very many, and its own constructor costs three times as much.
_OUTGOING: Callable[[tuple[object, ...]], Outgoing] = partial(tuple.__new__, Outgoing)


def advance(
    transaction: Transaction, blocks: Sequence[Block], refused: Sequence[Refused], fresh_blocks: pl.Series
) -> None:
    """Move the position of every block's partition to its end."""
    fresh = Counter(fresh_blocks.to_list())
    bad = Counter(record.partition for record in refused)
    for number, block in enumerate(blocks):
        before = transaction.position(block.partition)
        after = replace(
            before,
            next_offset=block.next_offset,
            records=before.records + len(block.values),
            refused=before.refused + bad.pop(block.partition, 0),  # once, also where it has several blocks
            current=before.current + fresh[number],
        )
        transaction.put_position(block.partition, after)
