"""What must stand on a broker and a registry before the bus runs: topics as the contract describes them, and schemas.

Idempotent: what is there as it should be is left alone, nothing is ever deleted.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from simpul_schemas import topics
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import HttpRegistry, Registry
from simpul_schemas.subjects import schemas_by_subject

_TIMEOUT_MS = 30_000
_TOPICS_PER_REQUEST = 40


@dataclass(frozen=True)
class Prepared:
    """How many topics were made, and how many subjects hold their schema now."""

    topics_created: int
    subjects: int


def topic_specs() -> list[topics.TopicSpec]:
    """Return every topic of the bus."""
    provinces = load_regions().provinces()
    return [
        *(topics.event_topic_spec(province, name) for province in provinces for name in EVENT_TYPES),
        *(topics.quarantine_topic_spec(province) for province in provinces),
        topics.sink_quarantine_topic_spec(),
        *(topics.receipt_topic_spec(province) for province in provinces),
        *(topics.partial_topic_spec(view) for view in VIEW_SPECS),
        *(topics.view_topic_spec(view) for view in VIEW_SPECS),
        topics.alert_topic_spec(),
        *(topics.restatement_topic_spec(view) for view in VIEW_SPECS),
        topics.roster_topic_spec(),
        topics.coverage_topic_spec(),
    ]


def ensure_topics(bootstrap_servers: str, specs: Iterable[topics.TopicSpec], **options: object) -> int:
    """Make the topics that are not there; returns how many. `options` are those of `connection.client_options`."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_TIMEOUT_MS, **options)
    except KafkaError as error:
        raise _unavailable(bootstrap_servers) from error
    try:
        there = set(admin.list_topics())
        missing = [
            NewTopic(spec.name, spec.partitions, 1, topic_configs=dict(spec.config))
            for spec in specs
            if spec.name not in there
        ]
        for start in range(0, len(missing), _TOPICS_PER_REQUEST):
            _create(admin, missing[start : start + _TOPICS_PER_REQUEST])
    except KafkaError as error:
        raise _unavailable(bootstrap_servers) from error
    finally:
        admin.close()
    return len(missing)


def _create(admin: KafkaAdminClient, wanted: list[NewTopic]) -> None:
    try:
        admin.create_topics(wanted, timeout_ms=_TIMEOUT_MS)
    except TopicAlreadyExistsError:
        return  # another `simpul` was quicker


def push_schemas(registry: Registry, on_subject: Callable[[int, int], None] = lambda _done, _total: None) -> int:
    """Put every schema under its subjects; returns how many subjects there are."""
    wanted = schemas_by_subject()
    for done, (subject, schema) in enumerate(wanted.items(), start=1):
        registry.register(subject, schema)
        on_subject(done, len(wanted))
    return len(wanted)


def prepare(
    bootstrap_servers: str, registry: HttpRegistry, on_subject: Callable[[int, int], None] = lambda _done, _total: None
) -> Prepared:
    """Make topics and subjects, and let the registry take only fully compatible changes from now on."""
    registry.set_compatibility("FULL_TRANSITIVE")
    return Prepared(ensure_topics(bootstrap_servers, topic_specs()), push_schemas(registry, on_subject))


def _unavailable(bootstrap_servers: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker Kafka di {bootstrap_servers} tidak menjawab; periksa dengan 'simpul status'.",
        f"The Kafka broker at {bootstrap_servers} does not answer; look with 'simpul status'.",
    )
