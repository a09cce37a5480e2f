"""The quick reader takes what has no items in lists, whatever else it holds, and leaves what others may read otherwise.

That its values are right, and that nothing wrong is taken, is shown in `test_columns` and `test_hostile`, where every
reader is held against the others; here it is shown that it is the one who reads.
"""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from simpul_schemas.avro_types import read_schema
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.flat_records import FlatDecoder
from simpul_schemas.rows import encode
from simpul_schemas.slices import Slices
from simpul_schemas.varints import read, words_of

FIELDS: list[Any] = [
    {"name": "text", "type": "string"},
    {"name": "wide", "type": "long"},
    {"name": "maybe", "type": ["null", "int"]},
    {"name": "last", "type": ["string", "null"]},
    {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "A_SYMBOL_OF_MANY_CHARACTERS"]}},
    {"name": "listed", "type": ["null", {"type": "array", "items": "int"}]},
]
PARSED = {"type": "record", "name": "Uji", "fields": FIELDS}


def flat(parsed: Any) -> FlatDecoder:
    found = BlockDecoder(json.dumps(parsed))
    return FlatDecoder(found.root, pl.Schema(found.decode([]).frame.drop(ROW).schema))


def a_record(**changes: Any) -> dict[str, Any]:
    return {"text": "", "wide": 0, "maybe": None, "last": None, "kind": "A", "listed": None, **changes}


def test_every_value_of_up_to_eight_bytes_is_taken_and_what_is_longer_or_a_list_is_left() -> None:
    taken = [
        a_record(),
        a_record(text="x" * 12, wide=2**54, maybe=-(2**31), kind="A_SYMBOL_OF_MANY_CHARACTERS"),
        a_record(text="é" * 100, wide=-(2**55), maybe=2**31 - 1, last="x" * 13),
    ]
    left = [a_record(wide=2**55), a_record(listed=[]), a_record(listed=[1])]
    records = [*taken, *left, *taken]
    frame, sure = flat(PARSED).decode(Slices.packed([Slices.of([encode(PARSED, record) for record in records])]))
    assert sure.tolist() == [True] * 3 + [False] * 3 + [True] * 3
    assert frame.to_dicts() == [*taken, *taken]


def test_an_empty_list_is_taken_where_there_must_be_one_and_one_with_items_is_left() -> None:
    lists = {"type": "array", "items": "string"}
    parsed = {**PARSED, "fields": [{"name": "ahead", "type": lists}, *FIELDS, {"name": "behind", "type": lists}]}
    empty = a_record(text="x", wide=300, ahead=[], behind=[])
    records = [empty, {**empty, "ahead": ["x", "y"]}, {**empty, "behind": [""]}, empty]
    frame, sure = flat(parsed).decode(Slices.packed([Slices.of([encode(parsed, record) for record in records])]))
    assert sure.tolist() == [True, False, False, True]
    assert frame.to_dicts() == [empty, empty]
    full = [encode(parsed, {**empty, "ahead": ["x"]})] * 3
    frame, sure = flat(parsed).decode(Slices.packed([Slices.of(full)]))
    assert (len(frame), sure.any()) == (0, False)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_type_is_read_the_quick_way(name: str) -> None:
    assert FlatDecoder(read_schema(EVENT_TYPES[name].schema), pl.Schema({})).reads


def test_a_number_that_goes_on_behind_its_word_has_nine_bytes() -> None:
    data = b"\x00\xac\x02" + b"\xff" * 8 + b"\x01" + bytes(16)
    numbers, ends = read(words_of(data), np.array([0, 1, 3]))
    assert numbers[:2].tolist() == [0, 150]
    assert ends.tolist() == [1, 3, 12]
