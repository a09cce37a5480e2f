"""A sink as `simpul sink run --once` runs it, with a gate: it is ready, and begins when stdin says so.

    python -m tests.bench.sink_worker SPEC BOOTSTRAP REGISTRY

The database's address stands in SIMPUL__DATABASE__URL. Tells on stdout when it is ready, and when it began to read, in
milliseconds since the epoch; it ends when stdin brings a second line.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence

from simpul_connectors.sinks.dialects import open_target
from simpul_connectors.sinks.run import SinkRunner
from simpul_connectors.sinks.spec import load_spec
from simpul_schemas.kafka_log import AssignedReader
from simpul_schemas.log import Block
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.settings import load_settings


class TimedReader(AssignedReader):
    """Tells when it begins to read: right behind its start, before its first fetch has come."""

    _told = False

    async def read(self, max_records: int, timeout_seconds: float) -> list[Block]:
        if not self._told:
            self._told = True
            say(f"{time.time() * 1000:.0f}")
        return await super().read(max_records, timeout_seconds)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def run(runner: SinkRunner, reader: AssignedReader, should_begin: Callable[[], str]) -> None:
    await reader.start()
    ends = await reader.end_offsets()
    say("ready")
    await asyncio.to_thread(should_begin)
    await runner.run(reader, lambda: runner.has_reached(ends))
    await reader.stop()


def main(arguments: Sequence[str]) -> None:
    file, bootstrap_servers, registry_url = arguments
    spec = load_spec(file)
    target = open_target(spec.url(load_settings()), spec.name, spec.table)
    target.prepare()
    runner = SinkRunner(spec, HttpRegistry(registry_url), target)
    reader = TimedReader(bootstrap_servers, spec.source.topics, runner.start_offset)
    asyncio.run(run(runner, reader, sys.stdin.readline))
    sys.stdin.readline()
    target.close()


if __name__ == "__main__":
    main(sys.argv[1:])
