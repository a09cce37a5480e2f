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


class Mode(StrEnum):
    """What becomes of a record whose key is there already.

    UPSERT keeps the newest row of a key, HISTORY one row for every revision, APPEND one for every record of the log.
    """

    UPSERT = "upsert"
    APPEND = "append"
    HISTORY = "history"


class Withdraw(StrEnum):
    """What a withdrawn subject leaves: its row with WITHDRAW in its action, or no row."""

    FLAG = "flag"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of what is read; `required` where it is never unknown, `size` its greatest length in a key."""

    name: str
    kind: Kind
    required: bool
    size: int = 255


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the field that fills it; `type` is the database's own word for a new column's type, or empty."""

    name: str
    field: Field
    type: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `path` is its name, behind that of its schema where it has one.

    One row a `key`; a row replaces another of the same key only where its `order` columns are higher, compared one
    after the other, numbers as numbers and texts byte by byte. Without an order no row is ever replaced.
    """

    path: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]
    withdraw: Withdraw = Withdraw.FLAG

    def column_of(self, field: str) -> str:
        """Return the name of the column that a field fills; `KeyError` where none does."""
        for column in self.columns:
            if column.field.name == field:
                return column.name
        raise KeyError(field)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __str__(self) -> str:
        return ".".join(self.path)
