"""Which cells a broken rule is about: those that a clerk should look at, not every cell that the rule names.

A rule names fields. Where one of them alone decides (of two NIPs only one has 17 digits), clearing it would satisfy the
rule: so each cell is cleared in turn, and each empty one filled with an example, and the rule is asked again.
"""

import copy
from collections.abc import Iterator
from typing import Any

from simpul_producers.admission import judge
from simpul_producers.imports.documents import Document, Path
from simpul_producers.imports.forms import REGION, Form
from simpul_schemas.rules import Rule


def suspects(
    form: Form, document: Document, record: dict[str, Any], rule: Rule, now_micros: int
) -> list[tuple[int, str]]:
    """Return the cells, as (row, column), that a rule broken by the record points at; never none."""
    bit = 1 << form.event_type.rules.rules.index(rule)

    def mended(path: Path, value: object) -> bool:
        changed = copy.deepcopy(record)
        _put(changed, path, value)
        return not judge(form.event_type, changed, now_micros) & bit

    filled = [(cell, path) for cell, path in _cells(form, document, rule) if path]
    first = document.rows[0]
    empty = [(first, name) for name in _plain_columns(form, rule) if (first, name) not in document.places]
    missing = [cell for cell in empty if mended((cell[1],), _example(form, cell[1]))]
    if missing:
        return missing
    wrong = [cell for cell, path in filled if path[0] in record and mended(path, "" if path == (REGION,) else None)]
    return wrong or [cell for cell, _ in filled] or empty or [(first, form.facts.key[0])]


def _cells(form: Form, document: Document, rule: Rule) -> Iterator[tuple[tuple[int, str], Path]]:
    for field in rule.fields:
        for name in form.columns_of(field):
            yield from ((cell, path) for cell, path in document.places.items() if cell[1] == name)


def _plain_columns(form: Form, rule: Rule) -> list[str]:
    """Return the columns of a rule that are fields of the document itself."""
    names = [name for field in rule.fields for name in form.columns_of(field)]
    return [column.name for name in names if (column := form.column(name)) and column.name == column.field]


def _example(form: Form, name: str) -> object:
    column = form.column(name)
    return column.example if column is not None else None


def _put(record: Any, path: Path, value: object) -> None:  # noqa: ANN401  # a record, or a list in it
    for step in path[:-1]:
        record = record[step]
    record[path[-1]] = value
