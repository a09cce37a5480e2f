"""A ministry's own table on real PostgreSQL and MariaDB: what fits arrives, what does not goes home with the reason."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pymysql
import pytest

from simpul_connectors.sinks.dialects import mariadb, open_target
from simpul_connectors.sinks.run import Limits, SinkRunner
from simpul_connectors.sinks.spec import SinkSpec, parse_spec
from simpul_connectors.sinks.target import Position
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.log import Outgoing
from simpul_schemas.rows import encode
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry, InMemoryWriter
from simpul_schemas.wire import frame

TYPE = EVENT_TYPES["participation"]
TOPIC, QUARANTINE = "simpul.73.participation.v1", "simpul.73.quarantine.v1"
MICROS = 1_700_000_000_123_456
#: Fewer columns than an event has, under names of their own, narrower than ours; one more, and a second unique index.
COLUMNS = (
    "subjek varchar(12) NOT NULL, revisi integer, id char(36), aksi varchar(8), pemilu varchar(16), dpt smallint, "
    "terjadi timestamp NULL, petugas varchar(20) DEFAULT 'bagian data', UNIQUE (subjek), UNIQUE (dpt)"
)
SPEC = """
name: kementerian
from: {events: participation}
table: TABLE
columns: {subject: subjek, revision: revisi, event_id: id, action: aksi, election: pemilu, registered: dpt,
  occurred_at: terjadi}
"""


@dataclass
class Ministry:
    url: str
    table: str
    connect: Callable[[], Any]

    def execute(self, statement: str) -> list[Any]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return found


@pytest.fixture(params=["postgresql", "mariadb"])
def ministry(request: pytest.FixtureRequest) -> Ministry:
    url = request.getfixturevalue(f"{request.param}_url")
    if request.param == "postgresql":
        found = Ministry(url, "statistik.tps", lambda: psycopg.connect(url))
        found.execute("CREATE SCHEMA IF NOT EXISTS statistik")
    else:
        settings = mariadb._settings(url)
        found = Ministry(url, "statistik_tps", lambda: pymysql.connect(**settings))
    found.execute(f"DROP TABLE IF EXISTS {found.table}")
    return found


def event(number: int, subject: str, **given: object) -> dict[str, Any]:
    times = dict.fromkeys(("occurred_at", "recorded_at", "published_at"), MICROS)
    own = {
        "event_id": f"018f0000-0000-7000-8000-{number:012x}",
        "subject": subject,
        "revision": 1,
        "action": "SUBMIT",
        "region": "73.71.01",
        "source": "sitimdu.73",
        "mode": "ACTUAL",
        "election": "pilgub-2024-73",
        "registered": number,
    }
    return dict.fromkeys(TYPE.model.model_fields) | times | own | given


def filled_from(events: list[dict[str, Any]], ministry: Ministry, spec: SinkSpec) -> tuple[InMemoryLog, Position]:
    """Fill a table from a log of these events; returns the log with its quarantine, and how far the sink has come."""
    log, registry = InMemoryLog(), InMemoryRegistry()
    schema_id = registry.register("events", TYPE.schema)
    for found in events:
        log.append(Outgoing(TOPIC, b"k", frame(schema_id, encode(TYPE.parsed_schema, found))))
    with closing(open_target(ministry.url, spec.name, spec.table)) as target:
        assert not target.plan().blocks
        target.prepare()
        limits = Limits(poll_seconds=0.01)
        runner = SinkRunner(spec, registry, target, limits, quarantine=InMemoryWriter(log))

        async def go() -> None:
            reader = InMemoryReader(log, [TOPIC], runner.start_offset)
            await reader.start()
            ends = await reader.end_offsets()
            await runner.run(reader, lambda: runner.has_reached(ends))

        asyncio.run(go())
        (position,) = target.positions().values()
    return log, position


def test_right_rows_arrive_in_a_ministrys_own_table_and_the_others_go_home_with_the_reason(ministry: Ministry) -> None:
    ministry.execute(f"CREATE TABLE {ministry.table} ({COLUMNS})")
    events = [
        event(1, "tps:1"),
        event(2, "tps:2"),
        event(3, "tps:3", registered=1),  # its number is that of tps:1
        event(4, "tps:4-yang-namanya-panjang"),
        event(5, "tps:5", election="pemilihan-yang-namanya-panjang"),
        event(6, "tps:6", registered=40_000),
        event(7, "tps:7", revision=3_000_000_000),
        event(8, "tps:2", revision=2, registered=20),
        event(9, "tps:9"),
        event(10, "tps:9", revision=2, registered=-5),  # refused by the rules, not by the table
    ]
    spec = parse_spec(SPEC.replace("TABLE", ministry.table), "kementerian.yaml")
    log, position = filled_from(events, ministry, spec)
    rows = ministry.execute(f"SELECT subjek, revisi, dpt, petugas FROM {ministry.table} ORDER BY subjek")
    assert [tuple(row) for row in rows] == [
        ("tps:1", 1, 1, "bagian data"),
        ("tps:2", 2, 20, "bagian data"),
        ("tps:9", 1, 9, "bagian data"),
    ]
    assert [str(row[0]) for row in ministry.execute(f"SELECT terjadi FROM {ministry.table} WHERE dpt = 9")]
    told = [dict(record.headers) for record, _ in log.topics[QUARANTINE]]
    words = {
        int(headers["simpul_origin_offset"]): headers["__connect.errors.exception.message"].decode().lower()
        for headers in told
    }
    reasons = {2: ("unique", "duplicate"), 3: ("too long",), 4: ("too long",), 5: ("out of range",)}
    reasons[6] = ("out of range",)
    assert words.keys() == reasons.keys()
    assert all(any(reason in words[offset] for reason in some) for offset, some in reasons.items()), words
    assert {headers["simpul_codes"] for headers in told} == {b"sink.row_refused"}
    assert (position.next_offset, position.refused) == (10, 6)


@pytest.mark.parametrize("ministry", ["mariadb"], indirect=True)
def test_a_ministrys_trigger_is_called_for_an_insert_only_where_a_row_is_new(ministry: Ministry) -> None:
    """As it would not be by INSERT ... ON DUPLICATE KEY UPDATE, which a table without triggers is filled by."""
    spec = parse_spec(SPEC.replace("TABLE", "bertrigger").replace("kementerian", "bertrigger"), "bertrigger.yaml")
    filled_from([event(1, "tps:1")], ministry, spec)
    ministry.execute("CREATE TABLE catatan (subjek varchar(255))")
    ministry.execute(
        "CREATE TRIGGER masuk BEFORE INSERT ON bertrigger FOR EACH ROW INSERT INTO catatan VALUES (NEW.subjek)"
    )
    filled_from([event(1, "tps:1"), event(2, "tps:1", revision=2), event(3, "tps:2")], ministry, spec)
    assert ministry.execute("SELECT subjek FROM catatan") == [("tps:2",)]
    assert ministry.execute("SELECT subjek, revisi FROM bertrigger ORDER BY subjek") == [("tps:1", 2), ("tps:2", 1)]
