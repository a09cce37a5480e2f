"""Stock Faust: an agent with two tables, as its manual shows it. Prints first and last moment, then the figures.

FAUST_PEER='{"bootstrap": ..., "topics": [...], "events": ..., "schema": ..., "zones": ..., "figures": FILE}'
python stock_faust.py worker -l warn
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import faust

sys.path.insert(0, str(Path(__file__).parent))
from contribution import Reader  # beside this file, which runs as a script

SETTINGS = json.loads(os.environ["FAUST_PEER"])
app = faust.App(
    f"bench-faust-{time.time_ns()}",
    broker=f"kafka://{SETTINGS['bootstrap']}",
    store="memory://",
    key_serializer="raw",
    value_serializer="raw",
    topic_partitions=1,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
    stream_buffer_maxsize=16384,
    datadir=SETTINGS["data"],
)
events = app.topic(*SETTINGS["topics"], value_type=bytes)
newest = app.Table("newest", default=list, partitions=1)
figures = app.Table("figures", default=list, partitions=1)
reader = Reader(SETTINGS["schema"], SETTINGS["zones"])


def add(group: str, measures: list[int], sign: int) -> None:
    old = figures.get(group) or [0] * len(measures)
    figures[group] = [before + sign * one for before, one in zip(old, measures, strict=True)]


def finish() -> None:
    Path(SETTINGS["figures"]).write_text(json.dumps(dict(figures.items())), encoding="utf-8")


@app.agent(events)
async def fold(stream: Any) -> None:
    count, started = 0, 0.0
    async for value in stream:
        started = started or time.time()
        count += 1
        found = reader.read(value)
        if found is not None:
            subject, revision, group, measures = found
            old = newest.get(subject)
            if not old or old[0] < revision:
                if old:
                    add(old[1], old[2], -1)
                add(group, measures, 1)
                newest[subject] = [revision, group, measures]
        if count == SETTINGS["events"]:
            finish()
            sys.__stdout__.write(f"{started * 1000:.0f} {time.time() * 1000:.0f}\n")
            sys.__stdout__.flush()
            os._exit(0)


app.main()
