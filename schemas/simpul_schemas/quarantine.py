"""The quarantine of a province: what stands in its records, and what a redrive leaves behind.

`simpul.<province>.quarantine.v1` holds two kinds of records. A **refusal** is the original key and value, with headers
that say where the record lay and why it was refused. A **marker** has the refusal's id as its key and no value: it says
that the refusal was repaired and sent again, as which event and by whom. Nothing is ever taken out; a refusal is open
until a marker names it.

A refusal's id can be read: `53.incident/0@1234` lay at offset 1234 of partition 0 of `simpul.53.incident.v1`. A fold
that starts anew may write the same refusal again, so readers count by id and the first copy wins.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simpul_schemas.catalogue.codes import OTHER_CODES, Code
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.identity import stable_event_id
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.rules import Severity, Text
from simpul_schemas.times import iso_utc, read_iso
from simpul_schemas.topics import event_topic, event_type_of_topic, province_of_topic, quarantine_topic

ORIGIN_TOPIC = "simpul_origin_topic"
ORIGIN_PARTITION = "simpul_origin_partition"
ORIGIN_OFFSET = "simpul_origin_offset"
ORIGIN_APPENDED_AT = "simpul_origin_appended_at"
CODES = "simpul_codes"
#: Beside ours, the headers of Kafka Connect's dead letter queues, which consoles know how to show.
CONNECT = "__connect.errors."

#: On a redriven event: the id of the refusal that it repairs. On a marker: the event that it became, and its topic.
REDRIVE_OF = "simpul_redrive_of"
REDRIVEN_AS = "simpul_redriven_as"
REDRIVEN_TO = "simpul_redriven_to"
#: On both: who repaired it, why, and when.
REDRIVEN_BY = "simpul_redriven_by"
REDRIVE_REASON = "simpul_redrive_reason"
REDRIVEN_AT = "simpul_redriven_at"

#: Codes that tell of two statements against each other rather than of one that is wrong: somebody must choose.
NOTICES = frozenset({"subject.conflict"})

_ID = re.compile(r"(?P<province>\d{2})\.(?P<event_type>[a-z_]+)/(?P<number>\d{1,9})@(?P<offset>\d{1,18})")

Headers = Sequence[tuple[str, bytes]]


class Origin(NamedTuple):
    """Where a refused record lay; its `id` is what users call it by."""

    partition: Partition
    offset: int

    @property
    def province(self) -> str:
        """The province of the topic."""
        return province_of_topic(self.partition.topic) or ""

    @property
    def event_type(self) -> str:
        """The event type of the topic."""
        return event_type_of_topic(self.partition.topic) or ""

    @property
    def id(self) -> str:
        """The readable id: province, event type, partition, offset."""
        return f"{self.province}.{self.event_type}/{self.partition.number}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused record as it stands in quarantine.

    `appended_at` is when the broker took the original (unknown for records of the first release), `quarantined_at` when
    it took this copy, 0 before that; microseconds since the epoch. The first of `codes` is the one it is counted under.
    """

    origin: Origin
    codes: tuple[str, ...]
    key: bytes | None
    value: bytes | None
    appended_at: int | None
    quarantined_at: int = 0

    @property
    def is_notice(self) -> bool:
        """Whether it tells of a conflict rather than of a fault."""
        return self.codes[0] in NOTICES

    @property
    def event_id(self) -> str:
        """The id of the event that repairs it: from the origin alone, so that a second redrive says the same again."""
        return stable_event_id(self.appended_at or 0, "redrive", self.origin.id)


@dataclass(frozen=True, slots=True)
class Marker:
    """That a refusal was redriven: its id, the event it became, where that was sent, by whom, why and when."""

    id: str
    event_id: str
    topic: str
    by: str
    reason: str
    at: int


def parse_id(text: str) -> Origin | None:
    """Read a refusal's id; None for a text that is none."""
    match = _ID.fullmatch(text)
    if match is None or match["event_type"] not in EVENT_TYPES:
        return None
    topic = event_topic(match["province"], match["event_type"])
    return Origin(Partition(topic, int(match["number"])), int(match["offset"]))


def refusal_record(refusal: Refusal) -> Outgoing:
    """Return the record that sends a refusal home: its original bytes, where it lay, and why it was refused."""
    origin = refusal.origin
    topic, number, offset = origin.partition.topic, str(origin.partition.number), str(origin.offset)
    said = explain(origin.event_type, refusal.codes[0])
    appended = () if refusal.appended_at is None else ((ORIGIN_APPENDED_AT, iso_utc(refusal.appended_at)),)
    headers = (
        (ORIGIN_TOPIC, topic),
        (ORIGIN_PARTITION, number),
        (ORIGIN_OFFSET, offset),
        *appended,
        (CODES, ",".join(refusal.codes)),
        (f"{CONNECT}topic", topic),
        (f"{CONNECT}partition", number),
        (f"{CONNECT}offset", offset),
        (f"{CONNECT}connector.name", "simpul"),
        (f"{CONNECT}stage", "VALUE_CONVERTER" if refusal.codes[0].startswith("record.") else "TRANSFORMATION"),
        (f"{CONNECT}exception.class.name", refusal.codes[0]),
        (f"{CONNECT}exception.message", f"{said.message} {said.remedy}"),
    )
    # The log takes no record without both key and value.
    key = b"" if refusal.key is None and refusal.value is None else refusal.key
    return Outgoing(
        quarantine_topic(origin.province), key, refusal.value, tuple((name, text.encode()) for name, text in headers)
    )


def marker_record(province: str, marker: Marker) -> Outgoing:
    """Return the record that says in a province's quarantine what became of a refusal."""
    headers = (
        (REDRIVEN_AS, marker.event_id),
        (REDRIVEN_TO, marker.topic),
        (REDRIVEN_BY, marker.by),
        (REDRIVE_REASON, marker.reason),
        (REDRIVEN_AT, iso_utc(marker.at)),
    )
    named = tuple((name, text.encode()) for name, text in headers)
    return Outgoing(quarantine_topic(province), marker.id.encode(), None, named)


def lineage_headers(marker: Marker) -> tuple[tuple[str, bytes], ...]:
    """Return the headers by which a redriven event tells where it comes from."""
    headers = (
        (REDRIVE_OF, marker.id),
        (REDRIVEN_BY, marker.by),
        (REDRIVE_REASON, marker.reason),
        (REDRIVEN_AT, iso_utc(marker.at)),
    )
    return tuple((name, text.encode()) for name, text in headers)


def parse(key: bytes | None, value: bytes | None, headers: Headers, timestamp: int) -> Refusal | Marker | None:
    """Read a record of a quarantine topic; None for one that neither the fold nor a redrive wrote."""
    texts = _texts(headers)
    if texts is None:
        return None
    if REDRIVEN_AS in texts:
        return _marker(key, texts, timestamp)
    topic = texts.get(ORIGIN_TOPIC, "")
    number, offset = texts.get(ORIGIN_PARTITION, ""), texts.get(ORIGIN_OFFSET, "")
    codes = tuple(code for code in texts.get(CODES, "").split(",") if code)
    if event_type_of_topic(topic) is None or not (number.isascii() and number.isdigit()) or not codes:
        return None
    if not (offset.isascii() and offset.isdigit()):
        return None
    origin = Origin(Partition(topic, int(number)), int(offset))
    return Refusal(origin, codes, key, value, read_iso(texts.get(ORIGIN_APPENDED_AT, "")), timestamp)


def _marker(key: bytes | None, texts: Mapping[str, str], timestamp: int) -> Marker | None:
    name = (key or b"").decode(errors="replace")
    if parse_id(name) is None:
        return None
    at = read_iso(texts.get(REDRIVEN_AT, ""))
    return Marker(
        name,
        texts[REDRIVEN_AS],
        texts.get(REDRIVEN_TO, ""),
        texts.get(REDRIVEN_BY, ""),
        texts.get(REDRIVE_REASON, ""),
        timestamp if at is None else at,
    )


def _texts(headers: Headers) -> Mapping[str, str] | None:
    try:
        return {name: value.decode() for name, value in headers if value is not None}
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Explained:
    """What a code says to whoever got it: the sentence, the fields it is about, how to mend it, and its weight."""

    code: str
    message: Text
    path: str
    remedy: Text
    severity: Severity


_UNKNOWN = Code(
    Text("Kode ini tidak dikenal oleh versi ini.", "This version does not know the code."),
    Text("Pakai versi Simpul yang sama dengan bus.", "Use the version of Simpul that the bus runs."),
)


def explain(event_type: str, code: str) -> Explained:
    """Return what a code says for an event type; an unknown one says that it is unknown."""
    kind = EVENT_TYPES.get(event_type)
    for rule in kind.rules.rules if kind else ():
        if rule.code == code:
            return Explained(code, rule.message, rule.path, rule.remedy, rule.severity)
    said = OTHER_CODES.get(code, _UNKNOWN)
    return Explained(code, said.message, "", said.remedy, Severity.REJECT)
