"""What kills workers in the midst of work, and polling-station events of which it is known what they add up to.

A kill falls while there is work, on any machine: only so many events are dealt out, and a worker whose time has come is
frozen and looked at first. One that has events in hand is killed; another gets some more, and is frozen again sooner.
"""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from simpul_deploy import bus
from simpul_deploy.demo.children import die_with_parent
from simpul_deploy.lag import LagMeter
from simpul_schemas.contract import event_type
from simpul_schemas.figures import PARTICIPATION
from simpul_schemas.identity import stable_event_id
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.rows import encode
from simpul_schemas.topics import event_topic, value_subject, view_topic
from simpul_schemas.wire import frame

PEERS = Path(__file__).parents[1] / "peers"
PATIENCE_SECONDS = 180.0

KIND = event_type("participation")
DISTRICTS = {
    "17": ("17.01.01", "17.01.02", "17.02.06"),
    "53": ("53.01.04", "53.01.05", "53.02.01"),
    "73": ("73.01.01", "73.01.02", "73.02.01"),
    "91": ("91.03.01", "91.03.02", "91.05.01"),
}
#: Stations, registered and turned out of a region.
Figures = Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is sent, and what it says."""

    topic: str
    subject: str
    order: tuple[int, str]
    region: str
    counts: bool
    registered: int | None
    turned_out: int | None
    value: bytes

    @property
    def refused(self) -> bool:
        """Whether it lies about its province."""
        return self.topic != event_topic(self.region[:2], KIND.name)


def make_events(chance: random.Random, election: str, count: int, schema_id: int) -> list[Event]:
    """Make so many events in any order: corrections, withdrawals, exercises, copies, and some that are refused."""
    made = [make_event(chance, election, number, count, schema_id) for number in range(count * 99 // 100)]
    made += chance.choices(made, k=count - len(made))
    chance.shuffle(made)
    return made


def make_event(chance: random.Random, election: str, number: int, count: int, schema_id: int) -> Event:
    province = chance.choice(list(DISTRICTS))
    lies = chance.random() < 0.005
    region = chance.choice(DISTRICTS[chance.choice(list(DISTRICTS)) if lies else province])
    said: dict[str, Any] = {
        "event_id": stable_event_id(1_700_000_000_000_000, election, str(number)),
        "subject": f"tps:{election}:{province}:{chance.randrange(count * 7 // 10)}",
        "revision": chance.randrange(1, 1_000),
        "action": "WITHDRAW" if chance.random() < 0.03 else "SUBMIT",
        "region": region,
        "occurred_at": 1_707_900_000_000_000,
        "recorded_at": 1_707_900_000_000_000,
        "published_at": 1_707_900_000_000_000,
        "source": f"uji.{province}",
        "mode": "EXERCISE" if chance.random() < 0.02 else "ACTUAL",
        "election": election,
        "registered": chance.choice((None, 300, 290)),
        "turned_out": chance.choice((None, chance.randrange(290))),
    }
    record = {field["name"]: said.get(field["name"]) for field in KIND.parsed_schema["fields"]}
    return Event(
        event_topic(province, KIND.name),
        said["subject"],
        (said["revision"], said["event_id"]),
        region,
        (said["action"], said["mode"]) == ("SUBMIT", "ACTUAL"),
        said["registered"],
        said["turned_out"],
        frame(schema_id, encode(KIND.parsed_schema, record)),
    )


def recomputed(events: Sequence[Event]) -> Figures:
    """What the events add up to at every level, in a plain loop: the highest (revision, id) of a subject counts."""
    newest: dict[str, Event] = {}
    for event in events:
        if not event.refused and (event.subject not in newest or event.order > newest[event.subject].order):
            newest[event.subject] = event
    sums: dict[str, tuple[int, int, int]] = {}
    for event in newest.values():
        if event.counts:
            for region in (event.region, event.region[:5], event.region[:2], "ID"):
                stations, registered, turned_out = sums.get(region, (0, 0, 0))
                sums[region] = (
                    stations + 1,
                    registered + (event.registered or 0),
                    turned_out + (event.turned_out or 0),
                )
    return sums


def published(bootstrap_servers: str, election: str) -> Figures:
    """What a reader of the view's topic holds of an election: the highest revision of each figure."""
    schema = fastavro.parse_schema(json.loads(PARTICIPATION.figure_schema))
    partition = TopicPartition(view_topic(PARTICIPATION.name), 0)
    newest: dict[str, dict[str, Any]] = {}
    with closing(KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for record in consumer.poll(1000).get(partition, ()):
                figure: Any = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema)
                older = newest.get(figure["region"])
                if figure["election"] == election and (older is None or figure["revision"] > older["revision"]):
                    newest[figure["region"]] = figure
    found = {
        region: (figure["stations"], figure["registered"], figure["turned_out"]) for region, figure in newest.items()
    }
    return {region: counts for region, counts in found.items() if any(counts)}


class Killed:
    """A worker process that can be frozen and killed; the next one takes its place at once, as it stands by.

    Args:
        program: What `peers/warm.py` is told: modules that take long to import, the program and its arguments.
        groups: Its consumer groups, the first of them that which takes the events, and the topics that each reads.
    """

    def __init__(
        self,
        servers: Any,
        program: Sequence[str],
        environment: Mapping[str, str],
        groups: Mapping[str, Sequence[str]],
        log: Path,
    ) -> None:
        self._command = [sys.executable, str(PEERS / "warm.py"), *program]
        self._environment = {**os.environ, **environment, "POLARS_MAX_THREADS": "1"}
        self._groups = groups
        self._log = log
        self._admin = KafkaAdminClient(bootstrap_servers=servers.bootstrap_servers)
        self._meter = LagMeter(servers.bootstrap_servers)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._process = self._waiting = self._warm()
        self._start()
        try:
            yield
        finally:
            for process in (self._process, self._waiting):
                process.kill()
                process.wait()
            self._meter.close()
            self._admin.close()

    def done(self) -> int:
        """How many records its group has told to have done."""
        return sum(self._meter.done(next(iter(self._groups))).values())

    def records(self) -> int:
        """How many records there are for its first group."""
        return sum(self._meter.ends(next(iter(self._groups.values()))).values())

    def behind(self) -> int:
        """How many records its groups have not told to have done."""
        return sum(
            end - self._meter.done(group).get(partition, 0)
            for group, topics in self._groups.items()
            for partition, end in self._meter.ends(topics).items()
        )

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, tell the broker that it is dead instead of waiting until it is missed, and start the next one."""
        self._process.kill()
        self._process.wait()
        for group in self._groups:
            with suppress(KafkaError):  # of a group that is just being made: at worst its member is missed after 10 s
                members = self._admin.describe_groups([group])[group]["members"]
                dead = [MemberToRemove(member_id=member["member_id"]) for member in members]
                if dead:
                    self._admin.remove_group_members(group, dead)
        self._start()

    def _start(self) -> None:
        """Let the one that stands by begin, and have another stand by."""
        self._process = self._waiting
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.close()
        self._waiting = self._warm()

    def _warm(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # one prctl call
            )

    def _send(self, number: int) -> None:
        assert self._process.poll() is None, f"it ended by itself\n{self.tail()}"
        self._process.send_signal(number)

    def tail(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])


@dataclass
class Run:
    """Events on their way through a worker that is killed; numbers are events of this run."""

    worker: Killed
    events: Sequence[Event]
    send: Callable[[Sequence[Event]], None]
    chance: random.Random
    #: Records that its group had to do before.
    before: int = 0
    sent: int = 0
    struck: list[int] = field(default_factory=list)

    def done(self) -> int:
        return self.worker.done() - self.before

    def deal(self, end: int) -> None:
        if end > self.sent:
            self.send(self.events[self.sent : end])
            self.sent = end

    def kill_between(self, start: int, end: int) -> None:
        """Kill the worker in the midst of work, when it has done some of the events between these two numbers."""
        part = (end - start) // 10
        goal = start + self.chance.randrange(1, 5 * part)
        self.deal(goal + 2 * part)
        self.wait_until(lambda: self.done() >= goal)
        pause = self.chance.random() / 2  # else every kill would fall just behind a word to the broker
        time.sleep(pause)
        self.worker.freeze()
        while (at := self.done()) == self.sent:  # at its ease: it gets more, and less and less time for it
            assert self.sent < end
            self.deal(self.sent + part // 3)
            pause = pause / 5 if pause > 0.001 else 0
            self.worker.thaw()
            time.sleep(pause)
            self.worker.freeze()
        self.struck.append(at)
        self.worker.kill()

    def kill_and_finish(self, kills: int) -> None:
        """Kill so many times, once in each stretch of the events but the last, and wait until everything is done."""
        stretch = len(self.events) // (kills + 1)
        for number in range(kills):
            self.kill_between(number * stretch, (number + 1) * stretch)
        self.deal(len(self.events))
        self.wait_until(lambda: self.done() == self.sent)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{self.done()} of {self.sent}\n{self.worker.tail()}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def schema_id(servers: Any) -> int:
    with closing(HttpRegistry(servers.registry_url)) as registry:
        bus.prepare(servers.bootstrap_servers, registry)
        return registry.lookup(value_subject(event_topic("17", KIND.name)), KIND.schema)


@pytest.fixture(scope="module")
def send(servers: Any) -> Callable[..., None]:
    """Append events, each to its own topic or all to one, and wait until the broker has them."""
    producer = Producer({"bootstrap.servers": servers.bootstrap_servers, "acks": "all", "linger.ms": 20})

    def append(events: Sequence[Event], topic: str | None = None) -> None:
        for event in events:
            producer.produce(topic or event.topic, event.value, key=event.subject)
        assert producer.flush(PATIENCE_SECONDS) == 0

    return append


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What the tests of this folder use, as they cannot import it."""
    return SimpleNamespace(
        kind=KIND,
        make_events=make_events,
        recomputed=recomputed,
        published=published,
        killed=Killed,
        run=Run,
        peers=PEERS,
        patience_seconds=PATIENCE_SECONDS,
    )
