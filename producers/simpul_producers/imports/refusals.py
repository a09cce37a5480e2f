"""What was wrong with a row, in words that its owner can act on; and the report of all of it.

The codes of the import stand in `simpul_schemas.import_texts`; all other codes are those of the contract's rules.
"""

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from simpul_producers.errors import ReportNotWritable
from simpul_schemas.import_texts import TEXTS
from simpul_schemas.lifecycles import Lifecycle
from simpul_schemas.rules import Rule, Text

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUE_LIMIT = 200
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one row was refused: `code` is what it is counted under, `also` the codes of other broken rules.

    `field` names the fields of the event, `value` their raw cells (with column names where they are several). An event
    made of several rows is refused as a whole: `row` is its first, `rows` how many.
    """

    file: str
    row: int
    field: str
    value: str
    code: str
    message_id: str
    message_en: str
    remedy_id: str
    remedy_en: str
    also: tuple[str, ...] = ()
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row before it is an event: a code, the field, and the raw cell or what holds it.

    `detail` is added to the words of the code, `remedy` stands for its remedy.
    """

    code: str
    field: str
    value: str
    detail: Text | None = None
    remedy: Text | None = None


class Unmappable(Exception):
    """A row cannot become a record; `finding` says why. Control flow inside this package, never shown."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def from_finding(file: str, row: int, finding: Finding) -> Refusal:
    """Say what is wrong with a row before it became an event."""
    message, remedy = TEXTS[finding.code]
    detail = finding.detail
    remedy = finding.remedy or remedy
    return Refusal(
        file=file,
        row=row,
        field=finding.field,
        value=finding.value[:_VALUE_LIMIT],
        code=finding.code,
        message_id=f"{message.indonesian} {detail.indonesian}".rstrip() if detail else message.indonesian,
        message_en=f"{message.english} {detail.english}".rstrip() if detail else message.english,
        remedy_id=remedy.indonesian,
        remedy_en=remedy.english,
    )


def from_rules(file: str, row: int, broken: list[Rule], value: str) -> Refusal:
    """Say which rules of the contract a row breaks; the first is what it is counted under."""
    first = broken[0]
    return Refusal(
        file=file,
        row=row,
        field=", ".join(first.fields),
        value=value[:_VALUE_LIMIT],
        code=first.code,
        message_id=first.message.indonesian,
        message_en=first.message.english,
        remedy_id=first.remedy.indonesian,
        remedy_en=first.remedy.english,
        also=tuple(rule.code for rule in broken[1:]),
    )


def from_lifecycle(file: str, row: int, lifecycle: Lifecycle, value: str) -> Refusal:
    """Say which step of a subject its lifecycle does not know."""
    return Refusal(
        file=file,
        row=row,
        field=lifecycle.field,
        value=value[:_VALUE_LIMIT],
        code=lifecycle.code,
        message_id=lifecycle.message.indonesian,
        message_en=lifecycle.message.english,
        remedy_id=lifecycle.remedy.indonesian,
        remedy_en=lifecycle.remedy.english,
    )


class RefusalReport:
    """Takes refusals as they occur: each a line in a file, in memory only counts and one example a code.

    A path that ends in .csv is written as a table for spreadsheets (no cell of it is a formula), any other as JSON
    Lines. The file is made when the first refusal comes; without a path nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._wanted = path
        self._stream: TextIO | None = None
        self._write: Callable[[Refusal], object] = self._write_json
        self.by_code: Counter[str] = Counter()
        self.examples: dict[str, Refusal] = {}

    @property
    def path(self) -> Path | None:
        """Where the report is; None where nothing was written."""
        return self._wanted if self._stream is not None else None

    def add(self, refusal: Refusal) -> None:
        """Count a refusal and write it down."""
        self.by_code[refusal.code] += refusal.rows
        self.examples.setdefault(refusal.code, refusal)
        if self._wanted is None:
            return
        try:
            if self._stream is None:
                self._open(self._wanted)
            self._write(refusal)
        except OSError as error:
            raise ReportNotWritable(self._wanted, error.strerror or str(error)) from error

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = path.suffix.lower() == ".csv"
        # The mark at the beginning is how Excel knows UTF-8.
        encoding = "utf-8-sig" if table else "utf-8"
        self._stream = path.open("w", encoding=encoding, errors="backslashreplace", newline="" if table else None)
        if table:
            writer = csv.writer(self._stream)
            writer.writerow([field.name for field in fields(Refusal)])
            self._write = lambda refusal: writer.writerow(_cells(refusal))

    def _write_json(self, refusal: Refusal) -> None:
        if self._stream is not None:
            self._stream.write(json.dumps(asdict(refusal), ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._stream is not None and not self._stream.closed:
            try:
                self._stream.flush()
            except OSError as error:
                raise ReportNotWritable(Path(self._stream.name), error.strerror or str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is None:
            return
        try:
            self._stream.close()
        except OSError as failure:
            if error is None and self._wanted is not None:
                raise ReportNotWritable(self._wanted, failure.strerror or str(failure)) from failure


def _cells(refusal: Refusal) -> list[str]:
    texts = [", ".join(value) if isinstance(value, tuple) else str(value) for value in asdict(refusal).values()]
    return [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]
