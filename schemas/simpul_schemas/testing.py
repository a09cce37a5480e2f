"""Twins in memory of the outside things that the contract knows: registry and log. For tests of this and other code."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from simpul_schemas.errors import RegistryRefused
from simpul_schemas.log import Block, Outgoing, Partition, StartOffset


class InMemoryRegistry:
    """A registry without a server; one id for the same schema under several subjects."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._subjects: dict[str, list[str]] = defaultdict(list)
        self._compatibility = "NONE"

    def register(self, subject: str, schema: str) -> int:
        """See `simpul_schemas.registry.Registry`."""
        if schema not in self._subjects[subject]:
            self._subjects[subject].append(schema)
        return self._ids.setdefault(schema, len(self._ids) + 1)

    def lookup(self, subject: str, schema: str) -> int:
        """See `simpul_schemas.registry.Registry`."""
        if subject not in self._subjects:
            raise RegistryRefused(40401, "Subjek tidak ada.", "There is no such subject.")
        if schema not in self._subjects[subject]:
            raise RegistryRefused(40403, "Skema tidak ada.", "There is no such schema.")
        return self._ids[schema]

    def schema(self, schema_id: int) -> str:
        """See `simpul_schemas.registry.Registry`."""
        for schema, found in self._ids.items():
            if found == schema_id:
                return schema
        raise RegistryRefused(40403, "Skema tidak ada.", "There is no such schema.")

    def subjects(self) -> list[str]:
        """See `simpul_schemas.registry.VersionedRegistry`."""
        return list(self._subjects)

    def versions(self, subject: str) -> list[int]:
        """See `simpul_schemas.registry.VersionedRegistry`."""
        if subject not in self._subjects:
            raise RegistryRefused(40401, "Subjek tidak ada.", "There is no such subject.")
        return list(range(1, len(self._subjects[subject]) + 1))

    def version(self, subject: str, number: int) -> str:
        """See `simpul_schemas.registry.VersionedRegistry`."""
        if number not in self.versions(subject):
            raise RegistryRefused(40402, "Versi tidak ada.", "There is no such version.")
        return self._subjects[subject][number - 1]

    def compatibility(self) -> str:
        """See `simpul_schemas.registry.VersionedRegistry`."""
        return self._compatibility

    def set_compatibility(self, level: str) -> None:
        """See `simpul_schemas.registry.VersionedRegistry`; kept, and every schema is taken."""
        self._compatibility = level


class InMemoryLog:
    """A broker without a server: topics of one partition, made when first used, and a clock that ticks per record.

    `begins` has the offset of each topic before which everything was deleted.
    """

    def __init__(self) -> None:
        self.topics: dict[str, list[tuple[Outgoing, int]]] = defaultdict(list)
        self.begins: dict[str, int] = defaultdict(int)
        self._clock = itertools.count(1_700_000_000_000_000, 1000)

    def append(self, record: Outgoing) -> int:
        """Append one record and return its offset."""
        self.topics[record.topic].append((record, next(self._clock)))
        return len(self.topics[record.topic]) - 1

    def end_offset(self, partition: Partition) -> int:
        """Return the offset that the next record will have."""
        return len(self.topics[partition.topic])

    def read(self, partition: Partition, start: int, max_records: int) -> Block | None:
        """Return records from an offset on, or None where there are none yet."""
        start = max(start, self.begins[partition.topic])
        found = self.topics[partition.topic][start : start + max_records]
        if not found:
            return None
        return Block(
            partition,
            [record.value for record, _ in found],
            [record.key for record, _ in found],
            range(start, start + len(found)),
            [timestamp for _, timestamp in found],
        )


class InMemoryReader:
    """A reader of an `InMemoryLog`, alone on its topics."""

    def __init__(self, log: InMemoryLog, topics: Iterable[str], start_offset: StartOffset) -> None:
        self._log = log
        self._topics = list(topics)
        self._start_offset = start_offset
        self._positions: dict[Partition, int] = {}
        self.progress: dict[Partition, int] = {}

    async def start(self) -> None:
        """See `simpul_schemas.log.LogReader`."""
        self._positions = {
            partition: self._start_offset(partition) for partition in (Partition(topic, 0) for topic in self._topics)
        }

    async def stop(self) -> None:
        """See `simpul_schemas.log.LogReader`."""
        self._positions = {}

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        """See `simpul_schemas.log.LogReader`."""
        blocks: list[Block] = []
        left = max_records
        for partition, position in self._positions.items():
            block = self._log.read(partition, position, left) if left else None
            if block is not None:
                blocks.append(block)
                self._positions[partition] = block.next_offset
                left -= len(block.values)
        if not blocks:
            await asyncio.sleep(min(timeout_seconds, 0.001))
        return blocks

    def assigned(self) -> frozenset[Partition]:
        """See `simpul_schemas.log.LogReader`."""
        return frozenset(self._positions)

    async def begin_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log.LogReader`."""
        return {partition: self._log.begins[partition.topic] for partition in self._positions}

    async def end_offsets(self) -> Mapping[Partition, int]:
        """See `simpul_schemas.log.LogReader`."""
        return {partition: self._log.end_offset(partition) for partition in self._positions}

    async def publish_progress(self, positions: Mapping[Partition, int]) -> None:
        """See `simpul_schemas.log.LogReader`."""
        self.progress.update(positions)


class InMemoryWriter:
    """A writer to an `InMemoryLog`; `before_send` may raise, to play a broker that fails."""

    def __init__(self, log: InMemoryLog, before_send: Callable[[Sequence[Outgoing]], None] | None = None) -> None:
        self._log = log
        self._before_send = before_send

    async def start(self) -> None:
        """See `simpul_schemas.log.LogWriter`."""

    async def stop(self) -> None:
        """See `simpul_schemas.log.LogWriter`."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """See `simpul_schemas.log.LogWriter`."""
        if self._before_send is not None:
            self._before_send(records)
        for record in records:
            self._log.append(record)
