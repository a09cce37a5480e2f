"""The form of an event type: the columns of its template, made from the contract and `form_facts`.

The name of a column says where its value goes: `killed`, `items.name` (a row of the list), `parties#2.kind` (the
second of the list), `claims@incident` (of the item with that key), `occurred_at`, `region`, `_number`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from simpul_producers.imports.form_facts import FACTS, OCCURRED, FormFacts
from simpul_producers.imports.labels import EVENT_TYPE_LABELS, label
from simpul_schemas.catalogue.examples import accepted_examples
from simpul_schemas.catalogue.fields import split_doc
from simpul_schemas.contract import EventType, event_type
from simpul_schemas.events.envelope import Event
from simpul_schemas.rules import Rule, Text

REGION = "region"
#: A column of our own, which an import leaves alone.
RESULT = "_hasil"
#: Sen in a rupiah, thousandths in one.
_SCALES = {"_sen": 100, "_thousandths": 1000, "_basis_points": 100}
_UNITS = {"_sen": Text("rupiah", "rupiah"), "_thousandths": Text("satuan", "units"), "_idr": Text("rupiah", "rupiah")}
_PERCENT = Text("persen", "percent")
_KINDS = {"int": "whole", "long": "whole", "double": "number", "timestamp-micros": "moment", "enum": "choice"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A word of the contract, and what the form shows for it."""

    symbol: str
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a form.

    `kind` is text, list (texts with semicolons), choice, whole, scaled, number, day, moment or region. A scaled number
    is typed in whole units and kept in `scale` parts of it, exactly. `field` is the path that the rules know it by.
    """

    name: str
    field: str
    title: str
    meaning: str
    kind: str
    required: bool
    personal: bool = False
    scale: int = 1
    limit: int = 0
    unit: Text | None = None
    choices: tuple[Choice, ...] = ()
    example: object = None

    @property
    def in_rows(self) -> bool:
        """Whether it belongs to a row of the list rather than to the document."""
        return "." in self.name and "#" not in self.name


@dataclass(frozen=True)
class Form:
    """The form of one event type."""

    event_type: EventType
    facts: FormFacts
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column | None:
        """Return a column by its name."""
        return next((column for column in self.columns if column.name == name), None)

    def item_fields(self, name: str) -> tuple[str, ...]:
        """Return the fields of the items of a list, in their order."""
        return tuple(path.partition(".")[2] for path in self.event_type.rules.kinds if path.startswith(f"{name}."))

    @cached_property
    def needed_in_items(self) -> frozenset[str]:
        """The fields of items that the contract does not let be unknown, by their paths."""
        found = set()
        for field in json.loads(self.event_type.schema)["fields"]:
            avro = _without_null(field["type"])
            if isinstance(avro, dict) and avro["type"] == "array" and isinstance(avro["items"], dict):
                inner = [each["name"] for each in avro["items"]["fields"] if not isinstance(each["type"], list)]
                found |= {f"{field['name']}.{name}" for name in inner}
        return frozenset(found)

    def columns_of(self, field: str) -> tuple[str, ...]:
        """Return the columns that a field of the contract is filled from: of `subject` those that name the document."""
        if field == "subject":
            return self.facts.key
        if field == OCCURRED:
            return (self.facts.occurred,)
        return tuple(
            column.name for column in self.columns if column.field == field or column.field.startswith(f"{field}.")
        )

    def rules_of(self, column: Column) -> list[Rule]:
        """Return the rules of the contract that are about a column."""
        return [
            rule
            for rule in self.event_type.rules.rules
            if any(column.name in self.columns_of(field) for field in rule.fields)
        ]


@cache
def form_of(name: str) -> Form:
    """Return the form of an event type, or raise `UnknownEventType`."""
    kind = event_type(name)
    facts = FACTS[name]
    return Form(kind, facts, tuple(_columns(kind, facts)))


def _columns(kind: EventType, facts: FormFacts) -> Iterator[Column]:
    fields = json.loads(kind.schema)["fields"]
    example = accepted_examples()[kind.name].event.to_record()
    days = {name for rule in kind.rules.rules if rule.code.endswith(".date_malformed") for name in rule.fields}
    for extra in facts.extra:
        yield Column(
            extra.name,
            extra.name,
            extra.title.indonesian,
            extra.title.english,
            extra.kind,
            required=True,
            example=extra.example,
        )
    region = next(field for field in fields if field["name"] == REGION)
    yield Column(
        REGION,
        REGION,
        "Wilayah",
        split_doc(region["doc"]).english,
        "region",
        required=True,
        example=example[REGION],
    )
    lists = []
    for field in fields:
        name = field["name"]
        if name in Event.model_fields:
            continue
        avro = _without_null(field["type"])
        if isinstance(avro, dict) and avro["type"] == "array":
            lists.append((field, avro["items"]))
        else:
            needed = not isinstance(field["type"], list) or name in facts.required
            yield _column(field, name, name, "", required=needed, day=name in days, example=example[name])
    for field, item in lists:
        yield from _list_columns(field, item, facts, example[field["name"]] or [])


def _list_columns(field: dict[str, Any], item: Any, facts: FormFacts, example: list[Any]) -> Iterator[Column]:  # noqa: ANN401  # an Avro type
    name, doc = field["name"], split_doc(field["doc"])
    if not isinstance(item, dict):
        yield Column(name, name, doc.indonesian, doc.english, "list", required=False, example="; ".join(example))
        return
    inner = item["fields"]
    if name in facts.keyed:
        key, value = inner
        shown = {one[key["name"]]: one[value["name"]] for one in example}
        for each in facts.keyed[name]:
            title = f"{doc.indonesian}: {EVENT_TYPE_LABELS.get(each, each)}"
            path = f"{name}.{value['name']}"
            yield _column(value, f"{name}@{each}", path, "", required=False, title=title, example=shown.get(each))
    elif name == facts.rows_of:
        for each in inner:
            first = example[0][each["name"]] if example else None
            yield _column(each, f"{name}.{each['name']}", f"{name}.{each['name']}", "", required=False, example=first)
    else:
        for number in range(1, facts.numbered[name] + 1):
            for each in inner:
                shown_item = example[number - 1][each["name"]] if number <= len(example) else None
                prefix = f"{doc.indonesian} {number}: "
                column = f"{name}#{number}.{each['name']}"
                yield _column(each, column, f"{name}.{each['name']}", prefix, required=False, example=shown_item)


def _column(  # noqa: PLR0913  # what a column is made from
    field: dict[str, Any],
    name: str,
    path: str,
    prefix: str,
    *,
    required: bool,
    title: str = "",
    day: bool = False,
    example: object = None,
) -> Column:
    avro = _without_null(field["type"])
    logical = avro.get("logicalType", avro["type"]) if isinstance(avro, dict) else avro
    doc = split_doc(field["doc"])
    suffix = next((end for end in (*_SCALES, "_idr") if field["name"].endswith(end)), "")
    scale = _SCALES.get(suffix, 1)
    kind = "day" if day else "scaled" if scale > 1 else _KINDS.get(str(logical), "text")
    symbols = avro.get("symbols", ()) if isinstance(avro, dict) else ()
    return Column(
        name,
        path,
        title or prefix + doc.indonesian,
        doc.english,
        kind,
        required,
        personal="pii" in field,
        scale=scale,
        limit=2**31 if logical == "int" else 2**63,
        unit=_PERCENT if suffix == "_basis_points" else _UNITS.get(suffix),
        choices=tuple(Choice(symbol, label(field["name"], symbol)) for symbol in symbols),
        example=example,
    )


def _without_null(avro: Any) -> Any:  # noqa: ANN401  # an Avro type is a text, a list or an object
    return next(branch for branch in avro if branch != "null") if isinstance(avro, list) else avro


def choices_by_word(column: Column) -> Mapping[str, str]:
    """Return the words that a cell of a choice may hold, in small letters, with the contract's own."""
    return {word.casefold(): each.symbol for each in column.choices for word in (each.label, each.symbol)}
