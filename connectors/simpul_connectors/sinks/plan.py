"""What a database lacks for a sink, judged from its catalogue alone: pure, and the same for every dialect.

Only ever additions: tables, columns that may be null, and a unique index on the key. What exists with its own names,
types, defaults and extra columns is left as it is; what cannot work is said before anything is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simpul_connectors.sinks.table import Column, Table
from simpul_schemas.rules import Text


@dataclass(frozen=True, slots=True)
class Held:
    """A column as the database's catalogue has it.

    `type` is the database's word for it and `base` that without a length; `required` that it takes no null, `filled`
    that it has a default or fills itself. `detail` is what a dialect needs to know beside (a collation).
    """

    name: str
    type: str
    base: str
    required: bool
    filled: bool
    detail: str = ""


@dataclass(frozen=True)
class Found:
    """A table as the catalogue has it, with the sets of columns that unique indexes stand on; empty where it is not."""

    columns: Sequence[Held] = ()
    unique: Sequence[frozenset[str]] = ()

    @property
    def by_name(self) -> Mapping[str, Held]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, and what it is for."""

    statement: str
    about: Text


@dataclass(frozen=True)
class Plan:
    """What to do, what to know (`notes`), and what stands in the way (`blocks`): with that nothing is done."""

    steps: Sequence[Step] = ()
    notes: Sequence[Text] = ()
    blocks: Sequence[Text] = ()


@dataclass(frozen=True)
class Words:
    """The statements of a dialect that a plan is made of; `add_column` and `type_of` take a column of the table."""

    create_table: str
    add_column: Callable[[Column], str]
    create_index: str
    type_of: Callable[[Column], str]


def plan_table(table: Table, found: Found, words: Words) -> Plan:
    """Compare a table with what the catalogue has."""
    if not found.columns:
        made = Text(f"Tabel '{table}' dibuat.", f"Table '{table}' is made.")
        return Plan(steps=[Step(words.create_table, made)])
    held, blocks = found.by_name, [*_ambiguous(table, found), *_unfilled(table, found)]
    steps, notes = [], list(_differing(table, found, words))
    for column in table.columns:
        if column.name in held or _alike(column.name, found):
            continue
        if column.name in {*table.key, *table.order}:
            blocks.append(
                Text(
                    f"Kolom '{column.name}' tidak ada di tabel '{table}', padahal ia kunci atau urutan baris; "
                    "tambahkan sendiri, atau petakan ke kolom yang ada.",
                    f"Column '{column.name}' is not in table '{table}', and rows are kept by it; add it yourself, or "
                    "map the field to a column that is there.",
                )
            )
            continue
        about = Text(f"Kolom '{column.name}' ditambahkan.", f"Column '{column.name}' is added.")
        steps.append(Step(words.add_column(column), about))
    if frozenset(table.key) not in set(found.unique):
        about = Text("Indeks unik atas kunci dibuat.", "A unique index on the key is made.")
        steps.append(Step(words.create_index, about))
    return Plan(steps, notes, blocks)


def _alike(name: str, found: Found) -> str:
    """Return a column's name that differs by case only, or nothing."""
    return next((held.name for held in found.columns if held.name != name and held.name.lower() == name.lower()), "")


def _ambiguous(table: Table, found: Found) -> Sequence[Text]:
    names = set(found.by_name)
    return [
        Text(
            f"Kolom '{column.name}' di tabel '{table}' tertulis '{alike}'; tulis persis seperti itu.",
            f"Column '{column.name}' is written '{alike}' in table '{table}'; write it exactly so.",
        )
        for column in table.columns
        if column.name not in names and (alike := _alike(column.name, found))
    ]


def _unfilled(table: Table, found: Found) -> Sequence[Text]:
    ours = set(table.column_names)
    return [
        Text(
            f"Kolom '{held.name}' milik tabel '{table}' wajib diisi tetapi tidak diisi sink; beri nilai bawaan.",
            f"Column '{held.name}' of table '{table}' must be filled, and the sink does not; give it a default.",
        )
        for held in found.columns
        if held.required and not held.filled and held.name not in ours
    ]


def _differing(table: Table, found: Found, words: Words) -> Sequence[Text]:
    held = found.by_name
    return [
        Text(
            f"Kolom '{column.name}' bertipe {held[column.name].type}, bukan {words.type_of(column)}; "
            "nilai yang tidak muat masuk karantina.",
            f"Column '{column.name}' is of type {held[column.name].type}, not {words.type_of(column)}; "
            "values that do not fit go to quarantine.",
        )
        for column in table.columns
        if column.name in held and not _says_same(held[column.name].type, words.type_of(column))
    ]


def _says_same(held: str, ours: str) -> bool:
    return _plain(held) == _plain(ours)


def _plain(name: str) -> str:
    """Reduce a type to what is compared: without collation, spaces and display widths of whole numbers."""
    plain = name.lower().split(" collate ")[0].split(" character set ")[0].replace(" ", "")
    plain = plain.replace("timestampwithtimezone", "timestamptz")
    return plain.split("(")[0] if plain.startswith("bigint") else plain
