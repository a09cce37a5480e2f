"""What was wrong with a row, in words that its owner can act on; and the report of all of it.

| code | when |
|---|---|
| `import.row_malformed` | the row cannot be cut into the cells of the header |
| `import.part_missing` | a cell does not have the shape that its pattern asks for |
| `import.time_unreadable` | a time is not written as the mapping says, or does not exist |
| `import.not_a_number` | a cell is not digits only |
| `import.number_too_large` | a number does not fit the field |
| `import.not_a_choice` | a cell is none of the words that the field knows |
| `import.value_missing` | a cell is empty, and the field must be known |

All other codes are those of the contract's rules.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TextIO

from simpul_producers.errors import ReportNotWritable
from simpul_schemas.rules import Rule, Text

_VALUE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one row was refused: `code` is what it is counted under, `also` the codes of other broken rules.

    `field` names the fields of the event, `value` their raw cells (with column names where they are several).
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a cell: a code of this module, the field, and the raw cell or what holds it."""

    code: str
    field: str
    value: str
    detail: Text | None = None


_TEXTS: Mapping[str, tuple[Text, Text]] = MappingProxyType(
    {
        "import.row_malformed": (
            Text("Baris tidak dapat dibagi menjadi sel.", "The row cannot be cut into cells."),
            Text("Periksa pemisah, tanda kutip, dan penyandian.", "Check delimiter, quotes and encoding."),
        ),
        "import.part_missing": (
            Text("Isi sel tidak berbentuk seperti yang diharapkan.", "The cell does not have the expected shape."),
            Text("Periksa kode di awal sel.", "Check the code in the cell."),
        ),
        "import.time_unreadable": (
            Text("Waktu tidak terbaca.", "The time cannot be read."),
            Text("Tulis waktu seperti pada pemetaan.", "Write the time as the mapping says."),
        ),
        "import.not_a_number": (
            Text("Bukan bilangan.", "It is not a number."),
            Text(
                "Tulis angka saja, tanpa titik atau koma; kosongkan bila tidak diketahui.",
                "Give digits only, without points or commas; leave empty if unknown.",
            ),
        ),
        "import.number_too_large": (
            Text("Bilangan terlalu besar.", "The number is too large."),
            Text("Periksa jumlah digitnya.", "Check the number of its digits."),
        ),
        "import.not_a_choice": (
            Text("Bukan salah satu pilihan.", "It is not one of the choices."),
            Text("Pakai kata yang ada di kontrak.", "Use a word of the contract."),
        ),
        "import.value_missing": (
            Text("Sel wajib ini kosong.", "This cell must not be empty."),
            Text("Isi sel ini.", "Fill in the cell."),
        ),
    }
)


def from_finding(file: str, row: int, finding: Finding) -> Refusal:
    """Say what is wrong with a row before it became an event."""
    message, remedy = _TEXTS[finding.code]
    detail = finding.detail
    return Refusal(
        file=file,
        row=row,
        field=finding.field,
        value=finding.value[:_VALUE_LIMIT],
        code=finding.code,
        message_id=f"{message.indonesian} {detail.indonesian}" if detail else message.indonesian,
        message_en=f"{message.english} {detail.english}" if detail else message.english,
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


class RefusalReport:
    """Takes refusals as they occur: each a JSON line in a file, in memory only counts and one example a code.

    The file is made when the first refusal comes; without a path nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._wanted = path
        self._stream: TextIO | None = None
        self.by_code: Counter[str] = Counter()
        self.examples: dict[str, Refusal] = {}

    @property
    def path(self) -> Path | None:
        """Where the report is; None where nothing was written."""
        return self._wanted if self._stream is not None else None

    def add(self, refusal: Refusal) -> None:
        """Count a refusal and write it down."""
        self.by_code[refusal.code] += 1
        self.examples.setdefault(refusal.code, refusal)
        if self._wanted is None:
            return
        try:
            if self._stream is None:
                self._wanted.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._wanted.open("w", encoding="utf-8", errors="backslashreplace")
            self._stream.write(json.dumps(asdict(refusal), ensure_ascii=False) + "\n")
        except OSError as error:
            raise ReportNotWritable(self._wanted, error.strerror or str(error)) from error

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
