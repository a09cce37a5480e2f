"""One row of a table into one record of the contract.

A mapping is compiled once against an event type and a header, into a closure for each field, so that a row costs
little. The closures only make what the field's Avro type holds: the strict model could say nothing more about it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

from simpul_producers.errors import MappingError, TableError
from simpul_producers.imports.mapping import FieldSpec, MappingSpec, TimeSpec, nearest, template_pieces
from simpul_producers.imports.refusals import Finding
from simpul_schemas.contract import EventType
from simpul_schemas.events.envelope import Action, Mode, to_micros
from simpul_schemas.identity import stable_event_id

Cells: TypeAlias = list[str]
#: Makes the value of a field from the cells of a row and its parts, or raises `Unmappable`.
Maker: TypeAlias = Callable[[Cells, list[str]], object]

_MADE_HERE = ("event_id", "published_at")
_DEFAULTS = {"action": Action.SUBMIT.value, "mode": Mode.ACTUAL.value}
_INT_LIMIT, _LONG_LIMIT = 2**31, 2**63
_MAX_DIGITS = 19
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
#: Times repeat, and to read one costs more than to remember it.
_REMEMBERED_TIMES = 1 << 16


class Unmappable(Exception):
    """A row cannot become a record; `finding` says why. Control flow inside this package, never shown."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class AvroField:
    """A field of the contract as the importer sees it: its primitive or logical type, whether it may be unknown."""

    name: str
    kind: str
    nullable: bool
    required: bool
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowMapper:
    """A compiled mapping; `record` makes everything but `published_at`, which is the caller's clock."""

    event_type: EventType
    constants: Mapping[str, object]
    parts: Sequence[Callable[[Cells], str]]
    makers: Sequence[tuple[str, Maker]]
    #: For each field the columns that it comes from, as (name, index): what a refusal shows.
    origins: Mapping[str, Sequence[tuple[str, int]]]

    def record(self, cells: Cells) -> dict[str, Any]:
        """Return the record of a row, with its stable id, or raise `Unmappable`."""
        parts = [part(cells) for part in self.parts]
        record: dict[str, Any] = dict(self.constants)
        for name, make in self.makers:
            record[name] = make(cells, parts)
        revision = record["revision"]
        known = {name: value for name, value in record.items() if value is not None}
        record["event_id"] = stable_event_id(
            revision, record["source"], self.event_type.name, record["subject"], str(revision), _canonical(known)
        )
        return record

    def raw(self, fields: Sequence[str], cells: Cells) -> str:
        """Return the raw cells behind fields: the cell alone, or with column names where there are several."""
        columns = dict(column for field in fields for column in self.origins.get(field, ()))
        if len(columns) == 1:
            return cells[next(iter(columns.values()))]
        return "; ".join(f"{name} = {cells[index]}" for name, index in columns.items())


# Unknown fields are left out, so that a later version of the contract with more of them gives the same ids.
_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def avro_fields(event_type: EventType) -> dict[str, AvroField]:
    """Return the fields of an event type in their order."""
    found = {}
    for field in json.loads(event_type.schema)["fields"]:
        kind, nullable = field["type"], False
        if isinstance(kind, list):
            nullable = "null" in kind
            kind = next(branch for branch in kind if branch != "null")
        symbols: tuple[str, ...] = ()
        if isinstance(kind, dict):
            symbols = tuple(kind.get("symbols", ()))
            kind = kind.get("logicalType", kind["type"])
        found[field["name"]] = AvroField(field["name"], kind, nullable, "default" not in field, symbols)
    return found


def compile_mapping(spec: MappingSpec, event_type: EventType, header: list[str], mapping: str, file: str) -> RowMapper:
    """Bind a mapping to a header.

    `mapping` and `file` are what errors call them: `MappingError` where the mapping does not fit the event type,
    `TableError` where the file lacks a column.
    """
    return _Compiler(spec, event_type, header, mapping, file).compile()


def check_mapping(spec: MappingSpec, event_type: EventType, mapping: str) -> None:
    """Raise `MappingError` where a mapping does not fit its event type, without looking at any file."""
    fields = avro_fields(event_type)
    for name, source in spec.fields.items():
        if name in _MADE_HERE:
            raise MappingError(mapping, f"fields.{name}", "dibuat oleh impor; hapus.", "is made by the import; remove.")
        if name not in fields:
            near = nearest(name, fields)
            raise MappingError(
                mapping,
                f"fields.{name}",
                f"'{event_type.name}' tidak punya isian ini; mungkin '{near}'?",
                f"'{event_type.name}' has no such field; did you mean '{near}'?",
            )
        _check_source(fields[name], source, spec, mapping)
    for name, field in fields.items():
        if field.required and name not in spec.fields and name not in _MADE_HERE and name not in _DEFAULTS:
            raise MappingError(mapping, f"fields.{name}", "isian ini wajib dipetakan.", "this field must be mapped.")


#: Which sources can fill a field of which type.
_SOURCES = {
    "string": ("column", "template", "constant"),
    "enum": ("column", "template", "constant"),
    "int": ("column", "constant"),
    "long": ("column", "constant", "time"),
    "double": ("column", "constant"),
    "timestamp-micros": ("time",),
}


def _check_source(field: AvroField, source: FieldSpec, spec: MappingSpec, mapping: str) -> None:
    key = f"fields.{field.name}"
    given = next(name for name in FieldSpec.model_fields if getattr(source, name) is not None)
    allowed = _SOURCES.get(field.kind, ())
    if given not in allowed:
        ways = ", ".join(allowed) or "-"
        raise MappingError(
            mapping, key, f"isian {field.kind} hanya bisa dari: {ways}.", f"a {field.kind} can only come from: {ways}."
        )
    if source.time is not None and source.time not in spec.times:
        near = nearest(source.time, spec.times)
        raise MappingError(
            mapping,
            f"{key}.time",
            f"tidak ada waktu '{source.time}' di times; mungkin '{near}'?",
            f"there is no time '{source.time}' under times; did you mean '{near}'?",
        )
    if source.constant is not None and not _fits(field, source.constant):
        choices = f" ({', '.join(field.symbols)})" if field.symbols else ""
        raise MappingError(
            mapping,
            f"{key}.constant",
            f"'{source.constant}' bukan {field.kind}{choices}.",
            f"'{source.constant}' is no {field.kind}{choices}.",
        )


def _fits(field: AvroField, value: float | str) -> bool:
    match field.kind:
        case "string":
            return isinstance(value, str)
        case "enum":
            return value in field.symbols
        case "double":
            return isinstance(value, float)
        case kind:
            limit = _INT_LIMIT if kind == "int" else _LONG_LIMIT
            return isinstance(value, int) and -limit <= value < limit


class _Compiler:
    """Holds what the closures are made from; thrown away when they are made."""

    def __init__(self, spec: MappingSpec, event_type: EventType, header: list[str], mapping: str, file: str) -> None:
        check_mapping(spec, event_type, mapping)
        self._spec = spec
        self._event_type = event_type
        self._fields = avro_fields(event_type)
        self._header = header
        self._file = file
        self._part_numbers = {name: number for number, name in enumerate(spec.parts)}

    def compile(self) -> RowMapper:
        constants: dict[str, object] = {name: None for name in self._fields if name not in _MADE_HERE}
        constants.update(_DEFAULTS)
        makers = []
        for name, source in self._spec.fields.items():
            if source.constant is not None:
                constants[name] = source.constant
            else:
                makers.append((name, self._maker(self._fields[name], source)))
        origins = {name: self._origins(source) for name, source in self._spec.fields.items()}
        parts = [self._part(name) for name in self._spec.parts]
        return RowMapper(self._event_type, constants, parts, makers, origins)

    def _index(self, column: str) -> int:
        count = self._header.count(column)
        if count == 1:
            return self._header.index(column)
        if count:
            raise TableError(
                self._file, f"kolom '{column}' ada {count} kali.", f"the column '{column}' is there {count} times."
            )
        near = nearest(column, self._header)
        raise TableError(
            self._file,
            f"kolom '{column}' tidak ada; yang paling mirip '{near}'. Berkas lain, atau pemisah kolom lain?",
            f"there is no column '{column}'; the nearest is '{near}'. Another file, or another delimiter?",
        )

    def _part(self, name: str) -> Callable[[Cells], str]:
        spec = self._spec.parts[name]
        index, search = self._index(spec.column), re.compile(spec.pattern).search

        def part(cells: Cells) -> str:
            match = search(cells[index])
            found = match[1] if match else None
            if not found:
                raise Unmappable(Finding("import.part_missing", f"{name} ({spec.column})", cells[index]))
            return cast("str", found)

        return part

    def _maker(self, field: AvroField, source: FieldSpec) -> Maker:
        if source.time is not None:
            return self._time(field, self._spec.times[source.time])
        text = self._template(field, source.template) if source.template is not None else self._column(source)
        if field.kind in {"int", "long"}:
            return _whole_number(field, text)
        if field.kind == "double":
            return _decimal(field, text)
        return _choice(field, text) if field.kind == "enum" else _text(field, text)

    def _column(self, source: FieldSpec) -> Maker:
        index = self._index(source.column or "")
        return lambda cells, _parts: cells[index]

    def _template(self, field: AvroField, template: str) -> Maker:
        pieces: list[tuple[str, int | None, int | None]] = []
        for literal, name in template_pieces(template):
            part = self._part_numbers.get(name) if name is not None else None
            column = self._index(name) if name is not None and part is None else None
            pieces.append((literal, part, column))

        def make(cells: Cells, parts: list[str]) -> str:
            text = ""
            for literal, part, column in pieces:
                text += literal
                if part is not None:
                    text += parts[part]
                elif column is not None:
                    if not cells[column]:
                        raise Unmappable(Finding("import.part_missing", field.name, ""))
                    text += cells[column]
            return text

        return make

    def _time(self, field: AvroField, spec: TimeSpec) -> Maker:
        index, read = self._index(spec.column), _time_reader(spec)

        def make(cells: Cells, _parts: list[str]) -> int | None:
            text = cells[index]
            if not text and field.nullable:
                return None
            try:
                return read(text)
            except (ValueError, OverflowError):
                raise Unmappable(Finding("import.time_unreadable", field.name, text)) from None

        return make

    def _origins(self, source: FieldSpec) -> list[tuple[str, int]]:
        if source.time is not None:
            columns = [self._spec.times[source.time].column]
        elif source.template is not None:
            names = [name for _, name in template_pieces(source.template) if name is not None]
            columns = [self._spec.parts[name].column if name in self._spec.parts else name for name in names]
        else:
            columns = [source.column] if source.column is not None else []
        return [(column, self._index(column)) for column in columns]


def _time_reader(spec: TimeSpec) -> Callable[[str], int]:
    zone = ZoneInfo(spec.timezone) if spec.timezone is not None else None

    @lru_cache(maxsize=_REMEMBERED_TIMES)
    def read(text: str) -> int:
        moment = datetime.strptime(text, spec.format)  # noqa: DTZ007  # the zone is given in the next line, or by %z
        if zone is None:
            return to_micros(moment)
        aware = moment.replace(tzinfo=zone)
        # An hour that the clocks jumped over exists in no zone; what comes back from UTC is another hour.
        if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
            message = "no such local time"
            raise ValueError(message)
        return to_micros(aware)

    return read


def _whole_number(field: AvroField, text: Maker) -> Maker:
    limit = _INT_LIMIT if field.kind == "int" else _LONG_LIMIT

    def make(cells: Cells, parts: list[str]) -> int | None:
        cell = cast("str", text(cells, parts))
        if not cell:
            _must_be_nullable(field)
            return None
        if not (cell.isascii() and cell.isdigit()):
            raise Unmappable(Finding("import.not_a_number", field.name, cell))
        number = int(cell) if len(cell) <= _MAX_DIGITS else limit
        if number >= limit:
            raise Unmappable(Finding("import.number_too_large", field.name, cell))
        return number

    return make


def _decimal(field: AvroField, text: Maker) -> Maker:
    def make(cells: Cells, parts: list[str]) -> float | None:
        cell = cast("str", text(cells, parts))
        if not cell:
            _must_be_nullable(field)
            return None
        if _DECIMAL.fullmatch(cell) is None:
            raise Unmappable(Finding("import.not_a_number", field.name, cell))
        return float(cell)

    return make


def _choice(field: AvroField, text: Maker) -> Maker:
    def make(cells: Cells, parts: list[str]) -> str | None:
        cell = cast("str", text(cells, parts))
        if not cell:
            _must_be_nullable(field)
            return None
        if cell not in field.symbols:
            raise Unmappable(Finding("import.not_a_choice", field.name, cell))
        return cell

    return make


def _text(field: AvroField, text: Maker) -> Maker:
    def make(cells: Cells, parts: list[str]) -> str | None:
        cell = cast("str", text(cells, parts))
        if not cell:
            _must_be_nullable(field)
            return None
        return cell

    return make


def _must_be_nullable(field: AvroField) -> None:
    """An empty cell is unknown, where the field may be; never 0 and never an empty text."""
    if not field.nullable:
        raise Unmappable(Finding("import.value_missing", field.name, ""))
