"""What the alert rules read: the topic of alerts as the seat, and behind it the topics of figures that rules name.

Only one worker needs to judge. Who gets the one partition of the topic of alerts from the consumer group has the seat,
and follows the topics of figures alone, from their beginning: they are compacted, and nothing is kept on disk. Two that
both believe to have the seat harm nobody (see `alert_engine`).

Figures come in by the hundred thousand, and most are of no day or of a level that no rule has. So a record is judged by
its key first, and what is left is decoded in columns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl

from simpul_processors.alert_engine import Coverage, DayFigure
from simpul_processors.alert_rules import AlertRule
from simpul_schemas.alerts import Alert, read_alert
from simpul_schemas.avro_types import UncarriedSchema, read_schema
from simpul_schemas.calendars import EPOCH_ORDINAL, PeriodKind
from simpul_schemas.columns import ROW
from simpul_schemas.errors import MalformedRecord, OutsideError, RegistryRefused
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Block, LogReader, StartOffset
from simpul_schemas.periods import Period
from simpul_schemas.registry import NOT_FOUND_CODES, Registry
from simpul_schemas.rows import RowDecoder
from simpul_schemas.slices import Slices
from simpul_schemas.topics import ALERT_TOPIC, view_topic
from simpul_schemas.wire import unframe

#: Who reported where and when; written by the completeness of the bus.
COVERAGE_TOPIC = view_topic("completeness")

_MAX_RECORDS = 50_000
#: Reads of the figures' topics that go into one glance, so that alerts are judged seldom and in one piece.
_READS = 20

#: Makes a reader of some topics that asks for the offset to begin each partition at.
MakeReader = Callable[[Sequence[str], StartOffset], LogReader]
#: Returns those of some topics that exist; a reader would wait for the others.
Existing = Callable[[Sequence[str]], Awaitable[Sequence[str]]]


@dataclass(slots=True)
class Glance:
    """What was read since the glance before.

    `fresh` says that everything held so far is to be forgotten, `caught_up` that all was read that there was when
    reading began: before that nothing can be judged. `positions` is how far each topic was read.
    """

    fresh: bool = False
    caught_up: bool = False
    alerts: list[Alert] = field(default_factory=list)
    figures: list[DayFigure] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)


class AlertFeed:
    """Reads for the rules, as long as this process has the seat."""

    def __init__(self, seat: LogReader, follow: MakeReader, existing: Existing, sieve: "Sieve") -> None:
        self._seat = seat
        self._existing = existing
        self._make_follower = follow
        self._sieve = sieve
        self._follower: LogReader | None = None
        self._positions: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._fresh = True

    async def start(self) -> None:
        """Ask for the seat."""
        await self._seat.start()

    async def stop(self) -> None:
        """Give up the seat."""
        await self._leave()
        await self._seat.stop()

    async def look(self, poll_seconds: float) -> Glance | None:
        """Return what is new, None while another has the seat."""
        blocks = await self._seat.read(_MAX_RECORDS, poll_seconds)
        ends = await self._seat.end_offsets()
        if not ends:
            await self._leave()
            return None
        glance = Glance()
        await asyncio.to_thread(self._take, blocks, glance)
        if self._follower is None:
            await self._enter(ends)
        glance.fresh, self._fresh = self._fresh, False
        for _ in range(_READS):
            assert self._follower is not None  # noqa: S101  # `_enter` made it
            found = await self._follower.read(_MAX_RECORDS, 0.0)
            await asyncio.to_thread(self._take, found, glance)
            if not found:
                break
        glance.caught_up = all(self._positions.get(topic, 0) >= end for topic, end in self._ends.items())
        glance.positions = dict(self._positions)
        return glance

    async def _enter(self, seat_ends: Mapping[Any, int]) -> None:
        topics = await self._existing(self._sieve.topics)
        if not topics:
            raise OutsideError(
                f"Topik untuk aturan peringatan belum ada: {', '.join(self._sieve.topics)}; jalankan 'simpul up'.",
                f"The topics of the alert rules do not exist: {', '.join(self._sieve.topics)}; run 'simpul up'.",
            )
        self._follower = self._make_follower(topics, lambda _: 0)
        await self._follower.start()
        ends = {**await self._follower.end_offsets(), **seat_ends}
        self._ends = {partition.topic: end for partition, end in ends.items()}
        self._fresh = True

    async def _leave(self) -> None:
        if self._follower is not None:
            await self._follower.stop()
        self._follower = None
        self._positions = {}
        self._fresh = True

    def _take(self, blocks: Iterable[Block], glance: Glance) -> None:
        for block in blocks:
            topic = block.partition.topic
            self._positions[topic] = block.next_offset
            if topic == ALERT_TOPIC:
                glance.alerts += self._sieve.alerts(block.values)
            elif topic == COVERAGE_TOPIC:
                glance.coverage += self._sieve.coverage(zip(block.keys, block.values, strict=True))
            else:
                glance.figures += self._sieve.figures(block)


class Sieve:
    """Lets through what rules watch. What cannot be read is nobody's alert."""

    def __init__(self, rules: Sequence[AlertRule], registry: Registry) -> None:
        self._registry = registry
        self._decoders: dict[int, RowDecoder] = {}
        self._by_topic: dict[str, list[AlertRule]] = {}
        for rule in rules:
            if rule.figures is not None:
                self._by_topic.setdefault(view_topic(rule.figures.view), []).append(rule)
        self._intakes = {topic: _intake(watching, registry) for topic, watching in self._by_topic.items()}
        self._reads_coverage = any(rule.silence for rule in rules)

    @property
    def topics(self) -> list[str]:
        """The topics that the rules read."""
        return [*self._by_topic, *([COVERAGE_TOPIC] if self._reads_coverage else [])]

    def alerts(self, values: Iterable[bytes | None]) -> Iterator[Alert]:
        """Read records of the topic of alerts."""
        for value in values:
            try:
                yield read_alert(unframe(value)[1])
            except (MalformedRecord, ValueError, TypeError):
                continue  # of a later version: it cannot be compared, and the next judgement is written over it

    def figures(self, block: Block) -> Iterator[DayFigure]:
        """Read records of a view's topic."""
        rules = self._by_topic.get(block.partition.topic, [])
        prefixes = tuple({f'["{rule.level.value}",'.encode() for rule in rules})
        rows = [
            row
            for row, key in enumerate(block.keys)
            if key is not None and key.startswith(prefixes) and b'"DAY"' in key
        ]
        if not rows:
            return
        kept = _rows_of(block, rows)
        frame = self._intakes[block.partition.topic].take([kept]).frame
        days = pl.col("period").str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64) + EPOCH_ORDINAL
        figures = (
            frame.filter(pl.col("period_kind") == PeriodKind.DAY.value).with_columns(period=days).drop_nulls("period")
        )
        for rule in rules:
            watched = figures.filter(_watched(rule))
            names = ((kept.keys[row] or b"").decode(errors="replace") for row in watched[ROW].to_list())
            columns = (watched[name].to_list() for name in ("revision", _measure(rule)))
            places = (watched[name].to_list() for name in ("region", "period"))
            yield from map(DayFigure, repeat(rule.name), *places, names, *columns)

    def coverage(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> Iterator[Coverage]:
        """Read records of the topic of completeness."""
        for key, value in records:
            record = self._decode(value) if key is not None and value is not None else None
            try:
                if record is not None:
                    yield Coverage(
                        record["event_type"],
                        record["region"],
                        record["period_kind"],
                        Period.read(record["period_kind"], record["period"]).first.toordinal(),
                        record["revision"],
                        record["expected"],
                        record["reported"],
                        record["silent"],
                        tuple(record["missing"]),
                    )
            except (KeyError, ValueError, TypeError):
                continue

    def _decode(self, value: bytes) -> dict[str, Any] | None:
        try:
            schema_id, body = unframe(value)
            if schema_id not in self._decoders:
                self._decoders[schema_id] = RowDecoder(read_schema(self._registry.schema(schema_id)))
            return self._decoders[schema_id].decode(body)
        except (MalformedRecord, UncarriedSchema):
            return None
        except RegistryRefused as error:
            if error.error_code in NOT_FOUND_CODES:
                return None
            raise


def _intake(rules: Sequence[AlertRule], registry: Registry) -> RecordIntake:
    """Return what reads of a view's figures what its rules ask for."""
    (view,) = {rule.figures.view for rule in rules if rule.figures}
    spec = VIEW_SPECS[view]
    asked = {"level", "region", "revision", *spec.dimension_names, *map(_measure, rules)}
    return RecordIntake(spec.figure_schema, registry, asked)


def _measure(rule: AlertRule) -> str:
    assert rule.figures is not None  # noqa: S101  # asked of rules that watch figures
    return rule.figures.measure


def _watched(rule: AlertRule) -> pl.Expr:
    """Say which figures of its view a rule watches."""
    assert rule.figures is not None  # noqa: S101  # asked of rules that watch figures
    region = pl.col("region")
    within = [(region == code) | region.str.starts_with(f"{code}.") for code in rule.regions]
    return pl.all_horizontal(
        pl.col("level") == rule.level.value,
        pl.any_horizontal(within) if within else pl.lit(value=True),
        pl.col(rule.figures.measure).is_not_null(),  # an older schema may lack it
        *(pl.col(name).is_in(sorted(values)) for name, values in rule.figures.values.items()),
    )


def _rows_of(block: Block, rows: Sequence[int]) -> Block:
    """Return some records of a block."""
    values, keys = (Slices.of(strings).take(np.array(rows, np.intp)) for strings in (block.values, block.keys))
    offsets, timestamps = ([numbers[row] for row in rows] for numbers in (block.offsets, block.timestamps))
    return Block(block.partition, values, keys, offsets, timestamps)
