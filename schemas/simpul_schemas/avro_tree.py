"""An Avro schema as a tree of resolved types, read from text that nobody has vouched for.

What cannot be a tree is told as findings: text that is no JSON, what is no Avro, types that contain themselves, more
depth or width than a reader survives. Work and memory are bounded by limits, whatever the text says, so everything
behind this module may recurse freely. Grammar and names: Avro 1.12 specification, "Schema Declaration".

This is all of Avro, so that the gate can say what is wrong where; `simpul_schemas.avro_types` is the part of it that
the decoders carry.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from simpul_schemas.avro_types import MAX_DEPTH, MAX_FIELDS, MAX_SCHEMA_CHARACTERS
from simpul_schemas.findings import Finding, Fragment, below

#: Types that a schema may have, each counted as often as it is used; so decoders never see more fields than they take.
MAX_TYPES = MAX_FIELDS
#: Levels of brackets that the text may have: four for each level of types, and room for attributes.
_MAX_BRACKETS = 128
_FRAGMENT_CHARACTERS = 2_000

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical type as it was written; precision and scale only mean something for a decimal."""

    name: str
    precision: object = None
    scale: object = 0


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """A type without parts; `kind` is its name."""

    kind: str
    logical: Logical | None
    source: Fragment
    height: ClassVar[int] = 0
    types: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """A named type of `size` bytes."""

    name: str
    aliases: tuple[str, ...]
    size: int
    logical: Logical | None
    source: Fragment
    kind: ClassVar[str] = "fixed"
    height: ClassVar[int] = 0
    types: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, eq=False)
class Enum:
    """A named list of symbols; `default` is what a reader takes for a symbol that it does not know."""

    name: str
    aliases: tuple[str, ...]
    symbols: tuple[str, ...]
    default: object
    source: Fragment
    kind: ClassVar[str] = "enum"
    height: ClassVar[int] = 0
    types: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A list."""

    items: "Type"
    source: Fragment
    height: int
    types: int
    kind: ClassVar[str] = "array"


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A mapping from texts."""

    values: "Type"
    source: Fragment
    height: int
    types: int
    kind: ClassVar[str] = "map"


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """One of several types."""

    branches: tuple["Type", ...]
    source: Fragment
    height: int
    types: int
    kind: ClassVar[str] = "union"


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a record; `attributes` is all that its declaration says."""

    name: str
    type: "Type"
    aliases: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def has_default(self) -> bool:
        """Whether a reader can do without it."""
        return "default" in self.attributes

    @property
    def source(self) -> Fragment:
        """Its declaration without the words."""
        return fragment({key: value for key, value in self.attributes.items() if key != "doc"})


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Named fields in order."""

    name: str
    aliases: tuple[str, ...]
    fields: tuple[Field, ...]
    source: Fragment
    height: int
    types: int
    kind: ClassVar[str] = "record"


Type: TypeAlias = Primitive | Fixed | Enum | Array | Map | Union | Record
#: What stands where a part could not be read; never in a tree that is handed out.
_UNREAD = Primitive("null", None, None)


def read_tree(text: str) -> tuple[Type | None, list[Finding]]:
    """Return the tree of a schema, or None and why there is none."""
    cut = text[:200]
    if len(text) > MAX_SCHEMA_CHARACTERS:
        return None, [Finding("/", "schema.too_large", after=cut)]
    if _brackets(text) > _MAX_BRACKETS:
        return None, [Finding("/", "schema.too_deep", after=cut)]
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)
    except ValueError:
        return None, [Finding("/", "schema.not_json", after=cut)]
    reader = _Reader()
    root = reader.read(document, "", "/", MAX_DEPTH)
    if not reader.findings and root.height > MAX_DEPTH:
        reader.find("/", "schema.too_deep", document)
    if not reader.findings and root.types > MAX_TYPES:
        reader.find("/", "schema.too_wide", document)
    return (None, reader.findings) if reader.findings else (root, [])


def fragment(value: object) -> Fragment:
    """Return a piece of schema to show; one that is too long becomes a text that is cut."""
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _FRAGMENT_CHARACTERS else f"{text[: _FRAGMENT_CHARACTERS // 4]} ..."


def _brackets(text: str) -> int:
    """Return how deep the brackets of a JSON text are nested, in one pass and without a stack."""
    deepest = depth = 0
    quoted = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that says a key twice: readers differ in which of both they take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _finite(word: str) -> float:
    """Refuse NaN, Infinity and 1e999, which no other reader of JSON takes or writes."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError
    return number


class _Malformed(Exception):
    """This part is no Avro."""


class _Reader:
    """Reads one document; a part that is wrong is found and passed over, so that the next ones are found as well."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._named: dict[str, Type] = {}
        self._open: set[str] = set()

    def find(self, path: str, rule: str, source: object) -> Type:
        self.findings.append(Finding(path, rule, after=fragment(source)))
        return _UNREAD

    def read(self, source: object, namespace: str, path: str, levels: int) -> Type:
        """Read a type; `levels` is how many more levels there may be."""
        try:
            match source:
                case str():
                    return self._reference(source, namespace, path)
                case list():
                    return self._union(source, namespace, path, levels)
                case dict() if isinstance(kind := source.get("type"), str):
                    return self._declared(kind, source, namespace, path, levels)
        except _Malformed:
            pass
        return self.find(path, "schema.malformed", source)

    def _reference(self, name: str, namespace: str, path: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name, None, name)
        full = _full_name(name, None, namespace)
        if full in self._open:
            return self.find(path, "schema.recursive", name)
        return self._named.get(full) or self.find(path, "schema.type_unknown", name)

    def _declared(self, kind: str, source: dict[str, Any], namespace: str, path: str, levels: int) -> Type:
        if kind in PRIMITIVES:
            return Primitive(kind, _logical(source), fragment(source))
        if kind in {"record", "enum", "fixed"}:
            return self._name(kind, source, namespace, path, levels)
        if kind in {"array", "map"}:
            if not levels:
                return self.find(path, "schema.too_deep", source)
            part = "items" if kind == "array" else "values"
            step = "[]" if kind == "array" else "{}"
            if part not in source:
                raise _Malformed
            inner = self.read(source[part], namespace, below(path, step), levels - 1)
            made = Array if kind == "array" else Map
            return made(inner, fragment(source), inner.height + 1, inner.types + 1)
        return self._reference(kind, namespace, path)

    def _union(self, source: list[object], namespace: str, path: str, levels: int) -> Type:
        if not levels:
            return self.find(path, "schema.too_deep", source)
        if not source or any(isinstance(branch, list) for branch in source):
            raise _Malformed
        branches = tuple(self.read(branch, namespace, path, levels - 1) for branch in source)
        height, types = _measure(branches)
        return Union(branches, fragment(source), height, types)

    def _name(self, kind: str, source: dict[str, Any], namespace: str, path: str, levels: int) -> Type:
        own = _text(source.get("name"))
        full = _full_name(own, source.get("namespace"), namespace)
        if full in self._named or full in self._open or own in PRIMITIVES:
            return self.find(path, "schema.type_redefined", source)
        inside = full.rpartition(".")[0]
        aliases = tuple(_full_name(alias, None, inside) for alias in _texts(source.get("aliases", [])))
        if kind == "record":
            if not levels:
                return self.find(path, "schema.too_deep", source)
            self._open.add(full)
            fields = self._fields(source, inside, path, levels)
            self._open.discard(full)
            height, types = _measure([field.type for field in fields])
            found: Type = Record(full, aliases, fields, fragment(source), height, types)
        elif kind == "enum":
            symbols = tuple(_texts(source.get("symbols")))
            if not symbols:
                raise _Malformed
            found = Enum(full, aliases, symbols, source.get("default"), fragment(source))
        else:
            size = source.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise _Malformed
            found = Fixed(full, aliases, size, _logical(source), fragment(source))
        self._named[full] = found
        return found

    def _fields(self, source: dict[str, Any], namespace: str, path: str, levels: int) -> tuple[Field, ...]:
        declared = source.get("fields")
        if not isinstance(declared, list):
            self.find(path, "schema.malformed", source)
            return ()
        found = []
        for attributes in declared:
            match attributes:
                case {"name": str(name), "type": kind}:
                    inner = self.read(kind, namespace, below(path, name), levels - 1)
                    aliases = attributes.get("aliases", [])
                    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
                        self.find(below(path, name), "schema.malformed", attributes)
                        aliases = []
                    found.append(Field(name, inner, tuple(aliases), attributes))
                case _:
                    self.find(path, "schema.malformed", attributes)
        return tuple(found)


def _measure(parts: tuple[Type, ...] | list[Type]) -> tuple[int, int]:
    """Return height and number of types of what is made of some parts."""
    return 1 + max((part.height for part in parts), default=0), 1 + sum(part.types for part in parts)


def _full_name(name: str, namespace: object, enclosing: str) -> str:
    if "." in name:
        return name.removeprefix(".")
    space = enclosing if namespace is None else _text(namespace)
    return f"{space}.{name}" if space else name


def _logical(source: Mapping[str, Any]) -> Logical | None:
    name = source.get("logicalType")
    if name is None:
        return None
    if name == "decimal":
        return Logical("decimal", source.get("precision"), source.get("scale", 0))
    return Logical(str(name))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Malformed
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise _Malformed
    return [_text(entry) for entry in value]
