"""The value of one field out of a row: text to what the field's Avro type holds, or a refusal.

The closures only make what the type holds: the strict model could say nothing more about it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, TypeVar

from simpul_producers.imports.bind import Cells, Columns, TextMaker, condition, look_up, template_maker
from simpul_producers.imports.contract_fields import INT_LIMITS, AvroField
from simpul_producers.imports.model import REGION_ZONE, FieldSpec, ItemSpec, MappingSpec, TimeSpec
from simpul_producers.imports.numbers import NotANumber, NotExact, number_reader, whole
from simpul_producers.imports.refusals import Finding, Unmappable
from simpul_producers.imports.times import day_of, time_reader, zone_of

#: Makes the value of a field from the cells of a row, or raises `Unmappable`.
Maker: TypeAlias = Callable[[Cells], object]
#: A field is told by one source, or by several of which the first whose condition holds counts.
Source: TypeAlias = FieldSpec | list[FieldSpec]

_Number = TypeVar("_Number", int, float)

_MAX_DIGITS = 19
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


def alternatives(source: Source) -> Sequence[FieldSpec]:
    """Return the sources of a field in their order."""
    return source if isinstance(source, list) else (source,)


class Makers:
    """Makes the closures of one mapping that is bound to the columns of one file."""

    def __init__(self, spec: MappingSpec, columns: Columns) -> None:
        self._spec = spec
        self._columns = columns

    def field(self, field: AvroField, source: Source) -> Maker:
        """Return what makes a field."""
        made = [(self._only(field, each), each.when) for each in alternatives(source)]
        if len(made) == 1 and made[0][1] is None:
            return made[0][0]
        tests = [(make, condition(self._columns, when) if when else None) for make, when in made]

        def choose(cells: Cells) -> object:
            for make, test in tests:
                if test is None or test(cells):
                    return make(cells)
            must_be_nullable(field)
            return None

        return choose

    def moment(self, spec: TimeSpec, field: str, *, nullable: bool = False) -> Callable[[Cells], int | None]:
        """Return what reads a time as microseconds; of an empty cell None, where that may be."""
        text_of, filler = self._time_text(spec, field, nullable=nullable), frozenset(spec.filler)
        if spec.timezone != REGION_ZONE:
            read = time_reader(spec, zone_of(spec))
            return lambda cells: _moment(text_of(cells), field, filler, read, nullable=nullable)
        place = self._columns.place(next(iter(self._spec.regions)))
        readers: dict[str, Callable[[str], int]] = {}

        def make(cells: Cells) -> int | None:
            zone = zone_of(spec, cells[place])
            read = readers.get(str(zone))
            if read is None:
                read = readers[str(zone)] = time_reader(spec, zone)
            return _moment(text_of(cells), field, filler, read, nullable=nullable)

        return make

    def _time_text(self, spec: TimeSpec, field: str, *, nullable: bool) -> TextMaker:
        if spec.constant is not None:
            constant = spec.constant
            return lambda _cells: constant
        if spec.template is not None:
            return template_maker(self._columns, spec.template, field, optional=nullable)
        place = self._columns.place(spec.column or "")
        return lambda cells: cells[place]

    def _only(self, field: AvroField, source: FieldSpec) -> Maker:  # noqa: PLR0911  # one return a source
        match source.source:
            case "constant":
                constant = source.constant
                return lambda _cells: constant
            case "now" | "rows":
                return lambda _cells: None  # filled in by the import: its clock, the rows of a group
            case "time":
                return self.moment(self._spec.times[source.time or ""], field.name, nullable=field.nullable)
            case "date":
                return self._date(field, self._spec.times[source.date or ""])
            case "sum":
                return self._sum(field, source)
            case "split":
                return self._split(source)
            case "items":
                return self._items(field, source.items or [])
        return self._of_kind(field, source, self._text(field, source))

    def _text(self, field: AvroField, source: FieldSpec) -> TextMaker:
        if source.template is not None:
            text_of: TextMaker = template_maker(self._columns, source.template, field.name)
        else:
            place = self._columns.place(source.column or source.region or "")

            def text_of(cells: Cells) -> str:
                return cells[place]

        if not source.empty and source.lookup is None:
            return text_of
        empty, default, name = frozenset(source.empty), source.default, field.name
        table = self._spec.lookups[source.lookup] if source.lookup is not None else None

        def make(cells: Cells) -> str:
            text = text_of(cells)
            if text in empty:
                return ""
            return look_up(table, text, default, name) if table is not None and text else text

        return make

    def _of_kind(self, field: AvroField, source: FieldSpec, text: TextMaker) -> Maker:
        if field.kind in INT_LIMITS:
            if source.number is None:
                return _digits(field, text)
            read = number_reader(self._spec.numbers[source.number])
            return lambda cells: _number(field, read, text(cells))
        if field.kind == "double":
            exact: Callable[[str], Fraction | float] = _decimal
            if source.number is not None:
                exact = number_reader(self._spec.numbers[source.number])
            return lambda cells: _double(field, exact, text(cells))
        return _choice(field, text) if field.kind == "enum" else _known_text(field, text)

    def _date(self, field: AvroField, spec: TimeSpec) -> Maker:
        moment = self.moment(spec, field.name, nullable=field.nullable)
        if spec.timezone != REGION_ZONE:
            zone = zone_of(spec)
            return lambda cells: None if (found := moment(cells)) is None else day_of(found, zone)
        place = self._columns.place(next(iter(self._spec.regions)))
        return lambda cells: None if (found := moment(cells)) is None else day_of(found, zone_of(spec, cells[place]))

    def _sum(self, field: AvroField, source: FieldSpec) -> Maker:
        places = [self._columns.place(name) for name in source.sum or ()]
        empty = frozenset(source.empty)
        read = number_reader(self._spec.numbers[source.number]) if source.number is not None else None
        one = _digits(field, lambda cells: cells[0])

        def make(cells: Cells) -> int | None:
            total = 0
            for place in places:
                text = "" if cells[place] in empty else cells[place]
                value = one([text]) if read is None else _number(field, read, text)
                if value is None:
                    return None
                total += value
            if total >= INT_LIMITS[field.kind]:
                raise Unmappable(Finding("import.number_too_large", field.name, str(total)))
            return total

        return make

    def _split(self, source: FieldSpec) -> Maker:
        place, separator = self._columns.place(source.split or ""), source.separator

        def make(cells: Cells) -> list[str] | None:
            found = [piece.strip() for piece in cells[place].split(separator) if piece.strip()]
            return found or None

        return make

    def _items(self, field: AvroField, items: Sequence[ItemSpec]) -> Maker:
        made = [(self._record(field.item_fields, item.fields), item.when) for item in items]
        tests = [(make, condition(self._columns, when) if when else None) for make, when in made]
        return lambda cells: [make(cells) for make, test in tests if test is None or test(cells)] or None

    def _record(
        self, declared: Mapping[str, AvroField], given: Mapping[str, FieldSpec]
    ) -> Callable[[Cells], dict[str, object]]:
        makers = [(name, self.field(declared[name], given[name]) if name in given else _nothing) for name in declared]
        return lambda cells: {name: make(cells) for name, make in makers}


def _nothing(_cells: Cells) -> None:
    return None


def must_be_nullable(field: AvroField) -> None:
    """Refuse an empty cell where the field must be known: empty is unknown, never 0 and never an empty text."""
    if not field.nullable:
        raise Unmappable(Finding("import.value_missing", field.name, ""))


def _moment(text: str, field: str, filler: frozenset[str], read: Callable[[str], int], *, nullable: bool) -> int | None:
    if not text and nullable:
        return None
    if text in filler:
        raise Unmappable(Finding("import.date_is_filler", field, text))
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise Unmappable(Finding("import.time_unreadable", field, text)) from None


def _digits(field: AvroField, text: TextMaker) -> Callable[[Cells], int | None]:
    """Return what reads digits only, the commonest number by far."""
    limit = INT_LIMITS[field.kind]

    def make(cells: Cells) -> int | None:
        return read_digits(field, limit, text(cells))

    return make


def read_digits(field: AvroField, limit: int, cell: str) -> int | None:
    """Return the number of a cell of digits, None of an empty one."""
    if not cell:
        must_be_nullable(field)
        return None
    if not (cell.isascii() and cell.isdigit()):
        raise Unmappable(Finding("import.not_a_number", field.name, cell))
    number = int(cell) if len(cell) <= _MAX_DIGITS else limit
    if number >= limit:
        raise Unmappable(Finding("import.number_too_large", field.name, cell))
    return number


def _number(field: AvroField, read: Callable[[str], Fraction], cell: str) -> int | None:
    if not cell:
        must_be_nullable(field)
        return None
    number = _told(field, lambda text: whole(read(text), text), cell)
    limit = INT_LIMITS[field.kind]
    if not -limit <= number < limit:
        raise Unmappable(Finding("import.number_too_large", field.name, cell))
    return number


def _double(field: AvroField, read: Callable[[str], Fraction | float], cell: str) -> float | None:
    if not cell:
        must_be_nullable(field)
        return None
    return _told(field, lambda text: float(read(text)), cell)


def _told(field: AvroField, read: Callable[[str], _Number], cell: str) -> _Number:
    try:
        return read(cell)
    except NotANumber:
        raise Unmappable(Finding("import.not_a_number", field.name, cell)) from None
    except NotExact:
        raise Unmappable(Finding("import.number_not_exact", field.name, cell)) from None


def _decimal(text: str) -> float:
    if _DECIMAL.fullmatch(text) is None:
        raise NotANumber(text)
    return float(text)


def _choice(field: AvroField, text: TextMaker) -> Maker:
    symbols = frozenset(field.symbols)

    def make(cells: Cells) -> str | None:
        cell = text(cells)
        if not cell:
            must_be_nullable(field)
            return None
        if cell not in symbols:
            raise Unmappable(Finding("import.not_a_choice", field.name, cell))
        return cell

    return make


def _known_text(field: AvroField, text: TextMaker) -> Maker:
    def make(cells: Cells) -> str | None:
        cell = text(cells)
        if not cell:
            must_be_nullable(field)
            return None
        return cell

    return make
