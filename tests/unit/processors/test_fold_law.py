"""The law of the bus, held by the fold: the highest (revision, event_id) wins, whatever order, copies and cuts."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
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
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.receipts import RECEIPT_SCHEMA, Fate, Receipt, read_receipt
from simpul_schemas.signing import KeyRing, new_signer
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.topics import event_topic, partial_topic, receipt_topic, value_subject, view_topic
from simpul_schemas.wire import frame, unframe

TYPE = event_type("participation")
SIGNER = new_signer()
RING = KeyRing([load_pem_public_key(SIGNER.public_pem)])
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
    for province in ("17", "75"):
        registry.register(value_subject(receipt_topic(province)), RECEIPT_SCHEMA)
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
        lambda: PartialStage(VIEWS["participation"], registry, SIGNER),
        lambda: FigureStage(PARTICIPATION, registry),
    ):
        store = InMemoryStore()
        stores.append(store)
        while True:
            worker = Worker(make(), store, InMemoryWriter(log, fail), Limits(max_records=batch, poll_seconds=0))
            reader = InMemoryReader(log, make().topics, worker.start_offset)
            await reader.start()
            try:
                await worker.send_left_over()
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


def receipts(log: InMemoryLog, province: str) -> list[Receipt]:
    return [read_receipt(unframe(record.value)[1]) for record, _ in log.topics[receipt_topic(province)]]


def fates(log: InMemoryLog, province: str) -> dict[int, tuple[Fate, tuple[str, ...]]]:
    """What the receipts say of each offset; several of one offset must agree."""
    found: dict[int, tuple[Fate, tuple[str, ...]]] = {}
    for receipt in receipts(log, province):
        assert receipt.genuine(RING)
        statement = receipt.statement
        for offset in range(statement.first_offset, statement.next_offset):
            fate = statement.fate(offset)
            assert fate is not None
            assert found.setdefault(offset, fate) == fate
    return found


def plain_fates(
    published: Sequence[dict[str, Any] | None], province: str
) -> tuple[dict[int, tuple[Fate, tuple[str, ...]]], set[int]]:
    """Fates and conflicts by one loop over a province's records in the order of the log; None stands for garbage."""
    newest: dict[str, dict[str, Any]] = {}
    found: dict[int, tuple[Fate, tuple[str, ...]]] = {}
    conflicts: set[int] = set()
    for offset, event in enumerate(published):
        if event is None:
            found[offset] = (Fate.REFUSED, ("record.magic_byte_wrong",))
            continue
        old = newest.get(event["subject"])
        if old is not None and old["revision"] == event["revision"] and old != event:
            conflicts.add(offset)
        if old is not None and (old["revision"], old["event_id"]) >= (event["revision"], event["event_id"]):
            found[offset] = (Fate.SUPERSEDED, ())
        else:
            found[offset] = (Fate.ACCEPTED, ())
            newest[event["subject"]] = event
    return found, conflicts


def conflict_notices(log: InMemoryLog) -> set[int]:
    headers = [dict(record.headers) for record, _ in log.topics["simpul.17.quarantine.v1"]]
    return {int(each["simpul_origin_offset"]) for each in headers if each["simpul_codes"] == b"subject.conflict"}


@settings(max_examples=120, deadline=None)
@given(st.lists(st.none() | events, max_size=40), st.integers(1, 9), st.lists(st.integers(0, 12), max_size=3))
def test_the_fate_of_a_record_is_the_same_for_any_cuts_crashes_and_rebuilds(
    drawn: list[dict[str, Any] | None], batch: int, crashes: list[int]
) -> None:
    published = [event for event in drawn if event is None or event["region"].startswith("17")]
    log, registry = InMemoryLog(), a_registry()
    topic = event_topic("17", "participation")
    for event in published:
        if event is None:
            log.append(Outgoing(topic, b"x", b"\x01garbage"))
        else:
            append(log, registry, event)
    expected_fates, conflicts = plain_fates(published, "17")
    for size in (batch, 50):  # the second is a rebuild, beside what the first has told
        store = asyncio.run(fold_all(log, registry, size, crashes))[0]
        assert fates(log, "17") == expected_fates
        assert conflict_notices(log) == conflicts
        assert sum(position.superseded for position in store.positions().values()) == sum(
            event is not None for event in published
        ) - len({event["subject"] for event in published if event is not None})


def test_a_receipt_proves_each_accepted_record_and_none_that_was_changed() -> None:
    log, registry = InMemoryLog(), a_registry()
    for number in range(5):
        append(log, registry, an_event(f"tps:17:{number}", 1, number, "17.01.01", registered=number))
    asyncio.run(fold_all(log, registry, 100))
    (receipt,) = receipts(log, "17")
    assert (receipt.statement.records, receipt.statement.accepted) == (5, 5)
    assert Partition(receipt.statement.topic, receipt.statement.partition) == Partition(
        event_topic("17", "participation"), 0
    )
    for record, _ in log.topics[event_topic("17", "participation")]:
        value = record.value
        assert value is not None
        proof = receipt.prove(value)
        assert proof is not None
        assert proof.holds(RING)
        assert receipt.prove(value[:-1] + bytes([value[-1] ^ 1])) is None


def test_a_batch_longer_than_a_receipt_gives_several_that_follow_on_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("simpul_processors.fates.MAX_RECORDS", 3)
    log, registry = InMemoryLog(), a_registry()
    for number in range(8):
        append(log, registry, an_event(f"tps:17:{number}", 1, number, "17.01.01"))
    asyncio.run(fold_all(log, registry, 100))
    stretches = [(one.statement.first_offset, one.statement.next_offset) for one in receipts(log, "17")]
    assert stretches == [(0, 3), (3, 6), (6, 8)]
    assert all(one.genuine(RING) for one in receipts(log, "17"))


def test_an_older_partial_figure_behind_a_newer_one_is_healed_and_changes_no_figure() -> None:
    log, registry = InMemoryLog(), a_registry()
    append(log, registry, an_event("tps:17:1", 1, 1, "17.01.01", registered=10))
    asyncio.run(fold_all(log, registry, 10))
    stale = log.topics[partial_topic("participation")][-1][0]
    append(log, registry, an_event("tps:17:2", 1, 2, "17.01.01", registered=5))
    newest = asyncio.run(fold_all(log, registry, 10)) and log.topics[partial_topic("participation")][-1][0]
    before = published_figures(log)
    log.append(stale)  # a worker that was frozen between the two wakes up
    asyncio.run(fold_all(log, registry, 10))
    assert published_figures(log) == before
    # What compaction keeps is the last of a key.
    assert log.topics[partial_topic("participation")][-1][0] == newest


if __name__ == "__main__":
    pytest.main([__file__])
