"""Several rows that make up one event: their lists are joined, and all else must agree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simpul_producers.errors import TableError
from simpul_producers.imports.batch import Candidate
from simpul_producers.imports.bind import Cells
from simpul_producers.imports.contract_fields import avro_fields
from simpul_producers.imports.convert import Made, RowMapper
from simpul_producers.imports.refusals import Finding, Unmappable
from simpul_producers.imports.values import alternatives

#: The rows of a file wait in memory until all of a group are known.
_MAX_EVENTS = 1_000_000


@dataclass(slots=True)
class _Group:
    number: int
    cells: Cells
    record: dict[str, Any]
    warnings: tuple[str, ...]
    rows: int = 1
    #: Of each list, its items by what they say, so that equal ones are added up.
    items: dict[str, dict[object, dict[str, Any]]] = field(default_factory=dict)


class Groups:
    """Collects the rows of a file into events."""

    def __init__(self, mapper: RowMapper, file: str) -> None:
        spec = mapper.spec
        fields = avro_fields(mapper.event_type)
        self._add_up = spec.group.add_up if spec.group is not None else None
        self._lists = [name for name in spec.fields if fields[name].kind == "array"]
        self._counted = [
            name for name, source in spec.fields.items() if any(each.rows for each in alternatives(source))
        ]
        self._file = file
        self._groups: dict[tuple[str, ...], _Group] = {}

    def add(self, number: int, cells: Cells, made: Made) -> None:
        """Add a row to its event, or raise `Unmappable` where it says otherwise than the rows before it."""
        group = self._groups.get(made.group)
        lists = {name: made.record[name] or [] for name in self._lists}
        if group is None:
            if len(self._groups) == _MAX_EVENTS:
                raise TableError(
                    self._file, "terlalu banyak peristiwa; bagi berkasnya.", "too many events; split the file."
                )
            group = self._groups[made.group] = _Group(number, cells, made.record, made.warnings)
        else:
            for name, value in made.record.items():
                if name not in self._lists and group.record[name] != value:
                    shown = f"{value} ≠ {group.record[name]} (baris / row {group.number})"
                    raise Unmappable(Finding("import.group_disagrees", name, shown))
            group.rows += 1
            group.warnings += made.warnings
        for name, items in lists.items():
            for item in items:
                self._join(group.items.setdefault(name, {}), item)

    def _join(self, known: dict[object, dict[str, Any]], item: Any) -> None:  # noqa: ANN401  # a record or a text
        if not isinstance(item, dict):
            known.setdefault(item, item)
            return
        if self._add_up is None or self._add_up not in item:
            known[len(known)] = item
            return
        key = tuple((name, value) for name, value in item.items() if name != self._add_up)
        before = known.get(key)
        if before is None:
            known[key] = item
        elif before[self._add_up] is None or item[self._add_up] is None:
            # A sum with an unknown in it is unknown.
            before[self._add_up] = None
        else:
            before[self._add_up] += item[self._add_up]

    def events(self) -> Iterator[Candidate]:
        """Yield the events in the order of their first rows."""
        for group in self._groups.values():
            for name, items in group.items.items():
                group.record[name] = list(items.values())
            for name in self._counted:
                group.record[name] = group.rows
            yield Candidate(group.number, group.rows, group.cells, group.record, group.warnings)
