"""The headers of a record, as this catalogue shows them."""

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType

from simpul_schemas.events.envelope import Event
from simpul_schemas.rules import Text

#: The CloudEvents Kafka binding in binary content mode: each header, and what it says.
CLOUD_EVENT_HEADERS: Mapping[str, Text] = MappingProxyType(
    {
        "ce_specversion": Text("Selalu 1.0.", "Always 1.0."),
        "ce_id": Text("Sama dengan event_id.", "The same as event_id."),
        "ce_source": Text("Sama dengan source.", "The same as source."),
        "ce_type": Text("Jenis peristiwa: id.go.simpul.<jenis>.v1.", "The event type: id.go.simpul.<type>.v1."),
        "ce_time": Text("Sama dengan occurred_at, RFC 3339 dalam UTC.", "The same as occurred_at, RFC 3339 in UTC."),
        "ce_subject": Text("Sama dengan subject.", "The same as subject."),
        "content-type": Text("Selalu application/avro.", "Always application/avro."),
    }
)
#: The headers of Kafka Connect's dead letter queues that a quarantined record carries as well, without their prefix.
CONNECT_HEADERS = (
    "topic",
    "partition",
    "offset",
    "connector.name",
    "stage",
    "exception.class.name",
    "exception.message",
)
_CONNECT_TOLD = Text(
    "Hal yang sama untuk konsol yang mengenal Kafka Connect.", "The same for consoles that know Kafka Connect."
)
#: What a quarantined record carries beside its original bytes.
QUARANTINE_HEADERS: Mapping[str, Text] = MappingProxyType(
    {
        "simpul_origin_topic": Text("Topik asal.", "The topic it came on."),
        "simpul_origin_partition": Text("Partisi asal.", "The partition it came on."),
        "simpul_origin_offset": Text("Ofset asal.", "The offset it had there."),
        "simpul_origin_appended_at": Text(
            "Waktu broker menerimanya, RFC 3339 dalam UTC.", "When the broker took it, RFC 3339 in UTC."
        ),
        "simpul_codes": Text(
            "Kode aturan yang dilanggar, dipisah koma; yang pertama yang utama.",
            "The codes of the rules it broke, separated by commas; the first is the main one.",
        ),
        **{f"__connect.errors.{name}": _CONNECT_TOLD for name in CONNECT_HEADERS},
    }
)


def cloud_event_type(event_type: str) -> str:
    """Return what the header `ce_type` says for an event type."""
    return f"id.go.simpul.{event_type}.v1"


def cloud_event_headers(event_type: str, event: Event) -> dict[str, str]:
    """Return the headers that go with an event."""
    return {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_source": event.source,
        "ce_type": cloud_event_type(event_type),
        "ce_time": event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_subject": event.subject,
        "content-type": "application/avro",
    }
