"""The commands for Excel: exit codes, data on stdout, words on stderr, and nothing but our own errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from simpul_deploy.cli import app


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.delenv("SIMPUL_CONFIG", raising=False)
    monkeypatch.setenv("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", "broker.invalid:9092")
    monkeypatch.setenv("SIMPUL__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["import", *map(str, arguments)])


def test_the_three_commands_of_the_guide(run: Callable[..., Result], desk: Any, typed: Any, tmp_path: Path) -> None:
    made = run("template", "incident", "--region", "73.71", "--out", "kejadian.xlsx")
    assert (made.exit_code, made.stdout) == (0, "kejadian.xlsx\n")
    path = tmp_path / "kejadian.xlsx"
    desk.edit(path, {3: typed("incident")[0], 4: typed("incident", _number="2", killed="dua")[0]})
    bad = run(path, "--no-send", "--json")
    document = json.loads(bad.stdout)
    assert bad.exit_code == 1
    assert (document["rows_read"], document["published"], document["refused"]) == (2, 1, 1)
    assert document["refused_by_code"] == {"import.not_a_number": 1}
    assert document["examples"][0]["field"].startswith("killed (")
    (answer,) = document["answers"]
    assert Path(answer).name == "kejadian.hasil.xlsx"
    desk.edit(Path(answer), {4: {"killed": 2}})
    mended = run(answer, "--no-send", "--json")
    document = json.loads(mended.stdout)
    assert mended.exit_code == 0
    assert (document["published"], document["unchanged"], document["answers"]) == (1, 1, [])


def test_a_person_is_told_where_the_marked_cells_are(run: Callable[..., Result], desk: Any, typed: Any) -> None:
    path = desk.fill("incident", typed("incident", killed="dua"))
    result = run(path, "--no-send")
    assert "isian.hasil.xlsx" in result.stderr
    assert "killed" in result.stdout


def test_the_answer_goes_where_it_is_asked_for(
    run: Callable[..., Result], desk: Any, typed: Any, tmp_path: Path
) -> None:
    path = desk.fill("incident", typed("incident"))
    answer = tmp_path / "jawab" / "hasil.xlsx"
    assert run(path, "--dry-run", "--answer", answer).exit_code == 0
    assert answer.exists()
    assert run(path, "--answer", path).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [("template", "bast"), ("template", "incident", "--region", "99"), ("tiada.xlsx",), ("pilpres2024_tps",)],
)
def test_wrong_usage_exits_2_with_one_sentence_in_each_language(run: Callable[..., Result], arguments: Any) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert " / " in result.stderr
    assert "Traceback" not in result.stderr


def test_help_shows_examples_and_the_import_keeps_its_own_options(run: Callable[..., Result]) -> None:
    assert "simpul import template" in " ".join(run("--help").stdout.split())
    assert "--dry-run" in run("run", "--help").stdout


def test_template_as_json_says_what_was_written(run: Callable[..., Result]) -> None:
    document = json.loads(run("template", "report", "--json").stdout)
    assert (document["template"], document["event_type"], document["columns"]) == ("report.xlsx", "report", 15)
