"""What a page shows as a file: CSV, JSON or Parquet, with the same columns in each. Pure."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simpul_connectors.csv_cells import write_rows
from simpul_connectors.portal.measures import measures_of
from simpul_connectors.portal.reading import Row, Wish
from simpul_connectors.portal.view_page import ViewPage
from simpul_connectors.subscribe.figure import FigureCoverage
from simpul_schemas.regions import level_of
from simpul_schemas.times import iso_utc

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "csv": "text/csv; charset=utf-8",
        "json": "application/json",
        "parquet": "application/vnd.apache.parquet",
    }
)
#: Columns of a table that are no text; measures are whole numbers, rates are not.
_KINDS: Mapping[str, pa.DataType] = MappingProxyType(
    {name: pa.int64() for name in ("expected", "reported", "on_time", "late")}
)


@dataclass(frozen=True)
class Table:
    """Rows of equal columns; `kinds` names the columns that are no text."""

    rows: Sequence[Mapping[str, Any]]
    kinds: Mapping[str, pa.DataType]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.kinds)


def page_table(page: ViewPage) -> Table:
    """Return the place of a page and every region inside it, with all measures, rates and coverage."""
    measures = measures_of(page.spec)
    rates = {name: pa.float64() for name in measures if name.startswith("rate.")}
    head = ("level", "region", "region_name", "period_kind", "period")
    dimensions = [one.name for one in page.spec.dimensions if one.name in page.wish.chosen]
    kinds = {
        **dict.fromkeys((*head, *dimensions), pa.string()),
        **{name: pa.int64() for name in measures if name not in rates},
        **{name.replace("rate.", "rate_of_"): kind for name, kind in rates.items()},
        **_KINDS,
        "coverage": pa.string(),
        "missing": pa.string(),
        "as_of": pa.string(),
    }
    return Table([_row(page.wish, row) for row in (page.own, *page.rows)], kinds)


def cover_document(cover: FigureCoverage) -> dict[str, Any]:
    """Return coverage as plain data."""
    return {
        "expected": cover.expected,
        "reported": cover.reported,
        "on_time": cover.on_time,
        "late": cover.late,
        "coverage": cover.state.value,
        "missing": list(cover.missing),
        "as_of": iso_utc(cover.as_of) if cover.as_of else None,
    }


def write_table(table: Table, ending: str) -> bytes:
    """Write a table as a file of a kind that `MEDIA_TYPES` has."""
    if ending == "csv":
        return to_csv(table)
    return to_parquet(table) if ending == "parquet" else to_json(table)


def to_csv(table: Table) -> bytes:
    """Write CSV as RFC 4180 has it; what a spreadsheet would take for a formula gets an apostrophe in front."""
    out = io.StringIO(newline="")
    rows = ([_flat(row.get(name)) for name in table.names] for row in table.rows)
    write_rows(out, [table.names, *rows])
    return out.getvalue().encode()


def to_json(table: Table) -> bytes:
    """Write an object with the rows."""
    return json.dumps({"rows": table.rows}, ensure_ascii=False, separators=(",", ":")).encode()


def to_parquet(table: Table) -> bytes:
    """Write one Parquet file."""
    columns = {name: pa.array([_flat(row.get(name)) for row in table.rows], kind) for name, kind in table.kinds.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def _row(wish: Wish, row: Row) -> dict[str, Any]:
    return {
        "level": level_of(row.region).value,
        "region": row.region,
        "region_name": row.name,
        "period_kind": wish.period_kind,
        "period": wish.period,
        **wish.chosen,
        **{name.replace("rate.", "rate_of_"): value for name, value in row.values.items()},
        **cover_document(row.cover),
    }


def _flat(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
