"""A mapping bound to the columns of a file: names to places, and the texts that a row gives.

A row is a list of cells; what is made of it on the way (pieces of the file's name, parts, regions) is appended to the
list, so that everything named is a place in it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from simpul_producers.errors import TableError
from simpul_producers.imports.mapping import nearest
from simpul_producers.imports.model import Condition, PartSpec, template_names, template_pieces
from simpul_producers.imports.refusals import Finding, Unmappable
from simpul_schemas.rules import Text

Cells: TypeAlias = list[str]
TextMaker: TypeAlias = Callable[[Cells], str]
Test: TypeAlias = Callable[[Cells], bool]

#: A default that stands for the text itself.
_ITSELF = "*"


class Columns:
    """The named places of a row; `file` is what errors call the file."""

    def __init__(self, header: Sequence[str], file: str) -> None:
        self._names = list(header)
        self._added: dict[str, int] = {}
        #: Of everything that was added, the columns that it comes from.
        self._sources: dict[str, list[str]] = {}
        self.width = len(header)
        self._file = file

    def add(self, name: str, sources: Sequence[str] = ()) -> int:
        """Give a name to the next cell that is appended; it hides a column of that name."""
        place = self._added[name] = self.width
        self._sources[name] = [column for source in sources for column in self.columns_of(source)]
        self.width += 1
        return place

    def columns_of(self, name: str) -> list[str]:
        """Return the columns of the file that a name stands for in the end."""
        return self._sources[name] if name in self._added else [name]

    def place(self, name: str) -> int:
        """Return the place of a name, or raise `TableError` with the nearest."""
        if name in self._added:
            return self._added[name]
        count = self._names.count(name)
        if count == 1:
            return self._names.index(name)
        if count:
            raise TableError(
                self._file, f"kolom '{name}' ada {count} kali.", f"the column '{name}' is there {count} times."
            )
        near = nearest(name, [*self._names, *self._added])
        raise TableError(
            self._file,
            f"kolom '{name}' tidak ada; yang paling mirip '{near}'. Berkas lain, atau pemisah kolom lain?",
            f"there is no column '{name}'; the nearest is '{near}'. Another file, or another delimiter?",
        )


def template_maker(columns: Columns, template: str, field: str, *, optional: bool = False) -> TextMaker:
    """Return what joins cells; an empty cell is a refusal, or, where that is optional, makes all of it empty."""
    pieces = [
        (literal, columns.place(name) if name is not None else None) for literal, name in template_pieces(template)
    ]
    if len(pieces) == 1 and pieces[0][0] == "" and optional:
        place = pieces[0][1]
        return lambda cells: cells[place] if place is not None else ""

    def make(cells: Cells) -> str:
        text = ""
        for literal, place in pieces:
            text += literal
            if place is not None:
                cell = cells[place]
                if not cell:
                    if optional:
                        return ""
                    raise Unmappable(Finding("import.part_missing", field, ""))
                text += cell
        return text

    return make


def condition(columns: Columns, spec: Condition) -> Test:
    """Return what tells whether a condition holds of a row."""
    tests = [*_about_text(columns, spec), *_about_row(columns, spec)]
    if len(tests) == 1:
        return tests[0]
    return lambda cells: all(test(cells) for test in tests)


def _about_text(columns: Columns, spec: Condition) -> list[Test]:
    if spec.column is None:
        return []
    place = columns.place(spec.column)
    tests: list[Test] = []
    if spec.equals is not None:
        wanted = spec.equals
        tests.append(lambda cells: cells[place] == wanted)
    if spec.one_of is not None:
        words = frozenset(spec.one_of)
        tests.append(lambda cells: cells[place] in words)
    if spec.matches is not None:
        search = re.compile(spec.matches).search
        tests.append(lambda cells: search(cells[place]) is not None)
    if spec.empty is not None:
        empty = spec.empty
        tests.append(lambda cells: (not cells[place]) is empty)
    return tests


def _about_row(columns: Columns, spec: Condition) -> list[Test]:
    tests: list[Test] = []
    if spec.always is not None:
        always = spec.always
        tests.append(lambda _cells: always)
    if spec.blank is not None:
        blank, width = spec.blank, len(columns._names)  # noqa: SLF001  # one idea in two classes of this file
        tests.append(lambda cells: (not any(cell.strip() for cell in cells[:width])) is blank)
    if spec.any_of is not None:
        several = [condition(columns, each) for each in spec.any_of]
        tests.append(lambda cells: any(test(cells) for test in several))
    if spec.not_ is not None:
        inner = condition(columns, spec.not_)
        tests.append(lambda cells: not inner(cells))
    return tests


def condition_names(spec: Condition) -> list[str]:
    """Return the columns and parts that a condition looks at."""
    inner = [*(spec.any_of or ()), *([spec.not_] if spec.not_ else ())]
    own = [spec.column] if spec.column is not None else []
    return [*own, *(name for each in inner for name in condition_names(each))]


def look_up(table: Mapping[str, str], text: str, default: str | None, field: str) -> str:
    """Return what a table has for a text, its default, or refuse with the nearest words."""
    found = table.get(text, default)
    if found is None:
        near = nearest(text, table)
        raise Unmappable(
            Finding(
                "import.not_in_lookup",
                field,
                text,
                remedy=Text(
                    f"Perbaiki kata itu, atau tambahkan di lookups; yang paling mirip '{near}'.",
                    f"Mend the word, or add it under lookups; the nearest is '{near}'.",
                ),
            )
        )
    return text if found == _ITSELF else found


def part_maker(columns: Columns, name: str, spec: PartSpec, lookups: Mapping[str, Mapping[str, str]]) -> TextMaker:
    """Return what makes a part of a row."""
    label = f"{name} ({spec.column or spec.template})"
    if spec.template is not None:
        text_of = template_maker(columns, spec.template, label, optional=spec.optional)
    else:
        place = columns.place(spec.column or "")

        def text_of(cells: Cells) -> str:
            return cells[place]

    steps = _part_steps(spec, label, lookups)
    search = re.compile(spec.pattern).search if spec.pattern is not None else None
    optional, empty = spec.optional, frozenset(spec.empty)

    def make(cells: Cells) -> str:
        text = raw = text_of(cells)
        if text in empty:
            text = ""
        elif search is not None:
            match = search(text)
            text = (match[1] or "") if match else ""
        if text:
            for step in steps:
                text = step(text)
        if not text and not optional:
            raise Unmappable(Finding("import.part_missing", label, raw))
        return text

    return make


def _part_steps(spec: PartSpec, label: str, lookups: Mapping[str, Mapping[str, str]]) -> list[Callable[[str], str]]:
    steps: list[Callable[[str], str]] = []
    if spec.lookup is not None:
        table, default = lookups[spec.lookup], spec.default
        steps.append(lambda text: look_up(table, text, default, label))
    if spec.pad:
        width = spec.pad
        steps.append(lambda text: text.rjust(width, "0"))
    return steps


def part_names(spec: PartSpec) -> list[str]:
    """Return the columns and parts that a part comes from."""
    return template_names(spec.template) if spec.template is not None else [spec.column or ""]
