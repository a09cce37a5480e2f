"""Topics read from their beginning to their end as it is now, with the link that the settings describe."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from simpul_processors.audit import read_all
from simpul_schemas.connection import Connection
from simpul_schemas.kafka_log import AssignedReader
from simpul_schemas.log import Block


async def read_topics(connection: Connection, topics: Sequence[str]) -> list[Block]:
    """Return every record that is there now."""
    async with _from_the_beginning(connection, topics) as reader:
        return await read_all(reader)


async def filled_topics(connection: Connection, topics: Sequence[str]) -> frozenset[str]:
    """Return those of some topics that hold anything."""
    async with _from_the_beginning(connection, topics) as reader:
        return frozenset(partition.topic for partition, end in (await reader.end_offsets()).items() if end)


@asynccontextmanager
async def _from_the_beginning(connection: Connection, topics: Sequence[str]) -> AsyncIterator[AssignedReader]:
    options = connection.kafka_options
    reader = AssignedReader(connection.bootstrap_servers, topics, lambda _: 0, **options)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
