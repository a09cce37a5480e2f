"""The fields of an Avro record as a reader wants them: one row each, types in plain words, nested records unfolded."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from simpul_schemas.rules import Text

_PRIMITIVES: Mapping[str, Text] = MappingProxyType(
    {
        "string": Text("teks", "text"),
        "int": Text("bilangan bulat, 32 bit", "whole number, 32 bits"),
        "long": Text("bilangan bulat, 64 bit", "whole number, 64 bits"),
        "float": Text("bilangan pecahan, 32 bit", "floating-point number, 32 bits"),
        "double": Text("bilangan pecahan, 64 bit", "floating-point number, 64 bits"),
        "boolean": Text("ya atau tidak", "yes or no"),
        "bytes": Text("bita", "bytes"),
        "record": Text("kelompok isian", "group of fields"),
        "enum": Text("salah satu dari", "one of"),
        "fixed": Text("bita berpanjang tetap", "bytes of fixed length"),
    }
)
_LOGICAL: Mapping[str, Text] = MappingProxyType(
    {
        "timestamp-micros": Text("waktu UTC, mikrodetik", "moment in UTC, microseconds"),
        "timestamp-millis": Text("waktu UTC, milidetik", "moment in UTC, milliseconds"),
        "date": Text("tanggal", "date"),
        "uuid": Text("UUID", "UUID"),
    }
)
#: What a field's `pii` tag says, in words.
PERSONAL: Mapping[str, Text] = MappingProxyType(
    {
        "nama": Text("nama orang", "names of persons"),
        "nik": Text("NIK", "NIK, the citizen number"),
        "nip": Text("NIP", "NIP, the civil servant number"),
        "alamat": Text("alamat", "address"),
        "kontak": Text("kontak", "contact"),
    }
)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field: where it stands (`claims.count`, also within a list), its type in words, what it means.

    `optional` says that it may be unknown; `term` is the Indonesian half of its `doc`, `meaning` the English one, and
    each may be empty.
    """

    path: str
    depth: int
    kind: Text
    choices: tuple[str, ...]
    optional: bool
    term: str
    meaning: str
    personal: Text | None


def split_doc(doc: str) -> Text:
    """Split a `doc` into its Indonesian term, which comes first, and its English meaning.

    The term is the first sentence. A doc of one sentence has its term before the first comma, colon or semicolon.
    """
    term, stop, meaning = doc.partition(". ")
    if stop:
        return Text(term, meaning)
    cuts = [at for mark in (", ", ": ", "; ") if (at := doc.find(mark)) > 0]
    if not cuts:
        return Text(doc.removesuffix("."), "")
    return Text(doc[: min(cuts)], doc[min(cuts) + 2 :])


def record_doc(schema: str) -> Text:
    """Return what a record is: Indonesian term and English meaning."""
    return split_doc(json.loads(schema)["doc"])


def field_rows(schema: str) -> tuple[FieldRow, ...]:
    """Return a row for every field of a record schema, a nested record's fields following their parent."""
    return tuple(_rows(json.loads(schema), "", 0, {}))


def _rows(record: dict[str, Any], prefix: str, depth: int, named: dict[str, Any]) -> Iterator[FieldRow]:
    for field in record["fields"]:
        path = prefix + field["name"]
        optional, avro = _without_null(field["type"])
        avro = _resolved(avro, named)
        doc = split_doc(field.get("doc", ""))
        yield FieldRow(
            path,
            depth,
            _words(avro, named),
            _choices(avro, named),
            optional,
            doc.indonesian,
            doc.english,
            _personal(field.get("pii")),
        )
        item = _innermost(avro, named)
        if item["type"] == "record":
            yield from _rows(item, f"{path}.", depth + 1, named)


def _without_null(avro: Any) -> tuple[bool, Any]:  # noqa: ANN401  # an Avro type is a text, a list or an object
    """Return whether a type may be null, and the type without it; the contract has no other unions."""
    if not isinstance(avro, list):
        return False, avro
    (other,) = (part for part in avro if part != "null")
    return True, other


def _resolved(avro: Any, named: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Return a type as an object: a primitive under its name, a named type by the definition that came before."""
    if isinstance(avro, str):
        found: dict[str, Any] = named.get(avro.rpartition(".")[2], {"type": avro})
        return found
    if "name" in avro:
        named[avro["name"]] = avro
    whole: dict[str, Any] = avro
    return whole


def _innermost(avro: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return the item type of a list, also of a list of lists; any other type is its own."""
    while avro["type"] == "array":
        avro = _resolved(_without_null(avro["items"])[1], named)
    return avro


def _words(avro: dict[str, Any], named: dict[str, Any]) -> Text:
    if avro["type"] == "array":
        item = _words(_resolved(_without_null(avro["items"])[1], named), named)
        return Text(f"daftar: {item.indonesian}", f"list: {item.english}")
    logical = avro.get("logicalType", "")
    if logical == "decimal":
        scale = avro.get("scale", 0)
        return Text(f"bilangan persis, {scale} desimal", f"exact number, {scale} decimals")
    return _LOGICAL.get(logical) or _PRIMITIVES[avro["type"]]


def _choices(avro: dict[str, Any], named: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_innermost(avro, named).get("symbols", ()))


def _personal(tag: str | None) -> Text | None:
    if tag is None:
        return None
    kinds = [PERSONAL[kind] for kind in tag.split("|")]
    return Text(", ".join(kind.indonesian for kind in kinds), ", ".join(kind.english for kind in kinds))
