"""The import: read, map, judge, take into the outbox, in transactions; a refused row stops nobody else.

Importing a file again adds nothing, since the same row gives the same event (see `batch`). So a killed import is
resumed by starting it again, and nothing has to be remembered about how far it came.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simpul_producers.admission import Clock
from simpul_producers.imports.batch import Batch, Candidate
from simpul_producers.imports.bind import Cells
from simpul_producers.imports.check import check_mapping
from simpul_producers.imports.convert import RowMapper, compile_mapping
from simpul_producers.imports.groups import Groups
from simpul_producers.imports.mapping import MappingSpec
from simpul_producers.imports.refusals import Finding, RefusalReport, Unmappable
from simpul_producers.imports.tables import MalformedRow, Table, open_table
from simpul_producers.outbox import Outbox
from simpul_schemas.contract import event_type

#: Each transaction is flushed to the disk, which takes as long as a hundred rows.
_BATCH_ROWS = 5000

#: Called after every transaction with the rows read of this file, and the share of it that was read (0 to 1).
Progress = Callable[[int, float], None]


@dataclass(slots=True)
class ImportResult:
    """What became of the rows: read = skipped + refused + merged + acceptable.

    `skipped` are no data (by the mapping's reasons), `merged` have become part of the event of an earlier row. Of the
    `acceptable`, `published` were newly taken into the outbox and `unchanged` were there already, or were said before
    in the same import; in a dry run nothing is taken. `warnings` counts what only warns, by code. `files` says how each
    file is written.
    """

    rows_read: int = 0
    acceptable: int = 0
    published: int = 0
    unchanged: int = 0
    refused: int = 0
    merged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    files: list[dict[str, str]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Add what became of the rows of one transaction."""
        self.rows_read += batch.rows_read
        self.acceptable += batch.acceptable
        self.published += batch.published
        self.unchanged += batch.unchanged
        self.refused += batch.refused
        self.merged += batch.merged
        self.skipped.update(batch.skipped)
        self.warnings.update(batch.warnings)


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
        self._said: dict[str, int] = {}
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
            result.files.append({"file": path.name, **table.facts})
            rows = _Rows(self._bind(table, path), path.name)
            read_before = result.rows_read
            batch = self._begin(rows)
            try:
                for number, row in table.rows():
                    rows.take(batch, number, row)
                    if batch.rows_read == self._batch_rows:
                        batch = self._finish(batch, rows, result)
                        if progress is not None:
                            progress(result.rows_read - read_before, table.fraction_read)
            finally:
                # Also where the file breaks off: what was read of it is good.
                batch = self._finish(batch, rows, result)
            # The rows of a group may stand anywhere in a file, so half a file has no groups that are whole.
            for number, candidate in enumerate(rows.groups.events(), 1):
                batch.take(candidate)
                if number % self._batch_rows == 0:
                    batch = self._finish(batch, rows, result)
            self._finish(batch, rows, result)
            if progress is not None:
                progress(result.rows_read - read_before, 1.0)

    def _bind(self, table: Table, path: Path) -> RowMapper:
        return compile_mapping(
            self._spec, self._event_type, table.header, self._mapping_name, path.name, path.absolute().as_posix()
        )

    def _begin(self, rows: "_Rows") -> Batch:
        return Batch(rows.mapper, rows.file, self._report, self._outbox, self._said, self._clock())

    def _finish(self, batch: Batch, rows: "_Rows", result: ImportResult) -> Batch:
        """Take a batch in one transaction, and begin the next one."""
        batch.finish()
        result.add(batch)
        return self._begin(rows)


class _Rows:
    """Turns the rows of one file into events, one after the other."""

    def __init__(self, mapper: RowMapper, file: str) -> None:
        self.mapper = mapper
        self.file = file
        self.groups = Groups(mapper, file)
        self._grouped = mapper.spec.group is not None
        self._seen: Counter[tuple[str, ...]] = Counter()
        self._rest = ""

    def take(self, batch: Batch, number: int, row: Cells | MalformedRow) -> None:
        """Turn one row into an event, or into a part of one, or count or write down why not."""
        batch.rows_read += 1
        if self._rest:
            batch.skipped[self._rest] += 1
            return
        if isinstance(row, MalformedRow):
            batch.refuse(number, Finding("import.row_malformed", "", "", row.detail))
            return
        skip = self.mapper.skipped(row)
        if skip is not None:
            batch.skipped[skip.reason] += 1
            if skip.rest:
                self._rest = skip.reason
            return
        try:
            made = self.mapper.make(row, self._repeat(row))
            if self._grouped:
                self.groups.add(number, row, made)
                return
        except Unmappable as error:
            batch.refuse(number, error.finding)
            return
        batch.take(Candidate(number, 1, row, made.record, made.warnings))

    def _repeat(self, row: Cells) -> int:
        """Return how often a row has been there, itself included; counted only where the mapping asks for it."""
        if not self.mapper.spec.repeats:
            return 1
        key = tuple(row)
        self._seen[key] += 1
        return self._seen[key]
