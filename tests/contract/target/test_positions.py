"""Where a target has come to: positions move with the rows, and fence every other writer."""

import pytest
from tests.contract.target.databases import ON_EVERY_DATABASE, P0, P1, Database, event, move, position

from simpul_connectors.errors import SinkFenced, SinkOfAnotherBus
from simpul_connectors.sinks.target import Target

pytestmark = ON_EVERY_DATABASE


def test_a_writer_that_believes_another_position_is_fenced_and_writes_nothing(
    database: Database, target: Target
) -> None:
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    late = database.open("sink")
    with pytest.raises(SinkFenced):
        database.write(late, [event("b", 1)], move(P0, 0, 2))
    assert set(database.by_subject()) == {"a"}
    assert late.positions() == {P0: position(1)}
    database.write(late, [event("b", 1)], move(P0, 1, 2))
    assert set(database.by_subject()) == {"a", "b"}
    late.close()


def test_one_moved_partition_fences_the_whole_batch(database: Database, target: Target) -> None:
    database.write(target, [], move(P1, 0, 1))
    with pytest.raises(SinkFenced):
        database.write(target, [event("a", 1)], move(P0, 0, 1), move(P1, 0, 2))
    assert target.positions() == {P1: position(1)}
    assert target.rows() == 0


def test_a_batch_that_is_stored_already_is_left_as_it_is(database: Database, target: Target) -> None:
    for _ in range(2):
        database.write(target, [event("a", 1)], move(P0, 0, 1))
    assert target.positions() == {P0: position(1)}
    assert target.rows() == 1


def test_two_sinks_of_one_database_keep_their_own_positions(database: Database, target: Target) -> None:
    other = database.open("other")
    other.prepare()
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    assert other.positions() == {}
    other.close()


def test_a_table_that_was_dropped_is_filled_from_the_beginning(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    database.drop()
    target.prepare()
    assert target.positions() == {}
    assert target.rows() == 0


def test_a_closed_target_connects_again(database: Database, target: Target) -> None:
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    target.close()
    target.close()
    assert target.rows() == 1


# Who writes.


def test_the_offsets_of_another_cluster_are_told_and_not_continued(database: Database, target: Target) -> None:
    target.claim("old")
    database.write(target, [event("a", 1)], move(P0, 0, 1))
    other = database.open("sink")
    with pytest.raises(SinkOfAnotherBus, match="'old'"):
        other.claim("new")
    assert target.control().generation == 1
    other.forget()
    assert other.positions() == {}
    assert other.claim("new") == 3
    assert other.rows() == 1
    other.close()


# Modes, withdrawals, bad rows.
