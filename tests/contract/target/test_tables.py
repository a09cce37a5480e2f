"""What tables a target makes or finds: modes, bad rows, a ministry's own tables, hostile names."""

from dataclasses import replace

import polars as pl
import pytest
from tests.contract.target.databases import KINDS, ON_EVERY_DATABASE, P0, P1, REQUIRED, Database, event, frame, move

from simpul_connectors.errors import RowRefused, TargetRefused
from simpul_connectors.sinks.shape import shape
from simpul_connectors.sinks.table import Column, Field, Kind, Withdraw
from simpul_connectors.sinks.target import Target

pytestmark = ON_EVERY_DATABASE


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


def open_with_unique_numbers(database: Database) -> Target:
    """Return a target whose table takes every number once; skips where a database has no constraints."""
    if database.execute is None:
        pytest.skip("the twin has no constraints")
    target = database.open("sink")
    target.prepare()
    database.execute("CREATE UNIQUE INDEX nomor ON {table} (number)")
    return target


def test_bad_rows_are_found_by_bisection_with_the_databases_words_and_nothing_is_written(database: Database) -> None:
    target = open_with_unique_numbers(database)
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
    target = open_with_unique_numbers(database)
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
