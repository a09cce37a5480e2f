"""Reading of mapping files: what cannot be meant is an error that names the key and the remedy. See `model`."""

import difflib
import types
import typing
from collections.abc import Hashable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from simpul_producers.errors import MappingError
from simpul_producers.imports.model import (
    FieldSpec,
    MappingSpec,
    PartSpec,
    TableSpec,
    TimeSpec,
    template_pieces,
)

__all__ = [
    "FieldSpec",
    "MappingSpec",
    "PartSpec",
    "TableSpec",
    "TimeSpec",
    "load_mapping",
    "mapping_names",
    "nearest",
    "parse_mapping",
    "template_pieces",
]

_PACKAGE = "simpul_producers.mappings"
_SUFFIX = ".yaml"


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
    except (yaml.YAMLError, RecursionError, ValueError) as error:
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
    # A misspelt key is both unknown and missing; only the first tells what was meant. Of a value that may be one of
    # several shapes, the deepest place is the shape that was meant.
    found = error.errors(include_url=False)
    unknown = [one for one in found if one["type"] == "extra_forbidden"]
    first = max(unknown or found, key=lambda one: len(one["loc"])) if len(found) > 1 else found[0]
    path = [str(part) for part in first["loc"]]
    known, shown = _known_keys(path)
    key = ".".join(shown)
    if first["type"] == "extra_forbidden":
        near = nearest(path[-1], known)
        return MappingError(
            file, key, f"kunci tidak dikenal; mungkin '{near}'?", f"unknown key; did you mean '{near}'?"
        )
    if first["type"] == "missing":
        return MappingError(file, key, "kunci ini wajib ada.", "this key is required.")
    detail = first["msg"].removeprefix("Value error, ")
    return MappingError(file, key, f"nilai tidak sesuai: {detail}.", f"the value does not fit: {detail}.")


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a section as a mapping writes them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _known_keys(path: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the keys of the section that the last step of a path is in, and the path without pydantic's own steps."""
    section: Any = MappingSpec
    shown: list[str] = []
    for step in path[:-1]:
        model = _model_in(section)
        if model is not None and step in keys_of(model):
            field = next(info for name, info in model.model_fields.items() if step in {name, info.alias})
            section = field.annotation
        elif _is_pydantics(step):
            continue  # which member of a union was tried, not a place in the file
        elif not step.isdigit():
            section = _value_type(section)
        shown.append(step)
    model = _model_in(section)
    last = path[-1] if path and not _is_pydantics(path[-1]) else ""
    return (keys_of(model) if model else []), [*shown, *([last] if last else [])]


def _is_pydantics(step: str) -> bool:
    return "[" in step or step[:1].isupper() or step in {"str", "int", "float"}


def _value_type(annotation: Any) -> Any:  # noqa: ANN401  # any annotation there is
    """Return the type of the values of a dictionary."""
    arguments = typing.get_args(annotation)
    return arguments[1] if typing.get_origin(annotation) is dict else annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401  # any annotation there is
    """Return the model inside an annotation: of a list, an optional, a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = typing.get_origin(annotation)
    if origin in {list, typing.Union, types.UnionType, typing.Annotated}:
        for part in typing.get_args(annotation):
            found = _model_in(part)
            if found is not None:
                return found
    return None


class _Loader(yaml.SafeLoader):
    """Refuses a key that is no word, and one that is given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's own signature
        """See PyYAML."""
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is one word", key_node.start_mark)
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key_node.value}' is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)
