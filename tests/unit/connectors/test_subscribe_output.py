"""Figures as text and files: what a program reads back is what the bus said, and a spreadsheet runs none of it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpul_connectors.atomic_file import replace_file
from simpul_connectors.csv_cells import safe_cell, write_rows
from simpul_connectors.subscribe import Figure, FigureCoverage
from simpul_connectors.subscribe.output import (
    CsvPrinter,
    JsonPrinter,
    TablePrinter,
    as_frame,
    columns,
    flat,
    write_parquet,
)
from simpul_schemas.figures import VIEW_SPECS, Coverage, view_spec

SPEC = view_spec("incident")


def a_figure(kind: str = "DISASTER", min_coverage: float | None = None, **measures: int) -> Figure:
    return Figure(
        view="incident",
        level="province",
        region="73",
        period_kind="MONTH",
        period="2024-02",
        dimensions={"kind": kind, "phase": "-", "severity": "Minor"},
        measures=dict.fromkeys(SPEC.measure_names, 0) | measures,
        coverage=FigureCoverage(Coverage.OPEN, 24, 22, 20, 2, ("Bone", "Wajo"), 1_700_000_000_000_000),
        revision=7,
    ).withhold_below(min_coverage)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "－x", "\n", "=HYPERLINK(0)"])  # noqa: RUF001  # full width is what is meant
def test_a_text_that_a_spreadsheet_would_run_is_made_safe(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-", "+", "", "Bone", "2024-02", "73.71", -5, -0.5, None, 0, "a=b"])
def test_all_else_stays_what_it_is(cell: Any) -> None:
    assert safe_cell(cell) == cell
    assert type(safe_cell(cell)) is type(cell)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), min_size=1))
def test_every_cell_is_read_back_and_none_begins_a_formula(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    write_rows(written, rows)
    back = list(csv.reader(io.StringIO(written.getvalue(), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in back] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    for row in back:
        assert not any(cell.strip().startswith(("=", "@")) for cell in row)


def test_a_line_of_json_is_a_whole_figure() -> None:
    written = io.StringIO()
    JsonPrinter(written).write([a_figure(killed=3), a_figure(min_coverage=0.95, killed=3)])
    told, withheld = map(json.loads, written.getvalue().splitlines())
    assert told == a_figure(killed=3).document()
    assert (withheld["withheld"], withheld["measures"]["killed"], withheld["coverage"]["share"]) == (
        True,
        None,
        22 / 24,
    )


def test_csv_has_a_header_once_and_safe_cells_and_empty_ones_where_a_number_is_withheld() -> None:
    written = io.StringIO(newline="")
    printer = CsvPrinter(written, SPEC, header=True)
    printer.write([a_figure("=cmd|' /C calc'!A0", incidents=4, verified=1)])
    printer.write([a_figure(min_coverage=1.0, killed=3)])
    told, withheld = csv.DictReader(io.StringIO(written.getvalue()))
    assert list(told) == list(columns(SPEC))
    assert (told["kind"], told["killed"], told["rate_verified"]) == ("'=cmd|' /C calc'!A0", "0", "0.25")
    assert (told["missing"], told["withheld"], told["as_of"]) == ("Bone; Wajo", "false", "2023-11-14T22:13:20+00:00")
    assert (withheld["killed"], withheld["rate_verified"], withheld["withheld"]) == ("", "", "true")
    assert withheld["reported"] == "22"


def test_csv_that_is_gone_on_with_has_no_second_header() -> None:
    written = io.StringIO()
    CsvPrinter(written, SPEC, header=False).write([a_figure()])
    assert written.getvalue().startswith("incident,province,73,")


def test_a_person_reads_where_when_who_has_reported_and_what_is_not_0() -> None:
    written = io.StringIO()
    printer = TablePrinter(written)
    printer.write([])
    assert written.getvalue() == ""
    printer.write([a_figure(incidents=1200, verified=300), a_figure(), a_figure(min_coverage=0.95, killed=3)])
    head, told, nothing, withheld = written.getvalue().splitlines()
    assert head.split()[:3] == ["PERIODE", "WILAYAH", "MELAPOR"]
    assert told.split()[:4] == ["2024-02", "Sulawesi", "Selatan", "22/24"]
    assert "kind=DISASTER  severity=Minor  incidents 1,200  verified 300  verified=0.25" in told
    assert "killed" not in told
    assert nothing.endswith("0")
    assert withheld.endswith("ditahan / withheld")


@pytest.mark.parametrize("spec", VIEW_SPECS.values(), ids=lambda spec: spec.name)
def test_the_columns_of_every_view_are_named_apart_and_its_figures_fit_them(spec: Any) -> None:
    coverage = FigureCoverage(Coverage.NONE, None, None, None, None, (), 0)
    own = dict.fromkeys(spec.dimension_names[2:], "-")
    figure = Figure(spec.name, "nation", "ID", "YEAR", "2024", own, dict.fromkeys(spec.measure_names, 1), coverage, 1)
    head_and_tail = 6 + 10
    assert len(columns(spec)) == head_and_tail + len(own) + len(spec.measures) + len(spec.rates)
    assert list(flat(figure)) == list(columns(spec))
    assert as_frame(spec, [figure]).schema == as_frame(spec, []).schema == dict(columns(spec))


def test_parquet_is_read_back_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "angka.parquet"
    frame = as_frame(SPEC, [a_figure(killed=3), a_figure(min_coverage=1.0)])
    write_parquet(path, frame)
    assert pl.read_parquet(path).equals(frame)
    assert [row["killed"] for row in frame.to_dicts()] == [3, None]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def fails(text: bytes) -> Callable[[Any], None]:
        def write(file: Any) -> None:
            file.write(text)
            raise KeyboardInterrupt

        return write

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, fails(b"half"))
    assert list(tmp_path.iterdir()) == []
    replace_file(path, lambda file: file.write(b"whole"))
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, fails(b"half"))
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
    path.with_name("other").touch()
    assert path.stat().st_mode == path.with_name("other").stat().st_mode, "as any new file"
