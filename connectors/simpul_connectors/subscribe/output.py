"""Figures as text and files: JSON lines, CSV, a table for a person, Parquet. What is written is passed in."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

import polars as pl

from simpul_connectors.atomic_file import replace_file
from simpul_connectors.csv_cells import write_rows
from simpul_connectors.subscribe.figure import Figure
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.figures import ViewSpec

_TIME = pl.Datetime("us", "UTC")
_PERIOD, _REGION, _REPORTED = 12, 32, 10


class Printer(Protocol):
    """Writes figures; everything is out when `write` returns."""

    def write(self, figures: Sequence[Figure]) -> None:
        """Write figures and flush."""


class JsonPrinter:
    """One JSON document a line, as `Figure.document` has it."""

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, figures: Sequence[Figure]) -> None:
        """See `Printer`."""
        self._to.writelines(json.dumps(figure.document(), ensure_ascii=False) + "\n" for figure in figures)
        self._to.flush()


class CsvPrinter:
    """CSV with the columns of `columns`; a withheld number is an empty cell."""

    def __init__(self, to: TextIO, spec: ViewSpec, *, header: bool) -> None:
        self._to = to
        self._columns = list(columns(spec))
        self._header = header

    def write(self, figures: Sequence[Figure]) -> None:
        """See `Printer`."""
        if self._header:
            write_rows(self._to, [self._columns], line_end="\n")
            self._header = False
        write_rows(self._to, [[_cell(cell) for cell in flat(figure).values()] for figure in figures], line_end="\n")
        self._to.flush()


class TablePrinter:
    """Lines for a person: when, where, who has reported, and every number that is not 0 beside its name."""

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._has_begun = False

    def write(self, figures: Sequence[Figure]) -> None:
        """See `Printer`."""
        if figures and not self._has_begun:
            self._has_begun = True
            self._to.write(f"{'PERIODE':<{_PERIOD}}{'WILAYAH':<{_REGION}}{'MELAPOR':<{_REPORTED}}ANGKA / FIGURES\n")
        self._to.writelines(_line(figure) + "\n" for figure in figures)
        self._to.flush()


def columns(spec: ViewSpec) -> Mapping[str, pl.DataType]:
    """Return the columns of a figure where it must be flat, by their names; `coverage` is its state, as in topics."""
    head = ("view", "level", "region", "region_name", "period_kind", "period")
    named: dict[str, pl.DataType] = dict.fromkeys([*head, *spec.dimension_names[2:]], pl.String())
    named |= dict.fromkeys(spec.measure_names, pl.Int64())
    named |= dict.fromkeys((f"rate_{name}" for name in spec.rates), pl.Float64())
    named |= dict.fromkeys(("expected", "reported", "on_time", "late"), pl.Int64())
    named |= {"coverage": pl.String(), "coverage_share": pl.Float64(), "missing": pl.List(pl.String)}
    return named | {"as_of": _TIME, "withheld": pl.Boolean(), "revision": pl.Int64()}


def flat(figure: Figure) -> dict[str, Any]:
    """Return a figure as a row of `columns`, in their order."""
    coverage = figure.coverage
    return {
        "view": figure.view,
        "level": figure.level,
        "region": figure.region,
        "region_name": figure.region_name,
        "period_kind": figure.period_kind,
        "period": figure.period,
        **figure.dimensions,
        **figure.measures,
        **{f"rate_{name}": rate for name, rate in figure.rates.items()},
        "expected": coverage.expected,
        "reported": coverage.reported,
        "on_time": coverage.on_time,
        "late": coverage.late,
        "coverage": coverage.state.value,
        "coverage_share": coverage.share,
        "missing": list(coverage.missing),
        "as_of": from_micros(coverage.as_of),
        "withheld": figure.withheld,
        "revision": figure.revision,
    }


def as_frame(spec: ViewSpec, figures: Iterable[Figure]) -> pl.DataFrame:
    """Return figures as columns, with their types also where there are none."""
    return pl.DataFrame([flat(figure) for figure in figures], dict(columns(spec)), orient="row")


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a file that is there whole or not at all."""
    replace_file(path, frame.write_parquet)


def _cell(value: Any) -> Any:  # noqa: ANN401  # any cell
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _line(figure: Figure) -> str:
    coverage = figure.coverage
    reported = "?" if coverage.expected is None else f"{coverage.reported}/{coverage.expected}"
    region = figure.region_name
    if len(region) > _REGION - 2:
        region = region[: _REGION - 3] + "…"
    said = [f"{name}={value}" for name, value in figure.dimensions.items() if value != "-"]
    if figure.withheld:
        said.append("ditahan / withheld")
    else:
        said += [f"{name} {value:,}" for name, value in figure.measures.items() if value] or ["0"]
        said += [f"{name}={rate:.4g}" for name, rate in figure.rates.items() if rate is not None]
    return f"{figure.period:<{_PERIOD}}{region:<{_REGION}}{reported:<{_REPORTED}}{'  '.join(said)}"
