"""The fields of a schema become rows that a reader understands."""

import json
from typing import Any

import pytest

from simpul_schemas.catalogue.fields import FieldRow, field_rows, split_doc
from simpul_schemas.rules import Text


def rows(*fields: dict[str, Any]) -> tuple[FieldRow, ...]:
    return field_rows(json.dumps({"type": "record", "name": "R", "namespace": "x.y", "doc": "R.", "fields": fields}))


def row(avro: Any, **more: Any) -> FieldRow:
    (found, *_) = rows({"name": "f", "type": avro, "doc": "Isi. Content.", **more})
    return found


@pytest.mark.parametrize(
    ("doc", "term", "meaning"),
    [
        ("Luka. Persons; null = unknown.", "Luka", "Persons; null = unknown."),
        ("Kode wilayah, 1 to 3 levels.", "Kode wilayah", "1 to 3 levels."),
        ("Periode: 2024-02 or 2024.", "Periode", "2024-02 or 2024."),
        ("Jenis kejadian.", "Jenis kejadian", ""),
        ("", "", ""),
    ],
)
def test_a_doc_gives_its_indonesian_term_and_its_english_meaning(doc: str, term: str, meaning: str) -> None:
    assert split_doc(doc) == Text(term, meaning)


@pytest.mark.parametrize(
    ("avro", "english"),
    [
        ("string", "text"),
        ("long", "whole number, 64 bits"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "moment in UTC, microseconds"),
        ({"type": "int", "logicalType": "date"}, "date"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}, "exact number, 2 decimals"),
        ({"type": "array", "items": "string"}, "list: text"),
        ({"type": "array", "items": ["null", "int"]}, "list: whole number, 32 bits"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "one of"),
    ],
)
def test_a_type_is_told_in_plain_words_also_when_it_may_be_unknown(avro: Any, english: str) -> None:
    assert (row(avro).kind.english, row(avro).optional) == (english, False)
    assert (row(["null", avro]).kind.english, row(["null", avro]).optional) == (english, True)


def test_the_symbols_of_an_enum_are_its_choices_also_within_a_list() -> None:
    enum = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
    assert row(enum).choices == row({"type": "array", "items": enum}).choices == ("A", "B")


def test_nested_fields_follow_their_parent_under_its_path() -> None:
    party = {"type": "record", "name": "Party", "fields": [{"name": "name", "type": "string", "doc": "Nama. Name."}]}
    found = rows(
        {"name": "first", "type": party},
        {"name": "second", "type": ["null", "x.y.Party"]},
        {"name": "more", "type": {"type": "array", "items": "Party"}},
    )
    assert [(one.path, one.depth) for one in found] == [
        ("first", 0),
        ("first.name", 1),
        ("second", 0),
        ("second.name", 1),
        ("more", 0),
        ("more.name", 1),
    ]


def test_personal_data_is_named_by_its_kind() -> None:
    assert row("string").personal is None
    assert row("string", pii="nik").personal == Text("NIK", "NIK, the citizen number")
    assert row("string", pii="nama|kontak").personal == Text("nama orang, kontak", "names of persons, contact")
