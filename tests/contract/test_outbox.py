"""What every outbox keeps, run on the file and on its twin in memory; and that both agree on any calls."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simpul_producers.errors import SenderRunning
from simpul_producers.outbox import Counts, HandedOver, Keep, Outbox, OutboxRow, Record, Settlement, State
from simpul_producers.producer import Place
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.receipts import Fate


def row(event_id: str, subject: str = "tps:1", revision: int = 1, body: bytes = b"body") -> OutboxRow:
    return OutboxRow(
        event_id, "participation", subject, revision, "simpul.17.participation.v1", "sirekap.kpu", 5, '"schema"', body
    )


def make_sqlite(folder: Path) -> Outbox:
    return SqliteOutbox(folder / "outbox.db")


def make_memory(folder: Path) -> Outbox:
    return InMemoryOutbox()


@pytest.fixture(params=[make_sqlite, make_memory], ids=["sqlite", "memory"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    make: Callable[[Path], Outbox] = request.param
    box = make(tmp_path)
    yield box
    box.close()


def test_events_wait_in_the_order_they_were_taken(outbox: Outbox) -> None:
    assert outbox.add([row("b"), row("a")], 1) == 2
    assert outbox.add([row("c")], 2) == 1
    assert [waiting.row.event_id for waiting in outbox.pending(10)] == ["b", "a", "c"]


def test_a_row_comes_back_as_it_went_in(outbox: Outbox) -> None:
    taken = row("a", "tps:ñ", 2**63 - 1, bytes(range(256)))
    outbox.add([taken], 1)
    assert outbox.pending(1)[0].row == taken


def test_an_event_id_that_is_there_adds_nothing_in_whatever_state_it_is(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b"), row("c")], 1)
    outbox.mark_sent([outbox.pending(1)[0].seq], 2)
    outbox.mark_refused(outbox.pending(1)[0].seq, "too large", 2)
    assert outbox.add([row("a"), row("b"), row("c", body=b"other"), row("d"), row("d")], 3) == 1
    assert [waiting.row.event_id for waiting in outbox.pending(10)] == ["c", "d"]
    assert outbox.pending(1)[0].row.body == b"body"


def test_what_became_of_an_event_is_found_by_its_id(outbox: Outbox) -> None:
    taken = row("a", body=bytes(range(256)))
    outbox.add([taken, row("b"), row("c")], 7)
    outbox.mark_sent([1], 8)
    outbox.mark_refused(2, "too large", 9)
    assert outbox.find("a") == (taken, State.SENT, "", 7, 8)
    assert outbox.find("b") == (row("b"), State.REFUSED, "too large", 7, 9)
    assert outbox.find("c") == (row("c"), State.PENDING, "", 7, None)
    assert outbox.find("d") is None


def test_adding_nothing_is_harmless(outbox: Outbox) -> None:
    assert outbox.add([], 1) == 0
    outbox.mark_sent([], 1)


def test_pending_goes_on_behind_a_place_in_the_order(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b"), row("c")], 1)
    first = outbox.pending(2)
    assert [waiting.row.event_id for waiting in first] == ["a", "b"]
    assert [waiting.row.event_id for waiting in outbox.pending(2, first[-1].seq)] == ["c"]


def test_counts_say_where_events_stand(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b"), row("c"), row("d")], 1)
    seqs = [waiting.seq for waiting in outbox.pending(10)]
    outbox.mark_sent(seqs[:2], 2)
    outbox.mark_refused(seqs[2], "too large", 2)
    assert outbox.counts() == Counts(published=2, pending=1, refused_by_broker=1)
    assert list(outbox.event_ids(State.SENT)) == ["a", "b"]
    assert list(outbox.event_ids(State.REFUSED)) == ["c"]
    assert list(outbox.event_ids(State.PENDING)) == ["d"]


def test_what_is_settled_stays_settled(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    first, second = (waiting.seq for waiting in outbox.pending(2))
    outbox.mark_sent([first], 2)
    outbox.mark_refused(first, "late", 3)
    outbox.mark_refused(second, "too large", 3)
    outbox.mark_sent([second, 999], 4)
    assert outbox.counts() == Counts(1, 0, 1)


def test_refused_rows_tell_the_reason_newest_first(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    for waiting in outbox.pending(2):
        outbox.mark_refused(waiting.seq, f"reason {waiting.row.event_id}", 2)
    assert [(refused.event_id, refused.reason) for refused in outbox.refused(10)] == [
        ("b", "reason b"),
        ("a", "reason a"),
    ]
    assert len(outbox.refused(1)) == 1


def test_a_revision_is_the_clock_or_one_above_the_last(outbox: Outbox) -> None:
    assert outbox.reserve_revisions(["tps:1"], 100) == [100]
    assert outbox.reserve_revisions(["tps:1", "tps:1", "tps:2"], 50) == [101, 102, 50]
    assert outbox.last_revision("tps:1") == 102


def test_a_revision_given_by_hand_is_never_gone_below(outbox: Outbox) -> None:
    outbox.add([row("a", revision=500), row("b", revision=300)], 1)
    assert outbox.last_revision("tps:1") == 500
    assert outbox.reserve_revisions(["tps:1"], 400) == [501]
    assert outbox.last_revision("never seen") == 0


def test_the_latest_event_of_a_subject_is_that_of_its_highest_revision_which_was_not_refused(outbox: Outbox) -> None:
    outbox.add([row("a", revision=5), row("c", revision=7), row("b", revision=7), row("d", "tps:2", 9)], 1)
    assert outbox.latest("tps:1") == row("c", revision=7)
    refused = next(each.seq for each in outbox.pending(9) if each.row.event_id == "c")
    outbox.mark_refused(refused, "too large", 2)
    assert outbox.latest("tps:1") == row("b", revision=7)
    assert outbox.latest("never seen") is None


def test_above_the_highest_revision_there_is_none(outbox: Outbox) -> None:
    outbox.add([row("a", revision=2**63 - 1)], 1)
    with pytest.raises(InvalidEvent) as caught:
        outbox.reserve_revisions(["tps:2", "tps:1"], 7)
    assert caught.value.codes == ("envelope.revision_exhausted",)
    assert outbox.last_revision("tps:2") == 0


def test_only_one_sends_at_a_time(outbox: Outbox) -> None:
    with outbox.sender_lock(), pytest.raises(SenderRunning), outbox.sender_lock():
        pass
    with outbox.sender_lock():
        pass


TOPIC = "simpul.17.participation.v1"


def said(
    *, accepted: str = "", superseded: str = "", refused: dict[str, int] | None = None, **changes: object
) -> Settlement:
    values = {
        "topic": TOPIC,
        "partition": 0,
        "first_offset": 0,
        "next_offset": 100,
        "body": b"receipt",
        "verified": True,
        "accepted": frozenset(map(leaf, accepted)),
        "superseded": frozenset(map(leaf, superseded)),
        "refused": {name: (offset, ("a.b", "c.d")) for name, offset in (refused or {}).items()},
        "refused_offsets": {},
    }
    return Settlement(**{**values, **changes})  # type: ignore[arg-type]  # of mixed values


def leaf(name: str) -> bytes:
    return name.encode() * 32


def hand_over(outbox: Outbox, *, sent: str = "") -> None:
    """Hand over all that waits, and have the broker acknowledge some: event n lies at offset n."""
    waiting = {each.row.event_id: each.seq for each in outbox.pending(100)}
    outbox.mark_sent([], 1, handed=[HandedOver(seq, 7, leaf(name)) for name, seq in waiting.items()])
    places = {waiting[name]: Place(0, ord(name) - ord("a")) for name in sent}
    outbox.mark_sent(places, 2, places)


def record(outbox: Outbox, name: str) -> Record:
    found = outbox.record(name)
    assert found is not None
    return found


def test_what_was_handed_over_and_acknowledged_is_remembered(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    hand_over(outbox, sent="a")
    found = record(outbox, "a")
    assert (found.state, found.place, found.wire_id, found.leaf) == (State.SENT, Place(0, 0), 7, leaf("a"))
    assert (record(outbox, "b").state, record(outbox, "b").place) == (State.PENDING, None)
    assert outbox.record("never taken") is None
    assert (outbox.awaiting(), outbox.unreceipted()) == ([TOPIC], 1)
    assert outbox.latest_ids(5) == ["b", "a"]


def test_a_receipt_tells_the_fate_of_each_event_and_is_kept(outbox: Outbox) -> None:
    outbox.add([row(name) for name in "abcd"], 1)
    hand_over(outbox, sent="abcd")
    told = said(accepted="ax", superseded="b", refused={"c": 2, "x": 9})
    assert outbox.settle([told], "log", 5, 9) == 3
    fates = {name: record(outbox, name).fate for name in "abcd"}
    assert fates == {"a": Fate.ACCEPTED, "b": Fate.SUPERSEDED, "c": Fate.REFUSED, "d": None}
    assert record(outbox, "c").codes == ("a.b", "c.d")
    assert (record(outbox, "a").receipt, record(outbox, "a").verified) == (b"receipt", True)
    assert record(outbox, "d").receipt is None
    assert (outbox.receipts_read("log"), outbox.receipts_read("other")) == (5, 0)
    assert (outbox.awaiting(), outbox.unreceipted()) == ([TOPIC], 1)
    assert outbox.settle([said(accepted="d")], "log", 6, 9) == 1
    assert outbox.awaiting() == []


def test_the_same_receipt_again_changes_nothing(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    hand_over(outbox, sent="ab")
    told = said(accepted="a", superseded="b")
    assert outbox.settle([told], "log", 1, 9) == 2
    assert outbox.settle([told], "log", 1, 10) == 0
    assert record(outbox, "a").settled_at == 9


def test_an_event_whose_answer_was_never_heard_is_known_to_have_arrived_by_its_receipt(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    hand_over(outbox)
    assert outbox.settle([said(accepted="a")], "log", 1, 9) == 1
    assert record(outbox, "a").state is State.SENT
    assert [waiting.row.event_id for waiting in outbox.pending(9)] == ["b"]
    assert outbox.counts() == Counts(1, 1, 0)


def test_an_event_that_lost_against_its_own_repetition_is_accepted(outbox: Outbox) -> None:
    outbox.add([row("a")], 1)
    hand_over(outbox, sent="a")
    assert outbox.settle([said(superseded="a")], "log", 1, 9) == 1
    assert outbox.settle([said(accepted="a")], "log", 2, 9) == 1
    assert record(outbox, "a").fate is Fate.ACCEPTED
    assert outbox.settle([said(superseded="a", refused={"a": 0})], "log", 3, 9) == 0


def test_a_receipt_of_another_topic_or_place_says_nothing_of_our_events(outbox: Outbox) -> None:
    outbox.add([row("a"), row("b")], 1)
    hand_over(outbox, sent="ab")
    assert outbox.settle([said(accepted="a", topic="simpul.31.participation.v1")], "log", 1, 9) == 0
    assert outbox.settle([said(refused={"b": 77}), said(refused={"b": 1}, partition=3)], "log", 2, 9) == 0
    assert outbox.settle([said(refused_offsets={1: ("record.undecodable",), 5: ("x",)})], "log", 3, 9) == 1
    assert record(outbox, "b").codes == ("record.undecodable",)


def test_a_refused_correction_leaves_the_older_version_standing(outbox: Outbox) -> None:
    outbox.add([row("a", revision=1), row("b", revision=2)], 1)
    hand_over(outbox, sent="ab")
    outbox.settle([said(accepted="a", refused={"b": 1})], "log", 1, 9)
    assert outbox.latest("tps:1") == row("a", revision=1)
    assert outbox.last_revision("tps:1") == 2


KEEP = Keep(settled=100, other=1_000)


def test_what_is_done_with_is_pruned_after_its_time_and_what_waits_never(outbox: Outbox) -> None:
    outbox.add([row(name) for name in "abcdef"], 1)
    hand_over(outbox, sent="abcd")
    outbox.settle([said(accepted="a", superseded="b", refused={"c": 2})], "log", 1, 50)
    outbox.mark_refused(outbox.pending(1)[0].seq, "too large", 50)
    assert outbox.prune(150, KEEP, 10) == 0
    assert outbox.prune(151, KEEP, 1) == 1
    assert outbox.prune(151, KEEP, 10) == 1
    assert outbox.latest_ids(10) == ["f", "e", "d", "c"]
    # Refused by the fold, refused by the broker, and never receipted: all longer.
    assert outbox.prune(10**9, KEEP, 10) == 3
    assert outbox.latest_ids(10) == ["f"]
    assert outbox.counts() == Counts(4, 1, 1)


def test_what_was_pruned_still_adds_nothing_and_leaves_its_subject_as_it_was(outbox: Outbox) -> None:
    outbox.add([row("a", revision=5), row("b", revision=9), row("c", "tps:2", 3)], 1)
    hand_over(outbox, sent="abc")
    outbox.settle([said(accepted="abc")], "log", 1, 50)
    assert outbox.prune(151, KEEP, 2) == 2
    assert outbox.prune(151, KEEP, 2) == 1
    assert outbox.add([row("a", revision=5), row("d", revision=1)], 200) == 1
    assert outbox.latest("tps:1") == row("b", revision=9)
    assert outbox.latest("tps:2") == row("c", "tps:2", 3)
    assert outbox.reserve_revisions(["tps:1", "tps:2"], 1) == [10, 4]


IDS = st.sampled_from([f"event-{number}" for number in range(8)])
SUBJECTS = st.sampled_from(["tps:1", "tps:2"])
ROWS = st.builds(row, IDS, SUBJECTS, st.integers(1, 50))
CALLS = st.one_of(
    st.tuples(st.just("add"), st.lists(ROWS, max_size=5)),
    st.tuples(st.just("sent"), st.lists(st.integers(1, 10), max_size=4)),
    st.tuples(st.just("refused"), st.integers(1, 10)),
    st.tuples(st.just("reserve"), st.lists(SUBJECTS, max_size=3)),
    st.tuples(st.just("settle"), st.lists(st.sampled_from(["accepted", "superseded", "refused"]), max_size=8)),
    st.tuples(st.just("prune"), st.integers(0, 3)),
)


def places(outbox: Outbox) -> list[int]:
    return [waiting.seq for waiting in outbox.pending(100)]


def play(outbox: Outbox, call: tuple[str, object]) -> object:
    """Make one call; places in the order are asked for, since only their order is part of the contract."""
    match call:
        case ("add", list(rows)):
            return outbox.add(rows, 1)
        case ("sent", list(numbers)):
            waiting = places(outbox)
            outbox.mark_sent([waiting[number % len(waiting)] for number in numbers if waiting], 2)
        case ("refused", int(number)):
            waiting = places(outbox)
            if waiting:
                outbox.mark_refused(waiting[number % len(waiting)], f"reason {number}", 3)
        case ("settle", list(fates)):
            hand = [HandedOver(each.seq, 7, each.row.event_id.encode()) for each in outbox.pending(100)]
            outbox.mark_sent([], 2, handed=hand)
            told = {f"event-{number}": fate for number, fate in enumerate(fates)}
            leaves = {
                kind: frozenset(name.encode() for name, fate in told.items() if fate == kind)
                for kind in ("accepted", "superseded")
            }
            refused = {name: (0, ("x",)) for name, fate in told.items() if fate == "refused"}
            return outbox.settle([dataclasses.replace(said(), refused=refused, **leaves)], "log", 1, 4)
        case ("prune", int(number)):
            return outbox.prune(10**9, KEEP, number)
        case ("reserve", list(subjects)):
            return outbox.reserve_revisions(subjects, 20)
    return None


def seen(outbox: Outbox) -> object:
    return (
        [waiting.row for waiting in outbox.pending(100)],
        outbox.counts(),
        [list(outbox.event_ids(state)) for state in State],
        outbox.refused(100),
        [outbox.last_revision(subject) for subject in ("tps:1", "tps:2")],
        [outbox.latest(subject) for subject in ("tps:1", "tps:2")],
        [found and (found.state, found.fate, found.codes) for found in map(outbox.record, outbox.latest_ids(100))],
        (outbox.awaiting(), outbox.unreceipted(), outbox.receipts_read("log")),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=12))
def test_file_and_memory_agree_on_any_sequence_of_calls(
    calls: list[tuple[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    on_disk, in_memory = SqliteOutbox(tmp_path_factory.mktemp("agree") / "outbox.db"), InMemoryOutbox()
    try:
        for call in calls:
            assert play(on_disk, call) == play(in_memory, call)
        assert seen(on_disk) == seen(in_memory)
    finally:
        on_disk.close()
