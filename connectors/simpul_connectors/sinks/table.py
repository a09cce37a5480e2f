"""A table as a sink needs it, in no database's own words: columns, key, and what makes one row newer than another."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of columns; a dialect says how it calls them.

    In a frame a TIMESTAMP is microseconds since the epoch, and JSON is its text.
    """

    TEXT = "text"
    BIGINT = "bigint"
    DOUBLE = "double"
    TIMESTAMP = "timestamp"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of what is read; `required` where it is never unknown."""

    name: str
    kind: Kind
    required: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the field that fills it."""

    name: str
    field: Field


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `path` is its name, behind that of its schema where it has one.

    One row a `key`; a row replaces another of the same key only where its `order` columns are higher, compared one
    after the other, numbers as numbers and texts byte by byte.
    """

    path: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __str__(self) -> str:
        return ".".join(self.path)
