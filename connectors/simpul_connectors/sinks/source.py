"""What a sink can read: the accepted events of one type, or the figures of one view.

A source says its topics, its fields, the key of a row and what makes a row newer, from the contract alone; so a new
event type or view needs nothing here.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from simpul_connectors.sinks.table import Field, Kind
from simpul_schemas.contract import event_type
from simpul_schemas.figures import view_spec
from simpul_schemas.intake import EventIntake, Intake, RecordIntake
from simpul_schemas.log import Block
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry
from simpul_schemas.topics import event_topic, view_topic

#: Field of a view that is not in its records: the official name of the region.
REGION_NAME = "region_name"
#: Fields that every source has in the mode "append": where the record lies in the log.
LOG_FIELDS = (
    Field("log_topic", Kind.TEXT, required=True, size=120),
    Field("log_partition", Kind.BIGINT, required=True),
    Field("log_offset", Kind.BIGINT, required=True),
)
#: Longest texts that stand in a view's key: free text is cut to 100, all else is short.
_KEY_SIZE = 100
_SHORT = ("level", "region", "period_kind", "period")
_SHORT_SIZE = 32

_KINDS: Mapping[str, Kind] = {
    "string": Kind.TEXT,
    "enum": Kind.TEXT,
    "int": Kind.BIGINT,
    "long": Kind.BIGINT,
    "double": Kind.DOUBLE,
    "array": Kind.JSON,
}


class Taker(Protocol):
    """Turns raw blocks into a frame of what counts, and the refused rest."""

    def take(self, blocks: Sequence[Block]) -> Intake:
        """Decode and judge blocks; a registry that does not answer raises."""


class Open(Protocol):
    """Opens the one door that the records of a source come through."""

    def __call__(self, registry: Registry, fields: Collection[str] | None = None) -> Taker:
        """Return it; with `fields` it hands out only those, and checks all of them as ever."""


@dataclass(frozen=True)
class Source:
    """What a sink reads.

    `key` and `order` name fields: see `simpul_connectors.sinks.table.Table`. `essential` are those that a table cannot
    do without. `open` gives the one door that its records come through.
    """

    topics: tuple[str, ...]
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]
    essential: tuple[str, ...]
    open: Open
    reads: tuple[str, str]


def event_source(name: str) -> Source:
    """Return the accepted events of a type, from all provinces; an unknown type raises `UnknownEventType`."""
    found = event_type(name)
    return Source(
        topics=tuple(event_topic(province, name) for province in load_regions().provinces()),
        fields=_fields(found.schema),
        key=("subject",),
        order=("revision", "event_id"),
        # Without its action a withdrawn row could not be told from one that counts.
        essential=("subject", "revision", "event_id", "action"),
        open=lambda registry, fields=None: EventIntake(found, registry, fields),
        reads=("events", name),
    )


def view_source(name: str) -> Source:
    """Return the figures of a view, with the names of their regions; an unknown view raises `UnknownView`."""
    found = view_spec(name)
    fields = list(_fields(found.figure_schema))
    after_region = [field.name for field in fields].index("region") + 1
    fields.insert(after_region, Field(REGION_NAME, Kind.TEXT, required=True))
    key = ("level", "region", *found.dimension_names)
    fields = [
        replace(field, size=_SHORT_SIZE if field.name in _SHORT else _KEY_SIZE) if field.name in key else field
        for field in fields
    ]
    return Source(
        topics=(view_topic(name),),
        fields=tuple(fields),
        key=key,
        order=("revision",),
        essential=(*key, "revision"),
        open=lambda registry, fields=None: RecordIntake(found.figure_schema, registry, fields),
        reads=("view", name),
    )


def _fields(schema: str) -> tuple[Field, ...]:
    return tuple(_field(field["name"], field["type"]) for field in json.loads(schema)["fields"])


def _field(name: str, declared: Any) -> Field:  # noqa: ANN401  # an Avro type is a name, an object or a list
    if isinstance(declared, list):
        (inner,) = [branch for branch in declared if branch != "null"]
        return Field(name, _field(name, inner).kind, required=False)
    if isinstance(declared, str):
        return Field(name, _KINDS[declared], required=True)
    if declared.get("logicalType") == "timestamp-micros":
        return Field(name, Kind.TIMESTAMP, required=True)
    return Field(name, _KINDS[declared["type"]], required=True)
