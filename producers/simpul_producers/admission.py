"""The one door into the outbox: a typed record is judged by the rules of its type and becomes a row.

SDK and importer both come through here, so one event gets one verdict, whichever way it came.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from simpul_producers.outbox import OutboxRow
from simpul_schemas import door
from simpul_schemas.contract import EventType
from simpul_schemas.events.envelope import Event
from simpul_schemas.regions import province_of
from simpul_schemas.topics import event_topic

#: Microseconds since the epoch.
Clock: TypeAlias = Callable[[], int]

#: Fields that the publisher gives to every event; what follows them is the payload of a type.
ENVELOPE_FIELDS = tuple(Event.model_fields)


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
