import json

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_processors import commands
from simpul_schemas.errors import UnknownView
from simpul_schemas.figures import VIEW_SPECS


def call(*arguments: str) -> Result:
    app = typer.Typer()
    app.command("views")(commands.views)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_list_names_every_view_with_what_it_counts_and_where_it_is_published() -> None:
    result = call()
    assert result.exit_code == 0
    for name, spec in VIEW_SPECS.items():
        assert f"{name}: {spec.doc}" in result.stdout
        assert f"simpul.view.{name}.v1" in result.stdout
        assert ", ".join(spec.measure_names) in result.stdout


@pytest.mark.parametrize("name", VIEW_SPECS)
def test_one_view_is_told_with_the_meaning_of_all_it_has(name: str) -> None:
    spec, said = VIEW_SPECS[name], call(name).stdout
    for one in (*spec.dimensions, *spec.measures):
        assert one.doc in said
    for rate, (part, whole) in spec.rates.items():
        assert f"{rate} = {part} / {whole}" in said


def test_json_is_one_document_with_all_views() -> None:
    found = {view["name"]: view for view in json.loads(call("--json").stdout)["views"]}
    assert found.keys() == VIEW_SPECS.keys()
    assert found["budget"]["adds_up"] is False
    assert found["incident"]["periods"] == ["DAY", "WEEK", "MONTH", "CATURWULAN", "YEAR"]
    assert found["aid"]["partial_topic"] == "simpul.partial.aid.v1"
    assert [one["name"] for one in found["aid_items"]["dimensions"]] == ["aid_kind", "status", "unit"]


def test_a_view_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownView, match="aspiration"):
        call("pemilu")
