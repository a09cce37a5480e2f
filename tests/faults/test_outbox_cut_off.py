"""An outbox cut off for 72 hours, its process killed again and again, its clock jumping: nothing is lost or doubled.

Real processes on a real broker. The clock is passed in: it runs through 72 hours while the link is away, and jumps two
hours either way at every start. `SIMPUL_TEST_KILLS` (50 by default; CI says 12) and `SIMPUL_TEST_EVENTS` (20,000) say
how much; `SIMPUL_TEST_SEED` names a run.
"""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from simpul_deploy.bus import ensure_topics
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.rows import decode
from simpul_schemas.topics import event_topic_spec, value_subject
from simpul_schemas.wire import unframe

pytestmark = [pytest.mark.stack, pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")]

IN_CI = bool(os.environ.get("CI"))
KILLS = int(os.environ.get("SIMPUL_TEST_KILLS") or (12 if IN_CI else 50))
EVENTS = int(os.environ.get("SIMPUL_TEST_EVENTS") or 20_000)
SUBJECTS = 400
TOPIC = "simpul.94.incident.v1"
PATIENCE_SECONDS = 300.0
#: Of one line of the ledger, roughly.
LINE_BYTES = 68

#: Publishes what the ledger does not hold yet, and writes down what was taken; the ledger is the test's own truth.
PUBLISH = textwrap.dedent("""
    import json, os, sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from simpul_producers.publisher import Draft, Publisher
    from simpul_producers.sqlite_outbox import SqliteOutbox

    path, ledger_path, start, count, subjects, jump = sys.argv[1:]
    start, count, subjects, jump = int(start), int(count), int(subjects), int(jump)
    STEP = 72 * 3600 * 1_000_000 // count
    at = start

    def clock():
        return 1_719_800_000_000_000 + at * STEP + jump

    outbox = SqliteOutbox(Path(path))
    publisher = Publisher(outbox, "uji.94", clock)
    ledger = open(ledger_path, "a", encoding="utf-8")
    print("ready", flush=True)
    while at < count:
        batch = range(at, min(at + 20, count))
        drafts = [
            Draft(
                "incident", f"uji-72-jam:{number % subjects}", "94.01",
                datetime.fromtimestamp((clock() - 3_600_000_000) / 1e6, UTC),
                {"kind": "DISASTER", "category": f"nomor-{number}", "severity": "MINOR",
                 "verification": "UNVERIFIED", "time_precision": "MINUTE"},
            )
            for number in batch
        ]
        for number, answer in zip(batch, publisher.publish_many(drafts)):
            ledger.write(json.dumps([number, answer.event_id, answer.revision]) + "\\n")
        ledger.flush()
        os.fsync(ledger.fileno())
        at = batch[-1] + 1
    outbox.close()
""")

SEND = textwrap.dedent("""
    import sys
    from pathlib import Path
    from simpul_producers.kafka_producer import kafka_producer_factory
    from simpul_producers.sender import Sender
    from simpul_producers.sqlite_outbox import SqliteOutbox
    from simpul_schemas.registry import HttpRegistry

    outbox = SqliteOutbox(Path(sys.argv[1]))
    sender = Sender(
        outbox, HttpRegistry(sys.argv[3]), kafka_producer_factory(sys.argv[2]), lambda: 7, batch_rows=int(sys.argv[4])
    )
    print("ready", flush=True)
    sender.drain()
""")


@contextmanager
def process(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1][-2000:]
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def killed_while(child: subprocess.Popen[str], moved: Any, by: int) -> bool:
    """Kill a child once it has come so far; False where it ended by itself before."""
    start, deadline = moved(), time.monotonic() + PATIENCE_SECONDS
    while moved() < start + by:
        if child.poll() is not None:
            assert child.returncode == 0, child.communicate()[1][-2000:]
            return False
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    return True


def ledger_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def ledger_lines(path: Path) -> list[tuple[int, str, int]]:
    """Read the ledger; a line that the kill cut off is not in it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    found = []
    for line in lines:
        try:
            number, event_id, revision = json.loads(line)
        except ValueError:
            continue
        found.append((number, event_id, revision))
    return found


def test_72_hours_offline_with_kills_and_a_jumping_clock_lose_and_double_nothing(servers: Any, tmp_path: Path) -> None:
    seed = int(os.environ.get("SIMPUL_TEST_SEED") or random.SystemRandom().randrange(10**6))
    sys.stdout.write(f"SIMPUL_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    path, ledger = tmp_path / "outbox.db", tmp_path / "ledger.jsonl"
    ensure_topics(servers.bootstrap_servers, [event_topic_spec("94", "incident")])
    with closing(HttpRegistry(servers.registry_url)) as registry:
        registry.register(value_subject(TOPIC), event_type("incident").schema)
    before = end_offset(servers.bootstrap_servers)
    kills = publish_through_kills(path, ledger, chance, KILLS // 2)
    kills += send_through_kills(path, servers, chance, KILLS - kills)
    assert kills == KILLS, seed

    outbox = SqliteOutbox(path)
    taken = outbox.counts()
    outbox.close()
    said = ledger_lines(ledger)
    assert {number for number, _, _ in said} == set(range(EVENTS)), seed
    assert taken.pending == 0, seed
    arrived = list(read_all(servers.bootstrap_servers, before))
    check_law(said, arrived, seed)
    # What was acknowledged by the outbox, and not by the dying program, is there too; no more than one such a kill.
    assert 0 <= taken.published - len({event_id for _, event_id, _ in said}) <= 20 * KILLS, seed


def publish_through_kills(path: Path, ledger: Path, chance: random.Random, kills: int) -> int:
    """Publish all events while the link is away, killed at random moments."""
    done = 0
    while True:
        lines = ledger_lines(ledger)
        start = max((number for number, _, _ in lines), default=-1) + 1
        # What the program took and did not live to write down is published again, as an application would.
        jump = chance.choice((-1, 0, 1)) * 2 * 3600 * 1_000_000
        with process(PUBLISH, path, ledger, start, EVENTS, SUBJECTS, jump) as child:
            share = max((EVENTS - start) // (2 * max(kills - done, 1)), 20)
            by = chance.randrange(1, share) if done < kills else EVENTS * 2
            if killed_while(child, lambda: ledger_size(ledger), by * LINE_BYTES):
                done += 1
            else:
                return done


def send_through_kills(path: Path, servers: Any, chance: random.Random, kills: int) -> int:
    """Let the link return, and send all, killed at random moments."""
    done = 0
    watching = SqliteOutbox(path)
    try:
        while True:
            with process(SEND, path, servers.bootstrap_servers, servers.registry_url, 100) as child:
                waiting = watching.counts().pending
                share = max(waiting // (2 * max(kills - done, 1)), 2)
                by = chance.randrange(1, share) if done < kills else EVENTS * 2
                if killed_while(child, lambda: watching.counts().published, by):
                    done += 1
                elif watching.counts().pending == 0:
                    return done
    finally:
        watching.close()


def check_law(said: list[tuple[int, str, int]], arrived: list[tuple[str, str, int, str]], seed: int) -> None:
    """What arrived, each event once: all that was said, no subject's revision going back, and the last one last."""
    first: dict[str, tuple[str, int, str]] = {}
    for event_id, subject, revision, category in arrived:
        known = first.setdefault(event_id, (subject, revision, category))
        assert known == (subject, revision, category), seed
    assert {event_id for _, event_id, _ in said} <= first.keys(), seed
    assert all(first[event_id][1] == revision for _, event_id, revision in said), seed
    by_subject: dict[str, list[int]] = defaultdict(list)
    for subject, revision, _ in first.values():
        by_subject[subject].append(revision)
    assert len(by_subject) == SUBJECTS
    for revisions in by_subject.values():
        assert revisions == sorted(set(revisions)), seed
    handed_out: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, _, revision in said:
        handed_out[number % SUBJECTS].append((number, revision))
    for pairs in handed_out.values():
        assert [revision for _, revision in sorted(pairs)] == sorted(revision for _, revision in pairs), seed


def end_offset(bootstrap_servers: str) -> int:
    place = TopicPartition(TOPIC, 0)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        return int(consumer.end_offsets([place])[place])
    finally:
        consumer.close()


def read_all(bootstrap_servers: str, start: int) -> Iterator[tuple[str, str, int, str]]:
    """Yield event id, subject, revision and category of every record from an offset on, in the order of the log."""
    place, schema = TopicPartition(TOPIC, 0), event_type("incident").parsed_schema
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        consumer.assign([place])
        consumer.seek(place, start)
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            for record in consumer.poll(timeout_ms=2000, max_records=5000).get(place, []):
                event = decode(schema, unframe(record.value)[1])
                yield event["event_id"], event["subject"], event["revision"], event["category"]
    finally:
        consumer.close()
