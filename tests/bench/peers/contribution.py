"""What an incident adds to its group, one event at a time: what the peers in Python compute."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import fastavro

COUNTS = ("killed", "injured", "displaced", "buildings_damaged", "loss_idr")
_DAY, _HOUR = 86_400_000_000, 3_600_000_000


class Reader:
    """Reads framed events into (subject, revision, group, measures); None for one that the contract would refuse."""

    def __init__(self, schema_file: str, zones: str) -> None:
        self._schema: Any = fastavro.parse_schema(json.loads(Path(schema_file).read_text(encoding="utf-8")))
        self._hours = {code: int(hours) for code, hours in (zone.split(":") for zone in zones.split(","))}
        self._days: dict[int, str] = {}

    def read(self, value: bytes) -> tuple[str, int, str, list[int]] | None:
        event: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), self._schema, None)
        if event["killed"] is not None and event["killed"] < 0:
            return None
        counts = [event[name] for name in COUNTS]
        measures = [0] * (4 + 2 * len(COUNTS))
        if event["action"] == "SUBMIT" and event["mode"] == "ACTUAL":
            measures = [
                1,
                int(event["verification"] == "VERIFIED"),
                int(event["resolved_at"] is not None),
                int(any(count is not None for count in counts)),
                *(count or 0 for count in counts),
                *(int(count is not None) for count in counts),
            ]
        return event["subject"], event["revision"], self._group(event), measures

    def _group(self, event: Any) -> str:
        region = event["region"]
        occurred = event["occurred_at"]
        micros = occurred if isinstance(occurred, int) else int(occurred.timestamp()) * 1_000_000
        day = (micros + self._hours.get(region[:2], 7) * _HOUR) // _DAY
        date = self._days.get(day)
        if date is None:
            date = self._days[day] = (dt.date(1970, 1, 1) + dt.timedelta(day)).isoformat()
        return f'["{region}","DAY","{date}","{event["kind"]}","{event["phase"] or "-"}","{event["severity"]}"]'
