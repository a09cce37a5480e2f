"""The portal's port to redrive: the twin in memory and the processors' own redrive do alike."""

import asyncio
from typing import Any

import pytest

from simpul_connectors.portal.errors import Unreadable
from simpul_connectors.portal.redriving import Redriver, Shown
from simpul_connectors.portal.testing import InMemoryRedriver
from simpul_deploy.redriver import BusRedriver
from simpul_processors.testing import InMemorySnapshots
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.log import Partition
from simpul_schemas.quarantine import Origin, Refusal, refusal_record
from simpul_schemas.testing import InMemoryLog, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, value_subject
from simpul_schemas.wire import frame

TOPIC = event_topic("53", "incident")
ID = "53.incident/0@0"
CHRONOLOGY = "Budi Santoso melapor"


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
        "killed": -1,
        "chronology": CHRONOLOGY,
        **changes,
    }


def on_the_bus() -> BusRedriver:
    log, registry, kind = InMemoryLog(), InMemoryRegistry(), event_type("incident")
    schema_id = registry.register(value_subject(TOPIC), kind.schema)
    value = frame(schema_id, rows.encode(kind.parsed_schema, an_incident()))
    refusal = Refusal(Origin(Partition(TOPIC, 0), 0), ("incident.count_negative",), b"incident:53:1", value, 1)
    log.append(refusal_record(refusal))
    return BusRedriver(registry, InMemorySnapshots(log), lambda: InMemoryWriter(log))


@pytest.fixture(params=["memory", "bus"])
def redriver(request: pytest.FixtureRequest) -> Redriver:
    if request.param == "bus":
        return on_the_bus()
    event = {"killed": -1, "region": "53.71"}
    return InMemoryRedriver({ID: Shown(ID, ("incident.count_negative",), event, 1)})


def test_a_record_is_shown_with_its_codes_and_is_open(redriver: Redriver) -> None:
    shown = asyncio.run(redriver.show(ID))
    assert (shown.id, shown.codes, shown.is_redriven) == (ID, ("incident.count_negative",), False)
    assert shown.event is not None
    assert shown.event["killed"] == -1


def test_an_unknown_record_is_named_as_such(redriver: Redriver) -> None:
    with pytest.raises(Unreadable):
        asyncio.run(redriver.show("53.incident/0@77"))


def test_looking_first_sends_nothing_and_shows_what_would_change(redriver: Redriver) -> None:
    result = asyncio.run(redriver.redrive(ID, [("killed", "1")], "budi", "salah ketik", really=False))
    assert result.topic == TOPIC
    assert ("killed", "-1", "1") in result.changes
    again = asyncio.run(redriver.redrive(ID, [("killed", "1")], "budi", "salah ketik", really=True))
    assert not again.already


def test_a_second_redrive_says_that_it_was_done_before(redriver: Redriver) -> None:
    first = asyncio.run(redriver.redrive(ID, [("killed", "1")], "budi", "salah ketik", really=True))
    assert (first.topic, first.refused, first.already) == (TOPIC, None, False)
    second = asyncio.run(redriver.redrive(ID, [("killed", "1")], "budi", "salah ketik", really=True))
    assert second.already


def test_personal_data_of_a_record_is_masked() -> None:
    shown = asyncio.run(on_the_bus().show(ID))
    assert CHRONOLOGY not in repr(shown)
    result = asyncio.run(
        on_the_bus().redrive(ID, [("chronology", "Siti melapor"), ("killed", "1")], "budi", "x", really=False)
    )
    assert "Siti" not in repr(result)


@pytest.mark.parametrize("changes", [[("killed", "-5")], [("killed", "dua")], [("bukan_isian", "1")], []])
def test_what_still_breaks_the_contract_is_refused_with_its_words(changes: list[tuple[str, str]]) -> None:
    result = asyncio.run(on_the_bus().redrive(ID, changes, "budi", "salah ketik", really=True))
    assert result.refused is not None
    assert result.refused.indonesian
    assert result.refused.english
