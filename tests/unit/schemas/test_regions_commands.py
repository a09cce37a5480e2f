"""`simpul regions resolve` and `simpul regions list`: data on stdout, words on stderr, 1 where there is no region."""

import json
from datetime import UTC, datetime

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from simpul_schemas import regions_commands
from simpul_schemas.regions_commands import regions_list, regions_resolve
from simpul_schemas.resolve import resolve

app = typer.Typer()
app.command("resolve")(regions_resolve)
app.command("list")(regions_list)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_region_is_told_as_code_name_and_level_alone_where_nothing_is_to_be_warned_of() -> None:
    result = run("resolve", "bps", "7371", "--on", "2025-06-01", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        {"code": "73.71", "name": "Kota Makassar", "level": "regency"},
    )
    assert not result.stderr


def test_a_warning_stands_beside_the_region_in_both_languages() -> None:
    result = run("resolve", "kemendagri", "91.01", "--on", "2022-11-09", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["code"] == "93.01"
    assert [set(warning) for warning in document["warnings"]] == [{"code", "message_id", "message_en"}]
    assert document["warnings"][0]["code"] == "ended"
    before = run("resolve", "kemendagri", "91.01", "--on", "2022-11-08", "--json")
    assert "warnings" not in json.loads(before.stdout)


def test_no_region_exits_with_1_and_the_reason() -> None:
    result = run("resolve", "kemendagri", "99", "--on", "2025-06-01", "--json")
    assert result.exit_code == 1
    assert set(json.loads(result.stdout)) == {"reason", "message_id", "message_en"}
    assert json.loads(result.stdout)["reason"] == "unknown_code"
    assert json.loads(run("resolve", "kode", "1101", "--json").stdout)["reason"] == "unknown_scheme"


def test_an_ambiguous_name_tells_its_candidates() -> None:
    result = run("resolve", "name", "Bandung", "--parent", "32", "--json")
    assert result.exit_code == 1
    assert [region["code"] for region in json.loads(result.stdout)["candidates"]] == ["32.04", "32.73"]


def test_without_json_the_region_goes_to_stdout_and_words_to_stderr() -> None:
    found = run("resolve", "name", "Geuredong Pase", "--parent", "11.08", "--on", "2019-04-17")
    assert found.stdout.split() == ["11.08.25", "Geureudong", "Pase"]
    assert found.stderr.startswith("spelling: ")
    refused = run("resolve", "name", "Metro Jaya")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("no_parent: ")


def test_a_name_that_carries_control_characters_does_not_reach_the_terminal_with_them() -> None:
    refused = run("resolve", "name", "\x1b[2J\u202ekota\r" + "x" * 500, "--parent", "32")
    assert refused.exit_code == 1
    assert not set("\x1b\u202e\r") & set(refused.stderr)
    assert len(refused.stderr) < 500


@pytest.mark.parametrize("day", ["2025-13-01", "today", "01-06-2025"])
def test_a_day_that_is_none_is_wrong_usage(day: str) -> None:
    assert run("resolve", "kemendagri", "11", "--on", day).exit_code == 2


def test_the_day_is_today_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(regions_commands, "resolve", lambda *given: asked.append(given) or resolve(*given))
    before = datetime.now(UTC).astimezone().date()
    run("resolve", "kemendagri", "11")
    assert asked[0][2] in {before, datetime.now(UTC).astimezone().date()}


def test_the_list_holds_what_lies_right_below() -> None:
    provinces = json.loads(run("list", "--json").stdout)
    assert provinces["parent"] == "ID"
    assert len(provinces["regions"]) == 38
    assert provinces["regions"][0] == {"code": "11", "name": "Aceh", "level": "province"}
    below = run("list", "--parent", "3271").stdout.splitlines()
    assert len(below) == 6
    assert below[0].split() == ["32.71.01", "Bogor", "Selatan"]
    assert json.loads(run("list", "--parent", "32.71.01", "--json").stdout)["regions"] == []


def test_the_list_of_an_unknown_parent_exits_with_1() -> None:
    result = run("list", "--parent", "99", "--json")
    assert (result.exit_code, json.loads(result.stdout)["reason"]) == (1, "unknown_code")
    assert run("list", "--parent", "99").stderr.startswith("unknown_code: ")
