"""Where a record goes that the ministry's database refuses: home to its province, with the database's own words.

The original key and value, the headers of the fold's refusals, and those of Kafka Connect's dead letter queues. A
figure has no province to go home to: it goes to `simpul.sink.quarantine.v1`, for the operator of the sink.
"""

import bisect

from simpul_schemas.log import Block, Outgoing
from simpul_schemas.topics import SINK_QUARANTINE_TOPIC, province_of_topic, quarantine_topic

CODE = "sink.row_refused"
_CONNECT = "__connect.errors."


def quarantine_record(sink: str, block: Block, offset: int, words: str) -> Outgoing:
    """Return the record that tells of a row which the sink's database refused."""
    row = bisect.bisect_left(block.offsets, offset)
    topic, number = block.partition
    province = province_of_topic(topic)
    headers = (
        ("simpul_origin_topic", topic),
        ("simpul_origin_partition", str(number)),
        ("simpul_origin_offset", str(offset)),
        ("simpul_codes", CODE),
        ("simpul_sink", sink),
        (f"{_CONNECT}topic", topic),
        (f"{_CONNECT}partition", str(number)),
        (f"{_CONNECT}offset", str(offset)),
        (f"{_CONNECT}connector.name", sink),
        (f"{_CONNECT}stage", "TASK_PUT"),
        (f"{_CONNECT}exception.class.name", CODE),
        (f"{_CONNECT}exception.message", words),
    )
    return Outgoing(
        quarantine_topic(province) if province else SINK_QUARANTINE_TOPIC,
        block.keys[row],
        block.values[row],
        tuple((name, text.encode()) for name, text in headers),
    )
