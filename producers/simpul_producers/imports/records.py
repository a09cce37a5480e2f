"""JSON and GeoJSON as a table: a list of records, a path for each column.

Numbers stay as they are written, so that nothing is lost in a float; a list of texts or numbers becomes one cell, its
pieces joined by line breaks.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

from simpul_producers.errors import TableError
from simpul_producers.imports.model import TableSpec
from simpul_producers.imports.tables import MalformedRow, Row
from simpul_producers.imports.unpack import UNPACK_ERRORS
from simpul_schemas.rules import Text

#: A document is held in memory as a whole.
_MAX_BYTES = 256 << 20


class JsonTable:
    """The records of a JSON document; rows are numbered from 1."""

    def __init__(self, file: str, data: io.BufferedReader, encoding: str, spec: TableSpec) -> None:
        self._file = file
        self._records = _records(file, _parse(file, data, encoding), spec.records)
        first = self._records[0] if self._records else {}
        paths = spec.paths or {name: name for name in (first if isinstance(first, dict) else ())}
        self._paths = [path.split(".") for path in paths.values()]
        self._trim = spec.trim
        self._done = 0
        self.header = list(paths)
        self.facts = {"format": "json", "encoding": encoding}

    @property
    def fraction_read(self) -> float:
        """See `Table`."""
        return self._done / len(self._records) if self._records else 1.0

    def rows(self) -> Iterator[tuple[int, Row]]:
        """See `Table`."""
        for number, record in enumerate(self._records, 1):
            self._done = number
            yield number, self._row(record)

    def _row(self, record: object) -> Row:
        try:
            cells = [_text(_at(record, path)) for path in self._paths]
            "".join(cells).encode()
        except (TypeError, UnicodeEncodeError) as error:
            detail = str(error)
            return MalformedRow(Text(f"Rekaman tidak berbentuk tabel ({detail}).", f"No table's record ({detail})."))
        return [cell.strip() for cell in cells] if self._trim else cells


def _parse(file: str, data: io.BufferedReader, encoding: str) -> object:
    try:
        content = data.read(_MAX_BYTES + 1)
    except UNPACK_ERRORS as error:
        raise TableError(file, f"tidak dapat dibaca ({error}).", f"cannot be read ({error}).") from error
    if len(content) > _MAX_BYTES:
        raise TableError(file, "JSON lebih dari 256 MB; bagi dulu.", "the JSON is over 256 MB; split it first.")
    try:
        document: object = json.loads(
            content.decode(encoding), parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_once
        )
    except (ValueError, RecursionError) as error:
        raise TableError(file, f"bukan JSON yang benar ({error}).", f"it is no JSON ({error}).") from error
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key is given twice in one object"
        raise ValueError(message)
    return found


def _records(file: str, document: object, path: str | None) -> list[object]:
    found = _at(document, path.split(".")) if path else document
    if not isinstance(found, list):
        place = path or "(document)"
        raise TableError(
            file,
            f"tidak ada daftar rekaman di '{place}'; periksa table.records.",
            f"there is no list of records at '{place}'; check table.records.",
        )
    return found


def _at(value: object, path: list[str]) -> object:
    """Return what stands at a path; nothing (None) where a step is not there."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    message = "a cell holds an object; name a path inside it"
    raise TypeError(message)
