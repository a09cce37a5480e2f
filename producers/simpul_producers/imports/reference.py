"""The reference of a mapping file's keys, made from its model, so that it cannot say otherwise."""

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simpul_producers.imports import model

#: The sections in the order of the reference, each with the place where it stands.
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("", model.MappingSpec),
    ("table", model.TableSpec),
    ("skip[]", model.SkipSpec),
    ("refuse[]", model.RefuseSpec),
    ("when", model.Condition),
    ("numbers.NAME", model.NumberSpec),
    ("parts.NAME", model.PartSpec),
    ("times.NAME", model.TimeSpec),
    ("regions.NAME", model.RegionSpec),
    ("regions.NAME.steps[]", model.StepSpec),
    ("regions.NAME.steps[].boxes[]", model.BoxSpec),
    ("group", model.GroupSpec),
    ("fields.NAME", model.FieldSpec),
    ("fields.NAME.items[]", model.ItemSpec),
)


def reference_rows() -> list[dict[str, str]]:
    """Return a row a key: `section`, `key`, `type`, `default` (`required` where there is none), `meaning`."""
    return list(_rows())


def _rows() -> Iterator[dict[str, str]]:
    for section, kind in _SECTIONS:
        for name, info in kind.model_fields.items():
            yield {
                "section": section,
                "key": info.alias or name,
                "type": _type(info.annotation),
                "default": _default(info),
                "meaning": info.description or "",
            }


def reference_markdown() -> str:
    """Return the reference as tables, one a section."""
    lines: list[str] = []
    rows = reference_rows()
    for section, kind in _SECTIONS:
        title = f"`{section}`" if section else "the file"
        lines += ["", f"### {title}", "", " ".join((kind.__doc__ or "").split()), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{row['key']}` | {row['type']} | {row['default']} | {_escaped(row['meaning'])} |"
            for row in rows
            if row["section"] == section
        ]
    return "\n".join(lines[1:]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if value is None or isinstance(value, BaseModel):
        return ""
    text = {True: "true", False: "false"}.get(value, "") if isinstance(value, bool) else str(value)
    return f"`{text.encode('unicode_escape').decode()}`" if text else ""


def _type(annotation: Any) -> str:  # noqa: ANN401, PLR0911  # any annotation there is; one return a sort
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin is typing.Literal:
        return ", ".join(map(str, inner))
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(dict.fromkeys(_type(each) for each in inner if each is not types.NoneType))
    if origin is list:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"names to {_type(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a section"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))
