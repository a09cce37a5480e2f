"""Checks what a console's form holds as if it stood in a sink's file: pure, and no database is asked."""

from collections.abc import Mapping
from typing import Any

import yaml

from simpul_connectors.control.documents import PLUGIN
from simpul_connectors.errors import SinkSpecError
from simpul_connectors.sinks.spec import parse_spec

#: Keys that Connect needs and a sink's file does not have.
_CONNECTS_OWN = frozenset({"connector.class", "tasks.max", "topics"})
_WHERE = "config"


def find_errors(given: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong, by the key it is wrong with: the first problem of the sink's file, and its class."""
    found: dict[str, str] = {}
    if given.get("connector.class") != PLUGIN:
        found["connector.class"] = f"The class must be {PLUGIN}."
    try:
        parse_spec(yaml.safe_dump(_document(given), allow_unicode=True), _WHERE)
    except SinkSpecError as error:
        key = error.key.partition(":")[0] or "from"
        found[key if key != "from" else "from.view"] = error.message_en.removeprefix(f"{_WHERE}: ")
    return found


def _document(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the file that a flat map means; an empty text is a key that was left out."""
    document: dict[str, Any] = {}
    for key, value in given.items():
        head, _, rest = key.partition(".")
        if key in _CONNECTS_OWN or value in {"", None}:
            continue
        if head in {"from", "columns"} and rest:
            document.setdefault(head, {})[rest] = _column(value) if head == "columns" else value
        else:
            document[key] = value
    return document


def _column(value: str) -> Any:  # noqa: ANN401  # a name, or a name with a type
    name, _, kind = value.partition(" ")
    return {"name": name, "type": kind} if kind else name
