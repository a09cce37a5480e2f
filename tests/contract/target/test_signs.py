"""Who writes, and what a target tells of it: claims, signs of life, pauses and restarts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.contract.target.databases import ON_EVERY_DATABASE, P0, Database, event, frame, move

from simpul_connectors.errors import SinkSuperseded, TargetRefused
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.dialects.sqlite import Sqlite
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.target import Heartbeat, Sign, State, Target
from simpul_schemas.events.envelope import to_micros

pytestmark = ON_EVERY_DATABASE


def test_a_copy_that_claims_fences_every_older_one(database: Database, target: Target) -> None:
    assert target.claim("k") == 1
    newer = database.open("sink")
    assert newer.claim("k") == 2
    with pytest.raises(SinkSuperseded):
        database.write(target, [event("a", 1)], move(P0, 0, 1))
    with pytest.raises(SinkSuperseded):
        target.sift(shape(frame([event("a", 1)]), database.table))
    assert database.read() == []
    database.write(newer, [event("a", 1)], move(P0, 0, 1))
    assert newer.rows() == 1
    newer.close()


def test_every_write_and_beat_of_the_newest_copy_is_a_sign_of_life(database: Database, target: Target) -> None:
    target.claim("")
    beats = [target.control().beat]
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    beats.append(target.control().beat)
    assert target.beat(State.WAITING, "no registry").words == "no registry"
    beats.append(target.control().beat)
    assert beats == sorted(set(beats))
    assert target.control().state is State.WAITING


def test_a_superseded_copy_gives_no_sign_of_life(database: Database, target: Target) -> None:
    target.claim("")
    newer = database.open("sink")
    newer.claim("")
    before = target.control()
    assert target.beat(State.STOPPED, "").generation == 2
    assert target.control() == before
    newer.close()


def test_a_pause_is_seen_by_all_copies_and_outlives_them(database: Database, target: Target) -> None:
    target.pause(paused=True)
    other = database.open("sink")
    assert other.control().paused
    other.pause(paused=False)
    assert not target.control().paused
    other.close()


def test_a_sink_that_was_never_prepared_cannot_be_paused_and_says_what_to_do(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin takes a pause at any time")
    target = database.open("sink")
    with pytest.raises(TargetRefused, match="simpul sink apply"):
        target.pause(paused=True)
    target.prepare()
    other = database.open("other")
    with pytest.raises(TargetRefused, match="simpul sink apply"):
        other.pause(paused=True)
    target.close()
    other.close()


def test_a_sign_of_life_tells_its_age_by_the_databases_own_clock(database: Database) -> None:
    target, reader = database.open("sink"), database.open("sink")
    assert reader.heartbeat() is None
    target.prepare()
    assert reader.heartbeat() is None
    given = target.sign(Sign(3, State.RUNNING, 2.5, "", "", "mesin:1", first=True))
    found = reader.heartbeat()
    assert isinstance(found, Heartbeat)
    assert found == replace(given, now=found.now)
    assert (found.generation, found.state, found.worker, found.interval_seconds) == (3, State.RUNNING, "mesin:1", 2.5)
    assert 0 < found.since <= found.now
    assert given.now <= found.now
    # The clock is a real one: within a day of ours, whatever its zone.
    assert abs(found.now - to_micros(datetime.now(UTC))) < 86_400_000_000
    target.close()
    reader.close()


def test_a_late_sign_is_one_of_more_than_three_of_its_own_intervals(target: Target) -> None:
    found = target.sign(Sign(1, State.RUNNING, 2.0))
    assert not found.is_late
    assert not replace(found, now=found.beat_at + 6_000_000).is_late
    assert replace(found, now=found.beat_at + 6_000_001).is_late


def test_a_state_keeps_the_time_when_it_began_and_an_error_stays_until_the_next(target: Target) -> None:
    first = target.sign(Sign(1, State.WAITING, 1, "registry away", "disk 'full' ␀\0 100%"))
    again = target.sign(Sign(1, State.WAITING, 1, "still away"))
    assert (again.since, again.error, again.error_at) == (first.since, first.error, first.error_at)
    assert again.error == "disk 'full' ␀␀ 100%"
    assert again.beat_at >= first.beat_at
    assert again.words == "still away"
    changed = target.sign(Sign(1, State.RUNNING, 1))
    assert changed.since >= again.beat_at
    assert changed.words == ""


def test_a_sign_of_an_older_copy_changes_nothing(target: Target) -> None:
    newer = target.sign(Sign(5, State.RUNNING, 1, worker="baru:2"))
    older = target.sign(Sign(4, State.FAILED, 9, "x", "y", "lama:1", first=True))
    assert older == replace(newer, now=older.now)


def test_a_restart_is_asked_for_until_a_process_gives_its_first_sign(target: Target) -> None:
    with pytest.raises(TargetRefused, match="never"):
        target.ask_restart()
    target.sign(Sign(1, State.RUNNING, 1, first=True))
    assert [target.ask_restart(), target.ask_restart()] == [1, 2]
    found = target.sign(Sign(1, State.RUNNING, 1))
    assert (found.restart, found.restarted) == (2, 0)
    found = target.sign(Sign(2, State.RUNNING, 1, first=True))
    assert (found.restart, found.restarted) == (2, 2)


def test_words_of_any_length_and_two_sinks_side_by_side(database: Database) -> None:
    one, other = database.open("sink"), database.open("lain")
    for target in (one, other):
        target.prepare()
    one.sign(Sign(1, State.FAILED, 1, "é" * 5_000, "€" * 5_000, "w" * 5_000))
    other.sign(Sign(1, State.RUNNING, 1))
    found, beside = one.heartbeat(), other.heartbeat()
    assert found is not None
    assert beside is not None
    assert found.words.startswith("é" * 500)
    assert (found.state, beside.state) == (State.FAILED, State.RUNNING)
    one.close()
    other.close()


def test_a_heart_beats_while_a_batch_holds_the_row_of_its_sink(database: Database) -> None:
    target, heart = database.open("sink"), database.open("sink")
    if not isinstance(target, SqlTarget) or isinstance(target._dialect, Sqlite):
        return  # in memory nothing is held, and SQLite has one lock for all: there a sign waits for the batch
    target.prepare()
    beats = []

    def work(cursor: Any) -> None:
        target._ledger.take(cursor, 0)
        beats.append(heart.sign(Sign(1, State.RUNNING, 1)))

    target._transact(work)
    assert len(beats) == 1
    target.close()
    heart.close()
