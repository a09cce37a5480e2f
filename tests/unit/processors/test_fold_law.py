"""The law of the bus, held by the fold: the highest (revision, event_id) wins, whatever order, copies and cuts."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_processors.figure_stage import FigureStage
from simpul_processors.partial_stage import PartialStage
from simpul_processors.store import Space
from simpul_processors.testing import InMemoryStore
from simpul_processors.views import VIEWS
from simpul_processors.worker import Limits, Worker
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.figures import PARTICIPATION
from simpul_schemas.log import Outgoing
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, partial_topic, value_subject, view_topic
from simpul_schemas.wire import frame, unframe

TYPE = event_type("participation")
DISTRICTS = ("17.01.01", "17.01.02", "17.02.07", "75.01.01")


def an_event(subject: str, revision: int, tie: int, region: str, **payload: Any) -> dict[str, Any]:
    record = dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None)
    record |= {
        "event_id": f"018e0000-0000-7000-8000-{tie:012x}",
        "subject": subject,
        "revision": revision,
        "action": "SUBMIT",
        "region": region,
        "occurred_at": 1_700_000_000_000_000,
        "recorded_at": 1_700_000_000_000_000,
        "published_at": 1_700_000_000_000_000,
        "source": "uji.17",
        "mode": "ACTUAL",
        "election": "uji",
        "station": "001",
    }
    return record | payload


counts = st.none() | st.integers(0, 900)
events = st.builds(
    lambda subject, revision, tie, region, action, mode, registered, share, valid, invalid: an_event(
        f"tps:{region[:2]}:{subject}",
        revision,
        tie,
        region,
        action=action,
        mode=mode,
        registered=registered,
        turned_out=None if share is None else (900 if registered is None else registered) * share // 100,
        valid=valid,
        invalid=invalid,
    ),
    st.integers(0, 4),
    st.integers(1, 5),
    st.integers(0, 3),
    st.sampled_from(DISTRICTS),
    st.sampled_from(["SUBMIT", "SUBMIT", "SUBMIT", "WITHDRAW"]),
    st.sampled_from(["ACTUAL", "ACTUAL", "ACTUAL", "TEST"]),
    counts,
    st.none() | st.integers(0, 100),
    counts,
    counts,
)


def expected(published: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, int]]:
    """Recompute the figures the plain way: one loop over the winners of all subjects."""
    winners: dict[str, dict[str, Any]] = {}
    for event in published:
        old = winners.get(event["subject"])
        if old is None or (event["revision"], event["event_id"]) > (old["revision"], old["event_id"]):
            winners[event["subject"]] = event
    figures: dict[tuple[str, str], dict[str, int]] = {}
    for event in winners.values():
        if event["action"] != "SUBMIT" or event["mode"] != "ACTUAL":
            continue
        region = event["region"]
        places = (("district", region), ("regency", region[:5]), ("province", region[:2]), ("nation", "ID"))
        for place in places:
            figure = figures.setdefault(place, dict.fromkeys(PARTICIPATION.measure_names, 0))
            figure["stations"] += 1
            known = [event[name] for name in ("registered", "turned_out", "valid", "invalid")]
            figure["stations_reported"] += any(value is not None for value in known)
            for name in ("registered", "turned_out", "valid", "invalid"):
                figure[name] += event[name] or 0
            if event["registered"] is not None and event["turned_out"] is not None:
                figure["rate_registered"] += event["registered"]
                figure["rate_turned_out"] += event["turned_out"]
    return figures


def a_registry() -> InMemoryRegistry:
    registry = InMemoryRegistry()
    for province in ("17", "75"):
        registry.register(value_subject(event_topic(province, "participation")), TYPE.schema)
    registry.register(value_subject(partial_topic("participation")), PARTICIPATION.partial_schema)
    registry.register(value_subject(view_topic("participation")), PARTICIPATION.figure_schema)
    return registry


def append(log: InMemoryLog, registry: InMemoryRegistry, event: dict[str, Any]) -> None:
    topic = event_topic(event["region"][:2], "participation")
    schema_id = registry.lookup(value_subject(topic), TYPE.schema)
    log.append(Outgoing(topic, event["subject"].encode(), frame(schema_id, rows.encode(TYPE.parsed_schema, event))))


class Crash(Exception):
    """Stands for a kill at this very moment."""


async def fold_all(log: InMemoryLog, registry: InMemoryRegistry, batch: int, crashes: Sequence[int] = ()) -> list[Any]:
    """Run both stages until nothing is left; `crashes` counts sends after which the broker never answers."""
    sends = itertools.count()

    def fail(_: Sequence[Outgoing]) -> None:
        if next(sends) in crashes:
            raise BrokerUnavailable("mati", "down")

    stores = []
    for make in (
        lambda: PartialStage(VIEWS["participation"], registry),
        lambda: FigureStage(PARTICIPATION, registry),
    ):
        store = InMemoryStore()
        stores.append(store)
        while True:
            worker = Worker(make(), store, InMemoryWriter(log, fail), Limits(max_records=batch, poll_seconds=0))
            reader = InMemoryReader(log, make().topics, worker.start_offset)
            await reader.start()
            try:
                await worker._send_pending()
                while await worker.step(reader):
                    pass
                break
            except BrokerUnavailable:
                continue
    return stores


def published_figures(log: InMemoryLog) -> dict[tuple[str, str], dict[str, int]]:
    import fastavro

    schema = fastavro.parse_schema(__import__("json").loads(PARTICIPATION.figure_schema))
    newest: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    for record, _ in log.topics[view_topic("participation")]:
        assert record.value is not None
        figure = rows.decode(schema, unframe(record.value)[1])
        place = (figure["level"], figure["region"])
        if place not in newest or figure["revision"] >= newest[place][0]:
            newest[place] = (figure["revision"], {name: figure[name] for name in PARTICIPATION.measure_names})
    return {place: figure for place, (_, figure) in newest.items() if any(figure.values())}


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=40), st.integers(1, 9), st.lists(st.integers(0, 12), max_size=3))
def test_figures_equal_a_plain_recomputation_for_any_order_copies_cuts_and_crashes(
    published: list[dict[str, Any]], batch: int, crashes: list[int]
) -> None:
    # One content for each (subject, revision, event id), as the contract has it.
    once: dict[tuple[str, int, str], dict[str, Any]] = {}
    published = [once.setdefault((e["subject"], e["revision"], e["event_id"]), e) for e in published]
    log, registry = InMemoryLog(), a_registry()
    for event in published:
        append(log, registry, event)
    stores = asyncio.run(fold_all(log, registry, batch, crashes))
    assert published_figures(log) == expected(published)
    current = sum(position.current for position in stores[0].positions().values())
    assert current == len({event["subject"] for event in published})


@settings(max_examples=50, deadline=None)
@given(st.lists(events, max_size=30), st.integers(1, 9), st.integers(1, 9))
def test_a_store_rebuilt_from_the_log_has_the_same_bytes_however_it_was_cut_into_batches(
    published: list[dict[str, Any]], first: int, second: int
) -> None:
    log, registry = InMemoryLog(), a_registry()
    for event in published:
        append(log, registry, event)
    one, other = (asyncio.run(fold_all(log, registry, batch))[0] for batch in (first, second))
    for space in (Space.ENTITIES, Space.GROUPS):
        nonzero = [[(k, v) for k, v in store.items(space) if v.strip(b"\0")] for store in (one, other)]
        assert nonzero[0] == nonzero[1]
    assert one.positions() == other.positions()


def test_a_record_of_another_province_goes_to_quarantine_with_its_bytes_and_is_never_counted() -> None:
    log, registry = InMemoryLog(), a_registry()
    good = an_event("tps:17:1", 1, 1, "17.01.01", registered=10)
    append(log, registry, good)
    stray = an_event("tps:75:1", 1, 2, "75.01.01", registered=99)
    topic = event_topic("17", "participation")
    schema_id = registry.lookup(value_subject(topic), TYPE.schema)
    value = frame(schema_id, rows.encode(TYPE.parsed_schema, stray))
    log.append(Outgoing(topic, b"tps:75:1", value))
    log.append(Outgoing(topic, b"x", b"\x01garbage"))
    log.append(Outgoing(topic, None, None))
    asyncio.run(fold_all(log, registry, 10))
    assert published_figures(log) == expected([good])
    quarantined = [record for record, _ in log.topics["simpul.17.quarantine.v1"]]
    found = {record.value: dict(record.headers)["simpul_codes"] for record in quarantined}
    assert found == {
        b"\x01garbage": b"record.magic_byte_wrong",
        value: b"region.outside_province",
        None: b"record.empty",
    }
    assert all(record.key is not None for record in quarantined)


if __name__ == "__main__":
    pytest.main([__file__])
