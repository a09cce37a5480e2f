"""The schemas of the contract and the registry subjects they stand under: one for each topic that carries one."""

from collections.abc import Mapping
from dataclasses import dataclass

from simpul_schemas import topics
from simpul_schemas.alerts import ALERT_SCHEMA
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.regions import load_regions
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.roster import ROSTER_SCHEMA
from simpul_schemas.used_fields import COMPLETENESS_FIELDS, FIELDS_BY_VIEW, used_fields


@dataclass(frozen=True)
class ContractSchema:
    """One schema of the contract.

    `used` are fields that must stay; `personal_allowed` is False for figures, and `made_of` are then the event type's
    name and the fields of it that the figures are computed from.
    """

    label: str
    schema: str
    subjects: tuple[str, ...]
    used: frozenset[str] = frozenset()
    personal_allowed: bool = True
    made_of: tuple[str, frozenset[str]] | None = None


def contract_schemas() -> list[ContractSchema]:
    """Return every schema of the contract once: event types by their names, two of each view, receipts, alerts."""
    provinces = load_regions().provinces()
    events = [
        ContractSchema(
            kind.name,
            kind.schema,
            tuple(topics.value_subject(topics.event_topic(province, kind.name)) for province in provinces),
            used_fields(kind.name),
        )
        for kind in EVENT_TYPES.values()
    ]
    figures = [
        ContractSchema(
            f"{view.name} ({what})",
            schema,
            (topics.value_subject(topic),),
            personal_allowed=False,
            made_of=(view.event_type, FIELDS_BY_VIEW[view.name]),
        )
        for view in VIEW_SPECS.values()
        for what, schema, topic in (
            ("partial", view.partial_schema, topics.partial_topic(view.name)),
            ("figure", view.figure_schema, topics.view_topic(view.name)),
        )
    ]
    # Of no one event type: it is made of figures.
    alerts = ContractSchema(
        "alert (topic)",
        ALERT_SCHEMA,
        (topics.value_subject(topics.ALERT_TOPIC),),
        personal_allowed=False,
        made_of=("", frozenset()),
    )
    receipts = ContractSchema(
        "province (receipt)",
        RECEIPT_SCHEMA,
        tuple(topics.value_subject(topics.receipt_topic(province)) for province in provinces),
        frozenset({"kid", "signature", "statement", "leaves"}),
        personal_allowed=False,
    )
    return [*events, *figures, receipts, alerts, *_completeness()]


def _completeness() -> list[ContractSchema]:
    """Return what belongs to no view: who is expected to report, who did, and what changed after a place was closed."""
    restatements = tuple(topics.value_subject(topics.restatement_topic(view)) for view in VIEW_SPECS)
    return [
        ContractSchema("roster", ROSTER_SCHEMA, (topics.value_subject(topics.ROSTER_TOPIC),), personal_allowed=False),
        ContractSchema(
            "completeness",
            COVERAGE_SCHEMA,
            (topics.value_subject(topics.COVERAGE_TOPIC),),
            personal_allowed=False,
            made_of=("report", COMPLETENESS_FIELDS),
        ),
        ContractSchema("restatement", RESTATEMENT_SCHEMA, restatements, personal_allowed=False),
    ]


def schemas_by_subject() -> Mapping[str, str]:
    """Return every schema of the bus under the registry subject of each topic that carries it."""
    return {subject: entry.schema for entry in contract_schemas() for subject in entry.subjects}
