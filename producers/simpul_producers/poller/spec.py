"""What a poll file says: which table is read, by which columns, and through which mapping its rows become events.

    mapping: bantuan.yaml                     a mapping as `simpul import` takes it, by name or beside this file
    database: {url_file: /run/secrets/db}     or {url_variable: APP_DB_URL}: the address holds a password
    table: kesra.bantuan
    key: [id]                                 what names a row for ever
    cursor: diubah_pada                       a column that grows when a row is written
    overlap: {rows: 500}                      read again behind the cursor, for rows that were committed late
    deleted: {column: dihapus_pada}           a row with something in this column is withdrawn
    sweep: {every_seconds: 86400, max_missing_percent: 5}   compare all keys: late rows, and rows that are gone

A row that was never changed after it was read costs a digest and nothing else.
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simpul_producers.errors import PollError
from simpul_producers.imports.mapping import nearest


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatabaseSpec(_Strict):
    """Where the address of the database is kept: a file or a variable, never this file, since it holds a password."""

    url_file: str | None = None
    url_variable: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "DatabaseSpec":
        if (self.url_file is None) == (self.url_variable is None):
            message = "give either url_file or url_variable"
            raise ValueError(message)
        return self


class OverlapSpec(_Strict):
    """How far behind the cursor each poll begins again, in rows: as many as may be committed out of order."""

    rows: Annotated[int, Field(ge=0, le=100_000)] = 500


class DeletedSpec(_Strict):
    """How a deleted row is known: this column is not empty, or is one of `values`."""

    column: str
    values: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("values"), list):
            return {**given, "values": tuple(given["values"])}
        return given


class SweepSpec(_Strict):
    """How often all keys are compared, and how many may be gone before that looks like a mistake."""

    every_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    max_missing_percent: Annotated[float, Field(ge=0, le=100)] = 5.0

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, given: object) -> object:
        if isinstance(given, dict):
            return {name: float(value) if type(value) is int else value for name, value in given.items()}
        return given


class PollSpec(_Strict):
    """A whole poll file."""

    mapping: str
    database: DatabaseSpec
    table: Annotated[str, Field(min_length=1)]
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    cursor: str
    overlap: OverlapSpec = OverlapSpec()
    deleted: DeletedSpec | None = None
    sweep: SweepSpec | None = None
    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="before")
    @classmethod
    def _key_list(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("key"), list):
            return {**given, "key": tuple(given["key"])}
        return given


def load_poll(path: Path) -> PollSpec:
    """Read a poll file, or raise `PollError` that names the key and the remedy."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        detail = " ".join(str(error).split())
        raise PollError(str(path), f"tidak dapat dibaca ({detail}).", f"cannot be read ({detail}).") from error
    if not isinstance(document, dict):
        raise PollError(str(path), "harus berisi kunci dan nilai.", "must hold keys and values.")
    try:
        return PollSpec.model_validate(document)
    except ValidationError as error:
        raise _explain(error, path) from error


_SECTIONS: dict[str, type[BaseModel]] = {
    "database": DatabaseSpec,
    "overlap": OverlapSpec,
    "deleted": DeletedSpec,
    "sweep": SweepSpec,
}


def _explain(error: ValidationError, path: Path) -> PollError:
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    parts = [str(part) for part in first["loc"]]
    key = ".".join(parts)
    if first["type"] == "extra_forbidden":
        near = nearest(parts[-1], (_SECTIONS[parts[0]] if len(parts) > 1 else PollSpec).model_fields)
        return PollError(
            str(path), f"kunci '{key}' tidak dikenal; mungkin '{near}'?", f"unknown key '{key}'; did you mean '{near}'?"
        )
    if first["type"] == "missing":
        return PollError(str(path), f"kunci '{key}' wajib ada.", f"the key '{key}' is required.")
    detail = first["msg"].removeprefix("Value error, ")
    return PollError(
        str(path), f"nilai '{key}' tidak sesuai: {detail}.", f"the value of '{key}' does not fit: {detail}."
    )
