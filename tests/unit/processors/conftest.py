"""A bus in memory with one province's incidents on it, for the tests of quarantine and alerts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from simpul_processors.testing import InMemorySnapshots
from simpul_schemas import rows
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.intake import EventIntake
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.quarantine import Origin, Refusal, refusal_record
from simpul_schemas.testing import InMemoryLog, InMemoryRegistry
from simpul_schemas.topics import event_topic, value_subject
from simpul_schemas.wire import frame

NOW = 1_700_000_100_000_000


def an_incident(**changes: Any) -> dict[str, Any]:
    kind = event_type("incident")
    record: dict[str, Any] = dict.fromkeys((field["name"] for field in kind.parsed_schema["fields"]), None)
    return record | {
        "event_id": "018e0000-0000-7000-8000-000000000001",
        "subject": "incident:53:1",
        "revision": 1_700_000_000_000_000,
        "action": "SUBMIT",
        "region": "53.71",
        "occurred_at": 1_700_000_000_000_000,
        "recorded_at": 1_700_000_000_000_000,
        "published_at": 1_700_000_000_500_000,
        "source": "uji.53",
        "mode": "ACTUAL",
        "kind": "CONFLICT",
        "category": "tawuran",
        "severity": "MODERATE",
        "verification": "UNVERIFIED",
        "time_precision": "DAY",
        **changes,
    }


@dataclass
class Bus:
    """A log, a registry, and the quarantine as the fold's intake would fill it."""

    log: InMemoryLog = field(default_factory=InMemoryLog)
    registry: InMemoryRegistry = field(default_factory=InMemoryRegistry)

    def __post_init__(self) -> None:
        for kind in EVENT_TYPES.values():
            for province in ("53", "73"):
                self.registry.register(value_subject(event_topic(province, kind.name)), kind.schema)

    @property
    def snapshots(self) -> InMemorySnapshots:
        return InMemorySnapshots(self.log)

    def publish(self, record: dict[str, Any], kind: str = "incident", topic: str | None = None) -> None:
        found = event_type(kind)
        schema_id = self.registry.lookup(value_subject(event_topic("53", kind)), found.schema)
        value = frame(schema_id, rows.encode(found.parsed_schema, record))
        self.append(value, record["subject"].encode(), topic or event_topic("53", kind))

    def append(self, value: bytes | None, key: bytes | None = b"k", topic: str = "simpul.53.incident.v1") -> None:
        self.log.append(Outgoing(topic, key, value))

    def judge(self, topic: str = "simpul.53.incident.v1", kind: str = "incident") -> Sequence[Origin]:
        """Send what the intake refuses to quarantine, and return the origins of what it accepts."""
        block = self.log.read(Partition(topic, 0), 0, 10_000)
        assert block is not None
        taken = EventIntake(event_type(kind), self.registry).take([block])
        for record in taken.refused:
            origin = Origin(record.partition, record.offset)
            refusal = Refusal(origin, record.codes, record.key, record.value, record.appended_at)
            self.log.append(refusal_record(refusal))
        return [Origin(block.partition, offset) for offset in taken.frame["_offset"].to_list()]

    def events(self, topic: str = "simpul.53.incident.v1", kind: str = "incident") -> list[dict[str, Any]]:
        found = event_type(kind)
        values = [record.value for record, _ in self.log.topics[topic]]
        return [rows.decode(found.parsed_schema, value[5:]) for value in values if value and value[0] == 0]


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def incident() -> Callable[..., dict[str, Any]]:
    return an_incident


@pytest.fixture
def run() -> Callable[[Any], Any]:
    return asyncio.run
