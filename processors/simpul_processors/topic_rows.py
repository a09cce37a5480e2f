"""All records of a topic as rows, for commands that read one from its beginning to its end."""

from typing import Any

from simpul_processors.whole_topics import read_topics
from simpul_schemas.connection import Connection
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Block


async def topic_rows(connection: Connection, topic: str, schema: str, key: bytes | None = None) -> list[dict[str, Any]]:
    """Return the records that are there now, in the order of the log; one that cannot be read is left out.

    With a key only those that bear it, which are the only ones then to be decoded.
    """
    blocks = await read_topics(connection, [topic])
    if key is not None:
        blocks = [found for block in blocks if (found := _with_key(block, key)) is not None]
    if not blocks:
        return []
    return RecordIntake(schema, connection.registry).take(blocks).frame.to_dicts()


def _with_key(block: Block, key: bytes) -> Block | None:
    rows = [row for row, found in enumerate(block.keys) if found == key]
    if not rows:
        return None
    return Block(
        block.partition,
        [block.values[row] for row in rows],
        [key] * len(rows),
        [block.offsets[row] for row in rows],
        [block.timestamps[row] for row in rows],
    )
