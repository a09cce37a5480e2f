"""kcat from Debian: keys, headers, frame and body arrive as they were sent, in both directions.

Debian builds it without Avro, so it is handed the framed bytes, and takes the frame apart itself.
"""

from pathlib import Path
from typing import Any

import pytest
from interop_golden import WIDE_TOPIC

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Partition

pytestmark = pytest.mark.stack

by_event_type = pytest.mark.parametrize("name", EVENT_TYPES)


@by_event_type
def test_kcat_reads_key_headers_frame_and_body_byte_for_byte(bus: Any, kcat: Any, ours: Any, name: str) -> None:
    made = bus.samples[name]
    topic = made[0].topic
    found = kcat.read(topic, ours[Partition(topic, 0)], len(made))
    assert [record.value for record in found] == [sample.framed(bus.schema_ids[name]) for sample in made]
    assert [record.key for record in found] == [sample.key.encode() for sample in made]
    for record, sample in zip(found, made, strict=True):
        assert record.headers.decode() == ",".join(f"{header}={text}" for header, text in sample.headers.items())


@by_event_type
def test_kcat_takes_magic_byte_and_schema_id_out_of_the_frame(bus: Any, kcat: Any, ours: Any, name: str) -> None:
    topic = bus.samples[name][0].topic
    assert kcat.unpack(topic, ours[Partition(topic, 0)], ">bI") == f"0{bus.schema_ids[name]}\n"


@by_event_type
def test_what_kcat_sends_from_a_file_is_taken_by_our_columns(bus: Any, kcat: Any, tmp_path: Path, name: str) -> None:
    made = bus.samples[name]
    topic = made[0].topic
    starts = bus.ends(topic)
    for sample in made:
        file = tmp_path / "record.bin"
        file.write_bytes(sample.framed(bus.schema_ids[name]))
        kcat.publish(topic, sample.key, sample.headers, file)
    block = bus.read(starts, len(made))[Partition(topic, 0)]
    assert list(block.keys) == [sample.key.encode() for sample in made]
    assert list(block.values) == [sample.framed(bus.schema_ids[name]) for sample in made]
    taken = RecordIntake(EVENT_TYPES[name].schema, bus.registry).take([block])
    assert taken.refused == []
    assert taken.frame.select(*made[0].record).rows(named=True) == [sample.record for sample in made]


def test_kcat_puts_each_subject_on_the_partition_that_we_would_choose(
    bus: Any, kcat: Any, our_partitions: Any, tmp_path: Path
) -> None:
    file = tmp_path / "record.bin"
    file.write_bytes(b"x")
    starts = bus.ends(WIDE_TOPIC)
    for key in our_partitions:
        kcat.publish(WIDE_TOPIC, key, {}, file)
    blocks = bus.read(starts, len(our_partitions))
    found = {key.decode(): partition.number for partition, block in blocks.items() for key in block.keys}
    assert found == our_partitions
