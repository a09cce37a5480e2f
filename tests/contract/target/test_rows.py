"""What a target stores: rows, their newest revision and their values."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.target.databases import ON_EVERY_DATABASE, P0, P1, Database, event, frame, move, position

from simpul_connectors.errors import RowRefused
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.target import Move, Position, Target
from simpul_schemas.events.envelope import to_micros

pytestmark = ON_EVERY_DATABASE


def test_before_it_is_prepared_a_target_is_empty(database: Database) -> None:
    target = database.open("sink")
    assert target.positions() == {}
    assert target.rows() == 0
    target.close()


def test_preparing_twice_keeps_rows_and_positions(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    target.prepare()
    assert target.rows() == 1
    assert target.positions() == {P0: position(1)}


def test_rows_and_positions_are_stored_together(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1), event("b", 2)], move(P0, 0, 2), move(P1, 0, 5))
    assert target.rows() == 2
    assert target.positions() == {P0: position(2), P1: position(5)}


def test_what_was_done_ahead_of_a_write_is_of_those_rows_only(database: Database, target: Target) -> None:
    first, second = (shape(frame([event(name, number)]), database.table) for number, name in enumerate("ab", start=1))
    target.foresee(first)
    target.write(second, [move(P0, 0, 1)])
    assert set(database.by_subject()) == {"b"}
    target.foresee(first)
    target.write(first, [move(P0, 1, 2)])
    assert {subject: row["revision"] for subject, row in database.by_subject().items()} == {"a": 1, "b": 2}


def test_a_batch_without_rows_moves_the_positions(database: Database, target: Target) -> None:
    refused = Move(P0, Position(), Position(3, 3, 3))
    database.write(target, [], refused)
    assert target.positions() == {P0: Position(3, 3, 3)}


def test_a_higher_revision_overwrites_every_column(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1, note="old", number=1)], move(P0, 0, 1))
    database.write(target, [event("a", 2, note=None, number=2)], move(P0, 1, 2))
    assert database.by_subject()["a"] | {"note": None, "number": 2, "revision": 2} == database.by_subject()["a"]


@pytest.mark.parametrize(("revision", "event_id"), [(1, "z"), (2, "d"), (2, "e")])
def test_what_is_not_newer_never_overwrites(database: Database, target: Target, revision: int, event_id: str) -> None:
    database.write(target, [event("a", 2, "e", note="kept")], move(P0, 0, 1))
    database.write(target, [event("a", revision, event_id, note="stale")], move(P0, 1, 2))
    assert database.by_subject()["a"]["note"] == "kept"
    assert target.positions() == {P0: position(2)}


@pytest.mark.parametrize(("lower", "higher"), [("B", "a"), ("a", "é"), ("a-b", "aa"), ("\ufffd", "\U0001f600")])
def test_event_ids_are_compared_byte_by_byte(database: Database, target: Target, lower: str, higher: str) -> None:
    database.write(target, [event("a", 1, lower)], move(P0, 0, 1))
    database.write(target, [event("a", 1, higher)], move(P0, 1, 2))
    database.write(target, [event("a", 1, lower)], move(P0, 2, 3))
    assert database.by_subject()["a"]["event_id"] == higher


def test_a_withdrawn_row_stays_flagged_and_an_older_revision_does_not_revive_it(
    database: Database, target: Target
) -> None:
    database.write(target, [event("a", 3) | {"action": "WITHDRAW"}], move(P0, 0, 1))
    database.write(target, [event("a", 2)], move(P0, 1, 2))
    assert database.by_subject()["a"]["action"] == "WITHDRAW"
    assert target.rows() == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\\N",
        "\\.",
        "a\n\\.\nb",
        "tab\there",
        "q\"u'o,te",
        "\r\n",
        "null",
        "NULL",
        "Bandung, Jawa Barat 🏝",
        "x" * 100_000,
    ],
)
def test_any_text_comes_through_unchanged(database: Database, target: Target, text: str) -> None:
    database.write(target, [event("a", 1, note=text), event(f"s{text[:100]}", 1)], move(P0, 0, 2))
    assert database.by_subject()["a"]["note"] == text
    assert f"s{text[:100]}" in database.by_subject()


def test_a_nul_in_a_text_is_stored_as_its_picture(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1, note="x\0y")], move(P0, 0, 1))
    assert database.by_subject()["a"]["note"] == "x␀y"


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63), None])
def test_whole_numbers_are_exact(database: Database, target: Target, number: int | None) -> None:
    database.write(target, [event("a", 1, number=number), event("b", 1, number=7)], move(P0, 0, 2))
    assert database.by_subject()["a"]["number"] == number


@pytest.mark.parametrize("ratio", [0.0, -6.2, 1e-300, 106.8456, None])
def test_doubles_are_exact(database: Database, target: Target, ratio: float | None) -> None:
    database.write(target, [event("a", 1, ratio=ratio), event("b", 1, ratio=1.5)], move(P0, 0, 2))
    assert database.by_subject()["a"]["ratio"] == ratio


def test_an_infinite_double_is_stored_or_refused_as_a_row_but_never_changed(database: Database, target: Target) -> None:
    with suppress(RowRefused):
        database.write(target, [event("a", 1, ratio=math.inf)], move(P0, 0, 1))
    stored = [row["ratio"] for row in database.read()]
    assert stored == [math.inf] * len(target.positions())


@pytest.mark.parametrize("year", [1, 1945, 1970, 2000, 2024, 9999])
def test_times_are_exact_to_the_microsecond(database: Database, target: Target, year: int) -> None:
    moment = to_micros(datetime(year, 8, 17, 23, 59, 59, 999_999, UTC))
    database.write(target, [event("a", 1, moment=moment), event("b", 1)], move(P0, 0, 2))
    assert database.by_subject()["a"]["moment"] == moment
    assert database.by_subject()["b"]["moment"] is None


def test_the_farthest_times_do_not_stop_a_sink(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1, moment=-(2**63)), event("b", 1, moment=2**63 - 1)], move(P0, 0, 2))
    assert target.rows() == 2


def test_lists_are_stored_as_json(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1, list=[1, 2]), event("b", 1)], move(P0, 0, 2))
    assert database.by_subject()["a"]["list"] == "[1, 2]"
    assert database.by_subject()["b"]["list"] is None


EVENTS = st.lists(
    st.builds(
        event,
        subject=st.sampled_from("abc"),
        revision=st.integers(1, 3),
        event_id=st.sampled_from(["a", "B", "é"]),
        number=st.integers(0, 5),
        action=st.sampled_from(["SUBMIT", "WITHDRAW"]),
    ),
    max_size=12,
    unique_by=lambda found: (found["subject"], found["revision"], found["event_id"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), events=EVENTS)
def test_any_order_duplication_and_batching_leave_the_highest_revision_of_each_subject(
    make_database: Callable[[], Database], data: st.DataObject, events: list[dict[str, Any]]
) -> None:
    database = make_database()
    copies = [database.open("sink"), database.open("sink")]
    copies[0].prepare()
    sent = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)) if events else st.just([]))))
    start = 0
    while start < len(sent):
        end = data.draw(st.integers(start + 1, len(sent)))
        database.write(data.draw(st.sampled_from(copies)), sent[start:end], move(P0, start, end))
        start = end
    newest: dict[str, dict[str, Any]] = {}
    for found in sorted(events, key=lambda found: (found["revision"], found["event_id"].encode())):
        newest[found["subject"]] = found
    stored = database.by_subject()
    assert {subject: {name: row[name] for name in newest[subject]} for subject, row in stored.items()} == newest
    for copy in copies:
        copy.close()
