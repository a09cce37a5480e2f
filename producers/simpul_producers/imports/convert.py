"""One row of a table into one record of the contract.

A mapping is compiled once against an event type and a header, into a closure for each field, so that a row costs
little.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from simpul_producers.errors import TableError
from simpul_producers.imports.bind import (
    Cells,
    Columns,
    Test,
    TextMaker,
    condition,
    condition_names,
    part_maker,
    part_names,
)
from simpul_producers.imports.check import MADE_HERE, check_mapping
from simpul_producers.imports.contract_fields import INT_LIMITS, AvroField, avro_fields
from simpul_producers.imports.model import FieldSpec, MappingSpec, RefuseSpec, SkipSpec, TimeSpec, template_names
from simpul_producers.imports.places import Place, found_or_refused, place_maker, place_names
from simpul_producers.imports.refusals import Finding, Unmappable
from simpul_producers.imports.values import Maker, Makers, alternatives, read_digits
from simpul_schemas.contract import EventType
from simpul_schemas.events.envelope import Action, Mode
from simpul_schemas.identity import stable_event_id
from simpul_schemas.rules import Text

_DEFAULTS = {"action": Action.SUBMIT.value, "mode": Mode.ACTUAL.value}
#: The part that numbers equal rows, where the mapping says that they are different things.
REPEAT = "repeat"
#: The small numbers that most cells hold, read by a look instead of a conversion.
_KNOWN_NUMBERS: Mapping[str, int] = {str(number): number for number in range(2000)}


class Made(NamedTuple):
    """What a row gives: a record without ids, its warnings, and which group it belongs to."""

    record: dict[str, Any]
    warnings: tuple[str, ...]
    group: tuple[str, ...]


@dataclass(frozen=True)
class RowMapper:
    """A compiled mapping; `make` makes everything but ids and what the import's clock says."""

    event_type: EventType
    spec: MappingSpec
    constants: Mapping[str, object]
    #: What is appended to every row: the pieces of the file's name.
    file_parts: Cells
    skips: Sequence[tuple[Test, SkipSpec]]
    refuses: Sequence[tuple[Test, RefuseSpec]]
    parts: Sequence[TextMaker]
    places: Sequence[Callable[[Cells], Place]]
    counts: Sequence[tuple[str, int, AvroField]]
    makers: Sequence[tuple[str, Maker]]
    group: Sequence[int]
    #: Fields that the import's clock fills; they are no part of the content.
    now_fields: Sequence[str]
    #: Fields that are the content: not the ids, nor what the import's clock says.
    content_fields: Sequence[str]
    #: For each field the columns that it comes from, as (name, index): what a refusal shows.
    origins: Mapping[str, Sequence[tuple[str, int]]]

    @property
    def stamped(self) -> bool:
        """Whether the row tells its own revision; else the outbox gives one to what has changed."""
        return "revision" in self.spec.fields

    def skipped(self, row: Cells) -> SkipSpec | None:
        """Return why a row is no data, if it is none."""
        if not self.skips:
            return None
        cells = row + self.file_parts
        return next((spec for test, spec in self.skips if test(cells)), None)

    def make(self, row: Cells, repeat: int = 1) -> Made:
        """Return the record of a row without its ids, or raise `Unmappable`."""
        cells = row + self.file_parts
        if self.refuses:
            self._refuse(cells)
        if self.spec.repeats:
            cells.append(str(repeat))
        for part in self.parts:
            cells.append(part(cells))  # a part may stand on the one before it
        warnings: tuple[str, ...] = ()
        for place in self.places:
            found = found_or_refused(place(cells))
            cells.append(found.code)
            if found.warnings:
                warnings += found.warnings
        record: dict[str, Any] = dict(self.constants)
        known = _KNOWN_NUMBERS.get
        for name, index, field in self.counts:
            cell = cells[index]
            if cell:
                number = known(cell)
                record[name] = read_digits(field, INT_LIMITS[field.kind], cell) if number is None else number
        for name, make in self.makers:
            record[name] = make(cells)
        return Made(record, warnings, tuple([cells[index] for index in self.group]))

    def content(self, record: Mapping[str, Any]) -> str:
        """Return what a record says, in one form: without ids, revision, the import's clock, and what is unknown."""
        return _canonical(self.content_fields, record)

    def stamp(self, record: dict[str, Any]) -> None:
        """Give a record that tells its revision its stable id."""
        record["event_id"] = stable_event_id(
            record["revision"], record["source"], self.event_type.name, record["subject"], self.content(record)
        )

    def _refuse(self, cells: Cells) -> None:
        for test, spec in self.refuses:
            if test(cells):
                value = self._shown(condition_names(spec.when), cells)
                raise Unmappable(Finding(f"import.{spec.code}", "", value, Text(spec.reason_id, spec.reason_en)))

    def _shown(self, names: Sequence[str], cells: Cells) -> str:
        places = {name: place for name, place in self.origins.get("", ()) if name in names}
        return "; ".join(f"{name} = {cells[place]}" for name, place in places.items())

    def raw(self, fields: Sequence[str], row: Cells) -> str:
        """Return the raw cells behind fields: the cell alone, or with column names where there are several."""
        cells = row + self.file_parts
        # Of a field in a list the whole list is shown.
        columns = dict(place for field in fields for place in self.origins.get(field.partition(".")[0], ()))
        if len(columns) == 1:
            return cells[next(iter(columns.values()))]
        return "; ".join(f"{name} = {cells[index]}" for name, index in columns.items())


def _canonical(names: Sequence[str], record: Mapping[str, Any]) -> str:
    """Return what a record says under these names, in one form; two records have the same only if they say the same.

    What is unknown is left out, so that a later version of the contract with more fields gives the same ids.
    """
    pieces = [f"{name}={value}" for name in names if (value := record.get(name)) is not None]
    text = _BETWEEN.join(pieces)
    # A text that holds the mark itself could pass for two fields, and a list has no form of its own.
    if text.count(_BETWEEN) >= len(pieces) or "[" in text:
        return _json([[name, value] for name in names if (value := record.get(name)) is not None])
    return text


_BETWEEN = "\x1f"
_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def compile_mapping(  # noqa: PLR0913, PLR0917  # what is bound, and what errors call it
    spec: MappingSpec, event_type: EventType, header: Sequence[str], mapping: str, file: str, path: str = ""
) -> RowMapper:
    """Bind a mapping to a header.

    `mapping` and `file` are what errors call them, `path` is what pieces of the file's name are taken from:
    `MappingError` where the mapping does not fit the event type, `TableError` where the file lacks a column.
    """
    check_mapping(spec, event_type, mapping)
    return _Compiler(spec, event_type, header, file, path or file).compile()


class _Compiler:
    """Holds what the closures are made from; thrown away when they are made."""

    def __init__(self, spec: MappingSpec, event_type: EventType, header: Sequence[str], file: str, path: str) -> None:
        self._spec = spec
        self._event_type = event_type
        self._fields = avro_fields(event_type)
        self._file_parts = file_parts(spec, file, path)
        self._columns = Columns([*header, *self._file_parts], file)
        self._makers = Makers(spec, self._columns)
        self._of_file = len(header) + len(self._file_parts)

    def compile(self) -> RowMapper:
        spec, columns = self._spec, self._columns
        skips = [(condition(columns, each.when), each) for each in spec.skip]
        refuses = [(condition(columns, each.when), each) for each in spec.refuse]
        looked_at = [name for each in spec.refuse for name in condition_names(each.when)]
        if spec.repeats:
            columns.add(REPEAT)
        parts = [self._part(name) for name in spec.parts]
        places = [self._place(name) for name in spec.regions]
        constants: dict[str, object] = {name: None for name in self._fields if name not in MADE_HERE}
        constants.update(_DEFAULTS)
        counts: list[tuple[str, int, AvroField]] = []
        makers: list[tuple[str, Maker]] = []
        for name, source in spec.fields.items():
            field = self._fields[name]
            if isinstance(source, FieldSpec) and source.constant is not None and source.when is None:
                constants[name] = source.constant
            elif _is_plain_count(field, source):
                counts.append((name, columns.place(cast("FieldSpec", source).column or ""), field))
            else:
                makers.append((name, self._makers.field(field, source)))
        now_fields = [name for name, source in spec.fields.items() if any(each.now for each in alternatives(source))]
        left_out = {*now_fields, *(() if "revision" in spec.fields else ("revision",))}
        return RowMapper(
            event_type=self._event_type,
            spec=spec,
            constants=constants,
            file_parts=list(self._file_parts.values()),
            skips=skips,
            refuses=refuses,
            parts=parts,
            places=places,
            counts=counts,
            makers=makers,
            group=[columns.place(name) for name in spec.group.by] if spec.group else [],
            now_fields=now_fields,
            content_fields=[name for name in sorted(constants) if name not in left_out],
            origins={name: self._origins(names_behind(spec, source)) for name, source in spec.fields.items()}
            | {"": self._origins(looked_at)},
        )

    def _part(self, name: str) -> TextMaker:
        spec = self._spec.parts[name]
        made = part_maker(self._columns, name, spec, self._spec.lookups)
        self._columns.add(name, part_names(spec))
        return made

    def _place(self, name: str) -> Callable[[Cells], Place]:
        spec = self._spec.regions[name]
        moment = None
        if spec.day_from is not None:
            moment = cast(
                "Callable[[Cells], int]", self._makers.moment(self._spec.times[spec.day_from], f"{name}.day_from")
            )
        made = place_maker(self._columns, name, spec, self._spec.lookups, moment)
        self._columns.add(name, place_names(spec))
        return made

    def _origins(self, names: Sequence[str]) -> list[tuple[str, int]]:
        columns = dict.fromkeys(column for name in names for column in self._columns.columns_of(name))
        found = [(column, self._columns.place(column)) for column in columns]
        return [(column, place) for column, place in found if place < self._of_file]


def _is_plain_count(field: AvroField, source: object) -> bool:
    """Return whether a field is digits in a column and nothing else, and may be unknown."""
    return (
        field.kind in INT_LIMITS
        and field.nullable
        and isinstance(source, FieldSpec)
        and source.model_fields_set == {"column"}
    )


def file_parts(spec: MappingSpec, file: str, path: str) -> dict[str, str]:
    """Return the pieces of a file's name by the names of their groups, or raise `TableError`."""
    if spec.file is None:
        return {}
    match = re.search(spec.file, path.replace("\\", "/"))
    if match is None:
        raise TableError(
            file,
            f"namanya tidak berbentuk seperti yang disebut pemetaan ({spec.file}); ubah nama berkasnya.",
            f"its name does not have the shape that the mapping says ({spec.file}); rename the file.",
        )
    return {name: text or "" for name, text in match.groupdict().items()}


def names_behind(spec: MappingSpec, source: FieldSpec | list[FieldSpec]) -> list[str]:
    """Return the columns, parts and regions that a field comes from."""
    names: list[str] = []
    for each in alternatives(source):
        names += condition_names(each.when) if each.when else []
        names += [name for name in (each.column, each.split, each.region) if name is not None]
        names += [*(each.sum or ()), *(template_names(each.template) if each.template is not None else ())]
        for time in (each.time, each.date):
            names += _names_of_time(spec.times[time]) if time is not None else []
        for item in each.items or ():
            names += [name for inner in item.fields.values() for name in names_behind(spec, inner)]
    return list(dict.fromkeys(names))


def _names_of_time(spec: TimeSpec) -> list[str]:
    if spec.template is not None:
        return template_names(spec.template)
    return [spec.column] if spec.column is not None else []
