"""Stateful Quix Streams over one partition, as its state is per partition; runs in an environment of its own.

python stock_quix.py '{"bootstrap": ..., "topic": ..., "events": ..., "schema": ..., "zones": ..., "figures": FILE,
"state": FOLDER, "output": TOPIC}'
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from quixstreams import Application

sys.path.insert(0, str(Path(__file__).parent))
from contribution import Reader  # beside this file, which runs as a script

SETTINGS = json.loads(sys.argv[1])
reader = Reader(SETTINGS["schema"], SETTINGS["zones"])
app = Application(
    broker_address=SETTINGS["bootstrap"],
    consumer_group=f"bench-quix-{time.time_ns()}",
    auto_offset_reset="earliest",
    loglevel="ERROR",
    commit_interval=1.0,
    state_dir=SETTINGS["state"],
    consumer_extra_config={"fetch.max.bytes": 64 << 20},
)
source = app.topic(SETTINGS["topic"], value_deserializer="bytes", key_deserializer="str")
output = app.topic(SETTINGS["output"], value_serializer="json", key_serializer="str")
started = ended = 0.0
count = 0
figures: dict[str, list[int]] = {}  # what was put into the state last, so that it can be compared


def replace(value: bytes, state: Any) -> list[dict[str, Any]]:
    """Keep the newest revision of a subject, and say what it takes from its old group and adds to its new one."""
    global started, count  # noqa: PLW0603  # a script
    started = started or time.time()
    count += 1
    found = reader.read(value)
    if found is None:
        return []
    _, revision, group, measures = found
    old = state.get("newest")
    if old is not None and old[0] >= revision:
        return []
    state.set("newest", [revision, group, measures])
    gone = [{"group": old[1], "measures": [-one for one in old[2]]}] if old else []
    return [*gone, {"group": group, "measures": measures}]


def add(change: dict[str, Any], state: Any) -> dict[str, Any]:
    """Add a change to the sums of its group."""
    global ended  # noqa: PLW0603  # a script
    before = state.get("sums") or [0] * len(change["measures"])
    sums = [left + right for left, right in zip(before, change["measures"], strict=True)]
    state.set("sums", sums)
    figures[change["group"]] = sums
    ended = time.time()
    return {"group": change["group"], "measures": sums}


frame = app.dataframe(source).apply(replace, stateful=True, expand=True)
frame = frame.group_by("group").apply(add, stateful=True)  # state is per key, so groups are dealt out anew
frame.to_topic(output, key=lambda row: row["group"])
app.run(timeout=5)  # ends when nothing came for so long
Path(SETTINGS["figures"]).write_text(json.dumps(figures), encoding="utf-8")
sys.stdout.write(f"{started * 1000:.0f} {ended * 1000:.0f} {count}\n")
