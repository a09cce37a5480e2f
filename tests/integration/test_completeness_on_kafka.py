"""Completeness on a real broker: roster and reports in, coverage and figures with coverage out, also after a kill."""

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner

from simpul_deploy.bus import ensure_topics
from simpul_deploy.cli import app
from simpul_processors.app import WorkerSettings, _Host
from simpul_processors.completeness_stage import CompletenessStage
from simpul_processors.figure_stage import FigureStage
from simpul_processors.ticks import Ticker
from simpul_processors.topic_rows import topic_rows
from simpul_processors.worker import Limits
from simpul_schemas import rows, topics
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.connection import Connection
from simpul_schemas.contract import event_type
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import Outgoing
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.roster import ROSTER_SCHEMA, RosterEntry, write_roster
from simpul_schemas.settings import load_settings
from simpul_schemas.subjects import schemas_by_subject
from simpul_schemas.wire import frame

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

SPEC = VIEW_SPECS["prevention"]
REGION = "91.03"
PATIENCE_SECONDS = 90.0


def two_months_ago() -> date:
    """The first day of a month whose days allowed have passed by the broker's own clock."""
    first = datetime.now(UTC).date().replace(day=1)
    for _ in range(2):
        first = (first - timedelta(days=1)).replace(day=1)
    return first


@pytest.fixture
def connection(servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", servers.bootstrap_servers)
    monkeypatch.setenv("SIMPUL__REGISTRY__URL", servers.registry_url)
    monkeypatch.setenv("SIMPUL__CACHE_DIR", str(tmp_path / "cache"))
    provinces = load_regions().provinces()
    specs = [
        *(topics.event_topic_spec(province, "report") for province in provinces),
        topics.partial_topic_spec(SPEC.name),
        topics.view_topic_spec(SPEC.name),
        topics.roster_topic_spec(),
        topics.coverage_topic_spec(),
    ]
    ensure_topics(servers.bootstrap_servers, specs)
    registry = HttpRegistry(servers.registry_url)
    wanted = {topics.value_subject(spec.name) for spec in specs if not spec.name.endswith(".report.v1")}
    wanted.add(topics.value_subject(topics.event_topic(REGION[:2], "report")))
    for subject, schema in schemas_by_subject().items():
        if subject in wanted:
            registry.register(subject, schema)
    return Connection(servers.bootstrap_servers, registry, load_settings())


def framed(connection: Connection, topic: str, key: str, schema: str, record: dict[str, Any]) -> Outgoing:
    schema_id = connection.registry.lookup(topics.value_subject(topic), schema)
    return Outgoing(
        topic, key.encode(), frame(schema_id, rows.encode(fastavro.parse_schema(json.loads(schema)), record))
    )


def a_report(connection: Connection, unit: str, period: str) -> Outgoing:
    kind, now = event_type("report"), time.time_ns() // 1000
    record = dict.fromkeys((field["name"] for field in kind.parsed_schema["fields"]), None)
    record |= {
        "event_id": str(uuid.uuid4()).replace("-4", "-7", 1),
        "subject": f"laporan:{unit}",
        "revision": now,
        "action": "SUBMIT",
        "region": REGION,
        "source": "uji",
        "mode": "ACTUAL",
        "unit": unit,
        "period_kind": "MONTH",
        "period": period,
        "claims": [{"event_type": "prevention", "count": 2}],
    }
    record |= dict.fromkeys(("occurred_at", "recorded_at", "published_at"), now)
    return framed(connection, topics.event_topic(REGION[:2], "report"), unit, kind.schema, record)


def a_partial(connection: Connection, day: date, findings: int) -> Outgoing:
    value: dict[str, Any] = {
        "region": REGION,
        "period_kind": "DAY",
        "period": day.isoformat(),
        "origin": uuid.uuid4().hex,
    }
    value |= {"revision": 1} | dict.fromkeys((one.name for one in SPEC.dimensions), uuid.uuid4().hex)
    value |= dict.fromkeys(SPEC.measure_names, findings)
    return framed(connection, topics.partial_topic(SPEC.name), value["origin"], SPEC.partial_schema, value)


async def until(found: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Wait for a condition; the last answer is what the test goes on with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (answer := await found()):  # noqa: ASYNC110  # a topic has no event to wait for
            await asyncio.sleep(0.2)
        return answer


def test_roster_reports_and_the_clock_give_figures_their_coverage_and_a_second_worker_takes_over(  # noqa: C901, PLR0915  # one long way, told in its order
    connection: Connection, tmp_path: Path
) -> None:
    month = two_months_ago()
    period = month.isoformat()[:7]
    tag = uuid.uuid4().hex[:8]
    names = {unit: f"Badan {unit}" for unit in (f"{tag}-melapor", f"{tag}-diam")}
    file = tmp_path / "roster.csv"
    ends = (month + timedelta(days=40)).replace(day=1)
    file.write_text(
        write_roster(
            RosterEntry(unit, name, REGION, "prevention", PeriodKind.MONTH, month, ends, 7)
            for unit, name in names.items()
        ),
        encoding="utf-8",
    )
    applied = CliRunner().invoke(app, ["roster", "apply", str(file), "--json"])
    assert (applied.exit_code, json.loads(applied.stdout)["submitted"]) == (0, 2)
    applied = CliRunner().invoke(app, ["roster", "apply", str(file), "--json"])
    assert json.loads(applied.stdout)["submitted"] == 0
    listed = CliRunner().invoke(app, ["roster", "list", "--region", REGION])
    assert all(unit in listed.stdout for unit in names)

    async def coverage() -> dict[str, Any]:
        found = [
            row
            for row in await topic_rows(connection, topics.COVERAGE_TOPIC, COVERAGE_SCHEMA)
            if (row["event_type"], row["region"], row["period"]) == ("prevention", REGION, period)
        ]
        return max(found, key=lambda row: row["revision"], default={})

    async def figure() -> dict[str, Any]:
        found = [
            row
            for row in await topic_rows(connection, topics.view_topic(SPEC.name), SPEC.figure_schema)
            if (row["region"], row["period"]) == (REGION, period)
        ]
        return max(found, key=lambda row: row["revision"], default={})

    @contextlib.asynccontextmanager
    async def worker(name: str) -> Any:
        signer: Any = None  # only the first stage signs
        settings = WorkerSettings(connection.bootstrap_servers, connection.registry, tmp_path / name, Limits(), signer)
        stages = (CompletenessStage(connection.registry), FigureStage(SPEC, connection.registry))
        for stage in stages:
            (tmp_path / name / stage.name).mkdir(parents=True)
        tasks = [asyncio.create_task(_Host(stage, settings, lambda: False).run()) for stage in stages]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def use() -> None:
        writer = KafkaWriter(connection.bootstrap_servers)
        await writer.send([a_partial(connection, month, 2)])
        silent = set(names.values())
        async with worker("satu"):

            async def all_silent() -> bool:
                return silent <= set((await coverage()).get("silent_units", ()))

            await until(all_silent)  # the clock alone: nobody has sent a report

            async def carried() -> bool:
                return silent <= set((await figure()).get("missing", ()))

            await until(carried)
        async with worker("dua"):  # with an empty store
            await writer.send([a_report(connection, f"{tag}-melapor", period)])

            async def late() -> bool:
                return names[f"{tag}-melapor"] in (await coverage()).get("late_units", ())

            await until(late)

            async def told() -> bool:
                row = await figure()
                return row.get("late", 0) >= 1 and row["reported"] == (await coverage())["reported"]

            await until(told)
            before = len(await topic_rows(connection, topics.ROSTER_TOPIC, ROSTER_SCHEMA))
            now = time.time_ns() // 1000
            ticker = Ticker(writer, connection.registry, lambda: now + 86_400_000_000, lambda: now)
            assert await ticker.look(0.0)
            assert len(await topic_rows(connection, topics.ROSTER_TOPIC, ROSTER_SCHEMA)) == before + 1
        await writer.stop()

    asyncio.run(use())
    shown = CliRunner().invoke(app, ["completeness", "prevention", "--period", period, "--region", REGION, "--json"])
    row = json.loads(shown.stdout)
    assert row["expected"] == row["reported"] + row["silent"]
    assert names[f"{tag}-diam"] in row["silent_units"]
    assert names[f"{tag}-melapor"] in row["late_units"]
    words = CliRunner().invoke(app, ["completeness", "prevention", "--period", period, "--region", REGION])
    assert "diam / silent" in words.stdout
    assert names[f"{tag}-diam"] in words.stdout
