"""The commands: exit codes, data on stdout, words on stderr, and nothing but our own errors."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_producers import commands, link
from simpul_producers.errors import MappingError, TableError
from simpul_producers.testing import FakeBroker
from simpul_schemas.contract import event_type
from simpul_schemas.errors import BrokerUnavailable, RegistryUnavailable
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, value_subject

MAPPING = "pilpres2024_tps"
WriteTable = Callable[..., Path]
Station = Callable[..., str]


class QuietRegistry(InMemoryRegistry):
    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> typer.Typer:
    for key in ("KAFKA__BOOTSTRAP_SERVERS", "REGISTRY__URL"):
        monkeypatch.delenv(f"SIMPUL__{key}", raising=False)
    monkeypatch.delenv("SIMPUL_CONFIG", raising=False)
    monkeypatch.setenv("SIMPUL__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SIMPUL__CACHE_DIR", str(tmp_path / "cache"))
    app = typer.Typer()
    app.command("import")(commands.import_)
    app.command("status")(commands.outbox_status)
    return app


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    fake, registry = FakeBroker(), QuietRegistry()
    registry.register(value_subject(event_topic("17", "participation")), event_type("participation").schema)
    monkeypatch.setenv("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", "broker.invalid:9092")
    monkeypatch.setenv("SIMPUL__REGISTRY__URL", "http://registry.invalid")
    monkeypatch.setenv("SIMPUL__KAFKA__ALLOW_PLAINTEXT", "true")
    monkeypatch.setattr(link, "kafka_producer_factory", lambda servers: fake.connect)
    monkeypatch.setattr(link, "open_registry", lambda settings: registry)
    return fake


def run(app: typer.Typer, *arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_clean_file_is_imported_and_sent_with_exit_0(
    app: typer.Typer, broker: FakeBroker, write_table: WriteTable, a_station: Station
) -> None:
    result = run(app, "import", MAPPING, write_table([a_station(1), a_station(2)]), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["published"], document["sent"]["sent"], document["report"]) == (2, 2, None)
    assert document["outbox"] == {"published": 2, "pending": 0, "refused_by_broker": 0}
    assert len(broker.records()) == 2


def test_refused_rows_exit_1_and_stand_in_the_report(
    app: typer.Typer, broker: FakeBroker, write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    report = tmp_path / "ditolak.jsonl"
    path = write_table([a_station(1), a_station(2, time="x"), a_station(3, place="99-x,01-x,01-x,2001-x")])
    result = run(app, "import", MAPPING, path, "--report", report, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["refused_by_code"] == {"import.time_unreadable": 1, "import.region_unknown_code": 1}
    assert document["report"] == str(report)
    assert len(report.read_text(encoding="utf-8").splitlines()) == 2


def test_the_table_of_refusals_shows_code_place_and_remedy(
    app: typer.Typer, broker: FakeBroker, write_table: WriteTable, a_station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    result = run(app, "import", MAPPING, write_table([a_station(time="[bold]x")]))
    assert result.exit_code == 1
    for words in ("import.time_unreadable", "tps.csv", "row 2", "[bold]x", "Waktu tidak terbaca", "rows read"):
        assert words in result.stdout
    assert "full report" in result.stderr


def test_no_send_leaves_events_waiting(app: typer.Typer, write_table: WriteTable, a_station: Station) -> None:
    result = run(app, "import", MAPPING, write_table([a_station()]), "--no-send")
    assert result.exit_code == 0
    assert "safe on disk" in result.stderr
    status = run(app, "status", "--json")
    assert json.loads(status.stdout)["pending"] == 1
    assert "pending" in run(app, "status").stdout


def test_a_dry_run_makes_no_outbox(
    app: typer.Typer, write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    result = run(app, "import", MAPPING, write_table([a_station()]), "--dry-run", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["acceptable"] == 1
    assert not (tmp_path / "data").exists()


def test_a_broker_that_is_away_exits_3_after_the_data_was_shown(
    app: typer.Typer, broker: FakeBroker, write_table: WriteTable, a_station: Station
) -> None:
    broker.reachable = False
    result = run(app, "import", MAPPING, write_table([a_station()]), "--json")
    assert isinstance(result.exception, BrokerUnavailable)
    assert result.exception.exit_code == 3
    document = json.loads(result.stdout)
    assert document["outbox"]["pending"] == 1
    assert document["error"]["en"]


def test_without_addresses_that_is_said_and_events_are_safe(
    app: typer.Typer, write_table: WriteTable, a_station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table([a_station()])
    assert isinstance(run(app, "import", MAPPING, path).exception, BrokerUnavailable)
    monkeypatch.setenv("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", "broker.invalid:9092")
    assert isinstance(run(app, "import", MAPPING, path).exception, RegistryUnavailable)


def test_a_blocked_topic_exits_3_and_is_named(
    app: typer.Typer, broker: FakeBroker, write_table: WriteTable, a_station: Station
) -> None:
    path = write_table([a_station(), a_station(2, place="31-dki-jakarta,71-x,01-x,1001-x")])
    result = run(app, "import", MAPPING, path)
    assert result.exit_code == 3
    assert "simpul.31.participation.v1" in result.stderr
    assert len(broker.records()) == 1


def test_a_wrong_file_or_mapping_takes_nothing(
    app: typer.Typer, write_table: WriteTable, a_station: Station, tmp_path: Path
) -> None:
    good, wrong = write_table([a_station()]), write_table(["1,2"], "wrong.csv", "a,b")
    result = run(app, "import", MAPPING, good, wrong)
    assert isinstance(result.exception, TableError)
    assert result.exception.exit_code == 2
    assert json.loads(run(app, "status", "--json").stdout)["pending"] == 0
    assert isinstance(run(app, "import", "pilpres2024", good).exception, MappingError)


def test_no_progress_is_drawn_where_there_is_no_terminal(
    app: typer.Typer, write_table: WriteTable, a_station: Station
) -> None:
    result = run(app, "import", MAPPING, write_table([a_station()]), "--dry-run", "--json")
    assert "\x1b" not in result.stdout + result.stderr
    assert not sys.stderr.isatty() or "tps.csv" not in result.stderr
