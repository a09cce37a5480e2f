"""A sink in a process of its own, over a log that is the same in each: killed and frozen by `test_sink_faults`.

python sink_child.py URL SCHEMA QUARANTINE_FILE
"""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simpul_connectors.sinks.dialects import open_target
from simpul_connectors.sinks.run import Limits, SinkRunner
from simpul_connectors.sinks.spec import SinkSpec, load_spec
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.log import Outgoing
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry
from simpul_schemas.wire import frame

TYPE = EVENT_TYPES["participation"]
TOPIC = "simpul.73.participation.v1"
RECORDS = 700
#: The ministry's table takes no more than this: an own CHECK, which some accepted events violate.
MOST_REGISTERED = 900
LIMITS = Limits(max_records=25, poll_seconds=0.01, first_wait_seconds=0.05, longest_wait_seconds=0.5)


def events() -> list[dict[str, Any]]:
    chance = random.Random(7)
    times = dict.fromkeys(("occurred_at", "recorded_at", "published_at"), 1_700_000_000_123_456)
    found = []
    for number in range(RECORDS):
        registered = 901 if number % 23 == 5 else chance.randrange(0, 900)
        given = {
            "event_id": f"018f0000-0000-7000-8000-{number:012x}",
            "subject": f"tps:{chance.randrange(90)}",
            "revision": chance.randrange(1, 60),
            "action": chance.choice(["SUBMIT", "SUBMIT", "WITHDRAW"]),
            "region": "73.71.01",
            "source": "sitimdu.73",
            "mode": "ACTUAL",
            "election": "pilgub-2024-73",
            "registered": registered,
            "valid": -1 if number % 31 == 3 else None,
        }
        found.append(dict.fromkeys(TYPE.model.model_fields) | times | given)
    return found


def filled_log() -> tuple[InMemoryLog, InMemoryRegistry]:
    log, registry = InMemoryLog(), InMemoryRegistry()
    schema_id = registry.register("events", TYPE.schema)
    for found in events():
        log.append(Outgoing(TOPIC, b"k", frame(schema_id, encode(TYPE.parsed_schema, found))))
    return log, registry


def sink_spec(schema: str) -> SinkSpec:
    spec = load_spec("ministry_participation_events")
    return replace(spec, table=replace(spec.table, path=(schema, "peristiwa")))


class FileWriter:
    """A quarantine that outlives the process: one offset a line, on the disk before it is acknowledged."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, records: Sequence[Outgoing]) -> None:
        with self._path.open("ab") as file:
            for record in records:
                file.write(dict(record.headers)["simpul_origin_offset"] + b"\n")
            file.flush()
            os.fsync(file.fileno())


def main(url: str, schema: str, quarantine: str) -> None:
    log, registry = filled_log()
    spec = sink_spec(schema)
    target = open_target(url, spec.name, spec.table)
    runner = SinkRunner(spec, registry, target, LIMITS, quarantine=FileWriter(Path(quarantine)), cluster="uji")
    reader = InMemoryReader(log, [TOPIC], runner.start_offset)

    async def go() -> None:
        await reader.start()
        ends = await reader.end_offsets()
        await runner.run(reader, lambda: runner.has_reached(ends))

    asyncio.run(go())
    target.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
