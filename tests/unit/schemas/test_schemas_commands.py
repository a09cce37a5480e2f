"""The commands `schemas check` and `schemas push`: exit codes, data on stdout, words on stderr."""

import json
from collections.abc import Sequence

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_schemas import gate, schemas_commands
from simpul_schemas.columns_probe import NoDecoder
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import RegistryUnavailable, SettingsError, UnknownGitRef
from simpul_schemas.subjects import schemas_by_subject
from simpul_schemas.testing import InMemoryRegistry

SUBJECT = "simpul.73.participation.v1-value"


class ClosableRegistry(InMemoryRegistry):
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> ClosableRegistry:
    found = ClosableRegistry()
    monkeypatch.delenv("SIMPUL_CONFIG", raising=False)
    monkeypatch.setenv("SIMPUL__REGISTRY__URL", "http://registry.invalid")
    monkeypatch.setattr(schemas_commands, "open_registry", lambda settings: found)
    return found


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command("check")(schemas_commands.check)
    app.command("push")(schemas_commands.push)
    return CliRunner().invoke(app, arguments)


def older_participation() -> str:
    """Return the schema of participation with a count that is a long."""
    document = json.loads(EVENT_TYPES["participation"].schema)
    for field in document["fields"]:
        if field["name"] == "registered":
            field["type"] = ["null", "long"]
    return json.dumps(document)


def test_a_check_that_finds_nothing_exits_0_and_says_so(registry: ClosableRegistry) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Tidak ada temuan" in result.stderr
    assert registry.closed
    as_json = run("check", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, {"findings": []})


def test_a_check_that_finds_something_exits_1_with_path_rule_both_fragments_and_fix(registry: ClosableRegistry) -> None:
    registry.register(SUBJECT, older_participation())
    as_json = run("check", "--json")
    assert as_json.exit_code == 1
    (found,) = json.loads(as_json.stdout)["findings"]
    assert (found["path"], found["rule"], found["before"], found["after"]) == (
        "/registered",
        "compat.type_narrowed",
        "long",
        "int",
    )
    assert found["fix"]
    assert (found["schema"], found["against"]) == ("participation", [f"{SUBJECT} v1"])
    words = run("check")
    assert words.exit_code == 1
    for piece in (
        "participation /registered",
        "[compat.type_narrowed]",
        f"{SUBJECT} v1",
        '"long"',
        '"int"',
        found["fix"],
    ):
        assert piece in words.stdout
    assert "Temuan: 1." in words.stderr


def test_a_push_registers_everything_once_and_names_the_subjects(registry: ClosableRegistry) -> None:
    first = run("push")
    assert first.exit_code == 0
    assert set(first.stdout.split()) == set(schemas_by_subject())
    again = run("push", "--json")
    assert json.loads(again.stdout) == {
        "findings": [],
        "level_before": "FULL_TRANSITIVE",
        "level": "FULL_TRANSITIVE",
        "registered": [],
        "unchanged": len(schemas_by_subject()),
    }
    assert {tuple(registry.versions(subject)) for subject in registry.subjects()} == {(1,)}


def test_a_push_with_a_finding_changes_nothing_and_exits_1(registry: ClosableRegistry) -> None:
    registry.register(SUBJECT, older_participation())
    result = run("push", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"]
    assert (registry.subjects(), registry.versions(SUBJECT), registry.compatibility()) == ([SUBJECT], [1], "NONE")


def test_a_registry_that_is_away_is_an_error_of_exit_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPUL__REGISTRY__URL", "http://127.0.0.1:9")
    for command in ("check", "push"):
        error = run(command).exception
        assert isinstance(error, RegistryUnavailable)
        assert error.exit_code == 3


def test_a_registry_that_nobody_named_is_an_error_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPUL_CONFIG", raising=False)
    monkeypatch.delenv("SIMPUL__REGISTRY__URL", raising=False)
    error = run("check").exception
    assert isinstance(error, SettingsError)
    assert error.exit_code == 2


def test_a_git_ref_needs_no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPUL__REGISTRY__URL", raising=False)
    monkeypatch.setattr(gate, "read_git", lambda ref: {"participation": older_participation()})
    result = run("check", "--against", "main", "--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["findings"]
    assert found["against"] == ["main:participation.avsc"]


def test_a_git_ref_that_does_not_exist_is_an_error_of_usage(registry: ClosableRegistry) -> None:
    error = run("check", "--against", "tidak-ada").exception
    assert isinstance(error, UnknownGitRef)
    assert error.exit_code == 2


def test_without_a_decoder_the_rest_is_checked_and_that_is_said(
    registry: ClosableRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(schemas: Sequence[str]) -> list[str | None]:
        raise NoDecoder

    whole = gate.check_alone
    monkeypatch.setattr(gate, "check_alone", lambda entries, ask_decoder=nobody: whole(entries, ask_decoder))
    result = run("check")
    assert result.exit_code == 0
    assert "simpul[processors]" in result.stderr
