"""The import of filled templates as the command runs it: each file is read, imported and answered."""

from pathlib import Path

from simpul_producers.admission import Clock
from simpul_producers.errors import TableError
from simpul_producers.imports.filled import Fate, Filled, FilledImporter, FilledResult, read_filled
from simpul_producers.imports.marked import answer_path, write_answer
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import ImportResult, Progress
from simpul_producers.outbox import Outbox


class FilledRun:
    """Imports filled templates; `check` and `run` are those of `run.Importer`.

    An answer is written beside a file where something in it was refused or warned about; to `answer`, where that is
    given, in any case. `answers` are those that were written.
    """

    def __init__(self, outbox: Outbox | None, report: RefusalReport, clock: Clock, answer: Path | None) -> None:
        self._importer = FilledImporter(outbox, report, clock)
        self._answer = answer
        self._read: dict[Path, Filled] = {}
        self.answers: list[Path] = []

    def check(self, path: Path) -> None:
        """Raise `TableError` where a file cannot be imported at all, without importing anything."""
        if self._answer is not None and (self._read or self._answer.resolve() == path.resolve()):
            raise TableError(
                path.name,
                "--answer hanya untuk satu berkas, dan bukan berkas itu sendiri.",
                "--answer is for one file only, and not for that file itself.",
            )
        self._read[path] = read_filled(path)

    def run(self, path: Path, result: ImportResult, progress: Progress | None = None) -> None:
        """Import one file and add to `result`, which counts documents; then write its answer."""
        filled = self._read.pop(path, None) or read_filled(path)
        found = FilledResult()
        try:
            self._importer.run(filled, found, progress)
        finally:
            _count(found, result)
        if self._answer is not None or any(document.findings for document, _ in found.fates):
            answer = self._answer or answer_path(path)
            write_answer(answer, filled, found)
            self.answers.append(answer)


def _count(found: FilledResult, result: ImportResult) -> None:
    for document, fate in found.fates:
        result.rows_read += 1
        result.published += fate is Fate.TAKEN
        result.unchanged += fate is Fate.UNCHANGED
        result.refused += fate is Fate.REFUSED
        result.acceptable += fate is not Fate.REFUSED
        if fate is not Fate.REFUSED:
            result.warnings.update({finding.code for finding in document.findings})
