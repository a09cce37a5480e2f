"""The Avro types that the bus carries, as a small tree: what row and column decoding both work from.

A writer's schema comes from a registry, so it is judged like any other input: `read_schema` returns a tree, or raises
`UncarriedSchema`. What is not a node here cannot be in a tree, and is refused:

- `bytes`, `fixed`, decimals: pyruhvro panics on them;
- maps: a key that comes twice is two entries in a column and one in a row;
- unions other than of null and one type: polars has no such column;
- items without width (`null`, a record without fields): seven bytes may claim 2^40 of them;
- types that hold themselves, depth and width without bound: decoders overflow their stack or multiply without end.

Times are carried as whole numbers in the unit that their schema states, as an `int` is: with the limits that decoding
holds. So a tree knows limits where a schema has logical types.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

#: Nested types below the record itself.
MAX_DEPTH = 16
#: Fields, counted as often as they appear in a record.
MAX_FIELDS = 1000
#: Characters of a schema's text; the largest of ours has about 10,000.
MAX_SCHEMA_CHARACTERS = 1 << 18

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_NAMESPACE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)*")
_DAY = 86_400
#: Seconds since the epoch of the first moment of year 1 and of the end of year 9999: what calendars can show.
_YEAR_1, _YEAR_10000 = -719_162 * _DAY, 2_932_897 * _DAY


class UncarriedSchema(ValueError):
    """A schema that the bus does not carry; the text says why."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`, both included; `unit` is its logical type where it has one.

    `is_time` tells a limit of the calendar from one of the bits.
    """

    low: int
    high: int
    unit: str = ""
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Real:
    """A floating-point number of 4 or 8 bytes; only finite ones are carried, since others compare to nothing."""

    size: int


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in UTF-8."""


@dataclass(frozen=True, slots=True)
class Symbols:
    """One of a fixed list of symbols."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values of one type."""

    item: "AvroType"


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null; `null_index` is the place of null in the union, 0 or 1."""

    inner: "AvroType"
    null_index: int


@dataclass(frozen=True, slots=True)
class Record:
    """Fields in their order, under a full name; a field in `defaulted` has a default value."""

    name: str
    fields: tuple[tuple[str, "AvroType"], ...]
    defaulted: frozenset[str]


AvroType: TypeAlias = Whole | Real | Truth | Text | Symbols | Items | Optional | Record

_INT = Whole(-(2**31), 2**31 - 1)
_LONG = Whole(-(2**63), 2**63 - 1)
_PRIMITIVES: Mapping[str, AvroType] = {
    "boolean": Truth(),
    "int": _INT,
    "long": _LONG,
    "float": Real(4),
    "double": Real(8),
    "string": Text(),
}
_TIMES: Mapping[tuple[str, str], AvroType] = {
    ("int", "date"): Whole(_YEAR_1 // _DAY, _YEAR_10000 // _DAY - 1, "date", is_time=True),
    ("long", "timestamp-millis"): Whole(_YEAR_1 * 1000, _YEAR_10000 * 1000 - 1, "timestamp-millis", is_time=True),
    ("long", "timestamp-micros"): Whole(
        _YEAR_1 * 1_000_000, _YEAR_10000 * 1_000_000 - 1, "timestamp-micros", is_time=True
    ),
}


def read_schema(text: str) -> Record:
    """Read a schema's text, or raise `UncarriedSchema`."""
    if len(text) > MAX_SCHEMA_CHARACTERS:
        message = f"longer than {MAX_SCHEMA_CHARACTERS} characters"
        raise UncarriedSchema(message)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = "no JSON, or nested too deep"
        raise UncarriedSchema(message) from error
    return read_parsed(parsed)


def read_parsed(parsed: object) -> Record:
    """Read a schema that is parsed JSON already (also by fastavro), or raise `UncarriedSchema`."""
    found = _Reading().read(parsed, "", 0)
    if not isinstance(found, Record):
        message = "the outermost type is no record"
        raise UncarriedSchema(message)
    return found


class _Reading:
    """One pass over a schema; knows the types that were named so far, and how large each record is."""

    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}
        self._extents: dict[str, tuple[int, int]] = {}

    def read(self, parsed: Any, namespace: str, depth: int) -> AvroType:  # noqa: ANN401, PLR0911  # any JSON; one return a type
        if depth > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH}"
            raise UncarriedSchema(message)
        match parsed:
            case str(name):
                return self._by_name(name, namespace)
            case ["null", other]:
                return self._optional(other, 0, namespace, depth)
            case [other, "null"]:
                return self._optional(other, 1, namespace, depth)
            case {"type": "array", "items": items}:
                return Items(self.read(items, namespace, depth + 1))
            case {"type": "enum", "symbols": [*symbols]}:
                return self._enum(parsed, symbols, namespace)
            case {"type": "record", "fields": [*fields]}:
                return self._record(parsed, fields, namespace, depth)
            case {"type": str(base), "logicalType": str(logical)} if (base, logical) in _TIMES:
                return _TIMES[base, logical]
            case {"type": str(name)}:
                return self._by_name(name, namespace)
        message = f"not carried: {str(parsed)[:80]}"
        raise UncarriedSchema(message)

    def _by_name(self, name: str, namespace: str) -> AvroType:
        found = _PRIMITIVES.get(name) or self._named.get(_full_name(name, namespace))
        if found is None:
            message = f"not carried, unknown, or inside itself: {name[:80]}"
            raise UncarriedSchema(message)
        return found

    def _optional(self, other: object, null_index: int, namespace: str, depth: int) -> Optional:
        inner = self.read(other, namespace, depth + 1)
        if isinstance(inner, Optional):
            message = "a union in a union"
            raise UncarriedSchema(message)
        return Optional(inner, null_index)

    def _enum(self, parsed: Mapping[Any, Any], symbols: list[Any], namespace: str) -> Symbols:
        _, name = _named(parsed, namespace)
        if not symbols or not all(isinstance(symbol, str) and _NAME.fullmatch(symbol) for symbol in symbols):
            message = f"symbols of {name} are missing or malformed"
            raise UncarriedSchema(message)
        if len(set(symbols)) != len(symbols):
            message = f"a symbol of {name} comes twice"
            raise UncarriedSchema(message)
        found = Symbols(tuple(symbols))
        self._keep(name, found)
        return found

    def _record(self, parsed: Mapping[Any, Any], fields: list[Any], namespace: str, depth: int) -> Record:
        inside, name = _named(parsed, namespace)
        found: dict[str, AvroType] = {}
        defaulted: set[str] = set()
        for field in fields:
            match field:
                case {"name": str(field_name), "type": kind} if _NAME.fullmatch(field_name) and field_name not in found:
                    found[field_name] = self.read(kind, inside, depth + 1)
                    if "default" in field:
                        defaulted.add(field_name)
                case _:
                    message = f"a field of {name} is malformed or comes twice"
                    raise UncarriedSchema(message)
        if not found:
            message = f"{name} has no fields"
            raise UncarriedSchema(message)
        record = Record(name, tuple(found.items()), frozenset(defaulted))
        self._limit(record)
        self._keep(name, record)
        return record

    def _limit(self, record: Record) -> None:
        """Refuse a record that is too wide or too deep once its named types are written out.

        Judged as each record is built: types that are used again make a tree grow much faster than its text.
        """
        parts = [self._extent(kind) for _, kind in record.fields]
        width = sum(1 + fields for fields, _ in parts)
        depth = 1 + max(levels for _, levels in parts)
        if width > MAX_FIELDS or depth > MAX_DEPTH:
            message = f"{record.name} has {width} fields, {depth} deep; more than {MAX_FIELDS} or {MAX_DEPTH}"
            raise UncarriedSchema(message)
        self._extents[record.name] = (width, depth)

    def _extent(self, kind: AvroType) -> tuple[int, int]:
        """Return how many fields a type has, counted as often as they appear, and how deep it is nested."""
        match kind:
            case Record(name=name):
                return self._extents[name]
            case Items(item=inner) | Optional(inner=inner):
                width, depth = self._extent(inner)
                return width, depth + 1
        return 0, 0

    def _keep(self, name: str, found: AvroType) -> None:
        if name in self._named:
            message = f"{name} is defined twice"
            raise UncarriedSchema(message)
        self._named[name] = found


def _named(parsed: Mapping[Any, Any], namespace: str) -> tuple[str, str]:
    """Return the namespace inside a named type, and its full name."""
    name, own = parsed.get("name"), parsed.get("namespace", namespace)
    if not isinstance(name, str) or not isinstance(own, str):
        message = "a type without a proper name"
        raise UncarriedSchema(message)
    full = _full_name(name, own)
    inside, _, last = full.rpartition(".")
    if not _NAME.fullmatch(last) or not _NAMESPACE.fullmatch(f"{inside}." if inside else ""):
        message = f"a type's name is malformed: {full[:80]}"
        raise UncarriedSchema(message)
    return inside, full


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def plain_schema(root: Record) -> str:
    """Write a tree as a schema without names, docs or logical types of others; it encodes to the very same bytes.

    Whole numbers are all long: an int is written like a long, and its limits are held by who decodes.
    """
    return json.dumps(_plain(root, "t"))


def _plain(kind: AvroType, path: str) -> object:  # noqa: PLR0911  # one return a type
    match kind:
        case Whole():
            return "long"
        case Real(size):
            return "float" if size == 4 else "double"
        case Truth():
            return "boolean"
        case Text():
            return "string"
        case Symbols(symbols):
            return {"type": "enum", "name": path, "symbols": list(symbols)}
        case Items(item):
            return {"type": "array", "items": _plain(item, path)}
        case Optional(inner, null_index):
            union = [_plain(inner, path)]
            union.insert(null_index, "null")
            return union
        case Record(_, fields):
            inside = [
                {"name": name, "type": _plain(field, f"{path}_{number}")} for number, (name, field) in enumerate(fields)
            ]
            return {"type": "record", "name": path, "fields": inside}


def resolves(writer: AvroType, reader: AvroType) -> bool:  # noqa: PLR0911  # one return a type
    """Return whether every value of the writer's type is one of the reader's, so that columns can be put together.

    Narrower than Avro's own rule on purpose: a time in another unit, a symbol that the reader does not know, or a null
    where the reader expects a value would pass there, or come out as something else.
    """
    match writer, reader:
        case Optional(inner, _), Optional(expected, _):
            return resolves(inner, expected)
        case _, Optional(expected, _):
            return resolves(writer, expected)
        case Whole(low, high, unit), Whole(least, most, expected_unit):
            return unit == expected_unit and least <= low and high <= most
        case Symbols(symbols), Symbols(known):
            return set(symbols) <= set(known)
        case Items(item), Items(expected):
            return resolves(item, expected)
        case Record(_, fields), Record(_, expected_fields, defaulted):
            given = dict(fields)
            return all(
                resolves(given[name], kind) if name in given else name in defaulted for name, kind in expected_fields
            )
    return writer == reader
