"""Clients that we did not write publish and read every event type; all they know is the subject `<topic>-value`."""

from typing import Any

import pytest
from interop_clients import ClientFailed

from simpul_schemas.columns import BlockDecoder
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.intake import OFFSET, EventIntake, RecordIntake
from simpul_schemas.wire import unframe

pytestmark = pytest.mark.stack

by_event_type = pytest.mark.parametrize("name", EVENT_TYPES)


@by_event_type
def test_what_we_send_a_foreign_client_reads_with_equal_key_headers_and_values(
    bus: Any, received: Any, name: str
) -> None:
    made = bus.samples[name]
    found = received[made[0].topic]
    assert [record["key"] for record in found] == [sample.key for sample in made]
    assert [record["headers"] for record in found] == [sample.headers for sample in made]
    for record, sample in zip(found, made, strict=True):
        assert record["value"] == sample.value


@by_event_type
def test_what_a_foreign_client_sends_is_byte_for_byte_what_we_would_send(bus: Any, published: Any, name: str) -> None:
    made = bus.samples[name]
    block = published.blocks[made[0].topic]
    assert list(block.keys) == [sample.key.encode() for sample in made]
    assert list(block.values) == [sample.framed(bus.schema_ids[name]) for sample in made]


@by_event_type
def test_a_foreign_client_sends_the_headers_it_was_given_and_no_others(bus: Any, published: Any, name: str) -> None:
    made = bus.samples[name]
    assert published.headers[made[0].topic] == [sample.headers for sample in made]


@by_event_type
def test_our_columns_hold_every_value_that_a_foreign_client_sends(bus: Any, published: Any, name: str) -> None:
    made = bus.samples[name]
    block = published.blocks[made[0].topic]
    taken = RecordIntake(EVENT_TYPES[name].schema, bus.registry).take([block])
    assert taken.refused == []
    assert taken.frame[OFFSET].to_list() == list(block.offsets)
    bodies = [unframe(value)[1] for value in block.values]
    decoded = BlockDecoder(EVENT_TYPES[name].schema).decode(bodies).frame
    for frame in (taken.frame, decoded):
        rows = frame.select(*made[0].record).rows(named=True)
        assert rows == [sample.record for sample in made]


@by_event_type
def test_a_valid_event_of_a_foreign_client_is_accepted_by_the_rules(bus: Any, published: Any, name: str) -> None:
    example = bus.samples[name][-1]
    block = published.blocks[example.topic]
    taken = EventIntake(EVENT_TYPES[name], bus.registry).take([block])
    last = taken.frame.filter(taken.frame[OFFSET] == block.offsets[-1])
    assert last.select(*example.record).rows(named=True) == [example.record]


def test_a_foreign_client_is_told_where_each_record_lies(bus: Any, published: Any) -> None:
    told = [record for record in published.answer if record["topic"] in published.blocks]
    assert [record["topic"] for record in told] == [sample.topic for sample in bus.all_samples]
    for topic, block in published.blocks.items():
        places = [(record["partition"], record["offset"]) for record in told if record["topic"] == topic]
        assert places == [(0, offset) for offset in block.offsets]


def test_a_foreign_client_registers_no_schema(published: Any) -> None:
    assert published.contents_after == published.contents_before


def test_a_foreign_client_puts_each_subject_on_the_partition_that_we_would_choose(
    published: Any, our_partitions: Any
) -> None:
    told = [record["partition"] for record in published.answer[-len(our_partitions) :]]
    assert told == list(our_partitions.values())
    assert len(set(told)) > 1


def test_a_topic_without_a_schema_is_an_error_of_the_client_and_not_a_new_schema(bus: Any, client: Any) -> None:
    value = bus.samples["participation"][-1].value
    before = bus.contents()
    with pytest.raises(ClientFailed, match="404"):
        client.publish(
            bus.request(records=[{"topic": "simpul.73.belum_ada.v1", "key": "k", "headers": {}, "value": value}])
        )
    assert bus.contents() == before
