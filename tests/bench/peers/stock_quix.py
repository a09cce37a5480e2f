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
started = 0.0
count = 0
figures: dict[str, list[int]] = {}  # what was put into the state last, so that it can be compared


def fold(value: bytes, state: Any) -> list[dict[str, Any]]:
    global started, count  # noqa: PLW0603  # a script
    started = started or time.time()
    count += 1
    found = reader.read(value)
    changed: dict[str, list[int]] = {}
    if found is not None:
        subject, revision, group, measures = found
        old = state.get(subject)
        if old is None or old[0] < revision:
            for name, one, sign in ((old[1], old[2], -1), (group, measures, 1)) if old else ((group, measures, 1),):
                before = state.get(name) or [0] * len(one)
                changed[name] = [left + sign * right for left, right in zip(before, one, strict=True)]
                state.set(name, changed[name])
            state.set(subject, [revision, group, measures])
    figures.update(changed)
    if count == SETTINGS["events"]:
        app.stop()  # after this event, with a last checkpoint
    return [{"group": name, "measures": sums} for name, sums in changed.items()]


frame = app.dataframe(source).apply(fold, stateful=True, expand=True)
frame.to_topic(output, key=lambda row: row["group"])
app.run()
ended = time.time()
Path(SETTINGS["figures"]).write_text(json.dumps(figures), encoding="utf-8")
sys.stdout.write(f"{started * 1000:.0f} {ended * 1000:.0f} {count}\n")
