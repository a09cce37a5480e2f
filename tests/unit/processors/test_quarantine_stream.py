"""One bad event in ten thousand delays nobody: the batch goes through in one step, and nothing is tried again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simpul_processors.partial_stage import PartialStage
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.quarantine import Refusal, parse
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.signing import new_signer
from simpul_schemas.testing import InMemoryReader, InMemoryWriter
from simpul_schemas.topics import partial_topic, receipt_topic, value_subject
from simpul_schemas.wire import frame

TOPIC = "simpul.53.incident.v1"
RECORDS, PLACE = 10_000, 6_789
KIND = event_type("incident")


def body(record: dict[str, Any]) -> bytes:
    return rows.encode(KIND.parsed_schema, record)


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        (lambda good, schema_id: frame(schema_id, body(good))[:-1], "record.undecodable"),
        (lambda good, schema_id: frame(schema_id, body(good)) + b"\x00", "record.not_canonical"),
        (lambda good, _: frame(999_999, body(good)), "record.schema_unknown"),
        (lambda _good, _: b"\x80" * 100, "record.magic_byte_wrong"),
        (lambda good, schema_id: frame(schema_id, body(good | {"killed": -1})), "incident.count_negative"),
        (lambda good, schema_id: frame(schema_id, body(good | {"region": "73.71"})), "region.outside_province"),
    ],
    ids=["cut off", "left over", "unknown schema", "no frame", "broken rule", "other province"],
)
def test_a_batch_with_one_bad_event_goes_through_in_one_step_and_only_that_one_goes_home(
    bus: Any, incident: Callable[..., dict[str, Any]], poison: Callable[..., bytes], code: str
) -> None:
    spec = VIEW_SPECS["incident"]
    bus.registry.register(value_subject(partial_topic("incident")), spec.partial_schema)
    bus.registry.register(value_subject(receipt_topic("53")), RECEIPT_SCHEMA)
    schema_id = bus.registry.lookup(value_subject(TOPIC), KIND.schema)
    for number in range(RECORDS):
        good = incident(subject=f"s{number}", event_id=f"018e0000-0000-7000-8000-{number:012x}")
        value = poison(good, schema_id) if number == PLACE else frame(schema_id, body(good))
        bus.log.append(Outgoing(TOPIC, good["subject"].encode(), value))

    async def use() -> None:
        store = InMemoryStore()
        stage = PartialStage(VIEWS["incident"], bus.registry, new_signer())
        worker = Worker(stage, store, InMemoryWriter(bus.log), Limits(poll_seconds=0))
        reader = InMemoryReader(bus.log, [TOPIC], worker.start_offset)
        await reader.start()
        assert await worker.step(reader) == RECORDS
        assert await worker.step(reader) == 0
        position = store.positions()[Partition(TOPIC, 0)]
        assert (position.next_offset, position.refused, position.current) == (RECORDS, 1, RECORDS - 1)

    asyncio.run(use())
    ((record, at),) = bus.log.topics["simpul.53.quarantine.v1"]
    refusal = parse(record.key, record.value, record.headers, at)
    assert isinstance(refusal, Refusal)
    assert (refusal.origin.id, refusal.codes[0]) == (f"53.incident/0@{PLACE}", code)
    original, appended_at = bus.log.topics[TOPIC][PLACE]
    assert (refusal.key, refusal.value, refusal.appended_at) == (original.key, original.value, appended_at)
