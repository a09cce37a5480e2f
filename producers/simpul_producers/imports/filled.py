"""Import of a filled template: it says itself what it is, so it needs no mapping.

A template carries its event type and the region that it was made for in a hidden sheet, and the names of its columns
in a hidden second row. Subject, time of occurrence and source follow from what was typed; a revision is reserved only
where the outbox's latest event of that subject says something else. So importing a file again adds nothing, and of a
mended file only what was mended.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from simpul_producers.admission import Clock, judge, to_row
from simpul_producers.errors import TableError
from simpul_producers.imports.documents import CellFinding, Document, documents, occurred_at
from simpul_producers.imports.form_facts import regency_of
from simpul_producers.imports.forms import REGION, RESULT, Form, form_of
from simpul_producers.imports.refusals import Refusal, RefusalReport
from simpul_producers.imports.suspects import suspects
from simpul_producers.imports.workbook import ALL, Cell, NumberedRow, SheetHead, cell_text, column_letters, read_cells
from simpul_producers.outbox import Outbox
from simpul_schemas import door
from simpul_schemas.contract import EVENT_TYPES, EventType
from simpul_schemas.errors import InvalidEvent
from simpul_schemas.events.envelope import Action, Mode, from_micros
from simpul_schemas.identity import stable_event_id
from simpul_schemas.lifecycles import judge_transition
from simpul_schemas.regions import load_regions
from simpul_schemas.rows import decode
from simpul_schemas.rules import Severity

#: Hidden sheet with what the template is, and its first cell.
SEAL_SHEET, SEAL = "_simpul", "simpul.template"
TEMPLATE_VERSION = "1"
DATA_SHEET = "Data"
#: Titles, then the names of the columns, then what was typed.
TITLE_ROW, NAME_ROW = 1, 2
_BATCH = 200
_VALUE_LIMIT = 200
#: What differs between two statements of the same thing.
_NOT_CONTENT = frozenset({"event_id", "revision", "recorded_at", "published_at"})

_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Fate(StrEnum):
    """What became of a document; the words are those of the answer."""

    TAKEN = "Diterima"
    UNCHANGED = "Sudah ada"
    ACCEPTABLE = "Dapat diterima"
    REFUSED = "Ditolak"


@dataclass(slots=True)
class FilledSheet:
    """A sheet of a workbook as it was read."""

    name: str
    visible: bool
    rows: list[NumberedRow] = field(default_factory=list)


@dataclass(slots=True)
class Filled:
    """A filled template: its form, the region that it was made for (or empty), its columns by name, all its sheets."""

    file: str
    form: Form
    scope: str
    names: list[str]
    data: FilledSheet
    sheets: list[FilledSheet]

    def rows(self) -> Iterator[tuple[int, dict[str, Cell]]]:
        """Yield each row that was filled in, by the names of the columns; columns without a name are left out."""
        known = {column.name for column in self.form.columns}
        for number, cells in self.data.rows:
            if number > NAME_ROW:
                row = {name: cell for name, cell in zip(self.names, cells, strict=False) if name in known}
                if any(cell_text(cell).strip() for cell in row.values()):
                    yield number, row


@dataclass(slots=True)
class FilledResult:
    """What became of the documents of one file, in their order."""

    fates: list[tuple[Document, Fate]] = field(default_factory=list)


def read_filled(path: Path) -> Filled:
    """Read a filled template, or raise `TableError` that says what is wrong with the file."""
    sheets: list[FilledSheet] = []
    with closing(read_cells(path, ALL)) as cells:
        for row in cells:
            if isinstance(row, SheetHead):
                sheets.append(FilledSheet(row.name, row.visible))
            else:
                sheets[-1].rows.append(row)
    seal = _seal(path.name, sheets)
    form = form_of(seal["event_type"])
    data = next((sheet for sheet in sheets if sheet.name == DATA_SHEET), None)
    if data is None:
        raise TableError(
            path.name,
            f"lembar '{DATA_SHEET}' tidak ada; beri kembali nama itu pada lembar isian.",
            f"there is no sheet '{DATA_SHEET}'; give that name back to the sheet that was filled in.",
        )
    return Filled(path.name, form, seal.get(REGION, ""), _names(path.name, form, data), data, sheets)


def _seal(file: str, sheets: Sequence[FilledSheet]) -> dict[str, str]:
    rows = next((sheet.rows for sheet in sheets if sheet.name == SEAL_SHEET), [])
    seal = {cell_text(cells[0]): cell_text(cells[1]) for _, cells in rows if len(cells) > 1}
    if SEAL not in seal or seal.get("event_type") not in EVENT_TYPES:
        raise TableError(
            file,
            "bukan templat Simpul; buat dengan `simpul import template JENIS`, atau beri pemetaan: "
            "`simpul import PEMETAAN BERKAS.xlsx`.",
            "it is no template of Simpul; make one by `simpul import template TYPE`, or give a mapping: "
            "`simpul import MAPPING FILE.xlsx`.",
        )
    region = seal.get(REGION, "")
    if seal[SEAL] != TEMPLATE_VERSION or (region and region not in load_regions()):
        raise TableError(
            file,
            "dari versi templat yang lain; buat templat baru, lalu salin isinya.",
            "it comes from another version of the template; make a new one and copy the rows.",
        )
    return seal


def _names(file: str, form: Form, data: FilledSheet) -> list[str]:
    """Return the name of each column, empty where it is one of the user's own."""
    by_number = dict(data.rows)
    names = [cell_text(cell).strip() for cell in by_number.get(NAME_ROW, [])]
    known = {column.name for column in form.columns}
    strange = [name for name in names if name and name not in known and name != RESULT]
    missing = [column.title for column in form.columns if column.required and column.name not in names]
    doubled = [name for name in known if names.count(name) > 1]
    if strange or missing or doubled:
        wrong = ", ".join([*strange, *missing, *doubled][:5])
        raise TableError(
            file,
            f"baris judul berubah ({wrong}); jangan hapus baris 2 (tersembunyi), atau salin isinya ke templat baru.",
            f"its header was changed ({wrong}); do not delete row 2 (hidden), or copy the rows to a new template.",
        )
    return names


class FilledImporter:
    """Imports filled templates into one outbox; with no outbox it is a dry run."""

    def __init__(self, outbox: Outbox | None, report: RefusalReport, clock: Clock) -> None:
        self._outbox = outbox
        self._report = report
        self._clock = clock

    def run(self, filled: Filled, result: FilledResult, progress: Callable[[int, float], None] | None = None) -> None:
        """Import one file: every document is taken, known already, or refused with reasons for its cells.

        `result` is right also where the outbox raises halfway; what was taken stays taken.
        """
        seen, batch = dict[str, int](), list[Document]()
        last = filled.data.rows[-1][0] if filled.data.rows else 1
        for document in documents(filled.form, filled.scope, filled.rows()):
            batch.append(document)
            if len(batch) == _BATCH:
                self._take(filled, batch, seen, result)
                batch = []
                if progress is not None:
                    progress(len(result.fates), document.rows[-1] / last)
        self._take(filled, batch, seen, result)
        self._report.flush()
        if progress is not None:
            progress(len(result.fates), 1.0)

    def _take(self, filled: Filled, batch: list[Document], seen: dict[str, int], result: FilledResult) -> None:
        """Judge some documents, and take the good ones in one transaction."""
        now = self._clock()
        new: list[dict[str, Any]] = []
        fates: list[tuple[Document, Fate]] = []
        for document in batch:
            record = self._record(filled.form, document, seen, now)
            fate = Fate.REFUSED if record is None else self._fate(filled.form, document, record)
            if record is not None and fate is Fate.TAKEN:
                new.append(record)
            if fate is Fate.REFUSED:
                self._report.add(_refusal(filled, document))
            fates.append((document, fate))
        if self._outbox is not None and new:
            _add(self._outbox, filled.form.event_type, new, now)
        result.fates.extend(fates)

    def _record(self, form: Form, document: Document, seen: dict[str, int], now: int) -> dict[str, Any] | None:
        """Return the record of a document that no rule refuses; what is found is noted at its cells."""
        if document.refused:
            return None
        kind, values = form.event_type, document.values
        row = document.rows[0]
        moment = occurred_at(form, values)
        subject = form.facts.subject(values)
        if seen.setdefault(subject, row) != row:
            for name in form.facts.key:
                document.refuse(row, name, "cell.document_twice")
            return None
        payload = {name: value for name, value in values.items() if name in kind.model.model_fields}
        envelope = {
            # The true id and revision are made when it is taken.
            "event_id": stable_event_id(now, subject),
            "subject": subject,
            "revision": now,
            "action": Action.SUBMIT,
            "occurred_at": moment or from_micros(now),
            "recorded_at": from_micros(now),
            "published_at": from_micros(now),
            "source": f"excel.{regency_of(values[REGION])}",
            "mode": Mode.ACTUAL,
        }
        try:
            record = door.to_record(kind, {**payload, **envelope})
        except InvalidEvent as error:
            document.refuse(row, form.columns[0].name, error.codes[0])
            return None
        for rule in kind.rules.broken_rules(judge(kind, record, now)):
            document.add_rule(rule, suspects(form, document, record, rule, now))
        if moment is None and not document.refused:
            document.refuse(row, form.facts.occurred, "cell.date_unreadable")
        return None if document.refused else record

    def _fate(self, form: Form, document: Document, record: dict[str, Any]) -> Fate:
        if self._outbox is None:
            return Fate.ACCEPTABLE
        latest = self._outbox.latest(record["subject"])
        if latest is None or latest.event_type != form.event_type.name:
            return Fate.TAKEN
        before = decode(json.loads(latest.schema), latest.body)
        if _content(before) == _content(record):
            return Fate.UNCHANGED
        if before["mode"] == record["mode"]:
            for broken in judge_transition(form.event_type.name, before, record):
                for name in form.columns_of(broken.field):
                    document.findings.append(
                        CellFinding(document.rows[0], name, broken.code, Severity.REJECT, broken.message, broken.remedy)
                    )
        return Fate.REFUSED if document.refused else Fate.TAKEN


def _add(outbox: Outbox, kind: EventType, new: list[dict[str, Any]], now: int) -> None:
    """Take records in one transaction, each with a revision above all that its subject ever had."""
    revisions = outbox.reserve_revisions([record["subject"] for record in new], now)
    for record, revision in zip(new, revisions, strict=True):
        record["revision"] = revision
        content = _canonical({name: value for name, value in record.items() if value is not None})
        record["event_id"] = stable_event_id(
            revision, record["source"], kind.name, record["subject"], str(revision), content
        )
    outbox.add([to_row(kind, record) for record in new], now)


def _content(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says, without what is not known: a later contract with more fields says the same."""
    return {name: value for name, value in record.items() if name not in _NOT_CONTENT and value is not None}


def _refusal(filled: Filled, document: Document) -> Refusal:
    refusing = [finding for finding in document.findings if finding.severity is Severity.REJECT]
    first = refusing[0]
    column = filled.names.index(first.column) + 1 if first.column in filled.names else 0
    cells = dict(filled.data.rows).get(first.row, []) if column else []
    value = cell_text(cells[column - 1]) if 0 < column <= len(cells) else ""
    return Refusal(
        file=filled.file,
        row=first.row,
        field=f"{first.column} ({column_letters(column)}{first.row})" if column else first.column,
        value=value[:_VALUE_LIMIT],
        code=first.code,
        message_id=first.message.indonesian,
        message_en=first.message.english,
        remedy_id=first.remedy.indonesian,
        remedy_en=first.remedy.english,
        also=tuple(dict.fromkeys(finding.code for finding in refusing if finding.code != first.code)),
    )
