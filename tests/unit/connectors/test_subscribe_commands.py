"""`simpul subscribe` over a bus in memory: what it prints, what it refuses, and what the cursor holds behind it."""

import csv
import io
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_connectors import subscribe_commands
from simpul_connectors.atomic_file import replace_file
from simpul_connectors.errors import CursorUnusable, FileUnwritable
from simpul_connectors.subscribe import Cursor, subscription
from simpul_connectors.testing import FigureBus
from simpul_schemas.errors import InvalidRegion, SettingsError
from simpul_schemas.log import StartOffset
from simpul_schemas.testing import InMemoryReader

MONTH = {"period_kind": "MONTH", "period": "2024-02"}
REPORTS = {"expected": 24, "reported": 22, "on_time": 20, "late": 2, "coverage": "OPEN"}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> FigureBus:
    bus = FigureBus()
    bus.publish("incident", "73", 1, **MONTH, kind="DISASTER", incidents=4, **REPORTS)
    bus.publish("incident", "53", 2, **MONTH, kind="DISASTER", incidents=1)
    monkeypatch.setattr(subscription, "connect_from_settings", lambda: None)
    monkeypatch.setattr(subscription, "KafkaSource", lambda _: bus)
    return bus


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(subscribe_commands.subscribe)
    return CliRunner().invoke(app, arguments)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_into_a_pipe_go_json_lines(bus: FigureBus) -> None:
    assert [line["region"] for line in lines(run("incident", "--once"))] == ["73", "53"]
    assert lines(run("incident", "--once", "--json")) == lines(run("incident", "--once"))


def test_words_go_to_stderr_only(bus: FigureBus) -> None:
    result = run("incident", "--once", "--min-coverage", "0.95")
    assert {line["withheld"] for line in lines(result)} == {True}
    assert {line["measures"]["incidents"] for line in lines(result)} == {None}
    assert "2 of 2 figures were withheld" in result.stderr
    nothing = run("incident", "--once", "--region", "16")
    assert (lines(nothing), "no figures that fit" in nothing.stderr) == ([], True)


def test_records_that_are_no_figures_are_told(bus: FigureBus) -> None:
    bus.log.append(bus.log.topics["simpul.view.incident.v1"][0][0]._replace(value=b"garbage"))
    assert "1 records are no figures" in run("incident", "--once").stderr


def test_options_choose(bus: FigureBus) -> None:
    place = ("--level", "province", "--region", "73", "--period-kind", "MONTH", "--period", "2024-02")
    assert [line["region"] for line in lines(run("incident", "--once", *place))] == ["73"]
    assert len(lines(run("incident", "--once", "--where", "kind=DISASTER"))) == 2
    assert lines(run("incident", "--once", "--where", "kind=CONFLICT")) == []


def test_csv_has_a_header_also_without_figures_and_none_when_it_goes_on(bus: FigureBus, tmp_path: Path) -> None:
    cursor = str(tmp_path / "kursor")
    first = run("incident", "--once", "--csv", "--cursor", cursor).stdout
    assert [row["region"] for row in csv.DictReader(io.StringIO(first))] == ["73", "53"]
    bus.publish("incident", "16", 1, **MONTH, incidents=1)
    more = run("incident", "--once", "--csv", "--cursor", cursor).stdout
    assert [row["region"] for row in csv.DictReader(io.StringIO(first + more))] == ["73", "53", "16"]
    assert run("incident", "--once", "--csv", "--region", "16", "--period", "2020").stdout.startswith("view,level,")


def test_parquet_is_a_whole_file_of_what_is_there(bus: FigureBus, tmp_path: Path) -> None:
    path = tmp_path / "angka.parquet"
    result = run("incident", "--parquet", str(path))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    found = pl.read_parquet(path)
    assert found.select("region", "region_name", "incidents", "reported").rows() == [
        ("73", "Sulawesi Selatan", 4, 22),
        ("53", "Nusa Tenggara Timur", 1, None),
    ]


def test_a_cursor_is_gone_on_from_and_one_that_is_only_named_stays(bus: FigureBus, tmp_path: Path) -> None:
    path = tmp_path / "kursor"
    assert len(lines(run("incident", "--once", "--cursor", str(path)))) == 2
    assert lines(run("incident", "--once", "--cursor", str(path))) == []
    kept = path.read_bytes()
    bus.publish("incident", "16", 1, **MONTH, incidents=1)
    for _ in range(2):
        assert [line["region"] for line in lines(run("incident", "--once", "--from", str(path)))] == ["16"]
    assert path.read_bytes() == kept
    assert lines(run("incident", "--once", "--from", "now")) == []


def test_a_cursor_is_saved_only_behind_what_was_flushed(
    bus: FigureBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kursor"

    class Torn:
        def write(self, figures: Sequence[Any]) -> None:
            if figures:
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(subscribe_commands, "_printer", lambda *_, **__: Torn())
    assert isinstance(run("incident", "--once", "--cursor", str(path)).exception, OSError)
    assert not Cursor.read(path.read_text()).partitions, "nothing was handled yet"
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--json", "--csv"), SettingsError),
        (("--csv", "--parquet", "x.parquet"), SettingsError),
        (("--parquet", "x.parquet", "--from", "now"), SettingsError),
        (("--parquet", "x.parquet", "--cursor", "x"), SettingsError),
        (("--level", "kota"), SettingsError),
        (("--period-kind", "month"), SettingsError),
        (("--where", "kind"), SettingsError),
        (("--where", "=x"), SettingsError),
        (("--from", "yesterday"), SettingsError),
        (("--region", "99"), InvalidRegion),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    bus: FigureBus, arguments: tuple[str, ...], error: type[Exception]
) -> None:
    result = run("incident", "--once", *arguments)
    assert isinstance(result.exception, error)
    assert result.stdout == ""


@pytest.mark.parametrize("share", ["95", "-0.1", "x"])
def test_a_coverage_is_a_share_of_0_to_1(bus: FigureBus, share: str) -> None:
    assert run("incident", "--once", "--min-coverage", share).exit_code == 2


@pytest.mark.parametrize("option", ["--parquet", "--cursor"])
@pytest.mark.parametrize("name", ["tidak-ada/x", "."])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_read(
    bus: FigureBus, tmp_path: Path, option: str, name: str
) -> None:
    result = run("incident", "--once", option, str(tmp_path / name))
    assert isinstance(result.exception, FileUnwritable)
    assert str(tmp_path / name) in result.exception.message_id
    assert not result.stdout


def test_a_folder_that_goes_while_figures_are_written_is_told_as_an_error(bus: FigureBus, tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable):
        replace_file(tmp_path / "hilang" / "kursor", lambda file: file.write(b"x"))


def test_a_cursor_that_is_only_named_is_called_by_its_file(bus: FigureBus, tmp_path: Path) -> None:
    held = tmp_path / "kursor"
    held.write_text(str(Cursor("aid", "cluster", {})), encoding="utf-8")
    result = run("incident", "--once", "--from", str(held))
    assert isinstance(result.exception, CursorUnusable)
    assert str(held) in result.exception.message_id


def test_nothing_new_behind_a_cursor_is_not_told_as_nothing_there(bus: FigureBus, tmp_path: Path) -> None:
    held = str(tmp_path / "kursor")
    lines(run("incident", "--once", "--cursor", held))
    again = run("incident", "--once", "--cursor", held)
    assert "Nothing has changed since that position." in again.stderr


def test_a_cursor_of_another_cluster_is_refused(bus: FigureBus, tmp_path: Path) -> None:
    path = tmp_path / "kursor"
    path.write_text(str(Cursor("incident", "elsewhere", {})))
    assert isinstance(run("incident", "--once", "--cursor", str(path)).exception, CursorUnusable)


def test_sigterm_ends_it_in_order(bus: FigureBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "kursor"
    before = signal.getsignal(signal.SIGTERM)

    class Told(InMemoryReader):
        async def read(self, max_records: int, timeout_seconds: float) -> Any:
            found = await super().read(max_records, timeout_seconds)
            if not found:
                os.kill(os.getpid(), signal.SIGTERM)
            return found

    def reader(topics: Sequence[str], start: StartOffset) -> InMemoryReader:
        return Told(bus.log, topics, start)

    monkeypatch.setattr(bus, "reader", reader)
    assert len(lines(run("incident", "--cursor", str(path)))) == 2
    assert Cursor.read(path.read_text()).partitions[0].next_offset == 2
    assert signal.getsignal(signal.SIGTERM) is before
