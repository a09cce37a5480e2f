"""Twins in memory of a sink's database, of what asks a log for lag, and of a bus that publishes figures.

For tests of this and other code.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import fastavro
import polars as pl

from simpul_connectors.control.lag import Waiting
from simpul_connectors.errors import RowRefused, SinkOfAnotherBus, TargetRefused
from simpul_connectors.sinks.plan import Plan, Step
from simpul_connectors.sinks.table import Table, Withdraw
from simpul_connectors.sinks.target import (
    BadRow,
    Control,
    Heartbeat,
    Move,
    Position,
    Sifted,
    Sign,
    State,
    check_generation,
    fitting,
    is_stored,
)
from simpul_connectors.subscribe.cursor import Cursor
from simpul_schemas.figures import NOT_STATED, VIEW_SPECS, view_spec
from simpul_schemas.log import Outgoing, Partition, StartOffset
from simpul_schemas.regions import level_of
from simpul_schemas.rows import encode
from simpul_schemas.rules import Text
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry
from simpul_schemas.topics import value_subject, view_topic
from simpul_schemas.wire import frame

#: A row by the names of its columns; times are microseconds since the epoch.
Row = Mapping[str, Any]
_Key = tuple[Any, ...]


@dataclass
class InMemoryDatabase:
    """What outlives a target: tables by name, each row by its key; the rest by sink."""

    tables: dict[str, dict[_Key, Row]] = field(default_factory=dict)
    offsets: dict[str, dict[Partition, Position]] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    withdrawn: dict[str, dict[_Key, Row]] = field(default_factory=lambda: defaultdict(dict))
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    #: The database's own clock, microseconds since the epoch.
    clock: Callable[[], int] = lambda: time.time_ns() // 1000


_NO_HEARTBEAT = Heartbeat(0, State.NEW, "", "", 0, 0, 0, "", 0, 0, 0, 0)


class FigureBus:
    """A bus in memory onto which a test publishes figures, completeness and restatements.

    See `simpul_connectors.subscribe.source.FigureSource`.
    """

    def __init__(self, cluster: str = "memory") -> None:
        self.cluster = cluster
        self.log = InMemoryLog()
        self.registry = InMemoryRegistry()
        self._schemas: dict[str, tuple[int, Any]] = {}

    def reader(self, topics: Sequence[str], start: StartOffset) -> InMemoryReader:
        """See `simpul_connectors.subscribe.source.FigureSource`."""
        return InMemoryReader(self.log, topics, start)

    async def cluster_id(self) -> str:
        """See `simpul_connectors.subscribe.source.FigureSource`."""
        return self.cluster

    async def topics(self) -> frozenset[str]:
        """See `simpul_connectors.subscribe.source.FigureSource`; one that was never used is there too."""
        return frozenset(self.log.topics) | {view_topic(name) for name in VIEW_SPECS}

    def publish(self, view: str, region: str, revision: int, **fields: Any) -> int:  # noqa: ANN401  # the fields of a figure
        """Append a figure and return its offset; what is not named is 0, not stated, of no period, without roster."""
        spec = view_spec(view)
        record: dict[str, Any] = {"level": level_of(region).value, "region": region, "revision": revision}
        record |= {
            "period_kind": "NONE",
            "period": "-",
            "coverage": "NONE",
            "missing": [],
            "as_of": 1_700_000_000_000_000,
        }
        record |= dict.fromkeys(("expected", "reported", "on_time", "late"))
        record |= {dimension.name: NOT_STATED for dimension in spec.dimensions} | dict.fromkeys(spec.measure_names, 0)
        record |= fields
        key = json.dumps([record["level"], region, *(record[name] for name in spec.dimension_names)])
        return self.append(view_topic(view), spec.figure_schema, record, key.encode())

    def append(self, topic: str, schema: str, record: Mapping[str, Any], key: bytes = b"k") -> int:
        """Append a record of any schema and return its offset."""
        if topic not in self._schemas:
            number = self.registry.register(value_subject(topic), schema)
            self._schemas[topic] = (number, fastavro.parse_schema(json.loads(schema)))
        number, parsed = self._schemas[topic]
        return self.log.append(Outgoing(topic, key, frame(number, encode(parsed, dict(record)))))


class InMemoryCursor:
    """See `simpul_connectors.subscribe.cursor.CursorStore`; every cursor that was saved is in `saved`."""

    def __init__(self, *saved: Cursor) -> None:
        self.name = "memory"
        self.saved = list(saved)

    def load(self) -> Cursor | None:
        """See `simpul_connectors.subscribe.cursor.CursorStore`."""
        return self.saved[-1] if self.saved else None

    def save(self, cursor: Cursor) -> None:
        """See `simpul_connectors.subscribe.cursor.CursorStore`."""
        self.saved.append(cursor)


def _nothing() -> None:
    return


def _takes_all(_row: Row) -> str:
    return ""


class InMemoryTarget:
    """See `simpul_connectors.sinks.target.Target`.

    Args:
        database: Shared by the copies of a sink.
        sink: Name that the offsets stand under.
        table: What the sink fills.
        before_commit: May raise, to play a database that fails with nothing written.
        after_commit: May raise, to play an answer that was cut off behind its COMMIT.
        refuses: Returns the database's words about a row that it refuses, or nothing.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a test plays with
        self,
        database: InMemoryDatabase,
        sink: str,
        table: Table,
        before_commit: Callable[[], None] = _nothing,
        after_commit: Callable[[], None] = _nothing,
        refuses: Callable[[Row], str] = _takes_all,
    ) -> None:
        self._database = database
        self._sink = sink
        self._table = table
        self._generation: int | None = None
        self.before_commit = before_commit
        self.after_commit = after_commit
        self.refuses = refuses

    def plan(self) -> Plan:
        """See `simpul_connectors.sinks.target.Target`."""
        if str(self._table) in self._database.tables:
            return Plan()
        return Plan([Step(str(self._table), Text("Tabel dibuat.", "The table is made."))])

    def apply(self) -> Plan:
        """See `simpul_connectors.sinks.target.Target`."""
        plan = self.plan()
        if plan.steps:
            self._database.tables[str(self._table)] = {}
            self._database.offsets.pop(self._sink, None)
            self._database.withdrawn.pop(self._sink, None)
        self._database.controls.setdefault(self._sink, Control())
        return plan

    def prepare(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self.apply()

    def claim(self, cluster: str) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        held = self.control()
        if cluster and held.cluster and cluster != held.cluster:
            raise SinkOfAnotherBus(self._sink, held.cluster, cluster)
        self._generation = held.generation + 1
        self._set(generation=self._generation, cluster=cluster or held.cluster, state=State.RUNNING)
        return self._generation

    def forget(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""
        self._database.offsets.pop(self._sink, None)
        self._database.withdrawn.pop(self._sink, None)
        self._set(cluster="", generation=self.control().generation + 1)

    def control(self) -> Control:
        """See `simpul_connectors.sinks.target.Target`."""
        return self._database.controls.get(self._sink, Control())

    def beat(self, state: State, words: str) -> Control:
        """See `simpul_connectors.sinks.target.Target`."""
        held = self.control()
        if self._generation is not None and held.generation == self._generation:
            self._set(beat=held.beat + 1, state=state, words=words)
        return self.control()

    def pause(self, paused: bool) -> None:  # noqa: FBT001  # as in `Target`
        """See `simpul_connectors.sinks.target.Target`."""
        self._set(paused=paused)

    def _set(self, **changes: Any) -> None:  # noqa: ANN401  # fields of a dataclass
        self._database.controls[self._sink] = replace(self.control(), **changes)

    def sign(self, sign: Sign) -> Heartbeat:
        """See `simpul_connectors.sinks.target.Target`."""
        sign, now = fitting(sign), self._database.clock()
        held = self._database.heartbeats.get(self._sink, _NO_HEARTBEAT)
        if sign.generation >= held.generation:
            held = replace(
                held,
                generation=sign.generation,
                state=sign.state,
                words=sign.words,
                worker=sign.worker,
                interval_seconds=sign.interval_seconds,
                beat_at=now,
                since=held.since if held.since and held.state is sign.state else now,
                error=sign.error or held.error,
                error_at=now if sign.error else held.error_at,
                restarted=held.restart if sign.first else held.restarted,
            )
            self._database.heartbeats[self._sink] = held
        return replace(held, now=now)

    def heartbeat(self) -> Heartbeat | None:
        """See `simpul_connectors.sinks.target.Target`."""
        held = self._database.heartbeats.get(self._sink)
        return held and replace(held, now=self._database.clock())

    def ask_restart(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        held = self._database.heartbeats.get(self._sink)
        if held is None:
            raise TargetRefused("never ran", "Belum pernah berjalan.", "It has never run.")
        self._database.heartbeats[self._sink] = replace(held, restart=held.restart + 1)
        return held.restart + 1

    def positions(self) -> Mapping[Partition, Position]:
        """See `simpul_connectors.sinks.target.Target`."""
        return dict(self._database.offsets.get(self._sink, {}))

    def rows(self) -> int:
        """See `simpul_connectors.sinks.target.Target`."""
        return len(self._database.tables.get(str(self._table), {}))

    def foresee(self, rows: pl.DataFrame) -> None:
        """See `simpul_connectors.sinks.target.Target`."""

    def write(self, rows: pl.DataFrame, moves: Sequence[Move], parts: Sequence[int] = ()) -> None:  # noqa: ARG002  # parts make no difference here
        """See `simpul_connectors.sinks.target.Target`."""
        check_generation(self.control(), self._generation)
        if is_stored(self.positions(), moves):
            return
        newer = self._newer(rows)
        for row in newer.values():
            if words := self.refuses(row):
                raise RowRefused(words, words, words)
        self.before_commit()
        self._put(newer)
        stored = self._database.offsets.setdefault(self._sink, {})
        stored.update({move.partition: move.after for move in moves})
        self._set(beat=self.control().beat + 1)
        self.after_commit()

    def sift(self, rows: pl.DataFrame) -> Sifted:
        """See `simpul_connectors.sinks.target.Target`."""
        check_generation(self.control(), self._generation)
        newer = self._newer(rows)
        found = [(number, newer.get(self._key(row))) for number, row in enumerate(rows.iter_rows(named=True))]
        bad = [BadRow(number, words) for number, row in found if row and (words := self.refuses(row))]
        return Sifted(bad, [1] * (rows.height - len(bad)))

    def close(self) -> None:
        """See `simpul_connectors.sinks.target.Target`."""

    def _key(self, row: Row) -> _Key:
        return tuple(row[name] for name in self._table.key)

    def _newer(self, rows: pl.DataFrame) -> dict[_Key, Row]:
        held, gone = self._database.tables[str(self._table)], self._database.withdrawn[self._sink]
        found: dict[_Key, Row] = {}
        for row in rows.select(self._table.column_names).iter_rows(named=True):
            key = self._key(row)
            older = [there[key] for there in (held, gone) if key in there]
            if all(self._table.order and self._rank(row) > self._rank(other) for other in older):
                found[key] = row
        return found

    def _put(self, newer: Mapping[_Key, Row]) -> None:
        held, gone = self._database.tables[str(self._table)], self._database.withdrawn[self._sink]
        for key, row in newer.items():
            if self._table.withdraw is Withdraw.DELETE and row[self._table.column_of("action")] == "WITHDRAW":
                held.pop(key, None)
                gone[key] = row
            else:
                gone.pop(key, None)
                held[key] = row

    def _rank(self, row: Row) -> tuple[Any, ...]:
        # Code points sort as their UTF-8 bytes do, so Python's own order is the bytewise one.
        return tuple(row[name] for name in self._table.order)


class InMemoryLagMeter:
    """See `simpul_connectors.control.lag.LagMeter`; over a log in memory."""

    def __init__(self, log: InMemoryLog) -> None:
        self._log = log

    async def measure(self, topics: Sequence[str], stored: Mapping[Partition, int]) -> Mapping[Partition, Waiting]:
        """See `simpul_connectors.control.lag.LagMeter`."""
        found: dict[Partition, Waiting] = {}
        for partition in (Partition(topic, 0) for topic in topics):
            block = self._log.read(partition, stored.get(partition, 0), 10**9)
            found[partition] = Waiting(len(block.values), block.timestamps[0]) if block else Waiting(0)
        return found
