"""How long it takes from an event to the national figure that holds it, at 10,000 events a second.

One worker runs both stages. Every event is a subject of its own that counts, so the national figures of the year add
up to the number of events in them. The time of the k-th event is from its append to the append of the figure with
which k events are in; both are the broker's own times.
"""

import os
import time
from typing import Any

import numpy as np
import polars as pl
from confluent_kafka import Producer
from tests.bench.bench_fold import say
from tests.bench.bus import WORKSHOP, read_from, renew, servers
from tests.bench.incidents import TYPE, Mix, draw
from tests.bench.ours import Ours

from simpul_deploy.bus import prepare
from simpul_processors.views import VIEWS
from simpul_schemas.intake import BLOCK, OFFSET, RecordIntake
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import event_topic, event_topic_spec, partial_topic_spec, value_subject, view_topic_spec

RATE = 10_000
SECONDS = int(os.environ.get("SIMPUL_BENCH_SECONDS", "30"))
_TICKS = 100
SPEC = VIEWS["incident"].spec


def run() -> dict[str, Any]:
    """Publish at a steady rate while a worker runs, and compare the two curves."""
    with servers() as addresses:
        registry = HttpRegistry(addresses[1])
        prepare(addresses[0], registry)
        provinces = sorted(load_regions().provinces())
        events = [event_topic_spec(province, TYPE.name) for province in provinces]
        renew(addresses[0], [*events, partial_topic_spec(SPEC.name), view_topic_spec(SPEC.name)])
        schema_id = registry.lookup(value_subject(events[0].name), TYPE.schema)
        lanes = [one.lane(schema_id) for one in draw(RATE * SECONDS, mix=Mix(corrections=0, plain=True))]
        records = [
            (lane.topic, key, value)
            for row in zip(*(zip(lane.keys, lane.values, strict=True) for lane in lanes), strict=False)
            for lane, (key, value) in zip(lanes, row, strict=True)
        ]
        ours = Ours(*addresses, stage="both")
        with ours.running(WORKSHOP / "report_time"):
            took = _publish(addresses[0], records)
            _wait(addresses[0], registry, len(records))
        starts = dict.fromkeys((event_topic(province, TYPE.name) for province in provinces), 0)
        published = np.sort(np.concatenate([np.asarray(block.timestamps) for block in read_from(addresses[0], starts)]))
        reached = _reached(addresses[0], registry)
    return _describe(published, reached, len(records) / took)


def _publish(bootstrap_servers: str, records: list[tuple[str, bytes, bytes]]) -> float:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all", "linger.ms": 5})
    started = time.monotonic()
    size = RATE // _TICKS
    for tick, at in enumerate(range(0, len(records), size)):
        for topic, key, value in records[at : at + size]:
            producer.produce(topic, value, key=key)
        producer.poll(0)
        time.sleep(max(0.0, started + (tick + 1) / _TICKS - time.monotonic()))
    producer.flush(60)
    return time.monotonic() - started


def _reached(bootstrap_servers: str, registry: HttpRegistry) -> pl.DataFrame:
    """Return how many events were in the national figures of the year after each append: columns `at`, `events`."""
    blocks = read_from(bootstrap_servers, {view_topic_spec(SPEC.name).name: 0})
    if not blocks:
        return pl.DataFrame(schema={"at": pl.Int64, "events": pl.Int64})
    taken = RecordIntake(SPEC.figure_schema, registry).take(blocks)
    times = pl.concat(pl.DataFrame({OFFSET: list(block.offsets), "at": list(block.timestamps)}) for block in blocks)
    figures = taken.frame.drop(BLOCK).join(times, on=OFFSET).sort(OFFSET)
    nation = figures.filter((pl.col("level") == "nation") & (pl.col("period_kind") == "YEAR"))
    names = ["region", *SPEC.dimension_names]
    steps = nation.with_columns(step=pl.col("incidents") - pl.col("incidents").shift(1).over(names).fill_null(0))
    return steps.select("at", events=pl.col("step").cum_sum())


def _wait(bootstrap_servers: str, registry: HttpRegistry, events: int) -> None:
    deadline = time.monotonic() + 300
    while True:
        reached = _reached(bootstrap_servers, registry)
        if len(reached) and reached["events"][-1] == events:
            return
        assert time.monotonic() < deadline, f"only {reached['events'][-1] if len(reached) else 0} of {events} are in"
        time.sleep(1)


def _describe(published: np.ndarray, reached: pl.DataFrame, rate: float) -> dict[str, Any]:
    totals = np.maximum.accumulate(reached["events"].to_numpy())
    first = np.searchsorted(totals, np.arange(1, len(published) + 1))
    seconds = (reached["at"].to_numpy()[first] - published) / 1e6
    p50, p99 = np.percentile(seconds, [50, 99])
    say(f"  report time: p50 {p50:.2f} s, p99 {p99:.2f} s at {rate:,.0f} events/s")
    return {
        "name": "report_time",
        "p50_seconds": round(float(p50), 3),
        "p99_seconds": round(float(p99), 3),
        "largest_seconds": round(float(seconds.max()), 3),
        "events_per_second": round(rate),
        "events": len(published),
        "unit": "s from append of the event to append of the national figure",
    }
