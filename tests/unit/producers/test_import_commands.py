"""The group `simpul import`: its first word may be left out, and a mapping is checked without data."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_producers import import_commands
from simpul_producers.errors import MappingError


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> typer.Typer:
    monkeypatch.setenv("SIMPUL__DATA_DIR", str(tmp_path / "data"))
    group = typer.Typer(cls=import_commands.ImportGroup, no_args_is_help=True)
    for name, command in import_commands.IMPORT_COMMANDS.items():
        group.command(name)(command)
    app = typer.Typer()
    app.add_typer(group, name="import")
    app.command("other")(lambda: None)
    return app


def run(app: typer.Typer, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["import", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize("before", [[], ["run"]])
@pytest.mark.parametrize("options_first", [False, True])
def test_a_mapping_and_a_file_are_imported_with_or_without_the_first_word(
    app: typer.Typer, tmp_path: Path, before: list[str], options_first: bool
) -> None:
    table = tmp_path / "2021.csv"
    table.write_text("Polda,\n,Jumlah\n,2021\nACEH,5\nINDONESIA,5\n", encoding="utf-8")
    options, words = ["--dry-run", "--json"], ["polda_tindak_pidana", table]
    result = run(app, *before, *([*options, *words] if options_first else [*words, *options]))
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert (document["rows_read"], document["skipped"]) == (2, {"total": 1})
    assert document["refused_by_code"] == {"import.aggregate_not_event": 1}
    assert document["written_in"] == [
        {"file": "2021.csv", "format": "csv", "encoding": "utf-8-sig", "delimiter": ","},
    ]


def test_the_words_tell_what_was_skipped_and_how_the_file_is_written(app: typer.Typer, tmp_path: Path) -> None:
    table = tmp_path / "2021.csv"
    table.write_text("Polda;\n;Jumlah\n;2021\nINDONESIA;5\n", encoding="utf-8")
    result = run(app, "polda_tindak_pidana", table, "--dry-run")
    assert result.exit_code == 0
    assert "skipped total" in result.stdout
    assert "written in: csv, utf-8-sig, ';' (2021.csv)" in result.stderr


def test_lint_says_that_a_mapping_fits_and_what_it_leaves_out(app: typer.Typer) -> None:
    assert "fits incident" in run(app, "lint", "ucdp_ged").stdout
    document = json.loads(run(app, "lint", "ucdp_ged", "--json").stdout)
    assert document["event_type"] == "incident"
    assert "injured" in document["unmapped"]
    assert "killed" not in document["unmapped"]


def test_lint_of_a_wrong_mapping_is_its_error(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "peta.yaml"
    path.write_text("event_type: incident\nfield: {}\n", encoding="utf-8")
    result = run(app, "lint", path)
    assert isinstance(result.exception, MappingError)
    assert result.exception.exit_code == 2
    assert "did you mean 'fields'" in result.exception.message_en


def test_the_reference_is_a_table_or_a_document(app: typer.Typer) -> None:
    assert "| `event_type` |" in run(app, "reference").stdout
    keys = json.loads(run(app, "reference", "--json").stdout)["keys"]
    assert {"section", "key", "type", "default", "meaning"} == set(keys[0])


def test_help_names_the_commands(app: typer.Typer) -> None:
    result = run(app, "--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("run", "lint", "reference"))
