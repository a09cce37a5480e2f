"""What a change of a schema breaks: FULL compatibility by Avro's rules, and what Avro lets pass and we must not.

Every record stays in the log for ever, and regions update when they can. So each version must read every other's
records: a change is read in both directions, the new schema as reader of old records (backward) and the old one as
reader of new records (forward), by the rules of the Avro 1.12 specification, "Schema Resolution". Beyond them:

- text and bytes do not replace each other; a name does not change, aliases or not, since our columns go by name;
- a logical type, a decimal's scale or precision, a unit of time does not change: the number would mean something else;
- a field that the envelope or a view uses is not removed, default or not, and a personal field keeps its tag.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from simpul_schemas.avro_tree import Array, Enum, Field, Fixed, Logical, Map, Primitive, Record, Type, Union, read_tree
from simpul_schemas.findings import Finding, Fragment, below

#: Types that a reader of another type takes, besides its own (without bytes and string, see above).
_PROMOTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "int": frozenset({"long", "float", "double"}),
        "long": frozenset({"float", "double"}),
        "float": frozenset({"double"}),
    }
)
_UNITS = ("millis", "micros", "nanos")


def compare(before: str, after: str, used: Collection[str] = ()) -> list[Finding]:
    """Return what a change breaks, by path; nothing where every version reads the other's records as they were meant.

    `used` names fields that must stay, as paths without the leading `/`; what is inside a used field is used.
    """
    old, _ = read_tree(before)
    new, findings = read_tree(after)
    if new is None:
        return findings
    if old is None:
        return [Finding("/", "compat.unreadable", before[:200], new.source)]
    found: dict[tuple[str, str, str], Finding] = {}
    for direction in (_Resolution(found, used, backward=True), _Resolution(found, used, backward=False)):
        direction.resolve(old, new, "/")
    return sorted(found.values(), key=lambda finding: (finding.path, finding.rule))


def compare_history(versions: Sequence[str], after: str, used: Collection[str] = ()) -> list[Finding]:
    """Return what a change breaks against every earlier version (TRANSITIVE); the same finding is told once."""
    found = {repr(finding): finding for before in versions for finding in compare(before, after, used)}
    return sorted(found.values(), key=lambda finding: (finding.path, finding.rule))


class _Resolution:
    """One direction of a change: `before` and `after` are its sides, reader and writer follow from the direction."""

    def __init__(self, found: dict[tuple[str, str, str], Finding], used: Collection[str], *, backward: bool) -> None:
        self._found = found
        self._used = frozenset(used)
        self._backward = backward

    def resolve(self, before: Type, after: Type, path: str) -> None:
        """Find what keeps the reader from reading what the writer wrote."""
        match before, after:
            case (Union(), _) | (_, Union()):
                self._unions(before, after, path)
            case _ if before.kind != after.kind:
                self._kinds(before, after, path)
                self._logical_types(before, after, path)
            case Record(), Record():
                self._names(before, after, path)
                self._records(before, after, path)
            case Enum(), Enum():
                self._names(before, after, path)
                self._symbols(before, after, path)
            case Fixed(), Fixed():
                self._names(before, after, path)
                if before.size != after.size:
                    self._find(path, "compat.size_changed", before.source, after.source)
                self._logical_types(before, after, path)
            case Array(), Array():
                self.resolve(before.items, after.items, below(path, "[]"))
            case Map(), Map():
                self.resolve(before.values, after.values, below(path, "{}"))
            case _:
                self._logical_types(before, after, path)

    def _find(self, path: str, rule: str, before: Fragment, after: Fragment) -> None:
        finding = Finding(path, rule, before, after)
        self._found.setdefault((path, rule, repr((before, after))), finding)

    def _names(self, before: Record | Enum | Fixed, after: Record | Enum | Fixed, path: str) -> None:
        if before.name != after.name:
            self._find(path, "compat.name_changed", before.name, after.name)

    def _kinds(self, before: Type, after: Type, path: str) -> None:
        """Types of different kinds: only a number that became wider or narrower is told apart."""
        reader, writer = (after, before) if self._backward else (before, after)
        if _promotes(writer, reader):
            return
        rule = "compat.type_changed"
        if _promotes(reader, writer):
            rule = "compat.type_narrowed" if self._backward else "compat.type_widened"
        self._find(path, rule, before.source, after.source)

    # --- unions: a type that is no union stands for a union of itself ---

    def _unions(self, before: Type, after: Type, path: str) -> None:
        reader, writer = (after, before) if self._backward else (before, after)
        choices = _branches(reader)
        for written in _branches(writer):
            read = _choose(written, choices) or _counterpart(written, _branches(writer), choices)
            if read is None:
                rule = "compat.branch_removed" if self._backward else "compat.branch_added"
                self._find(path, rule, before.source, after.source)
            elif self._backward:
                self.resolve(written, read, path)
            else:
                self.resolve(read, written, path)

    # --- records ---

    def _records(self, before: Record, after: Record, path: str) -> None:
        old = {field.name: field for field in before.fields}
        new = {field.name: field for field in after.fields}
        renamed = _renamed(old, new)
        for name in sorted(old.keys() & new.keys()):
            place = below(path, name)
            if old[name].attributes.get("pii") is not None and new[name].attributes.get("pii") is None:
                self._find(place, "compat.pii_tag_removed", old[name].source, new[name].source)
            self.resolve(old[name].type, new[name].type, place)
        for name, successor in renamed.items():
            self._find(below(path, name), "compat.field_renamed", old[name].source, successor.source)
        kept = {field.name for field in renamed.values()}
        for name in sorted(old.keys() - new.keys() - renamed.keys()):
            self._removed(old[name], below(path, name))
        for name in sorted(new.keys() - old.keys() - kept):
            if self._backward and not new[name].has_default:
                self._find(below(path, name), "compat.field_added_without_default", None, new[name].source)

    def _removed(self, field: Field, path: str) -> None:
        steps = path[1:].split("/")
        if any("/".join(steps[:count]) in self._used for count in range(1, len(steps) + 1)):
            self._find(path, "compat.used_field_removed", field.source, None)
        elif not self._backward and not field.has_default:
            self._find(path, "compat.field_removed_without_default", field.source, None)

    # --- leaves ---

    def _symbols(self, before: Enum, after: Enum, path: str) -> None:
        reader, writer = (after, before) if self._backward else (before, after)
        if not set(writer.symbols) <= set(reader.symbols) and reader.default is None:
            rule = "compat.symbol_removed" if self._backward else "compat.symbol_added"
            self._find(path, rule, before.source, after.source)

    def _logical_types(self, before: Type, after: Type, path: str) -> None:
        old, new = (kind.logical if isinstance(kind, Primitive | Fixed) else None for kind in (before, after))
        # Where the kinds differ that is found already; it is one change, unless both sides state a meaning.
        if old == new or (before.kind != after.kind and (old is None or new is None)):
            return
        for rule in _logical_rules(old, new):
            self._find(path, rule, before.source, after.source)


def _promotes(writer: Type, reader: Type) -> bool:
    return reader.kind in _PROMOTIONS.get(writer.kind, ())


def _branches(kind: Type) -> tuple[Type, ...]:
    return kind.branches if isinstance(kind, Union) else (kind,)


def _choose(written: Type, choices: Sequence[Type]) -> Type | None:
    """Return the branch that Avro reads a written branch with: of its kind and name, else one that it promotes to."""
    name = getattr(written, "name", None)
    for choice in choices:
        if choice.kind == written.kind and getattr(choice, "name", None) == name:
            return choice
    return next((choice for choice in choices if _promotes(written, choice)), None)


def _counterpart(written: Type, writers: Sequence[Type], choices: Sequence[Type]) -> Type | None:
    """Return the only branch that can have become of the only one: `["null", "int"]` and `["null", "string"]`."""
    mine = [branch for branch in writers if branch.kind != "null"]
    others = [branch for branch in choices if branch.kind != "null"]
    return others[0] if [written] == mine and len(others) == 1 else None


def _renamed(old: Mapping[str, Field], new: Mapping[str, Field]) -> dict[str, Field]:
    """Return the new field that claims by an alias to be an old one, by the old name."""
    return {
        alias: field
        for name, field in new.items()
        if name not in old
        for alias in field.aliases
        if alias in old and alias not in new
    }


def _logical_rules(old: Logical | None, new: Logical | None) -> list[str]:
    if old is None or new is None or (old.name != new.name and _without_unit(old.name) != _without_unit(new.name)):
        return ["compat.logical_type_changed"]
    if old.name != new.name:
        return ["compat.time_unit_changed"]
    changed = {
        "compat.decimal_scale_changed": old.scale != new.scale,
        "compat.decimal_precision_changed": old.precision != new.precision,
    }
    return [rule for rule, applies in changed.items() if applies]


def _without_unit(name: str) -> str:
    kind, _, unit = name.rpartition("-")
    return kind if unit in _UNITS else name
