import json
import os
import signal
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_connectors import commands
from simpul_connectors.errors import SinkSpecError, TargetUnavailable
from simpul_connectors.sinks import dialects
from simpul_connectors.sinks.spec import load_spec
from simpul_connectors.testing import InMemoryDatabase, InMemoryTarget
from simpul_schemas import connection, kafka_log
from simpul_schemas.errors import SettingsError
from simpul_schemas.figures import PARTICIPATION
from simpul_schemas.log import Outgoing, StartOffset
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


def call(*arguments: str) -> Result:
    app = typer.Typer()
    app.command("run")(commands.run)
    app.command("status")(commands.status)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_once_stores_what_is_there_and_prints_one_document(bus: InMemoryLog) -> None:
    result = call("run", SINK, "--once", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "sink": SINK,
        "table": "partisipasi",
        "state": "stopped",
        "message": "",
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
    run = call("run", SINK, "--once", "--json")
    assert call("status", SINK, "--json").stdout == run.stdout


def test_status_speaks_both_languages(bus: InMemoryLog) -> None:
    call("run", SINK, "--once")
    assert "ditolak / refused         1\n" in call("status", SINK).stdout


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
