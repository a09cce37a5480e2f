"""`simpul schemas docs` writes the catalogue, and never an example that the contract does not accept."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from simpul_schemas.catalogue import examples
from simpul_schemas.catalogue.catalogue_commands import docs
from simpul_schemas.catalogue.examples import accept, accepted_examples, example_text
from simpul_schemas.catalogue.site import catalogue_files
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import InvalidEvent, SettingsError

app = typer.Typer()
app.command("docs")(docs)
each_type = pytest.mark.parametrize("name", EVENT_TYPES)


def changed(name: str, **values: Any) -> str:
    return json.dumps(json.loads(example_text(name)) | values)


def refused(name: str, text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidEvent) as caught:
        accept(EVENT_TYPES[name], text)
    assert f"examples/{name}.json" in caught.value.message_id
    assert f"examples/{name}.json" in caught.value.message_en
    return caught.value.codes


@each_type
def test_an_example_is_accepted_without_a_warning_and_fills_every_field_but_the_reason(name: str) -> None:
    document = accepted_examples()[name].document
    assert [key for key, value in document.items() if value is None] == ["reason"]
    assert document["mode"] == "TEST"


@each_type
def test_an_example_that_breaks_a_rule_is_refused_with_the_rules_code(name: str) -> None:
    assert refused(name, changed(name, revision=0)) == ("envelope.revision_not_positive",)


@each_type
def test_an_example_of_the_wrong_shape_is_refused(name: str) -> None:
    assert refused(name, changed(name, revision="1")) == ("example.invalid",)
    assert refused(name, changed(name, colour="red")) == ("example.invalid",)
    assert refused(name, "{") == ("example.invalid",)


@each_type
def test_an_example_that_would_count_if_it_were_sent_is_refused(name: str) -> None:
    assert refused(name, changed(name, mode="ACTUAL")) == ("example.invalid",)


def test_a_warning_is_enough_to_refuse_an_example() -> None:
    text = changed("participation", registered=221, registered_male=104, registered_female=117)
    assert "participation.turnout_above_registered" in refused("participation", text)


def test_a_type_without_an_example_says_so() -> None:
    with pytest.raises(InvalidEvent) as caught:
        example_text("pemilu")
    assert caught.value.codes == ("example.missing",)


def test_the_command_writes_every_file_and_names_the_one_to_open(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "new" / "folder")])
    assert result.exit_code == 0
    assert result.stdout.strip() == str(tmp_path / "new" / "folder" / "index.html")
    for name, text in catalogue_files().items():
        assert (tmp_path / "new" / "folder" / name).read_text(encoding="utf-8") == text


def test_the_command_lists_its_files_as_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--out", str(tmp_path), "--json"])
    assert json.loads(result.stdout) == {"folder": str(tmp_path), "files": sorted(catalogue_files())}


def test_the_same_contract_gives_the_same_bytes() -> None:
    assert catalogue_files() == catalogue_files()


def test_a_broken_example_fails_the_command_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = changed("report", period="2026-13")
    monkeypatch.setattr(examples, "example_text", lambda name: broken if name == "report" else example_text(name))
    result = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert isinstance(result.exception, InvalidEvent)
    assert result.exception.exit_code == 1
    assert "report.json" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_the_callers_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "file")])
    assert isinstance(result.exception, SettingsError)
    assert "--out" in str(result.exception)
