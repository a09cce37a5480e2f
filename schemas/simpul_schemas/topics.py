"""The topics of the bus: their names, and how the broker keeps them.

| topic | key | kept |
|---|---|---|
| `simpul.<province>.<type>.v1` | subject | for ever: audit and replay live on it |
| `simpul.<province>.quarantine.v1` | subject or raw key | 1 year: original bytes, origin, verdict codes |
| `simpul.<province>.receipt.v1` | topic and partition | 1 year: what became of each record, signed |
| `simpul.sink.quarantine.v1` | group | 1 year: figures that a ministry's database refused |
| `simpul.partial.<view>.v1` | group and input partition | compacted |
| `simpul.view.<view>.v1` | group | compacted: what national consumers read |
| `simpul.alert.v1` | alert id | compacted: early warnings, raised and cleared |
| `simpul.view.completeness.v1` | event type and place | compacted: who was expected, and who reported |
| `simpul.restatement.<view>.v1` | group | for ever: what changed in figures that were closed |
| `simpul.roster.v1` | entry, or `tick` | for ever: who is expected to report, and the clock |

All carry the broker's append time, so that an outbox which was offline for a month does not see its records deleted
on arrival; event time lives in the payload.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_EVENT_TOPIC = re.compile(r"simpul\.(?P<province>\d{2})\.(?P<event_type>[a-z_]+)\.v1")
#: Early warnings of the whole nation: few, so one topic with one partition.
ALERT_TOPIC = "simpul.alert.v1"
_RESERVED = frozenset({"quarantine", "receipt"})
ROSTER_TOPIC = "simpul.roster.v1"
COVERAGE_TOPIC = "simpul.view.completeness.v1"
#: Figures that a ministry's database refused; an event that it refused goes home to its province.
SINK_QUARANTINE_TOPIC = "simpul.sink.quarantine.v1"
_YEAR_MS = 365 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must exist: name, number of partitions, broker settings by their Kafka names."""

    name: str
    partitions: int
    config: Mapping[str, str]


def event_topic(province: str, event_type: str) -> str:
    """Return the topic that a province's events of one type go to."""
    return f"simpul.{province}.{event_type}.v1"


def quarantine_topic(province: str) -> str:
    """Return the topic that a province's refused records go to."""
    return event_topic(province, "quarantine")


def receipt_topic(province: str) -> str:
    """Return the topic that the receipts of a province's records go to."""
    return event_topic(province, "receipt")


def partial_topic(view: str) -> str:
    """Return the topic of a view's partial figures: one partition, keyed by group and input partition."""
    return f"simpul.partial.{view}.v1"


def view_topic(view: str) -> str:
    """Return the topic of a view's figures, which national consumers read."""
    return f"simpul.view.{view}.v1"


def restatement_topic(view: str) -> str:
    """Return the topic that says what changed in a view's figures after they were closed."""
    return f"simpul.restatement.{view}.v1"


def province_of_topic(topic: str) -> str | None:
    """Return the province of an event topic; None for every other topic."""
    match = _EVENT_TOPIC.fullmatch(topic)
    return match["province"] if match and match["event_type"] not in _RESERVED else None


def event_type_of_topic(topic: str) -> str | None:
    """Return the event type of an event topic; None for every other topic."""
    match = _EVENT_TOPIC.fullmatch(topic)
    return match["event_type"] if match and match["event_type"] not in _RESERVED else None


def value_subject(topic: str) -> str:
    """Return the registry subject of a topic's values, by the default naming strategy of Confluent's clients."""
    return f"{topic}-value"


def _spec(name: str, partitions: int, **config: str) -> TopicSpec:
    named = {key.replace("_", "."): value for key, value in config.items()}
    return TopicSpec(name, partitions, MappingProxyType({"message.timestamp.type": "LogAppendTime", **named}))


def event_topic_spec(province: str, event_type: str, partitions: int = 1) -> TopicSpec:
    """Describe an event topic: never deleted from, in log order."""
    return _spec(event_topic(province, event_type), partitions, cleanup_policy="delete", retention_ms="-1")


def quarantine_topic_spec(province: str) -> TopicSpec:
    """Describe a quarantine topic: one year, room for any record that the broker took on an event topic."""
    return _spec(
        quarantine_topic(province), 1, cleanup_policy="delete", retention_ms=str(_YEAR_MS), max_message_bytes="2097152"
    )


def sink_quarantine_topic_spec() -> TopicSpec:
    """Describe the topic of figures that a database refused: as a province's quarantine."""
    return _spec(
        SINK_QUARANTINE_TOPIC, 1, cleanup_policy="delete", retention_ms=str(_YEAR_MS), max_message_bytes="2097152"
    )


def receipt_topic_spec(province: str) -> TopicSpec:
    """Describe a receipt topic: one year."""
    return _spec(receipt_topic(province), 1, cleanup_policy="delete", retention_ms=str(_YEAR_MS))


def partial_topic_spec(view: str) -> TopicSpec:
    """Describe a partial topic.

    A worker that was frozen and wakes may append an older revision behind a newer one. Readers take the highest
    revision, so this harms nobody as long as both are in the log: compaction waits a week for the newer one to be
    written again.
    """
    return _compacted(partial_topic(view))


def view_topic_spec(view: str) -> TopicSpec:
    """Describe a view topic, with the same wait as a partial topic."""
    return _compacted(view_topic(view))


def alert_topic_spec() -> TopicSpec:
    """Describe the topic of alerts, with the same wait as a partial topic."""
    return _compacted(ALERT_TOPIC)


def roster_topic_spec() -> TopicSpec:
    """Describe the roster's topic: one partition, so that all agree on the order, and never thinned out.

    Its records are few, and completeness as of a day in the past, or computed anew, needs the entries of then and the
    ticks of then, which compaction would take away.
    """
    return _spec(ROSTER_TOPIC, 1, cleanup_policy="delete", retention_ms="-1")


def coverage_topic_spec() -> TopicSpec:
    """Describe the completeness topic, with the same wait as a partial topic."""
    return _compacted(COVERAGE_TOPIC)


def restatement_topic_spec(view: str) -> TopicSpec:
    """Describe a restatement topic: never deleted from."""
    return _spec(restatement_topic(view), 1, cleanup_policy="delete", retention_ms="-1")


def _compacted(name: str) -> TopicSpec:
    return _spec(name, 1, cleanup_policy="compact", min_compaction_lag_ms=str(7 * 24 * 3600 * 1000))
