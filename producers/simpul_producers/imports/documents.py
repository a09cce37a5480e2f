"""Rows of a form into documents: each the values of one event, where they stand in the sheet, and what is wrong.

A document is one row, or the rows of its list below each other: those that follow may leave the columns of the
document empty or repeat them. All that is wrong is found at once, so that a clerk mends a sheet in one go.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from simpul_producers.imports.cells import CellFault, is_blank, read_cell, read_region
from simpul_producers.imports.forms import REGION, Column, Form
from simpul_producers.imports.workbook import Cell
from simpul_schemas.calendars import PeriodKind, period_is_missing
from simpul_schemas.catalogue.codes import OTHER_CODES
from simpul_schemas.regions import load_regions, province_of
from simpul_schemas.rules import Rule, Severity, Text

_DEFAULT_ZONE = ZoneInfo("Asia/Jakarta")
_LAST_MINUTE = timedelta(hours=23, minutes=59)
#: Where a cell's value stands in the record: ("killed",), ("items", 0, "name").
Path: TypeAlias = tuple[str | int, ...]
FormRow: TypeAlias = tuple[int, Mapping[str, Cell]]


@dataclass(frozen=True, slots=True)
class CellFinding:
    """What is wrong with a cell: its row as the sheet numbers it, its column by name, and what a clerk is told."""

    row: int
    column: str
    code: str
    severity: Severity
    message: Text
    remedy: Text


@dataclass(slots=True)
class Document:
    """One event to be; `values` are those of the columns, lists of items included, `places` where each came from."""

    rows: list[int]
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[tuple[int, str], Path] = field(default_factory=dict)
    findings: list[CellFinding] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether anything found forbids to take it."""
        return any(finding.severity is Severity.REJECT for finding in self.findings)

    def refuse(self, row: int, column: str, code: str) -> None:
        """Note a fault of a cell, by its code."""
        known = OTHER_CODES[code]
        self.findings.append(CellFinding(row, column, code, Severity.REJECT, known.message, known.remedy))

    def add_rule(self, rule: Rule, cells: Iterable[tuple[int, str]]) -> None:
        """Note a rule that the document breaks, at each of its cells."""
        for row, column in cells:
            self.findings.append(CellFinding(row, column, rule.code, rule.severity, rule.message, rule.remedy))


def documents(form: Form, scope: str, rows: Iterable[FormRow]) -> Iterator[Document]:
    """Yield each document of a sheet; `scope` is the region that the template was made for, or empty."""
    group: list[FormRow] = []
    for row in rows:
        if group and not _continues(form, group[0][1], row[1]):
            yield _Reader(form, scope, group).read()
            group = []
        group.append(row)
    if group:
        yield _Reader(form, scope, group).read()


def _continues(form: Form, head: Mapping[str, Cell], cells: Mapping[str, Cell]) -> bool:
    """Return whether a row goes on with the list of the document above it: the same key, or none."""
    if not form.facts.rows_of:
        return False
    given = [name for name in form.facts.key if not is_blank(cells.get(name, ""))]
    return all(cells[name] == head.get(name) for name in given)


class _Reader:
    """Reads the rows of one document."""

    def __init__(self, form: Form, scope: str, rows: list[FormRow]) -> None:
        self._form = form
        self._scope = scope
        self._rows = rows
        self._document = Document([number for number, _ in rows])
        self._zone = _DEFAULT_ZONE

    def read(self) -> Document:
        number, cells = self._rows[0]
        self._read_region(number, cells.get(REGION, ""))
        plain = [column for column in self._form.columns if column.name == column.field and column.name != REGION]
        for column in plain:
            if not column.in_rows:
                self._put(column, number, cells, (column.name,), self._document.values)
        self._read_numbered(number, cells)
        if self._form.facts.rows_of:
            self._read_list(self._form.facts.rows_of)
        self._check_repeated()
        return self._document

    def _read_region(self, number: int, cell: Cell) -> None:
        document = self._document
        if is_blank(cell):
            document.refuse(number, REGION, "import.value_missing")
            return
        try:
            code = read_region(cell, self._scope)
        except CellFault as fault:
            document.refuse(number, REGION, fault.code)
            return
        document.values[REGION] = code
        document.places[number, REGION] = (REGION,)
        self._zone = zone_of(code)

    def _put(self, column: Column, number: int, cells: Mapping[str, Cell], path: Path, target: dict[str, Any]) -> bool:
        """Read a cell into the last step of its path; return whether anything was typed."""
        cell = cells.get(column.name, "")
        last = str(path[-1])
        if is_blank(cell):
            if column.required:
                self._document.refuse(number, column.name, "import.value_missing")
            target[last] = None
            return False
        self._document.places[number, column.name] = path
        try:
            is_key = column.name in self._form.facts.key
            target[last] = read_cell(column, cell, self._zone, is_key=is_key)
        except CellFault as fault:
            self._document.refuse(number, column.name, fault.code)
            target[last] = None
        return True

    def _read_numbered(self, number: int, cells: Mapping[str, Cell]) -> None:
        """Read the lists that have columns of their own: `parties#2.kind`, `claims@incident`."""
        by_item: dict[str, list[Column]] = {}
        for column in self._form.columns:
            if "#" in column.name or "@" in column.name:
                by_item.setdefault(column.name.partition(".")[0], []).append(column)
        for item, columns in by_item.items():
            name, _, key = item.replace("#", "@").partition("@")
            if all(is_blank(cells.get(column.name, "")) for column in columns):
                continue
            items = self._document.values.setdefault(name, [])
            value: dict[str, Any] = {self._key_field(name): key} if "@" in item else {}
            for column in columns:
                path = (name, len(items), column.field.partition(".")[2])
                self._put(column, number, cells, path, value)
            self._check_item(number, columns, value)
            items.append(value)

    def _key_field(self, name: str) -> str:
        item = self._form.item_fields(name)
        return item[0]

    def _read_list(self, name: str) -> None:
        columns = [column for column in self._form.columns if column.in_rows]
        items: list[dict[str, Any]] = []
        for number, cells in self._rows:
            if all(is_blank(cells.get(column.name, "")) for column in columns):
                continue
            value: dict[str, Any] = {}
            for column in columns:
                self._put(column, number, cells, (name, len(items), column.name.partition(".")[2]), value)
            self._check_item(number, columns, value)
            items.append(value)
        self._document.values[name] = items or None

    def _check_item(self, number: int, columns: list[Column], value: Mapping[str, Any]) -> None:
        """Refuse an item that lacks what the contract asks of each."""
        faulty = {finding.column for finding in self._document.findings if finding.row == number}
        for column in columns:
            needed = column.field in self._form.needed_in_items
            if needed and value[column.field.partition(".")[2]] is None and column.name not in faulty:
                self._document.refuse(number, column.name, "import.value_missing")

    def _check_repeated(self) -> None:
        """Refuse what a later row says about the document otherwise than the first one."""
        first = self._rows[0][1]
        for number, cells in self._rows[1:]:
            for column in self._form.columns:
                cell = cells.get(column.name, "")
                if not column.in_rows and not is_blank(cell) and cell != first.get(column.name, ""):
                    self._document.refuse(number, column.name, "cell.rows_differ")


def zone_of(region: str) -> ZoneInfo:
    """Return the time zone of a region, that of its province; WIB for what is none."""
    found = load_regions().get(province_of(region))
    return ZoneInfo(found.timezone) if found else _DEFAULT_ZONE


def occurred_at(form: Form, values: Mapping[str, Any]) -> datetime | None:
    """Return when a document happened, in its region's zone, from the column that tells it; None where none can."""
    value = values.get(form.facts.occurred)
    if isinstance(value, datetime) or value is None:
        return value
    zone = zone_of(values[REGION])
    if "period_kind" not in values:
        return datetime.combine(date.fromisoformat(value), datetime.min.time(), zone)
    end = _period_end(values["period_kind"], value)
    return None if end is None else datetime.combine(end, datetime.min.time(), zone) + _LAST_MINUTE


def _period_end(kind: str, period: str) -> date | None:
    """Return the last day of a period, or None where it is not written as its kind, or is in no calendar."""
    if period_is_missing(kind, period):
        return None
    try:
        if kind == PeriodKind.DAY:
            return date.fromisoformat(period)
        if kind == PeriodKind.WEEK:
            return date.fromisocalendar(int(period[:4]), int(period[6:]), 7)
        months = {
            PeriodKind.MONTH: period[5:],
            PeriodKind.QUARTER: 3 * int(period[6:] or 0) if period[5:6] == "Q" else "",
            PeriodKind.CATURWULAN: 4 * int(period[6:] or 0) if period[5:6] == "C" else "",
            PeriodKind.SEMESTER: 6 * int(period[6:] or 0) if period[5:6] == "S" else "",
            PeriodKind.YEAR: 12 if len(period) == 4 else "",
        }
        month = int(months[PeriodKind(kind)])
        after = date(int(period[:4]) + month // 12, month % 12 + 1, 1)
    except ValueError:
        return None
    return after - timedelta(days=1)
