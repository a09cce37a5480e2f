"""What one schema must not be, whatever came before it: names, defaults, widths, logical types, personal data.

Avro allows most of what is refused here. The reasons were measured: fastavro and pyruhvro die, run out of memory or
read other values than were written, and a name that is no name becomes SQL in a sink.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from simpul_schemas.avro_tree import Array, Enum, Field, Fixed, Logical, Map, Primitive, Record, Type, Union, read_tree
from simpul_schemas.findings import Finding, below

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")

#: What `pii` may say a field holds.
PII_KINDS = frozenset({"nama", "nik", "nip", "alamat", "kontak"})
#: Words in a field's name that say it identifies or reaches a person, in both languages of the senders.
_PERSONAL_WORDS = frozenset(
    {
        "nik",
        "nip",
        "nuptk",
        "nisn",
        "ktp",
        "npwp",
        "paspor",
        "passport",
        "telepon",
        "telp",
        "phone",
        "hp",
        "ponsel",
        "whatsapp",
        "email",
        "surel",
        "alamat",
        "address",
    }
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

#: Base type of each logical type of Avro 1.12; a decimal has two.
_LOGICAL_BASES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "decimal": frozenset({"bytes", "fixed"}),
        "uuid": frozenset({"string", "fixed"}),
        "date": frozenset({"int"}),
        "time-millis": frozenset({"int"}),
        "time-micros": frozenset({"long"}),
        "timestamp-millis": frozenset({"long"}),
        "timestamp-micros": frozenset({"long"}),
        "timestamp-nanos": frozenset({"long"}),
        "local-timestamp-millis": frozenset({"long"}),
        "local-timestamp-micros": frozenset({"long"}),
        "local-timestamp-nanos": frozenset({"long"}),
        "duration": frozenset({"fixed"}),
    }
)
#: Primitive types that columns carry. `_is_carried` says place by place what `simpul_schemas.avro_types` takes as a
#: whole; a test holds both against `simpul_schemas.columns_probe`.
_CARRIED = frozenset({"boolean", "int", "long", "float", "double", "string"})


def guard(schema: str, *, personal_allowed: bool = True) -> list[Finding]:
    """Return all that one schema must not be; a figure's schema is judged with `personal_allowed` False."""
    tree, findings = read_tree(schema)
    if tree is None:
        return findings
    if not isinstance(tree, Record):
        return [Finding("/", "schema.not_a_record", after=tree.source)]
    return sorted(
        _guard_tree(tree, "/", personal_allowed=personal_allowed), key=lambda finding: (finding.path, finding.rule)
    )


def walk(kind: Type, path: str) -> Iterator[tuple[Type, str]]:
    """Go through a type and all its parts, in order; a named type that is used again is gone through again."""
    yield kind, path
    match kind:
        case Record():
            for field in kind.fields:
                yield from walk(field.type, below(path, field.name))
        case Union():
            for branch in kind.branches:
                yield from walk(branch, path)
        case Array():
            yield from walk(kind.items, below(path, "[]"))
        case Map():
            yield from walk(kind.values, below(path, "{}"))


def _guard_tree(tree: Record, root: str, *, personal_allowed: bool) -> Iterator[Finding]:
    seen: set[Type] = set()
    for kind, path in walk(tree, root):
        if kind in seen:
            continue
        seen.add(kind)
        yield from _guard_names(kind, path)
        yield from _guard_logical(kind, path)
        if not _is_carried(kind):
            yield Finding(path, "schema.not_carried", after=kind.source)
        match kind:
            case Union():
                seen.update(branch for branch in kind.branches if branch.kind == "null")  # carried here and only here
            case Record():
                for field in kind.fields:
                    yield from _guard_default(field, path)
            case Enum() if kind.default is not None and kind.default not in kind.symbols:
                yield Finding(path, "schema.default_invalid", after=kind.source)
            case Array() if _is_zero_width(kind.items):
                yield Finding(path, "schema.zero_width_items", after=kind.source)
    yield from _guard_personal(tree, root, allowed=personal_allowed, tagged=False)


# --- names ---


def _guard_names(kind: Type, path: str) -> Iterator[Finding]:
    if isinstance(kind, Record | Enum | Fixed):
        yield from _invalid(path, [kind.name, *kind.aliases], dotted=True)
    match kind:
        case Record():
            yield from _invalid(path, [name for field in kind.fields for name in (field.name, *field.aliases)])
            yield from _twice(path, (field.name.lower() for field in kind.fields))
        case Enum():
            yield from _invalid(path, kind.symbols)
            yield from _twice(path, kind.symbols)
        case Union():
            yield from _twice(path, (getattr(branch, "name", branch.kind) for branch in kind.branches))


def _invalid(path: str, names: Iterable[str], *, dotted: bool = False) -> Iterator[Finding]:
    for name in names:
        if not all(_NAME.fullmatch(part) for part in (name.split(".") if dotted else [name])):
            yield Finding(path, "schema.name_invalid", after=name[:200])


def _twice(path: str, names: Iterable[str]) -> Iterator[Finding]:
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding(path, "schema.name_duplicate", after=name[:200])


# --- what decoders survive ---


def _guard_logical(kind: Type, path: str) -> Iterator[Finding]:
    logical = kind.logical if isinstance(kind, Primitive | Fixed) else None
    if logical is not None and not _fits(kind, logical):
        yield Finding(path, "schema.logical_type_invalid", after=kind.source)


def _fits(kind: Type, logical: Logical) -> bool:
    """Whether Avro gives this logical type to this base type; else it ignores it without a word."""
    if kind.kind not in _LOGICAL_BASES.get(logical.name, ()):
        return False
    if logical.name == "decimal":
        precision, scale = logical.precision, logical.scale
        if not (type(precision) is int and type(scale) is int and 0 <= scale <= precision and precision > 0):
            return False
        # The largest decimal of `size` bytes has the digits of 2 ** (8 * size - 1) - 1.
        return not isinstance(kind, Fixed) or kind.size * 8 * 0.30103 >= precision
    if isinstance(kind, Fixed):
        return kind.size == {"uuid": 16, "duration": 12}[logical.name]
    return True


def _is_carried(kind: Type) -> bool:
    match kind:
        case Primitive():
            return kind.kind in _CARRIED
        case Fixed() | Map():
            return False
        case Enum() | Array():
            return True
        case Record():
            return bool(kind.fields)
        case Union():
            return sorted(branch.kind == "null" for branch in kind.branches) == [False, True]


def _is_zero_width(kind: Type) -> bool:
    match kind:
        case Primitive():
            return kind.kind == "null"
        case Fixed():
            return kind.size == 0
        case Record():
            return all(_is_zero_width(field.type) for field in kind.fields)
        case _:
            return False


# --- defaults ---


def _guard_default(field: Field, path: str) -> Iterator[Finding]:
    if field.has_default and not is_default(field.type, field.attributes["default"]):
        yield Finding(below(path, field.name), "schema.default_invalid", after=field.source)


def is_default(kind: Type, value: object) -> bool:  # noqa: PLR0911  # one return for each kind of type
    """Whether a JSON value is a default of a type; in a union, of its first branch (Avro 1.12, "Complex Types")."""
    match kind:
        case Primitive():
            return _PRIMITIVE_DEFAULTS[kind.kind](value)
        case Fixed():
            return _is_bytes(value) and len(value) == kind.size  # type: ignore[arg-type]  # bytes are written as a text
        case Enum():
            return value in kind.symbols
        case Array():
            return isinstance(value, list) and all(is_default(kind.items, entry) for entry in value)
        case Map():
            return isinstance(value, dict) and all(is_default(kind.values, entry) for entry in value.values())
        case Union():
            return is_default(kind.branches[0], value)
        case Record():
            return isinstance(value, dict) and all(
                is_default(field.type, value[field.name]) if field.name in value else field.has_default
                for field in kind.fields
            )


def _is_integer(bits: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and -(1 << bits) <= value < 1 << bits


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bytes(value: object) -> bool:
    return isinstance(value, str) and all(ord(character) < 256 for character in value)


_PRIMITIVE_DEFAULTS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "null": lambda value: value is None,
        "boolean": lambda value: isinstance(value, bool),
        "int": _is_integer(31),
        "long": _is_integer(63),
        "float": _is_number,
        "double": _is_number,
        "bytes": _is_bytes,
        "string": lambda value: isinstance(value, str),
    }
)


# --- personal data ---


def _guard_personal(kind: Type, path: str, *, allowed: bool, tagged: bool) -> Iterator[Finding]:
    """Look at the fields of a type; a tag on a field also covers what is inside it."""
    match kind:
        case Record():
            for field in kind.fields:
                place, tag = below(path, field.name), field.attributes.get("pii")
                if tag is not None and not (isinstance(tag, str) and tag in PII_KINDS):
                    yield Finding(place, "schema.pii_unknown", after=field.source)
                elif tag is not None and not allowed:
                    yield Finding(place, "schema.pii_forbidden", after=field.source)
                elif tag is None and not tagged and sounds_personal(field.name):
                    yield Finding(place, "schema.pii_missing", after=field.source)
                yield from _guard_personal(field.type, place, allowed=allowed, tagged=tagged or tag is not None)
        case Union():
            for branch in kind.branches:
                yield from _guard_personal(branch, path, allowed=allowed, tagged=tagged)
        case Array():
            yield from _guard_personal(kind.items, below(path, "[]"), allowed=allowed, tagged=tagged)
        case Map():
            yield from _guard_personal(kind.values, below(path, "{}"), allowed=allowed, tagged=tagged)


def sounds_personal(name: str) -> bool:
    """Whether a field's name has a word for what identifies or reaches a person: `nik`, `no_ktp`, `nipPejabat`."""
    return not _PERSONAL_WORDS.isdisjoint(word.lower() for word in _WORD.findall(name))
