"""Statements as golden text, for the databases that cannot run here too; and their transactions on a driver that fails.

SQL Server and Oracle were never reached by these tests: what their servers make of the text is not shown here.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from simpul_connectors.errors import RowRefused, TargetRefused, TargetUnavailable
from simpul_connectors.sinks.dialects.dialect import Dialect, Trouble
from simpul_connectors.sinks.dialects.heartbeats import Heartbeats
from simpul_connectors.sinks.dialects.mariadb import Mariadb
from simpul_connectors.sinks.dialects.oracle import Oracle, oracle_target
from simpul_connectors.sinks.dialects.postgresql import Postgresql
from simpul_connectors.sinks.dialects.sql_target import SqlTarget
from simpul_connectors.sinks.dialects.sqlite import Sqlite
from simpul_connectors.sinks.dialects.sqlserver import Sqlserver, sqlserver_target
from simpul_connectors.sinks.plan import Found, Held
from simpul_connectors.sinks.table import Column, Field, Kind, Table
from simpul_connectors.sinks.target import Move, Position, Sign, State
from simpul_schemas.log import Partition

TABLE = Table(
    ("statistik", "Peristiwa"),
    (
        Column("subjek", Field("subject", Kind.TEXT, required=True)),
        Column("revisi", Field("revision", Kind.BIGINT, required=True)),
        Column("id", Field("event_id", Kind.TEXT, required=True)),
        Column("saat", Field("resolved_at", Kind.TIMESTAMP, required=False)),
    ),
    ("subjek",),
    ("revisi", "id"),
)
QUOTES = '[]"'
P0 = Partition("simpul.73.incident.v1", 0)


class DriverError(Exception):
    """The root of a driver's errors."""


DIALECTS: dict[str, Dialect] = {
    "postgresql": Postgresql(),
    "mariadb": Mariadb(),
    "sqlite": Sqlite(),
    "sqlserver": Sqlserver((DriverError,)),
    "oracle": Oracle((DriverError,)),
}

CREATED = {
    "postgresql": 'CREATE TABLE "statistik"."Peristiwa" ("subjek" text COLLATE "C" NOT NULL, "revisi" bigint NOT NULL, '
    '"id" text COLLATE "C" NOT NULL, "saat" timestamptz, PRIMARY KEY ("subjek"))',
    "mariadb": "CREATE TABLE `statistik`.`Peristiwa` (`subjek` varchar(255) CHARACTER SET utf8mb4 COLLATE "
    "utf8mb4_nopad_bin NOT NULL, `revisi` bigint NOT NULL, `id` varchar(255) CHARACTER SET utf8mb4 COLLATE "
    "utf8mb4_nopad_bin NOT NULL, `saat` datetime(6), PRIMARY KEY (`subjek`))",
    "sqlite": 'CREATE TABLE "statistik"."Peristiwa" ("subjek" text NOT NULL, "revisi" integer NOT NULL, '
    '"id" text NOT NULL, "saat" text, PRIMARY KEY ("subjek"))',
    "sqlserver": "CREATE TABLE [statistik].[Peristiwa] ([subjek] varchar(1020) COLLATE Latin1_General_100_BIN2_UTF8 "
    "NOT NULL, [revisi] bigint NOT NULL, [id] varchar(1020) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL, "
    "[saat] datetime2(6), PRIMARY KEY ([subjek]))",
    "oracle": 'CREATE TABLE "statistik"."Peristiwa" ("subjek" varchar2(255 char) NOT NULL, "revisi" number(19) NOT '
    'NULL, "id" varchar2(255 char) NOT NULL, "saat" timestamp(6), PRIMARY KEY ("subjek"))',
}
UPSERTED = {
    "postgresql": [
        (
            'INSERT INTO "statistik"."Peristiwa" AS held ("subjek", "revisi", "id", "saat") SELECT '
            'fresh."subjek", fresh."revisi", fresh."id", fresh."saat" FROM "pg_temp"."simpul_staging" AS '
            'fresh ON CONFLICT ("subjek") DO UPDATE SET "revisi" = excluded."revisi", "id" = excluded."id", '
            '"saat" = excluded."saat" WHERE (excluded."revisi" > held."revisi" OR (excluded."revisi" = '
            'held."revisi" AND (CAST(excluded."id" AS text) COLLATE "C" > CAST(held."id" AS text) COLLATE '
            '"C")))'
        ),
    ],
    "mariadb": [
        (
            "UPDATE `simpul_staging` fresh STRAIGHT_JOIN `statistik`.`Peristiwa` held ON held.`subjek` = "
            "fresh.`subjek` AND CAST(held.`subjek` AS BINARY) = CAST(fresh.`subjek` AS BINARY) SET "
            "held.`revisi` = fresh.`revisi`, held.`id` = fresh.`id`, held.`saat` = fresh.`saat` WHERE "
            "(fresh.`revisi` > held.`revisi` OR (fresh.`revisi` = held.`revisi` AND (CAST(fresh.`id` AS "
            "BINARY) > CAST(held.`id` AS BINARY))))"
        ),
        (
            "INSERT INTO `statistik`.`Peristiwa` (`subjek`, `revisi`, `id`, `saat`) SELECT fresh.`subjek`, "
            "fresh.`revisi`, fresh.`id`, fresh.`saat` FROM `simpul_staging` fresh WHERE NOT EXISTS (SELECT "
            "1 FROM `statistik`.`Peristiwa` held WHERE held.`subjek` = fresh.`subjek` AND "
            "CAST(held.`subjek` AS BINARY) = CAST(fresh.`subjek` AS BINARY))"
        ),
    ],
    "sqlserver": [
        (
            "MERGE INTO [statistik].[Peristiwa] WITH (HOLDLOCK) AS held USING [#simpul_staging] AS fresh ON "
            "held.[subjek] = fresh.[subjek] WHEN MATCHED AND (fresh.[revisi] > held.[revisi] OR "
            "(fresh.[revisi] = held.[revisi] AND (fresh.[id] COLLATE Latin1_General_100_BIN2_UTF8 > "
            "held.[id] COLLATE Latin1_General_100_BIN2_UTF8))) THEN UPDATE SET [revisi] = fresh.[revisi], "
            "[id] = fresh.[id], [saat] = fresh.[saat] WHEN NOT MATCHED THEN INSERT ([subjek], [revisi], "
            "[id], [saat]) VALUES (fresh.[subjek], fresh.[revisi], fresh.[id], fresh.[saat]);"
        ),
    ],
    "oracle": [
        (
            'MERGE INTO "statistik"."Peristiwa" held USING "statistik"."STAGING" fresh ON (held."subjek" = '
            'fresh."subjek") WHEN MATCHED THEN UPDATE SET held."revisi" = fresh."revisi", held."id" = '
            'fresh."id", held."saat" = fresh."saat" WHERE (fresh."revisi" > held."revisi" OR '
            '(fresh."revisi" = held."revisi" AND (fresh."id" > held."id"))) WHEN NOT MATCHED THEN INSERT '
            '("subjek", "revisi", "id", "saat") VALUES (fresh."subjek", fresh."revisi", fresh."id", '
            'fresh."saat")'
        ),
    ],
}


@pytest.mark.parametrize("name", CREATED)
def test_a_table_has_a_bytewise_key_and_typed_columns(name: str) -> None:
    assert DIALECTS[name].create_table(TABLE) == CREATED[name]


@pytest.mark.parametrize("name", UPSERTED)
def test_only_a_higher_revision_or_a_bytewise_higher_event_id_overwrites(name: str) -> None:
    found = [
        re.sub(r"simpul_staging_[0-9a-f]{8}", "STAGING", statement)
        for statement in DIALECTS[name].upsert(TABLE, Found())
    ]
    assert found == UPSERTED[name]


CLOCKS = {
    "sqlserver": "DATEDIFF_BIG(microsecond, '19700101', SYSUTCDATETIME())",
    "oracle": "ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400) * 1000000",
}
MARKS = {"sqlserver": ["%s"] * 9, "oracle": [f":{number}" for number in range(1, 10)]}


class Listening:
    """A cursor that only listens, and finds one sign of life."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Sequence[Any]]] = []

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        self.heard.append((statement, values))

    def fetchone(self) -> Any:
        return (1, "running", " ", "mesin:1", 5_000_000, 7, 7, " ", 0, 2, 1, 9)


@pytest.mark.parametrize("name", CLOCKS)
def test_a_sign_of_life_is_dated_by_the_server_and_only_by_the_newest_copy(name: str) -> None:
    cursor, clock, mark, dialect = Listening(), CLOCKS[name], MARKS[name], DIALECTS[name]
    sign = Sign(1, State.RUNNING, 5.0, "", "", "mesin:1", first=True)
    found = Heartbeats(dialect, "sink", TABLE).sign(cursor, sign)
    assert (found.beat_at, found.now, found.restart, found.words) == (7, 9, 2, "")
    q = dialect.quote
    read, update, _ = cursor.heard
    assert update[1] == ["running", "running", " ", "mesin:1", 5_000_000, 1, 1, "sink", 1]
    assert update[0] == (
        f"UPDATE {q('statistik')}.{q('simpul_heartbeat')} SET {q('since')} = CASE WHEN {q('state')} = {mark[0]} AND "
        f"{q('since')} > 0 THEN {q('since')} ELSE {clock} END, {q('state')} = {mark[1]}, {q('words')} = {mark[2]}, "
        f"{q('worker')} = {mark[3]}, {q('interval_micros')} = {mark[4]}, {q('beat_at')} = {clock}, "
        f"{q('generation')} = {mark[5]}, {q('restarted')} = CASE WHEN {mark[6]} = 1 THEN {q('restart')} ELSE "
        f"{q('restarted')} END WHERE {q('sink')} = {mark[7]} AND {q('generation')} <= {mark[8]}"
    )
    assert read[0].endswith(f", {clock} FROM {q('statistik')}.{q('simpul_heartbeat')} WHERE {q('sink')} = {mark[0]}")


def test_a_ministrys_own_type_is_cast_to_where_postgresql_would_not_by_itself() -> None:
    found = Found([Held("id", "uuid", "uuid", required=True, filled=False)])
    (statement,) = DIALECTS["postgresql"].upsert(TABLE, found)
    assert 'CAST(fresh."id" AS uuid)' in statement


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("postgresql", '"x""; DROP TABLE warga; --"'),
        ("sqlite", '"x""; DROP TABLE warga; --"'),
        ("oracle", '"x""; DROP TABLE warga; --"'),
    ],
)
def test_a_quote_in_a_name_is_doubled_even_if_it_came_this_far(name: str, quoted: str) -> None:
    assert DIALECTS[name].quote('x"; DROP TABLE warga; --') == quoted


def test_other_quotes_are_doubled_too() -> None:
    assert DIALECTS["mariadb"].quote("x` y") == "`x`` y`"
    assert DIALECTS["sqlserver"].quote("x] y") == "[x]] y]"


def test_oracles_staging_table_is_part_of_the_plan_and_changes_its_name_with_its_columns() -> None:
    oracle = DIALECTS["oracle"]
    assert oracle.create_lasting_staging(TABLE).startswith('CREATE GLOBAL TEMPORARY TABLE "statistik"."simpul_staging_')
    fewer = Table(TABLE.path, TABLE.columns[:3], TABLE.key, TABLE.order)
    assert oracle.lasting_staging(TABLE) != oracle.lasting_staging(fewer)


@pytest.mark.parametrize(
    ("name", "error", "trouble"),
    [
        ("sqlserver", DriverError(1205, "deadlock"), Trouble.RACE),
        ("sqlserver", DriverError(2627, "duplicate"), Trouble.ROW),
        ("sqlserver", DriverError(208, "no such object"), Trouble.TABLE),
        ("sqlserver", DriverError("connection reset"), Trouble.AWAY),
        ("oracle", DriverError("ORA-00060: deadlock"), Trouble.RACE),
        ("oracle", DriverError("ORA-00001: unique"), Trouble.ROW),
        ("oracle", DriverError("ORA-20123: a trigger"), Trouble.ROW),
        ("oracle", DriverError("ORA-00942: no such table"), Trouble.TABLE),
        ("oracle", DriverError("DPY-4011: closed"), Trouble.AWAY),
    ],
)
def test_an_error_is_judged_by_its_number(name: str, error: DriverError, trouble: Trouble) -> None:
    assert DIALECTS[name].judge(error) is trouble


@dataclass
class Server:
    """What a database would keep: rows by key and offsets; it fails at its n-th call, before or after doing it."""

    rows: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    offsets: dict[tuple[str, int], tuple[int, int, int]] = field(default_factory=dict)
    generation: int = 0
    commits: int = 0
    calls: int = 0
    fail_at: int = 0
    after: bool = False
    error: DriverError = field(default_factory=DriverError)
    tables: set[str] = field(default_factory=set)

    def connect(self) -> "Connection":
        return Connection(self)

    def call(self, work: Any) -> Any:
        self.calls += 1
        if self.calls == self.fail_at and not self.after:
            raise self.error
        found = work()
        if self.calls == self.fail_at:
            raise self.error
        return found


class Connection:
    """A connection of the DB-API, as far as a sink needs it; what it does is the server's only when it commits."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.staged: list[tuple[Any, ...]] = []
        self.pending: list[Any] = []

    def cursor(self) -> "Cursor":
        return self.server.call(lambda: Cursor(self))  # type: ignore[no-any-return]  # what was made

    def commit(self) -> None:
        def work() -> None:
            for change in self.pending:
                change()
            self.server.commits += bool(self.pending)
            self.pending = []

        self.server.call(work)

    def rollback(self) -> None:
        self.pending, self.staged = [], []

    def close(self) -> None:
        self.rollback()


class Cursor:
    """Understands the few statements that a sink sends, and refuses all others."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.found: list[tuple[Any, ...]] = []
        self.rowcount = 1

    def close(self) -> None: ...

    def fetchone(self) -> Any:
        return self.found[0] if self.found else None

    def fetchall(self) -> Any:
        return self.found

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.connection.server.call(lambda: self._execute(statement, values))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self.connection.server.call(lambda: self._many(statement, rows))

    def _execute(self, statement: str, values: Sequence[Any]) -> None:
        server, connection = self.connection.server, self.connection
        self.found, self.rowcount = [(1,)] if statement.startswith("SELECT 1") else [], 1
        if self.found:
            return
        if statement.startswith("CREATE"):
            name = re.findall(r"TABLE (\S+) \(", statement)[0]
            server.tables.add(re.sub(r".*[.]", "", name).strip(QUOTES))
        elif "sys.columns c JOIN sys.types" in statement or "all_tab_columns" in statement:
            name = re.sub(r".*[.]", "", str(values[-1])).strip(QUOTES)
            columns = [*TABLE.column_names] if name == TABLE.path[-1] else ["sink"]
            self.found = [(column, "t", "t", 0, 0) for column in columns] if name in server.tables else []
        elif "sys.indexes" in statement or "all_indexes" in statement:
            self.found = [(1, TABLE.key[0])]
        elif statement.startswith("SELECT") and "generation" in statement:
            self.found = [(server.generation, 0, 1, 1, "new", " ", " ")]
        elif statement.startswith("SELECT") and "next_offset" in statement:
            self.found = [(*partition, *at) for partition, at in server.offsets.items()]
        elif statement.startswith("MERGE"):
            rows = {row[0]: row for row in connection.staged}
            connection.pending.append(lambda: server.rows.update(rows))
        elif statement.startswith("DELETE FROM") and "staging" in statement:
            connection.staged = []
        else:
            assert statement.startswith(("UPDATE", "DELETE", "SET ", "ALTER SESSION", "DROP ")), statement

    def _many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        server = self.connection.server
        if "staging" in statement:
            self.connection.staged = [tuple(row) for row in rows]
            return
        assert "simpul_offset" in statement
        moved = {(row[4], row[5]): tuple(row[:3]) for row in rows}
        self.connection.pending.append(lambda: server.offsets.update(moved))


def make(name: str, server: Server) -> SqlTarget:
    return {"sqlserver": sqlserver_target, "oracle": oracle_target}[name](
        server.connect, (DriverError,), "server/db", "sink", TABLE
    )


ROWS = pl.DataFrame({"subjek": ["a", "b"], "revisi": [1, 1], "id": ["e", "f"], "saat": [0, None]})
MOVES = [Move(P0, Position(), Position(2, 2, 0))]
AWAY = {"sqlserver": DriverError("connection reset"), "oracle": DriverError("DPY-4011: closed")}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["sqlserver", "oracle"])
def test_a_driver_that_fails_at_any_call_leaves_all_of_a_batch_or_nothing(name: str, after: bool) -> None:
    failures = 0
    for step in itertools.count(1):
        server = Server()
        target = make(name, server)
        target.prepare()
        server.calls, server.fail_at, server.after, server.error = 0, step, after, AWAY[name]
        try:
            target.write(ROWS, MOVES)
        except TargetUnavailable:
            failures += 1
            assert bool(server.rows) == bool(server.offsets)
            assert bool(server.rows) == bool(server.commits > 0 and server.offsets)
            server.fail_at = 0
            target.write(ROWS, MOVES)
        else:
            assert server.calls < step
        assert set(server.rows) == {"a", "b"}
        assert server.offsets == {tuple(P0): (2, 2, 0)}
        if server.fail_at:
            break
    assert failures > 8


@pytest.mark.parametrize("name", ["sqlserver", "oracle"])
def test_a_lost_race_is_run_again_and_a_refusal_is_told_as_what_it_is(name: str) -> None:
    race = {"sqlserver": DriverError(1205, "deadlock"), "oracle": DriverError("ORA-00060: deadlock")}
    row = {"sqlserver": DriverError(2627, "duplicate"), "oracle": DriverError("ORA-00001: unique")}
    table = {"sqlserver": DriverError(229, "denied"), "oracle": DriverError("ORA-01031: denied")}
    for error, expected in ((race[name], None), (row[name], RowRefused), (table[name], TargetRefused)):
        server = Server()
        target = make(name, server)
        target.prepare()
        server.calls, server.fail_at, server.error = 0, 6, error
        if expected is None:
            target.write(ROWS, MOVES)
            assert set(server.rows) == {"a", "b"}
        else:
            with pytest.raises(expected) as found:
                target.write(ROWS, MOVES)
            assert type(found.value) is expected
            assert server.rows == {}
