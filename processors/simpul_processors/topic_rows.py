"""All records of a topic as rows, for commands that read one from its beginning to its end."""

from typing import Any

from simpul_processors.audit import read_all
from simpul_schemas.connection import Connection
from simpul_schemas.intake import RecordIntake
from simpul_schemas.kafka_log import AssignedReader


async def topic_rows(connection: Connection, topic: str, schema: str) -> list[dict[str, Any]]:
    """Return the records that are there now, in the order of the log; one that cannot be read is left out."""
    reader = AssignedReader(connection.bootstrap_servers, [topic], lambda _: 0)
    await reader.start()
    try:
        blocks = await read_all(reader)
    finally:
        await reader.stop()
    if not blocks:
        return []
    return RecordIntake(schema, connection.registry).take(blocks).frame.to_dicts()
