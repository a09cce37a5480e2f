"""Stock Faust: an agent that counts in a table, as its manual shows it; all that is not needed is left at its default.

PEER='{"app": ..., "bootstrap": ..., "topic": ..., "schema": ..., "table": FILE}' python stock_faust.py worker -l warn
writes what the table holds to FILE, again and again.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import fastavro
import faust

SETTINGS = json.loads(os.environ["PEER"])
SCHEMA = fastavro.parse_schema(json.loads(SETTINGS["schema"]))
TABLE = Path(SETTINGS["table"])

app = faust.App(
    SETTINGS["app"],
    broker=f"kafka://{SETTINGS['bootstrap']}",
    store="memory://",
    key_serializer="raw",
    value_serializer="raw",
    topic_partitions=1,
    web_enabled=False,
)
events = app.topic(SETTINGS["topic"], value_type=bytes)
counts = app.Table("counts", default=int, partitions=1)


@app.agent(events)
async def count(stream: Any) -> None:
    async for value in stream:
        event: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), SCHEMA)
        counts[event["region"]] += 1


@app.timer(interval=0.2)
async def show() -> None:
    new = TABLE.with_suffix(".new")
    new.write_text(json.dumps(dict(counts.items())), encoding="utf-8")
    new.replace(TABLE)


app.main()
