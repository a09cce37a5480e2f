"""The headers of the CloudEvents Kafka binding, in its binary content mode, that stand beside every event."""

from collections.abc import Mapping
from typing import Any

from simpul_schemas.times import iso_utc


def cloud_event_headers(event_type: str, record: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of an event from its Avro record."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", record["event_id"].encode()),
        ("ce_source", record["source"].encode()),
        ("ce_type", f"id.go.simpul.{event_type}.v1".encode()),
        ("ce_time", iso_utc(record["occurred_at"]).encode()),
        ("ce_subject", record["subject"].encode()),
        ("content-type", b"application/avro"),
    )
