"""The sheets of a template and of an answer, as xlsxwriter writes them.

Every text is written as a text: nothing that somebody typed becomes a formula or a link here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from simpul_producers.imports.filled import DATA_SHEET, NAME_ROW, SEAL, SEAL_SHEET, TEMPLATE_VERSION
from simpul_producers.imports.forms import REGION, RESULT, Column, Form
from simpul_producers.imports.labels import label
from simpul_producers.imports.workbook import Cell, cell_text
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.regions import NATION, load_regions

LISTS_SHEET, GUIDE_SHEET = "_daftar", "Panduan"
#: How many rows of a template are checked while they are typed.
CHECKED_ROWS = 5000
#: What Excel allows in a message of a validation, and in its title.
_MESSAGE_LIMIT, _TITLE_LIMIT = 255, 32
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_NUMBER_FORMATS = {
    "text": "@",
    "list": "@",
    "choice": "@",
    "region": "@",
    "whole": "#,##0",
    "scaled": "#,##0.###",
    "day": "dd/mm/yyyy",
    "moment": "dd/mm/yyyy hh:mm",
}
_HOW = {
    "text": ("Teks.", "Text."),
    "list": ("Teks; bila beberapa, pisahkan dengan titik koma (;).", "Text; several are divided by semicolons (;)."),
    "choice": ("Pilih dari daftar.", "Choose from the list."),
    "region": ("Pilih dari daftar, atau tulis kode Kemendagri.", "Choose from the list, or write Kemendagri's code."),
    "whole": ("Bilangan bulat; kosongkan bila tidak diketahui.", "A whole number; leave empty if unknown."),
    "scaled": ("Angka; kosongkan bila tidak diketahui.", "A number; leave empty if unknown."),
    "number": ("Angka, boleh berkoma.", "A number, may have decimals."),
    "day": ("Tanggal, misalnya 17/05/2024.", "A day, such as 17/05/2024."),
    "moment": ("Tanggal, boleh dengan jam: 17/05/2024 10:30.", "A day, also with a time: 17/05/2024 10:30."),
}

#: The examples of the contract lie in Makassar.
_WITA = ZoneInfo("Asia/Makassar")


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of the data sheet as it stands there: its title, and its name or nothing where it is the user's own."""

    title: str
    name: str


class Book:
    """A workbook being written for one form; the region is what the template is made for, or empty."""

    def __init__(self, path: str, form: Form, scope: str) -> None:
        self.form = form
        self.scope = scope
        self.workbook = xlsxwriter.Workbook(path, _OPTIONS)
        self._formats: dict[str, Format] = {}
        self._lists: dict[str, str] = {}

    def style(self, **properties: object) -> Format:
        """Return a format with these properties, made once."""
        return self._formats.setdefault(repr(properties), self.workbook.add_format(properties))

    @cached_property
    def _list_sheet(self) -> Worksheet:
        sheet = self.workbook.add_worksheet(LISTS_SHEET)
        sheet.hide()
        return sheet

    def data_sheet(self, headings: Sequence[Heading]) -> Worksheet:
        """Add the data sheet with its header, formats and validations."""
        sheet = self.workbook.add_worksheet(DATA_SHEET)
        for place, heading in enumerate(headings):
            column = self.form.column(heading.name)
            self._head(sheet, place, heading, column)
            if column is not None:
                self._validate(sheet, place, column)
        sheet.set_row(0, 48)
        sheet.set_row(NAME_ROW - 1, None, None, {"hidden": True})
        sheet.freeze_panes(NAME_ROW, 0)
        sheet.activate()
        sheet.set_first_sheet()
        return sheet

    def _head(self, sheet: Worksheet, place: int, heading: Heading, column: Column | None) -> None:
        required = column is not None and column.required
        colour = "#F8CBAD" if required else "#DDEBF7" if column else "#EDEDED"
        wrap = {"bold": True, "text_wrap": True, "valign": "top", "border": 1}
        sheet.write_string(0, place, heading.title, self.style(bg_color=colour, **wrap))
        sheet.write_string(NAME_ROW - 1, place, heading.name)
        width = 60 if heading.name == RESULT else 26 if column and column.kind in {"text", "region"} else 18
        number_format = _NUMBER_FORMATS.get(column.kind) if column else None
        sheet.set_column(place, place, width, self.style(num_format=number_format) if number_format else None)

    def _validate(self, sheet: Worksheet, place: int, column: Column) -> None:
        rule = self._validation(column)
        how_id, _ = _HOW[column.kind]
        options: dict[str, Any] = {
            "ignore_blank": True,
            "input_title": column.title[:_TITLE_LIMIT],
            "input_message": _prompt(column)[:_MESSAGE_LIMIT],
            "error_title": "Periksa isian"[:_TITLE_LIMIT],
            "error_message": f"{column.title}: {how_id}"[:_MESSAGE_LIMIT],
            **(rule or {"validate": "any"}),
        }
        sheet.data_validation(NAME_ROW, place, CHECKED_ROWS, place, options)

    def _validation(self, column: Column) -> dict[str, Any] | None:
        if column.kind == "choice":
            return {"validate": "list", "source": self._list_of(column.name, [one.label for one in column.choices])}
        if column.kind == "region":
            shown = region_list(self.scope)
            # Without an area every code of the nation may be typed; the list then only helps.
            loose = {} if self.scope else {"error_type": "information"}
            return {"validate": "list", "source": self._list_of(column.name, shown), **loose}
        if column.kind == "text":
            return _length(column)
        if column.kind == "number":
            bound = 90 if column.name == "latitude" else 180
            return {"validate": "decimal", "criteria": "between", "minimum": -bound, "maximum": bound}
        if column.kind == "whole":
            return {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": column.limit - 1}
        return _BOUNDS.get(column.kind)

    def _list_of(self, name: str, words: Sequence[str]) -> str:
        """Write the words of a dropdown once, and return where they stand."""
        kind = name.rpartition(".")[2] if "#" in name else name
        if kind not in self._lists:
            place = len(self._lists)
            for row, word in enumerate(words):
                self._list_sheet.write_string(row, place, word)
            letters = chr(ord("A") + place)
            self._lists[kind] = f"='{LISTS_SHEET}'!${letters}$1:${letters}${len(words)}"
        return self._lists[kind]

    def seal(self) -> None:
        """Add the hidden sheet that says what this workbook is."""
        sheet = self.workbook.add_worksheet(SEAL_SHEET)
        facts = {SEAL: TEMPLATE_VERSION, "event_type": self.form.event_type.name, "contract": "v1", REGION: self.scope}
        for row, (name, value) in enumerate(facts.items()):
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, value)
        sheet.very_hidden()

    def guide(self) -> None:
        """Add the sheet that explains every column."""
        sheet = self.workbook.add_worksheet(GUIDE_SHEET)
        head = self.style(bold=True, bg_color="#DDEBF7", text_wrap=True, border=1)
        cell = self.style(text_wrap=True, valign="top", border=1)
        for row, line in enumerate(_introduction(self.form)):
            sheet.write_string(row, 0, line)
        top = len(_introduction(self.form)) + 1
        for place, (title, width) in enumerate(_GUIDE_COLUMNS.items()):
            sheet.write_string(top, place, title, head)
            sheet.set_column(place, place, width)
        for row, column in enumerate(self.form.columns, top + 1):
            for place, text in enumerate(self._explain(column)):
                sheet.write_string(row, place, text, cell)
        sheet.freeze_panes(top + 1, 1)

    def _explain(self, column: Column) -> list[str]:
        how_id, how_en = _HOW[column.kind]
        words = "; ".join(f"{one.label} ({one.symbol})" for one in column.choices)
        rules = "\n".join(
            f"• {rule.message.indonesian} {rule.remedy.indonesian} / {rule.message.english} {rule.remedy.english} "
            f"[{rule.code}]"
            for rule in self.form.rules_of(column)
        )
        return [
            column.title,
            "wajib / required" if column.required else "",
            f"{column.title}. {how_id}{' Data pribadi.' if column.personal else ''}",
            f"{column.meaning} {how_en}{' Personal data.' if column.personal else ''}".strip(),
            f"{column.unit.indonesian} / {column.unit.english}" if column.unit else "",
            shown_example(column),
            words,
            rules,
        ]


_BOUNDS: Mapping[str, dict[str, Any]] = {
    "scaled": {"validate": "decimal", "criteria": ">=", "value": 0},
    "day": {"validate": "date", "criteria": ">=", "value": date(1990, 1, 1)},
    "moment": {"validate": "date", "criteria": ">=", "value": date(1990, 1, 1)},
}


def _length(column: Column) -> dict[str, Any] | None:
    digits = {"nik": 16, "nip": 18}.get(column.name.rpartition("_")[2])
    if digits is None:
        return None
    message = f"{column.title}: tulis {digits} digit tanpa spasi."
    return {"validate": "length", "criteria": "==", "value": digits, "error_message": message}


_GUIDE_COLUMNS = {
    "Kolom / column": 30,
    "Wajib / required": 12,
    "Arti dan cara mengisi": 42,
    "Meaning and how to fill in": 48,
    "Satuan / unit": 16,
    "Contoh / example": 28,
    "Pilihan / choices": 40,
    "Aturan dan cara memperbaiki / rules and remedies": 90,
}


def _introduction(form: Form) -> list[str]:
    lines = [
        (
            f"Isi lembar '{DATA_SHEET}' mulai baris {NAME_ROW + 1}; kolom jingga wajib diisi. Jangan hapus baris 2 "
            "yang tersembunyi. / Fill in the sheet from that row on; orange columns are required."
        ),
        "Kosong berarti tidak diketahui, bukan 0. / Empty is unknown, not 0.",
        "Setelah diisi: simpul import BERKAS.xlsx / When it is filled in, run that command.",
        (
            "Kolom penanda dokumen (tulis selalu sama) / columns that name a document (always write them alike): "
            + ", ".join(_title(form, name) for name in form.facts.key)
        ),
    ]
    if form.facts.rows_of:
        lines.append(
            "Satu dokumen dengan beberapa barang: satu baris tiap barang, berurutan; kolom dokumen cukup diisi di "
            "baris pertama. / One document with several items: a row for each, one below the other."
        )
    return lines


def _title(form: Form, name: str) -> str:
    column = form.column(name)
    return column.title if column else name


def _prompt(column: Column) -> str:
    how_id, _ = _HOW[column.kind]
    unit = f" Satuan: {column.unit.indonesian}." if column.unit else ""
    needed = "Wajib. " if column.required else ""
    return f"{needed}{how_id}{unit} Contoh: {shown_example(column) or '-'}"


def shown_example(column: Column) -> str:
    """Return the example of a column as one would type it."""
    value = column.example
    if value is None:
        return ""
    match column.kind, value:
        case "choice", _:
            text = label(column.name.rpartition(".")[2], str(value))
        case "region", _:
            text = f"{value} {load_regions().name(str(value))}"
        case "day", _:
            text = date.fromisoformat(str(value)).strftime("%d/%m/%Y")
        case "moment", int():
            text = from_micros(value).astimezone(_WITA).strftime("%d/%m/%Y %H:%M")
        case "moment", _:
            text = datetime.fromisoformat(str(value)).strftime("%d/%m/%Y %H:%M")
        case "scaled", int():
            whole, rest = divmod(value, column.scale)
            digits = len(str(column.scale)) - 1
            text = f"{whole},{rest:0{digits}}".rstrip("0").rstrip(",")
        case _:
            text = str(value)
    return text


def region_list(scope: str) -> list[str]:
    """Return the regions of a dropdown, as `code name`: an area with all that lies in it, or the nation's kabupaten."""
    table = load_regions()
    if scope:
        inside = [scope]
        for code in inside:
            inside.extend(child.code for child in table.children(code))
        return sorted((f"{code} {table.name(code)}" for code in inside), key=lambda text: text.split(" ", 1)[0])
    return [
        f"{regency.code} {regency.name}"
        for province in table.children(NATION)
        for regency in (province, *table.children(province.code))
    ]


def write_cell(sheet: Worksheet, row: int, column: int, cell: Cell, style: Format | None) -> None:
    """Write a cell as it was read, counted from 0; a formula or an error that had no value comes back as its text."""
    if cell == "":
        return
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell, style)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell, style)
    elif isinstance(cell, date | time | timedelta):
        sheet.write_datetime(row, column, cell, style)
    else:
        sheet.write_string(row, column, cell_text(cell), style)


def cell_format(cell: Cell, column: Column | None) -> Mapping[str, str]:
    """Return the number format that shows a cell as it was typed."""
    if isinstance(cell, datetime):
        return {"num_format": _NUMBER_FORMATS["moment"]}
    if isinstance(cell, date):
        return {"num_format": _NUMBER_FORMATS["day"]}
    if isinstance(cell, time | timedelta):
        return {"num_format": "[hh]:mm:ss"}
    shown = _NUMBER_FORMATS.get(column.kind) if column is not None else None
    if isinstance(cell, str):
        return {"num_format": shown or "@"}
    return {"num_format": shown} if shown and shown != "@" else {}
