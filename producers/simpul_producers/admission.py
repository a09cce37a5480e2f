"""The one door into the outbox: a typed record is judged by the rules of its type and becomes a row.

SDK and importer both come through here, so one event gets one verdict, whichever way it came.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from simpul_producers.outbox import OutboxRow
from simpul_schemas import door
from simpul_schemas.contract import EventType, event_type
from simpul_schemas.events.envelope import Action, Event
from simpul_schemas.identity import stable_event_id
from simpul_schemas.regions import province_of
from simpul_schemas.rows import decode
from simpul_schemas.topics import event_topic

#: Microseconds since the epoch.
Clock: TypeAlias = Callable[[], int]

#: Fields that the publisher gives to every event; what follows them is the payload of a type.
ENVELOPE_FIELDS = tuple(Event.model_fields)
#: Why an event was withdrawn whose correction lies in another province, as it stands in the withdrawal.
MOVED = "Pindah provinsi. / Moved to another province."


def judge(event_type: EventType, record: dict[str, Any], now_micros: int) -> int:
    """Return the verdict on a record: the bits of the rules it breaks.

    The topic follows from the record's own region, so "outside its province" cannot happen here.
    """
    return door.judge(event_type, record, now_micros)


def to_row(event_type: EventType, record: dict[str, Any]) -> OutboxRow:
    """Encode a record that no rule refuses."""
    return OutboxRow(
        event_id=record["event_id"],
        event_type=event_type.name,
        subject=record["subject"],
        revision=record["revision"],
        topic=event_topic(province_of(record["region"]), event_type.name),
        source=record["source"],
        occurred_at=record["occurred_at"],
        schema=event_type.schema,
        body=event_type.encoder.encode(record),
    )


def taken_back(before: OutboxRow, after: OutboxRow) -> OutboxRow | None:
    """Return the withdrawal that the old province needs when a correction moves a subject to another; else None.

    A subject stands for itself in each province's topic, so without the withdrawal it would count in both.
    """
    if before.topic == after.topic or before.event_type != after.event_type or after.revision <= before.revision:
        return None
    kind = event_type(before.event_type)
    record = decode(json.loads(before.schema), before.body)
    if record["action"] == Action.WITHDRAW.value:
        return None
    event_id = stable_event_id(after.revision, before.source, kind.name, before.subject, after.event_id, before.topic)
    moved = {"action": Action.WITHDRAW.value, "revision": after.revision, "event_id": event_id, "reason": MOVED}
    return to_row(kind, record | moved)
