"""What a stage of the fold is, and what the stages share.

A stage is pure apart from the registry it asks for schemas: blocks and a transaction in, records to be sent out.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import fastavro
import numpy as np
import polars as pl

from simpul_processors.store import Transaction
from simpul_schemas.intake import Refused
from simpul_schemas.log import Block, Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.rows import encode
from simpul_schemas.topics import value_subject
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


class Publisher:
    """Turns groups into records of a topic; the schema's id is asked for when the first one is sent."""

    def __init__(self, topic: str, schema: str, registry: Registry) -> None:
        self._topic = topic
        self._schema = schema
        self._parsed: Any = fastavro.parse_schema(json.loads(schema))
        self._registry = registry
        self._id: int | None = None

    def record(self, key: str, value: dict[str, Any]) -> Outgoing:
        """Return the record of a group."""
        if self._id is None:
            self._id = self._registry.lookup(value_subject(self._topic), self._schema)
        return Outgoing(self._topic, key.encode(), frame(self._id, encode(self._parsed, value)))


def advance(
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
