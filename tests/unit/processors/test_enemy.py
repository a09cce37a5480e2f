"""What an enemy would send: each story is folded, added up here by hand, and audited; all three must agree.

The law is worked out here in plain loops: of each subject of a topic the highest (revision, event id) counts, and of
copies the first; an exercise or a withdrawal that wins counts nothing; what lies about its province never counts.
"""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simpul_processors import audit
from simpul_processors.as_of import KnownBy
from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.store_audit import differences, rebuild, snapshot
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas.contract import event_type
from simpul_schemas.figures import DIMENSION_CHARACTERS
from simpul_schemas.log import Block, Outgoing, Partition
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.regions import load_regions
from simpul_schemas.rows import encode
from simpul_schemas.signing import new_signer
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, partial_topic, receipt_topic, value_subject, view_topic
from simpul_schemas.wire import frame

KIND, VIEW = event_type("participation"), VIEWS["participation"]
SPEC = VIEW.spec
MOST = 2**63 - 1
Event = dict[str, Any]
Story = list[tuple[str, Event]]


def event(number: int, subject: str = "a", revision: int = 1, region: str = "17.01.01", **changes: Any) -> Event:
    record: Event = dict.fromkeys((field["name"] for field in KIND.parsed_schema["fields"]), None)
    return record | {
        "event_id": f"018e0000-0000-7000-8000-{number:012x}",
        "subject": subject,
        "revision": revision,
        "action": "SUBMIT",
        "region": region,
        **dict.fromkeys(("occurred_at", "recorded_at", "published_at"), 1_700_000_000_000_000),
        "source": "uji",
        "mode": "ACTUAL",
        "election": "uji",
        "turned_out": number + 1,
        **changes,
    }


class Bus:
    """Everything in memory: a worker of each stage, with the batches that a story asks for."""

    def __init__(self, provinces: tuple[str, ...], batch: int) -> None:
        self.log, self.registry, self.batch = InMemoryLog(), InMemoryRegistry(), batch
        self.topics = [event_topic(province, KIND.name) for province in provinces]
        for province in provinces:
            self.registry.register(value_subject(event_topic(province, KIND.name)), KIND.schema)
            self.registry.register(value_subject(receipt_topic(province)), RECEIPT_SCHEMA)
        self.registry.register(value_subject(partial_topic(SPEC.name)), SPEC.partial_schema)
        self.registry.register(value_subject(view_topic(SPEC.name)), SPEC.figure_schema)
        self.stores = (InMemoryStore(), InMemoryStore())
        self.schema_id = self.registry.lookup(value_subject(self.topics[0]), KIND.schema)

    def publish(self, story: Story) -> None:
        for province, record in story:
            value = frame(self.schema_id, encode(KIND.parsed_schema, record))
            self.log.append(Outgoing(event_topic(province, KIND.name), record["subject"].encode(), value))

    def fold(self) -> None:
        first = PartialStage(VIEW, self.registry, new_signer())
        second = FigureStage(SPEC, self.registry)

        async def play() -> None:
            for stage, store, topics in zip(
                (first, second), self.stores, (self.topics, [partial_topic(SPEC.name)]), strict=True
            ):
                limits = Limits(self.batch, 0, 0, publish_records=2 * self.batch)
                worker = Worker(stage, store, InMemoryWriter(self.log), limits)
                reader = InMemoryReader(self.log, topics, worker.start_offset)
                await reader.start()
                while await worker.step(reader):
                    pass

        asyncio.run(play())

    def blocks(self, *topics: str) -> Iterator[Block]:
        for topic in topics:
            block = self.log.read(Partition(topic, 0), 0, 10**9)
            if block is not None:
                yield block

    def published(self) -> Any:
        return audit.newest_figures(SPEC, self.registry, list(self.blocks(view_topic(SPEC.name))))

    def audited(self) -> list[str]:
        """What the audit finds wrong: the figures, and the store of the first stage."""
        known = KnownBy(VIEW, self.registry)
        for topic in self.topics:
            known.take(list(self.blocks(topic)))
        check = audit.check_frames("figures", known.figures(), self.published())
        found = snapshot(self.stores[0])
        expected = rebuild(lambda: PartialStage(VIEW, self.registry), self.blocks(*self.topics), found.positions)
        return [check.difference] * (not check.holds) + [str(one) for one in differences(found, expected)]


def by_hand(story: Story) -> dict[tuple[str, str], tuple[int, int]]:
    """Stations and voters of each region and election."""
    newest: dict[tuple[str, str], Event] = {}
    for province, record in story:
        if not record["region"].startswith(province) or record["revision"] < 1:
            continue
        older = newest.get((province, record["subject"]))
        order = (record["revision"], record["event_id"])
        if older is None or order > (older["revision"], older["event_id"]):
            newest[province, record["subject"]] = record
    stations: Counter[tuple[str, str]] = Counter()
    voters: Counter[tuple[str, str]] = Counter()
    for record in newest.values():
        if (record["action"], record["mode"]) == ("SUBMIT", "ACTUAL"):
            region = record["region"]
            election = record["election"][:DIMENSION_CHARACTERS]
            for place in {region[:length] for length in (2, 5, 8)} | {"ID"}:
                stations[place, election] += 1
                voters[place, election] += record["turned_out"]
    return {key: (count, voters[key]) for key, count in stations.items()}


def told(bus: Bus) -> dict[tuple[str, str], tuple[int, int]]:
    rows = bus.published().iter_rows(named=True)
    return {(row["region"], row["election"]): (row["stations"], row["turned_out"]) for row in rows}


def moved(number: int) -> Story:
    """A subject that goes to another province, as a publisher sends it: taken back in the old one, and back again."""
    return [
        ("17", event(number, revision=1)),
        ("17", event(number + 1, revision=2, action="WITHDRAW")),
        ("53", event(number + 2, revision=2, region="53.01.04")),
        ("53", event(number + 3, revision=3, region="53.01.04", action="WITHDRAW")),
        ("17", event(number + 4, revision=3)),
    ]


STORIES: dict[str, Story] = {
    "taken back before it was said": [("17", event(1, revision=5, action="WITHDRAW")), ("17", event(0, revision=4))],
    "taken back and said with one revision": [("17", event(0)), ("17", event(1, action="WITHDRAW")), ("17", event(2))],
    "said again behind a withdrawal": [
        *(("17", event(number, revision=number + 1, action=("SUBMIT", "WITHDRAW")[number % 2])) for number in range(7))
    ],
    "the highest and the lowest revision": [
        ("17", event(0, revision=MOST)),
        ("17", event(1, revision=1)),
        ("17", event(2, revision=MOST, region="17.01.02")),
        ("17", event(3, revision=0)),
        ("17", event(4, revision=-1)),
        ("17", event(5, revision=-MOST - 1)),
    ],
    "ids that differ in one bit": [("17", event(number ^ 1)) for number in range(40)],
    "copies of one id with other content": [("17", event(7, turned_out=count)) for count in (5, 500, 50)],
    "moved between provinces and back": [*moved(0), *reversed(moved(10))],
    "moved without taking it back, and the same subject elsewhere": [
        ("17", event(0, revision=9)),
        ("53", event(1, revision=MOST, region="53.01.04")),
        ("53", event(2, revision=MOST, region="53.01.04", action="WITHDRAW")),
    ],
    "another provinces region on its own topic": [
        ("53", event(0, region="17.01.01", revision=MOST)),
        ("17", event(1, region="17.01.01")),
        ("53", event(2, region="53.01.04")),
        ("53", event(3, region="17", revision=MOST, action="WITHDRAW")),
    ],
    "an exercise on a subject that is real": [
        ("17", event(0)),
        ("17", event(1, revision=2, mode="EXERCISE")),
        ("17", event(2, subject="b", mode="TEST", revision=MOST)),
        ("17", event(3, subject="b")),
    ],
    "from region to region and from level to level": [
        ("17", event(number, revision=number + 1, region=("17.01.01", "17.01", "17", "17.02.06")[number % 4]))
        for number in range(11)
    ],
    "subjects and elections like keys of the store": [
        *(
            ("17", event(number, subject=text, election=text))
            for number, text in enumerate(
                ("17/0/a", "0", "/", '"]', '["17","",', "\\", "a\x7fb"[:1], "é" * 100, "a" * 200)
            )
        ),
        ("17", event(99, subject="a" * 201)),
    ],
    "largest counts": [("17", event(number, subject=f"s{number}", turned_out=2**31 - 1)) for number in range(50)],
}


@pytest.mark.parametrize("batch", [1, 3, 1000])
@pytest.mark.parametrize("name", STORIES)
def test_a_story_gives_what_is_added_up_by_hand_and_the_audit_says_the_same(name: str, batch: int) -> None:
    story = STORIES[name]
    bus = Bus(("17", "53"), batch)
    bus.publish(story)
    bus.fold()
    counted = [(province, one) for province, one in story if len(one["subject"].encode()) <= 200]
    assert told(bus) == by_hand(counted)
    assert bus.audited() == []


def test_a_hundred_thousand_events_of_one_subject_leave_one() -> None:
    chance = random.Random(7)
    regions = ("17.01.01", "17.01.02", "17.02.06")
    story: Story = [
        ("17", event(number, revision=chance.randrange(1, 10**5), region=chance.choice(regions)))
        for number in range(20_000)
    ]
    bus = Bus(("17",), 30_000)
    bus.publish(story)
    once = [record for record, _ in bus.log.topics[bus.topics[0]]]
    for _ in range(4):
        for record in chance.sample(once, len(once)):
            bus.log.append(record)
    bus.fold()
    assert bus.stores[0].positions()[Partition(bus.topics[0], 0)].records == 100_000
    assert told(bus) == by_hand(story)
    assert len(told(bus)) == 4
    assert bus.audited() == []


def test_every_province_counts_its_own_region_and_refuses_every_other() -> None:
    provinces = load_regions().provinces()
    bus = Bus(tuple(provinces), 1000)
    story: Story = [
        (topic, event(number, subject=f"{topic}:{region}", region=region))
        for number, (topic, region) in enumerate((one, other) for one in provinces for other in provinces)
    ]
    assert len(story) == 38 * 38
    bus.publish(story)
    bus.fold()
    assert told(bus) == by_hand(story)
    assert {region for region, _ in told(bus)} == {*provinces, "ID"}
    assert told(bus)["ID", "uji"][0] == 38
    refused = [position.refused for position in bus.stores[0].positions().values()]
    assert refused == [37] * 38
    assert bus.audited() == []


@pytest.mark.parametrize("batch", [1, 1000])
def test_groups_whose_texts_have_one_digest_are_told_apart(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    def short(name: bytes, turn: int) -> bytes:
        return bytes(7) + hashlib.blake2b(name, digest_size=1, salt=turn.to_bytes(16, "big")).digest()

    monkeypatch.setattr("simpul_processors.fold._digest", short)
    story: Story = [
        ("17", event(number, subject=f"s{number % 40}", revision=number + 1, election=f"e{number % 30}"))
        for number in range(120)
    ]
    bus = Bus(("17",), batch)
    bus.publish(story[:70])
    bus.fold()
    bus.publish(story[70:])
    bus.fold()  # by a worker that knows the names from its store only
    assert told(bus) == by_hand(story)
    assert len(bus.published()) > 80
