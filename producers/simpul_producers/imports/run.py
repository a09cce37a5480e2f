"""The import: read, map, judge, take into the outbox, in transactions; a refused row stops nobody else.

Importing a file again adds nothing, since the same row gives the same event id. So a killed import is resumed by
starting it again, and nothing has to be remembered about how far it came.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simpul_producers.admission import Clock, judge, to_row
from simpul_producers.imports.convert import Cells, RowMapper, Unmappable, check_mapping, compile_mapping
from simpul_producers.imports.mapping import MappingSpec
from simpul_producers.imports.refusals import Finding, RefusalReport, from_finding, from_rules
from simpul_producers.imports.tables import MalformedRow, Table, open_table
from simpul_producers.imports.workbook import WorkbookTable
from simpul_producers.outbox import Outbox, OutboxRow
from simpul_schemas.contract import event_type

_BATCH_ROWS = 1000

#: Called after every transaction with the rows read of this file, and the share of it that was read (0 to 1).
Progress = Callable[[int, float], None]


@dataclass(slots=True)
class ImportResult:
    """What became of the rows: read = published + unchanged + refused.

    `published` were newly taken into the outbox, `unchanged` were there already. In a dry run nothing is taken, and
    `acceptable` says how many would be, new or not. `warnings` counts rules that only warn.
    """

    rows_read: int = 0
    acceptable: int = 0
    published: int = 0
    unchanged: int = 0
    refused: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


class Importer:
    """Imports tables through one mapping into one outbox; with no outbox it is a dry run.

    `mapping_name` is what errors call the mapping. Raises `MappingError` at once where the mapping does not fit.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the outside things of an import, each of its own kind
        self,
        spec: MappingSpec,
        mapping_name: str,
        outbox: Outbox | None,
        report: RefusalReport,
        clock: Clock,
        batch_rows: int = _BATCH_ROWS,
    ) -> None:
        self._spec = spec
        self._mapping_name = mapping_name
        self._event_type = event_type(spec.event_type)
        self._outbox = outbox
        self._report = report
        self._clock = clock
        self._batch_rows = batch_rows
        check_mapping(spec, self._event_type, mapping_name)

    def check(self, path: Path) -> None:
        """Raise `TableError` where a file cannot be imported at all, without importing anything."""
        with open_table(path, self._spec.table) as table:
            self._bind(table, path)

    def run(self, path: Path, result: ImportResult, progress: Progress | None = None) -> None:
        """Import one file and add to `result`, which is right also where this raises halfway.

        Raises `TableError` where the file breaks off, and what the outbox raises; rows that were taken stay taken.
        """
        with open_table(path, self._spec.table) as table:
            batch = _Batch(self._bind(table, path), path.name, self._report, self._clock())
            read_before = result.rows_read
            try:
                for number, row in table.rows():
                    batch.take(number, row)
                    if batch.rows_read == self._batch_rows:
                        batch = self._finish(batch, result)
                        if progress is not None:
                            progress(result.rows_read - read_before, table.fraction_read)
            finally:
                # Also where the file breaks off: what was read of it is good.
                self._finish(batch, result)
            if progress is not None:
                progress(result.rows_read - read_before, 1.0)

    def _bind(self, table: Table | WorkbookTable, path: Path) -> RowMapper:
        return compile_mapping(self._spec, self._event_type, table.header, self._mapping_name, path.name)

    def _finish(self, batch: "_Batch", result: ImportResult) -> "_Batch":
        """Take a batch in one transaction, and begin the next one."""
        if self._outbox is not None and batch.rows:
            new = self._outbox.add(batch.rows, batch.now)
            result.published += new
            result.unchanged += len(batch.rows) - new
        self._report.flush()
        result.acceptable += len(batch.rows)
        result.rows_read += batch.rows_read
        result.refused += batch.rows_read - len(batch.rows)
        result.warnings.update(batch.warnings)
        return _Batch(batch.mapper, batch.file, self._report, self._clock())


class _Batch:
    """The rows of one transaction; `now` is when they are published."""

    def __init__(self, mapper: RowMapper, file: str, report: RefusalReport, now: int) -> None:
        self.mapper = mapper
        self.file = file
        self.now = now
        self.rows_read = 0
        self.rows: list[OutboxRow] = []
        self.warnings: Counter[str] = Counter()
        self._report = report

    def take(self, number: int, row: Cells | MalformedRow) -> None:
        """Turn one row into an event, or write down why not."""
        self.rows_read += 1
        if isinstance(row, MalformedRow):
            finding = Finding("import.row_malformed", "", "", row.detail)
            self._report.add(from_finding(self.file, number, finding))
            return
        try:
            record = self.mapper.record(row)
        except Unmappable as error:
            self._report.add(from_finding(self.file, number, error.finding))
            return
        self._judge(number, row, record)

    def _judge(self, number: int, cells: Cells, record: dict[str, Any]) -> None:
        kind = self.mapper.event_type
        record["published_at"] = self.now
        verdict = judge(kind, record, self.now)
        if verdict:
            broken = kind.rules.broken_rules(verdict)
            if kind.rules.refuses(verdict):
                value = self.mapper.raw(broken[0].fields, cells)
                self._report.add(from_rules(self.file, number, broken, value))
                return
            self.warnings.update(rule.code for rule in broken)
        self.rows.append(to_row(kind, record))
