"""Sending from the outbox beside kafka-python itself: the same records to the same topic, in turns.

Ours begins with a full outbox on disk and ends when every event is acknowledged and marked so on disk, with its place
and leaf hash. The peer is the plain loop of kafka-python's own guide, `send` for each record, one `flush`, every future
asked; its records lie ready in memory, so framing, headers and disk are ours alone. Acks, idempotence, linger,
batch size and compression are the same.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from simpul_producers.kafka_producer import kafka_producer_factory
from simpul_producers.outbox import OutboxRow
from simpul_producers.publisher import Draft, Publisher
from simpul_producers.sender import Sender, cloud_event_headers
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import value_subject
from simpul_schemas.wire import frame

RUNS = 5
EVENTS = 20_000
GOAL = 1.0


def run() -> dict[str, Any]:
    """Return the ratio of our rate to kafka-python's, both rates in events per second, and each run's values."""
    with _broker() as servers, tempfile.TemporaryDirectory() as name:
        rows = _rows(_topic(servers))
        full = Path(name) / "full.db"
        with closing(SqliteOutbox(full)) as outbox:
            for start in range(0, EVENTS, 1_000):
                outbox.add(rows[start : start + 1_000], 1)
        _ours(servers, full, Path(name) / "warm"), _theirs(servers, rows)  # the first round loads code
        runs = []
        for number in range(RUNS):
            ours = _ours(servers, full, Path(name) / str(number))
            theirs = _theirs(servers, rows)
            runs.append({"ours": round(ours), "theirs": round(theirs), "ratio": round(ours / theirs, 3)})
    ratio = statistics.median(one["ratio"] for one in runs)
    return {
        "name": "outbox_vs_kafka_python",
        "ratio": ratio,
        "goal": GOAL,
        "met": ratio >= GOAL,
        "ours": statistics.median(one["ours"] for one in runs),
        "theirs": statistics.median(one["theirs"] for one in runs),
        "unit": "events/s",
        "runs": runs,
    }


def _rows(topic: str) -> list[OutboxRow]:
    """Make real incident events, all for one topic of one partition."""
    outbox = InMemoryOutbox()
    publisher = Publisher(outbox, "uji.13", lambda: time.time_ns() // 1000)
    moment = datetime(2024, 2, 14, 9, 30, tzinfo=UTC)
    payload = {
        "kind": "DISASTER",
        "category": "banjir",
        "severity": "MODERATE",
        "verification": "UNVERIFIED",
        "time_precision": "MINUTE",
        "displaced": 120,
    }
    drafts = [Draft("incident", f"kejadian:13.71:{number}", "13.71.01", moment, payload) for number in range(2_000)]
    publisher.publish_many(drafts)
    made = [waiting.row for waiting in outbox.pending(EVENTS)]
    return [
        made[number % len(made)]._replace(event_id=str(uuid.UUID(int=number)), topic=topic) for number in range(EVENTS)
    ]


def _ours(servers: str, full: Path, folder: Path) -> float:
    folder.mkdir()
    shutil.copy(full, folder / "outbox.db")
    with closing(SqliteOutbox(folder / "outbox.db")) as outbox:
        first = outbox.pending(1)[0].row
        registry = InMemoryRegistry()
        registry.register(value_subject(first.topic), first.schema)
        sender = Sender(outbox, registry, kafka_producer_factory(servers), lambda: time.time_ns() // 1000)
        started = time.perf_counter()
        result = sender.drain()
        seconds = time.perf_counter() - started
        assert result.sent == EVENTS
        assert outbox.counts().published == EVENTS
    return EVENTS / seconds


def _theirs(servers: str, rows: list[OutboxRow]) -> float:
    records = [(row.topic, frame(1, row.body), row.subject.encode(), list(cloud_event_headers(row))) for row in rows]
    started = time.perf_counter()
    producer = KafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5, batch_size=256 << 10
    )
    futures = [producer.send(topic, value, key=key, headers=headers) for topic, value, key, headers in records]
    producer.flush()
    assert all(future.succeeded() for future in futures)
    seconds = time.perf_counter() - started
    producer.close()
    return EVENTS / seconds


def _topic(servers: str) -> str:
    name = f"simpul.bench.outbox.{uuid.uuid4().hex[:8]}"
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.create_topics([NewTopic(name, 1, 1)])
    return name


@contextmanager
def _broker() -> Iterator[str]:
    """Take the broker that the environment names, as the tests do, or start one."""
    named = os.environ.get("SIMPUL_TEST_KAFKA")
    if named:
        yield named
        return
    from simpul_deploy.local.stack import Stack  # only where one has to be started

    with tempfile.TemporaryDirectory(prefix="simpul-") as name:
        stack = Stack("bench", data_root=Path(name))
        try:
            yield stack.up().endpoints.bootstrap_servers
        finally:
            stack.down(purge=True)


if __name__ == "__main__":
    sys.stdout.write(f"{run()}\n")
