"""What goes wrong outside the fold is said, and changes no figure: a log that was cut, a registry that is away."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from simpul_processors.errors import LogCut
from simpul_processors.partial_stage import PartialStage
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas.contract import event_type
from simpul_schemas.errors import RegistryUnavailable
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import partial_topic, value_subject
from simpul_schemas.wire import frame

KIND, VIEW = event_type("incident"), VIEWS["incident"]
INPUT = Partition("simpul.53.incident.v1", 0)
OUTPUT = Partition(partial_topic(VIEW.spec.name), 0)

Publish = Callable[[Iterable[int]], None]


@pytest.fixture
def publish(bus: Any, incident: Callable[..., dict[str, Any]]) -> Publish:
    """Append an incident for each number."""
    bus.registry.register(value_subject(OUTPUT.topic), VIEW.spec.partial_schema)
    schema_id = bus.registry.lookup(value_subject(INPUT.topic), KIND.schema)

    def append(numbers: Iterable[int]) -> None:
        for number in numbers:
            event = incident(subject=f"s{number}", event_id=f"018e0000-0000-7000-8000-{number:012x}")
            bus.log.append(Outgoing(INPUT.topic, b"k", frame(schema_id, encode(KIND.parsed_schema, event))))

    return append


class Side:
    """A worker of the first stage over a store."""

    def __init__(self, bus: Any, store: InMemoryStore, registry: InMemoryRegistry | None = None) -> None:
        self.store = store
        limits = Limits(max_records=4, poll_seconds=0, quiet_seconds=0)
        self.worker = Worker(PartialStage(VIEW, registry or bus.registry), store, InMemoryWriter(bus.log), limits)
        self.reader = InMemoryReader(bus.log, [INPUT.topic], self.worker.start_offset)

    def rest(self, *, start: bool = True) -> None:
        async def play() -> None:
            if start:
                await self.reader.start()
            while await self.worker.step(self.reader):
                pass

        asyncio.run(play())


def published(bus: Any) -> int:
    return bus.log.end_offset(OUTPUT)


def test_a_new_worker_makes_no_figure_of_a_log_whose_beginning_was_deleted(bus: Any, publish: Publish) -> None:
    publish(range(10))
    Side(bus, InMemoryStore()).rest()
    before = published(bus)
    assert before
    bus.log.begins[INPUT.topic] = 6
    store = InMemoryStore()
    with pytest.raises(LogCut, match=r"simpul\.53\.incident\.v1/0 is cut: records 0 to 5 were deleted"):
        Side(bus, store).rest()
    assert published(bus) == before
    assert store.positions() == {}


def test_a_worker_that_holds_what_was_deleted_goes_on(bus: Any, publish: Publish) -> None:
    publish(range(10))
    store = InMemoryStore()
    Side(bus, store).rest()
    before = published(bus)
    bus.log.begins[INPUT.topic] = 10
    publish(range(10, 12))
    Side(bus, store).rest()
    assert published(bus) > before
    assert store.positions()[INPUT].current == 12


def test_a_worker_that_is_overtaken_by_the_deletion_says_so(bus: Any, publish: Publish) -> None:
    publish(range(4))
    side = Side(bus, InMemoryStore())
    side.rest()
    publish(range(4, 12))
    bus.log.begins[INPUT.topic] = 7
    with pytest.raises(LogCut, match="records 4 to 6 were deleted"):
        side.rest(start=False)
    assert side.store.positions()[INPUT].next_offset == 4


def test_offsets_that_only_a_transaction_took_are_no_cut(bus: Any, publish: Publish) -> None:
    publish(range(4))
    side = Side(bus, InMemoryStore())
    side.rest()
    publish(range(4, 12))
    side.reader._positions[INPUT] = 6  # two markers of somebody's transaction lay there, which no reader is given
    side.rest(start=False)
    assert side.store.positions()[INPUT].next_offset == 12


def test_a_topic_that_was_made_anew_under_a_store_is_told_when_it_is_taken_over(bus: Any, publish: Publish) -> None:
    publish(range(10))
    store = InMemoryStore()
    Side(bus, store).rest()
    bus.log.topics[INPUT.topic].clear()
    publish(range(3))
    with pytest.raises(LogCut, match="ends at 3, though it was read up to 10"):
        Side(bus, store).rest()


def test_a_log_that_loses_its_end_under_a_running_worker_is_told(bus: Any, publish: Publish) -> None:
    publish(range(10))
    side = Side(bus, InMemoryStore())
    side.rest()
    del bus.log.topics[INPUT.topic][6:]
    side.reader._positions[INPUT] = 0  # as a client does that finds itself behind the end
    with pytest.raises(LogCut, match="ends at 6, though it was read up to 10"):
        side.rest(start=False)


class AwayRegistry(InMemoryRegistry):
    """A registry that may not answer."""

    away = True

    def schema(self, schema_id: int) -> str:
        if self.away:
            raise RegistryUnavailable("mati", "down")
        return super().schema(schema_id)


def test_a_registry_that_is_away_holds_the_batch_and_skips_nothing(bus: Any, publish: Publish) -> None:
    publish(range(4))
    registry = AwayRegistry()
    registry.__dict__.update(bus.registry.__dict__)
    side = Side(bus, InMemoryStore(), registry)
    with pytest.raises(RegistryUnavailable):
        side.rest()
    assert side.store.positions() == {}
    registry.away = False
    side.rest()
    assert side.store.positions()[INPUT].current == 4
    registry.away = True
    publish(range(4, 8))
    side.rest()  # what was learned once is not asked again
    assert side.store.positions()[INPUT].current == 8


def test_a_schema_that_is_registered_later_is_refused_until_then_and_taken_from_then_on(
    bus: Any, publish: Publish, incident: Callable[..., dict[str, Any]]
) -> None:
    publish(range(2))
    event = incident(subject="baru", event_id="018e0000-0000-7000-8000-0000000000ff")
    newer, schema_id = KIND.schema + " ", len(bus.registry._ids) + 1
    value = frame(schema_id, encode(KIND.parsed_schema, event))
    side = Side(bus, InMemoryStore())
    bus.log.append(Outgoing(INPUT.topic, b"k", value))
    side.rest()
    assert (side.store.positions()[INPUT].refused, side.store.positions()[INPUT].current) == (1, 2)
    assert bus.registry.register(value_subject(INPUT.topic), newer) == schema_id
    bus.log.append(Outgoing(INPUT.topic, b"k", value))
    side.rest(start=False)
    assert (side.store.positions()[INPUT].refused, side.store.positions()[INPUT].current) == (1, 3)
