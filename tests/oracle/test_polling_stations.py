"""The referee itself, held against figures that were added up by hand."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = load(Path(__file__).with_name("polling_stations.py"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pilpres2024_tps.csv"


def test_rows_at_the_edges_of_the_rules_give_the_figures_made_by_hand(file: Path) -> None:
    oracle.write_file(file, oracle.HARD_ROWS)
    found = oracle.truth([file])
    assert oracle.differences(oracle.HARD_FIGURES, found.figures) == []
    assert found.refused_by_code == {
        "import.region_unknown_code": 1,
        "import.region_unknown_name": 1,
        "participation.registered_above_limit": 2,
        "participation.turnout_above_limit": 3,
        "participation.votes_do_not_sum": 1,
    }
    assert (found.rows_read, found.accepted, found.superseded, found.stored, found.unchanged) == (23, 14, 3, 11, 1)


def test_the_same_rows_in_two_files_are_the_same_events(file: Path) -> None:
    oracle.write_file(file, oracle.HARD_ROWS)
    other = file.with_name("pilpres2024_tps_lagi.csv")
    oracle.write_file(other, reversed(oracle.HARD_ROWS))
    once, twice = oracle.truth([file]), oracle.truth([file, other])
    assert twice.figures == once.figures
    assert twice.statements == once.statements
    assert (twice.rows_read, twice.accepted, twice.unchanged) == (46, 14, 16)


def test_rows_that_differ_only_in_a_count_of_no_figure_are_two_events(file: Path) -> None:
    oracle.write_file(file, [oracle.Row("001", hour, {"voted_dpk": hour}) for hour in (8, 9)])
    assert oracle.truth([file]).accepted == 2


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (oracle.Row("001", 8, {"valid": "12.5"}), "no count: 12.5"),
        (oracle.Row("001", 8, {"valid": " 12"}), "no count:  12"),
        (oracle.Row("TPS", 8, {}), "no code: TPS"),
    ],
)
def test_a_cell_on_which_the_referee_has_no_verdict_stops_it(file: Path, row: object, error: str) -> None:
    oracle.write_file(file, [row])
    with pytest.raises(duckdb.Error, match=error):
        oracle.truth([file])


def test_two_different_statements_of_one_moment_stop_it(file: Path) -> None:
    oracle.write_file(file, [oracle.Row("001", 8, {"valid": votes}) for votes in (1, 2)])
    with pytest.raises(ValueError, match="two statements of one moment differ"):
        oracle.truth([file])


def test_a_figure_that_one_side_lacks_or_has_otherwise_is_named() -> None:
    figures = oracle.HARD_FIGURES
    altered = figures | {("nation", "ID"): (0,) * 8}
    fewer = {key: value for key, value in figures.items() if key[0] != "nation"}
    assert len(oracle.differences(figures, altered)) == 1
    assert len(oracle.differences(figures, fewer)) == 1
    assert len(oracle.differences(fewer, figures)) == 1
    assert oracle.differences(figures, dict(figures)) == []
