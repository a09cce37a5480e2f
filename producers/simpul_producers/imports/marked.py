"""The answer to a filled template: the same workbook, its bad cells marked, with what to do in a column `Hasil`.

It is written anew from what was read, so no value is lost; the look of it is that of the template. It can be mended
and imported as it is: what was taken before is known already.
"""

from collections import Counter
from pathlib import Path

from simpul_producers.imports.documents import CellFinding, Document
from simpul_producers.imports.filled import NAME_ROW, SEAL_SHEET, TITLE_ROW, Fate, Filled, FilledResult, FilledSheet
from simpul_producers.imports.forms import RESULT
from simpul_producers.imports.sheets import GUIDE_SHEET, LISTS_SHEET, Book, Heading, cell_format, write_cell
from simpul_producers.imports.template import writing
from simpul_producers.imports.workbook import Cell, cell_text, column_letters
from simpul_schemas.rules import Severity

SUMMARY_SHEET = "Ringkasan"
_SUMMARY_TITLE = "Hasil pemeriksaan / result"
_OURS = frozenset({SEAL_SHEET, LISTS_SHEET, GUIDE_SHEET})
_RED, _YELLOW, _GREEN = "#FFC7CE", "#FFEB9C", "#C6EFCE"
#: What Excel takes in a cell, less some room.
_RESULT_LIMIT = 30_000
_RESULT_TITLE = "Hasil"


def answer_path(path: Path) -> Path:
    """Return where the answer to a file goes: `NAME.hasil.xlsx` beside it, or the next number that is free."""
    stem = path.stem.partition(".hasil")[0]
    number, answer = 1, path.with_name(f"{stem}.hasil.xlsx")
    while answer.exists():
        number += 1
        answer = path.with_name(f"{stem}.hasil-{number}.xlsx")
    return answer


def write_answer(path: Path, filled: Filled, result: FilledResult) -> None:
    """Write the answer; raises `WorkbookNotWritable`."""
    with writing(path) as partial:
        book = Book(str(partial), filled.form, filled.scope)
        _DataSheet(book, filled, result).write()
        _write_summary(book, filled, result)
        _copy_others(book, filled)
        book.guide()
        book.seal()
        book.workbook.close()


class _DataSheet:
    """Writes the data sheet of an answer."""

    def __init__(self, book: Book, filled: Filled, result: FilledResult) -> None:
        self._book = book
        self._filled = filled
        self._result = result
        self._rows = dict(filled.data.rows)
        self._headings = self._make_headings()
        self._place = {heading.name: place for place, heading in enumerate(self._headings) if heading.name}
        self._sheet = book.data_sheet(self._headings)

    def write(self) -> None:
        """Write what was typed, then the marks, then what became of each document."""
        marks: dict[tuple[int, int], list[CellFinding]] = {}
        for document, _ in self._result.fates:
            for finding in document.findings:
                if finding.column in self._place:
                    marks.setdefault((finding.row, self._place[finding.column]), []).append(finding)
        for number, cells in self._rows.items():
            if number > NAME_ROW:
                for place, cell in enumerate(cells):
                    if self._headings[place].name != RESULT:
                        self._write_cell(number, place, cell, marks.get((number, place), []))
        for (number, place), found in marks.items():
            self._mark(number, place, found)
        for document, fate in self._result.fates:
            self._write_result(document, fate)

    def _make_headings(self) -> list[Heading]:
        """Return the columns as they stand in the sheet, the user's own too, and ours for the result at the end."""
        titles = [cell_text(cell) for cell in self._rows.get(TITLE_ROW, [])]
        names = self._filled.names
        width = max([len(titles), len(names), *map(len, self._rows.values())])
        titles = titles + [""] * (width - len(titles))
        names = names + [""] * (width - len(names))
        headings = [Heading(title, name) for title, name in zip(titles, names, strict=True)]
        return headings if RESULT in names else [*headings, Heading(_RESULT_TITLE, RESULT)]

    def _write_cell(self, number: int, place: int, cell: Cell, found: list[CellFinding]) -> None:
        column = self._filled.form.column(self._headings[place].name)
        properties = dict(cell_format(cell, column)) | ({"bg_color": _colour(found)} if found else {})
        write_cell(self._sheet, number - 1, place, cell, self._book.style(**properties) if properties else None)

    def _mark(self, number: int, place: int, found: list[CellFinding]) -> None:
        """Put the note on a marked cell, and the colour where nothing was typed."""
        cells = self._rows.get(number, [])
        if place >= len(cells) or cells[place] == "":
            column = self._filled.form.column(self._headings[place].name)
            properties = {**cell_format("", column), "bg_color": _colour(found)}
            self._sheet.write_blank(number - 1, place, None, self._book.style(**properties))
        self._sheet.write_comment(number - 1, place, _note(found), {"author": "Simpul", "x_scale": 2, "y_scale": 1.5})

    def _write_result(self, document: Document, fate: Fate) -> None:
        """Write what became of a document beside each of its rows, with what is wrong in that row."""
        for row in document.rows:
            found = [finding for finding in document.findings if finding.row == row]
            lines = dict.fromkeys(self._reason(finding) for finding in found)
            colour = _RED if fate is Fate.REFUSED else _YELLOW if found else _GREEN
            style = self._book.style(bg_color=colour, text_wrap=True, valign="top")
            text = "\n".join([fate.value, *lines])[:_RESULT_LIMIT]
            self._sheet.write_string(row - 1, self._place[RESULT], text, style)

    def _reason(self, finding: CellFinding) -> str:
        column, place = self._filled.form.column(finding.column), self._place.get(finding.column)
        where = f"{column_letters(place + 1)}{finding.row} " if place is not None else ""
        title = column.title if column is not None else finding.column
        kind = "" if finding.severity is Severity.REJECT else "Peringatan: "
        return f"{kind}{where}{title}: {finding.message.indonesian} {finding.remedy.indonesian} [{finding.code}]"


def _colour(found: list[CellFinding]) -> str:
    return _RED if any(finding.severity is Severity.REJECT for finding in found) else _YELLOW


def _note(found: list[CellFinding]) -> str:
    return "\n".join(f"{finding.message.indonesian} {finding.remedy.indonesian} [{finding.code}]" for finding in found)


def _write_summary(book: Book, filled: Filled, result: FilledResult) -> None:
    sheet = book.workbook.add_worksheet(_free_name(SUMMARY_SHEET, {each.name for each in _others(filled)}))
    bold = book.style(bold=True)
    wrap = book.style(text_wrap=True, valign="top")
    fates = Counter(fate for _, fate in result.fates)
    sheet.write_string(0, 0, _SUMMARY_TITLE, bold)
    sheet.write_string(1, 0, "Berkas / file")
    sheet.write_string(1, 1, filled.file)
    counts = {
        "Dokumen dibaca / documents read": len(result.fates),
        "Diterima / taken": fates[Fate.TAKEN],
        "Sudah ada / known already": fates[Fate.UNCHANGED],
        "Dapat diterima (hanya diperiksa) / acceptable (checked only)": fates[Fate.ACCEPTABLE],
        "Ditolak / refused": fates[Fate.REFUSED],
    }
    for row, (text, count) in enumerate(counts.items(), 2):
        sheet.write_string(row, 0, text)
        sheet.write_number(row, 1, count)
    heads = ("Kode / code", "Dokumen / documents", "Sebab / reason", "Cara / remedy", "English")
    for column, text in enumerate(heads):
        sheet.write_string(len(counts) + 3, column, text, bold)
    found = {finding.code: finding for document, _ in result.fates for finding in document.findings}
    by_code = Counter(code for document, _ in result.fates for code in {each.code for each in document.findings})
    for row, (code, count) in enumerate(by_code.most_common(), len(counts) + 4):
        finding = found[code]
        sheet.write_string(row, 0, code)
        sheet.write_number(row, 1, count)
        sheet.write_string(row, 2, finding.message.indonesian, wrap)
        sheet.write_string(row, 3, finding.remedy.indonesian, wrap)
        sheet.write_string(row, 4, f"{finding.message.english} {finding.remedy.english}", wrap)
    sheet.set_column(0, 0, 52)
    sheet.set_column(1, 1, 20)
    sheet.set_column(2, 4, 60)


def _others(filled: Filled) -> list[FilledSheet]:
    """Return the sheets that are the user's own."""
    return [sheet for sheet in filled.sheets if sheet is not filled.data and not _is_ours(sheet)]


def _is_ours(sheet: FilledSheet) -> bool:
    first = cell_text(sheet.rows[0][1][0]) if sheet.rows else ""
    return sheet.name in _OURS or (sheet.name.startswith(SUMMARY_SHEET) and first == _SUMMARY_TITLE)


def _copy_others(book: Book, filled: Filled) -> None:
    for each in _others(filled):
        sheet = book.workbook.add_worksheet(each.name)
        if not each.visible:
            sheet.hide()
        for number, cells in each.rows:
            for column, cell in enumerate(cells):
                properties = cell_format(cell, None)
                write_cell(sheet, number - 1, column, cell, book.style(**properties) if properties else None)


def _free_name(name: str, taken: set[str]) -> str:
    lower = {each.casefold() for each in taken}
    number, free = 1, name
    while free.casefold() in lower:
        number += 1
        free = f"{name} {number}"
    return free
