r"""What a mapping file says: how the columns of somebody's table become the fields of an event.

    event_type: participation
    table:  {encoding: utf-8, delimiter: ","} for a CSV, {sheet: TPS} for a workbook
    parts:  name: {column: ..., pattern: '^(\d{2})-'}           the first group of the pattern, or the row is refused
    times:  name: {column: ..., format: '%Y-%m-%d', timezone: Asia/Jakarta}
    fields: name: {column: ...} or {template: 'tps:{part}'} or {constant: ...} or {time: name}

A template names parts, or columns where no part has that name. A field that is left out is unknown. `event_id` and
`published_at` are made by the import, `action` is SUBMIT and `mode` ACTUAL unless the mapping says otherwise.
"""

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from simpul_producers.errors import MappingError

_PACKAGE = "simpul_producers.mappings"
_SUFFIX = ".yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TableSpec(_Strict):
    """How the file is written; a byte order mark is understood wherever the encoding has one."""

    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    #: Of a workbook; empty is its first sheet that is visible.
    sheet: str = ""

    @model_validator(mode="after")
    def _check(self) -> "TableSpec":
        try:
            "".encode(self.encoding)
        except LookupError as error:
            message = f"no encoding '{self.encoding}'"
            raise ValueError(message) from error
        return self


def _with_group(text: object) -> object:
    if isinstance(text, str):
        try:
            groups = re.compile(text).groups
        except re.error as error:
            message = f"no regular expression: {error}"
            raise ValueError(message) from error
        if groups < 1:
            message = "the pattern needs a group in parentheses: what to take"
            raise ValueError(message)
    return text


class PartSpec(_Strict):
    """A piece of a cell: the first group of a pattern."""

    column: str
    pattern: Annotated[str, BeforeValidator(_with_group)]


class TimeSpec(_Strict):
    """A moment: a cell, how it is written (as `strptime` says it), and its zone unless the format holds one (%z)."""

    column: str
    format: str
    timezone: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "TimeSpec":
        if ("%z" in self.format) == (self.timezone is not None):
            message = "give either a timezone or %z in the format"
            raise ValueError(message)
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (KeyError, ValueError, OSError) as error:
                message = f"no time zone '{self.timezone}'; for example Asia/Jakarta, Asia/Makassar, Asia/Jayapura"
                raise ValueError(message) from error
        return self


class FieldSpec(_Strict):
    """Where a field comes from; exactly one of the four."""

    column: str | None = None
    template: str | None = None
    constant: str | int | float | None = None
    time: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "FieldSpec":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            message = "give exactly one of column, template, constant, time"
            raise ValueError(message)
        if self.template is not None:
            template_pieces(self.template)
        return self


class MappingSpec(_Strict):
    """A whole mapping file."""

    event_type: str
    table: TableSpec = TableSpec()
    parts: dict[str, PartSpec] = {}
    times: dict[str, TimeSpec] = {}
    fields: dict[str, FieldSpec]


def template_pieces(template: str) -> list[tuple[str, str | None]]:
    """Split a template into (literal, name) pieces; raises ValueError where it cannot be read."""
    pieces = []
    for literal, name, form, conversion in Formatter().parse(template):
        if name == "" or form or conversion:
            message = f"a place in a template is just a name in braces: {template}"
            raise ValueError(message)
        pieces.append((literal, name))
    return pieces


def mapping_names() -> list[str]:
    """Return the names of the mappings that come with the package."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in resources.files(_PACKAGE).iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def load_mapping(name: str) -> MappingSpec:
    """Read a mapping by its name or from a path, or raise `MappingError` that names the key and the remedy."""
    return parse_mapping(_read(name), name)


def parse_mapping(text: str, file: str) -> MappingSpec:
    """Read the text of a mapping; `file` is what errors call it."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  # a safe loader, which besides refuses a key given twice
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise MappingError(file, "", f"bukan YAML yang benar ({detail}).", f"is not YAML ({detail}).") from error
    if not isinstance(document, dict):
        raise MappingError(file, "", "harus berisi kunci dan nilai.", "must hold keys and values.")
    try:
        return MappingSpec.model_validate(document)
    except ValidationError as error:
        raise _explain(error, file) from error


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was probably meant."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.0)
    return found[0] if found else None


def _read(name: str) -> str:
    if name in mapping_names():
        return resources.files(_PACKAGE).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        known = ", ".join(mapping_names())
        raise MappingError(
            name,
            "",
            f"tidak ada berkas atau pemetaan bernama itu; yang tersedia: {known}.",
            f"there is no file or mapping of that name; there are: {known}.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(name, "", f"tidak dapat dibaca ({error}).", f"cannot be read ({error}).") from error


def _explain(error: ValidationError, file: str) -> MappingError:
    # A misspelt key is both unknown and missing; only the first tells what was meant.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        near = nearest(path[-1], _known_keys(path[:-1]))
        return MappingError(
            file, key, f"kunci tidak dikenal; mungkin '{near}'?", f"unknown key; did you mean '{near}'?"
        )
    if first["type"] == "missing":
        return MappingError(file, key, "kunci ini wajib ada.", "this key is required.")
    detail = first["msg"].removeprefix("Value error, ")
    return MappingError(file, key, f"nilai tidak sesuai: {detail}.", f"the value does not fit: {detail}.")


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "table": TableSpec,
    "parts": PartSpec,
    "times": TimeSpec,
    "fields": FieldSpec,
}


def _known_keys(path: list[str]) -> Iterable[str]:
    return (_SECTIONS[path[0]] if path else MappingSpec).model_fields


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's own signature
        """See PyYAML."""
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key_node.value}' is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)
