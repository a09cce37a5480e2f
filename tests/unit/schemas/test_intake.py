"""The door through which fold and sinks read: what it takes, what it refuses, and under which code."""

import json
from typing import Any

import pytest

from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.errors import RegistryUnavailable
from simpul_schemas.intake import BLOCK, OFFSET, EventIntake
from simpul_schemas.log import Block, Partition
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.wire import MAX_RECORD_BYTES, UnreadableBatch, frame

TYPE = event_type("participation")


def an_event(**changes: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None),
        "event_id": "018e0000-0000-7000-8000-000000000001",
        "subject": "tps:1",
        "revision": 1,
        "action": "SUBMIT",
        "region": "17.01.01",
        "occurred_at": 1_700_000_000_000_000,
        "recorded_at": 1_700_000_000_000_000,
        "published_at": 1_700_000_000_000_000,
        "source": "uji.17",
        "mode": "ACTUAL",
        "election": "uji",
        **changes,
    }


def a_block(values: list[bytes | None], province: str = "17", start: int = 10) -> Block:
    count = len(values)
    offsets = range(start, start + count)
    return Block(
        Partition(f"simpul.{province}.participation.v1", 0),
        values,
        [b"k"] * count,
        offsets,
        [1_700_000_000_000_000] * count,
    )


@pytest.fixture
def registry() -> InMemoryRegistry:
    found = InMemoryRegistry()
    found.register("participation-value", TYPE.schema)
    found.register("report-value", event_type("report").schema)
    found.register("broken-value", '{"type":"record","name":"Participation","namespace":"id.go.simpul.v1","fields":[]}')
    return found


def framed(schema_id: int = 1, **changes: Any) -> bytes:
    return frame(schema_id, rows.encode(TYPE.parsed_schema, an_event(**changes)))


def test_each_refused_record_keeps_its_place_bytes_and_code(registry: InMemoryRegistry) -> None:
    bad: dict[bytes | None, str] = {
        None: "record.empty",
        b"\0\0\0": "record.truncated",
        b"\x01" + framed()[1:]: "record.magic_byte_wrong",
        framed(99): "record.schema_unknown",
        framed(2): "record.wrong_type",
        framed(3): "record.schema_incompatible",
        framed() + b"x": "record.not_canonical",
        framed()[:-1]: "record.undecodable",
        b"\0" * (MAX_RECORD_BYTES + 1): "record.too_large",
        UnreadableBatch(b"batch"): "record.batch_too_large",
        framed(region="99"): "region.unknown",
        framed(region="75"): "region.outside_province",
    }
    values = [framed(), *bad, framed(subject="tps:2")]
    taken = EventIntake(TYPE, registry).take([a_block([framed()], "17", 0), a_block(list(values))])
    assert {record.value: record.codes[0] for record in taken.refused} == bad
    assert {record.offset for record in taken.refused} == set(range(11, 11 + len(bad)))
    assert taken.frame.select("subject", BLOCK, OFFSET).rows() == [
        ("tps:1", 0, 0),
        ("tps:1", 1, 10),
        ("tps:2", 1, 11 + len(bad)),
    ]


def test_a_schema_that_becomes_known_later_is_asked_for_again(registry: InMemoryRegistry) -> None:
    intake = EventIntake(TYPE, registry)
    assert intake.take([a_block([framed(4)])]).refused[0].codes == ("record.schema_unknown",)
    newer = TYPE.schema.replace('"doc": "Jenis', '"doc": "jenis').replace("Partisipasi pemilih.", "Partisipasi.")
    assert registry.register("participation-value", newer) == 4
    assert len(intake.take([a_block([framed(4)])]).frame) == 1


def test_a_registry_that_does_not_answer_stops_the_batch_instead_of_refusing_it() -> None:
    class Away(InMemoryRegistry):
        def schema(self, schema_id: int) -> str:
            raise RegistryUnavailable("jauh", f"away {schema_id}")

    with pytest.raises(RegistryUnavailable):
        EventIntake(TYPE, Away()).take([a_block([framed()])])


def test_a_newer_schema_gives_the_current_columns_and_one_with_other_meanings_is_refused(
    registry: InMemoryRegistry,
) -> None:
    parsed = json.loads(TYPE.schema)
    fields = {field["name"]: field for field in parsed["fields"]}
    added = {"name": "added_later", "type": ["null", "string"], "default": None}
    newer = registry.register("newer-value", json.dumps({**parsed, "fields": [*parsed["fields"], added]}))
    fields["occurred_at"]["type"]["logicalType"] = "timestamp-millis"
    in_millis = registry.register("millis-value", json.dumps(parsed))
    body = rows.encode(TYPE.parsed_schema, an_event())
    taken = EventIntake(TYPE, registry).take([a_block([framed(), frame(newer, body + b"\0"), frame(in_millis, body)])])
    assert [(record.offset, record.codes) for record in taken.refused] == [(12, ("record.schema_incompatible",))]
    assert taken.frame[OFFSET].to_list() == [10, 11]
    assert "added_later" not in taken.frame.columns


def test_a_registry_is_asked_once_for_a_schema_that_it_has(registry: InMemoryRegistry) -> None:
    asked: list[int] = []
    known = registry.schema
    registry.schema = lambda schema_id: (asked.append(schema_id), known(schema_id))[1]  # type: ignore[method-assign]  # a spy
    intake = EventIntake(TYPE, registry)
    for _ in range(3):
        intake.take([a_block([framed(), framed(2), framed(3), framed()])])
    assert sorted(asked) == [1, 2, 3]
