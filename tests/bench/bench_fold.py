"""The fold beside its peers: one log, the same figures, verdict and quarantine and receipts on.

The clock of every engine runs from its first record to the last append of what it publishes (for raw consumption to
the last record), so that the start of a process and the joining of a group are nobody's cost.
"""

import os
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from tests.bench import figures, peers
from tests.bench.bus import WORKSHOP, publish, read_from, renew, servers
from tests.bench.incidents import TYPE, Lane, draw
from tests.bench.measure import ratio, side_by_side
from tests.bench.ours import Ours

from simpul_deploy.bus import prepare
from simpul_schemas.log import Block
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import TopicSpec, event_topic_spec, value_subject

EVENTS = int(os.environ.get("SIMPUL_BENCH_EVENTS", "1000000"))
FAUST_EVENTS = 30_000
QUIX_EVENTS = 100_000
ROUNDS = int(os.environ.get("SIMPUL_BENCH_ROUNDS", "3"))
_APPENDED = {"message.timestamp.type": "LogAppendTime"}


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Bench:
    """The log, and how each engine is run over it."""

    def __init__(self, bootstrap_servers: str, registry_url: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.registry = HttpRegistry(registry_url)
        prepare(bootstrap_servers, self.registry)
        self.ours = Ours(bootstrap_servers, registry_url)
        provinces = load_regions().provinces()
        self.schema_id = self.registry.lookup(value_subject(event_topic_spec("73", TYPE.name).name), TYPE.schema)
        self.specs = [event_topic_spec(province, TYPE.name) for province in provinces]
        self.topics = [spec.name for spec in self.specs]
        self.value_bytes = 0

    def fill(self, events: int) -> figures.Figures:
        """Publish events to the 38 topics, and return the figures that they come to."""
        renew(self.bootstrap_servers, self.specs)
        drawn = list(draw(events))
        publish(self.bootstrap_servers, map(self._weighed, (one.lane(self.schema_id) for one in drawn)))
        return figures.expected(one.events for one in drawn)

    def _weighed(self, lane: Lane) -> Lane:
        self.value_bytes += sum(map(len, lane.values))
        return lane

    def fold(self, right: figures.Figures, events: int = EVENTS, workers: int = 1) -> Callable[[], float]:
        def run() -> float:
            outcome = self.ours.run(workers)
            figures.check("simpul", figures.of_partials(outcome.partials, self.registry), right)
            micros = outcome.processor_seconds / events * 1e6
            say(
                f"  simpul x{workers}: {events / outcome.seconds:,.0f}/s, {micros:.1f} us of processor an event, "
                f"RssAnon {outcome.anonymous_bytes >> 20} MiB"
            )
            return events / outcome.seconds

        return run

    def raw(self) -> float:
        span = peers.raw(self.bootstrap_servers, EVENTS, self.topics)
        say(f"  raw getmany: {EVENTS / (span.ended - span.started):,.0f}/s")
        return EVENTS / (span.ended - span.started)

    def kafka_streams(self, right: figures.Figures, *, split: bool) -> Callable[[], float]:
        peer = peers.KafkaStreams()
        output = "bench.kafka_streams.figures"

        def run() -> float:
            renew(self.bootstrap_servers, [TopicSpec(output, 1, _APPENDED)])
            started = peer.run(self.bootstrap_servers, EVENTS, self.topics, output, split=split)
            written = read_from(self.bootstrap_servers, {output: 0})
            figures.check("Kafka Streams", figures.of_packed(written), right)
            rate = EVENTS / (_last(written) - started)
            say(f"  Kafka Streams: {rate:,.0f}/s, {sum(len(block.values) for block in written):,} figures")
            return rate

        return run

    def faust(self) -> float:
        """Run stock Faust over a shorter log in topics of its own."""
        drawn = list(draw(FAUST_EVENTS))
        lanes = [one.lane(self.schema_id, prefix="bench.faust") for one in drawn]
        renew(self.bootstrap_servers, [TopicSpec(lane.topic, 1, _APPENDED) for lane in lanes])
        publish(self.bootstrap_servers, lanes)
        file = WORKSHOP / "faust.json"
        span = peers.faust(self.bootstrap_servers, FAUST_EVENTS, [lane.topic for lane in lanes], file)
        figures.check("Faust", figures.of_file(file), figures.expected(one.events for one in drawn))
        say(f"  Faust: {FAUST_EVENTS / (span.ended - span.started):,.0f}/s")
        return FAUST_EVENTS / (span.ended - span.started)

    def quix(self) -> float:
        """Run Quix Streams over one partition that holds a shorter log of all provinces."""
        drawn = list(draw(QUIX_EVENTS))
        topic, output = "bench.quix.incident", "bench.quix.figures"
        renew(self.bootstrap_servers, [TopicSpec(topic, 1, _APPENDED), TopicSpec(output, 1, _APPENDED)])
        publish(self.bootstrap_servers, (one.lane(self.schema_id, topic=topic) for one in drawn))
        file = WORKSHOP / "quix.json"
        span = peers.quix(self.bootstrap_servers, QUIX_EVENTS, topic, output, file)
        figures.check("Quix", figures.of_file(file), figures.expected(one.events for one in drawn))
        say(f"  Quix: {QUIX_EVENTS / (span.ended - span.started):,.0f}/s")
        return QUIX_EVENTS / (span.ended - span.started)


def _last(blocks: Sequence[Block]) -> float:
    return max(block.timestamps[-1] for block in blocks) / 1e6


def run() -> list[dict[str, Any]]:
    """Run the fold beside every peer."""
    with servers() as (bootstrap_servers, registry_url):
        bench = Bench(bootstrap_servers, registry_url)
        right = bench.fill(EVENTS)
        mean_bytes = round(bench.value_bytes / EVENTS, 1)
        say(f"{EVENTS:,} events of {mean_bytes} bytes, {len(right):,} figures")
        found = side_by_side(
            {
                "ours": bench.fold(right),
                "kafka_streams": bench.kafka_streams(right, split=_SPLIT),
                "raw": bench.raw,
                "two": bench.fold(right, workers=2),
                "faust": bench.faust,
                "quix": bench.quix,
            },
            ROUNDS,
        )
    log = {"events": EVENTS, "topics": len(bench.topics), "figures": len(right), "value_bytes": mean_bytes}
    # Kafka Streams has two threads on the two cores, so it is compared with two workers; one has one core.
    one = round(median(found["ours"]) / median(found["kafka_streams"]), 3)
    both = {"workers": 2, "ratio_of_one_worker": one}
    return [
        ratio("fold_vs_kafka_streams", 5, found["two"], found["kafka_streams"], **log, **both),
        ratio("fold_vs_faust", 90, found["ours"], found["faust"], **log, their_events=FAUST_EVENTS),
        ratio("fold_vs_quix", 7, found["ours"], found["quix"], **log, their_events=QUIX_EVENTS),
        ratio("fold_vs_raw", 0.4, found["ours"], found["raw"], **log),
        ratio("fold_two_workers", 1.7, found["two"], found["ours"], **log),
    ]


#: Whether Kafka Streams gets tables of its own for each topic; the quicker of both ways was chosen by trying.
_SPLIT = bool(int(os.environ.get("SIMPUL_BENCH_SPLIT", "1")))
