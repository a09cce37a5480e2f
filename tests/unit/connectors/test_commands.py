import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import generate_latest
from typer.testing import CliRunner, Result

from simpul_connectors import commands
from simpul_connectors.control import server
from simpul_connectors.control.lag import Waiting
from simpul_connectors.errors import SinkSpecError, TargetUnavailable
from simpul_connectors.metrics import SinkMetrics
from simpul_connectors.sinks import dialects
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.testing import InMemoryDatabase, InMemoryLagMeter, InMemoryTarget
from simpul_schemas import connection, kafka_log
from simpul_schemas.errors import BrokerUnavailable, SettingsError
from simpul_schemas.figures import PARTICIPATION
from simpul_schemas.log import Outgoing, Partition, StartOffset
from simpul_schemas.settings import load_settings
from simpul_schemas.testing import InMemoryLog, InMemoryReader, InMemoryRegistry

TOPIC = "simpul.view.participation.v1"
SINK = "ministry_participation"


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> InMemoryLog:
    """A bus with one record that no rule can like, and an empty database, behind the command's own imports."""
    log, database, registry = InMemoryLog(), InMemoryDatabase(), InMemoryRegistry()
    registry.register("figures", PARTICIPATION.figure_schema)
    log.append(Outgoing(TOPIC, b"k", b"garbage"))
    settings = load_settings({"SIMPUL__DATABASE__URL": "memory://"})
    monkeypatch.setenv("SIMPUL__DATABASE__URL", "memory://")
    monkeypatch.setattr(
        connection, "connect_from_settings", lambda: connection.Connection("nowhere:9092", registry, settings)
    )

    def make_reader(_servers: str, topics: Any, start_offset: StartOffset) -> InMemoryReader:
        return InMemoryReader(log, topics, start_offset)

    async def cluster_id(_servers: str) -> str:
        return "klaster-uji"

    monkeypatch.setattr(kafka_log, "AssignedReader", make_reader)
    monkeypatch.setattr(kafka_log, "cluster_id", cluster_id)
    monkeypatch.setattr(dialects, "open_target", lambda _url, sink, table: InMemoryTarget(database, sink, table))
    return log


def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command("run")(commands.run)
    app.command("status")(commands.status)
    for command in (commands.lint, commands.plan, commands.apply, commands.pause, commands.resume):
        app.command(command.__name__)(command)
    return CliRunner().invoke(app, arguments, catch_exceptions=False, env=env)


def test_once_stores_what_is_there_and_prints_one_document(bus: InMemoryLog) -> None:
    result = call("run", SINK, "--once", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found.pop("worker").endswith(f":{os.getpid()}")
    assert found.pop("heartbeat_age_seconds") >= 0
    assert "ended in good order" in found.pop("trace")
    assert found == {
        "sink": SINK,
        "table": "partisipasi",
        "state": "stopped",
        "connect_state": "UNASSIGNED",
        "message": "",
        "waiting_since": None,
        "last_error": None,
        "heartbeat_interval_seconds": 5.0,
        "lag": None,
        "paused": False,
        "generation": 1,
        "cluster": "klaster-uji",
        "rows": 0,
        "records": 1,
        "refused": 1,
        "offsets": {f"{TOPIC}/0": 1},
    }
    assert "mengisi tabel" in result.stderr
    assert "fills table" in result.stderr


def test_status_prints_the_same_document_as_the_run_before_it(bus: InMemoryLog) -> None:
    run = json.loads(call("run", SINK, "--once", "--json").stdout)
    assert json.loads(call("status", SINK, "--json").stdout) | {"heartbeat_age_seconds": 0} == run | {
        "heartbeat_age_seconds": 0
    }


def test_status_speaks_both_languages(bus: InMemoryLog) -> None:
    call("run", SINK, "--once")
    assert "ditolak / refused               1\n" in call("status", SINK).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_cleanly_and_the_handlers_are_put_back(
    bus: InMemoryLog, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    written = InMemoryTarget.write

    def write_and_signal(self: InMemoryTarget, *arguments: Any) -> None:
        written(self, *arguments)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(InMemoryTarget, "write", write_and_signal)
    result = call("run", SINK, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["records"] == 1
    assert signal.getsignal(number) is before


def test_an_outage_is_told_in_both_languages(bus: InMemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    written, errors = InMemoryTarget.write, [TargetUnavailable("Jauh.", "Away.")]

    def fail_once(self: InMemoryTarget, *arguments: Any) -> None:
        if errors:
            raise errors.pop()
        written(self, *arguments)

    monkeypatch.setattr(InMemoryTarget, "write", fail_once)
    words = call("run", SINK, "--once").stderr
    assert "Menunggu: Jauh. / Waiting: Away.\n" in words
    assert "Tersambung lagi" in words


def test_errors_propagate(bus: InMemoryLog) -> None:
    with pytest.raises(SinkSpecError):
        call("run", "nothing")


@pytest.mark.parametrize("url", ["", "db2://u:geheim@h/d", "u:geheim@h", "postgresql:u:geheim"])
def test_an_address_without_a_dialect_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://") as found:
        dialects.open_target(url, SINK, load_spec(SINK).table)
    assert "geheim" not in str(found.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@h:x:y/d?nonsense=%zz",
        "mysql://u:geheim@h:x/d",
        "mysql://u:geheim@h/",
        "mysql://u:geheim@h/d?local_infile=1",
        "sqlite://geheim",
        "sqlserver://u:geheim@h:x/d",
        "oracle://u:geheim@h",
    ],
)
def test_an_unreadable_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError) as found:
        dialects.open_target(url, SINK, load_spec(SINK).table)
    assert "geheim" not in str(found.value)
    assert found.value.__cause__ is None
    assert found.value.__suppress_context__ or found.value.__context__ is None


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    target = dialects.open_target("postgresql://u:geheim@127.0.0.1:1/d", SINK, load_spec(SINK).table)
    with pytest.raises(TargetUnavailable, match=r"127\.0\.0\.1:1/d") as found:
        target.prepare()
    assert "geheim" not in str(found.value)


def test_lint_needs_no_database_and_shows_the_columns(tmp_path: Path) -> None:
    result = call("lint", SINK, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["columns"]["region_name"] == "region_name"
    assert "is right" in result.stderr


def test_plan_prints_the_ddl_and_touches_nothing_and_apply_does_it(tmp_path: Path) -> None:
    url = {"SIMPUL__DATABASE__URL": f"sqlite:///{tmp_path / 'm.db'}"}
    planned = call("plan", SINK, env=url)
    assert planned.exit_code == 0
    assert planned.stdout.count("CREATE TABLE") == 4
    assert call("plan", SINK, env=url).stdout == planned.stdout
    assert call("apply", SINK, env=url).stdout == planned.stdout
    again = call("plan", SINK, "--json", env=url)
    assert json.loads(again.stdout) == {"statements": [], "notes": [], "blocks": []}
    assert "Nothing needs to be changed" in call("plan", SINK, env=url).stderr


def test_a_plan_that_cannot_work_exits_with_1_and_says_why(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "m.db") as database:
        database.execute("CREATE TABLE partisipasi (Level text, petugas text NOT NULL)")
    result = call("plan", SINK, env={"SIMPUL__DATABASE__URL": f"sqlite:///{tmp_path / 'm.db'}"})
    assert result.exit_code == 1
    assert "written 'Level'" in result.stderr
    assert "'petugas'" in result.stderr


def test_status_tells_the_lag_and_does_without_where_no_broker_answers(
    bus: InMemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", SINK, "--once")
    bus.append(Outgoing(TOPIC, b"k", b"one more"))
    assert json.loads(call("status", SINK, "--json").stdout)["lag"] is None
    monkeypatch.setattr(server, "open_meter", lambda _settings: InMemoryLagMeter(bus))
    found = json.loads(call("status", SINK, "--json").stdout)["lag"]
    assert (found["records"], found["partitions"]) == (1, {f"{TOPIC}/0": 1})
    assert found["seconds"] > 0

    class Away(InMemoryLagMeter):
        async def measure(self, topics: object, stored: object) -> dict[Partition, Waiting]:
            raise BrokerUnavailable("Jauh.", "Broker away.")

    monkeypatch.setattr(server, "open_meter", lambda _settings: Away(bus))
    away = call("status", SINK, "--json")
    assert json.loads(away.stdout)["lag"] is None
    assert (away.exit_code, "Broker away." in away.stderr) == (0, True)


def test_a_paused_sink_says_so_and_stores_nothing_until_it_is_resumed(bus: InMemoryLog) -> None:
    call("apply", SINK)
    assert "is paused" in call("pause", SINK).stderr
    held = call("run", SINK, "--once", "--json")
    assert "nothing was stored" in held.stderr
    assert json.loads(held.stdout)["paused"] is True
    assert json.loads(held.stdout)["records"] == 0
    call("resume", SINK)
    assert json.loads(call("run", SINK, "--once", "--json").stdout)["records"] == 1


def test_a_sink_that_fell_silent_is_not_called_running(bus: InMemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    call("apply", SINK)
    target = dialects.open_target("memory://", SINK, load_spec(SINK).table)
    target.claim("")
    assert json.loads(call("status", SINK, "--json").stdout)["state"] == "silent"


def test_a_database_that_is_away_at_the_start_is_waited_for(bus: InMemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, errors = InMemoryTarget.prepare, [TargetUnavailable("Jauh.", "Away.")] * 2

    def fail_twice(self: InMemoryTarget) -> None:
        if errors:
            raise errors.pop()
        prepared(self)

    monkeypatch.setattr(InMemoryTarget, "prepare", fail_twice)
    monkeypatch.setattr("random.uniform", lambda low, high: 0)
    result = call("run", SINK, "--once", "--json")
    assert result.stderr.count("Waiting: Away.") == 1
    assert json.loads(result.stdout)["records"] == 1


def test_metrics_count_records_and_tell_of_an_outage() -> None:
    metrics = SinkMetrics("s")
    metrics.stored(5)
    metrics.outage(is_away=True)
    text = generate_latest(metrics.registry).decode()
    assert 'simpul_sink_records_total{sink="s"} 5.0' in text
    assert 'simpul_sink_waiting{sink="s"} 1.0' in text
