"""Columnar decoding: agrees with fastavro on every value, with rows on every byte; a bad record harms no other."""

import io
import itertools
import json
from typing import Any

import fastavro
import polars as pl
import pyruhvro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpul_schemas import columns
from simpul_schemas.avro_types import UncarriedSchema, read_schema
from simpul_schemas.columns import ROW, BlockDecoder, conform
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.rows import MAX_BODY_BYTES, RowDecoder, encode

#: Every type that columns carry, also inside lists and records.
_EVERY_TYPE: list[Any] = [
    "boolean", "int", "long", "float", "double", "string",
    {"type": "int", "logicalType": "date"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]},
]  # fmt: skip


def _synthetic(shape: str) -> str:
    numbers = itertools.count()

    def named(kind: Any) -> Any:
        return kind | {"name": f"E{next(numbers)}"} if isinstance(kind, dict) and "symbols" in kind else kind

    shapes = {
        "plain": named,
        "null first": lambda kind: ["null", named(kind)],
        "null last": lambda kind: [named(kind), "null"],
        "lists": lambda kind: {"type": "array", "items": named(kind)},
        "lists of optional": lambda kind: {"type": "array", "items": ["null", named(kind)]},
        "optional lists": lambda kind: ["null", {"type": "array", "items": named(kind)}],
        "lists of lists": lambda kind: {"type": "array", "items": {"type": "array", "items": named(kind)}},
    }
    if shape in shapes:
        fields = [{"name": f"f{number}", "type": shapes[shape](kind)} for number, kind in enumerate(_EVERY_TYPE)]
        return json.dumps({"type": "record", "name": "Uji", "fields": fields})
    inner = {"type": "record", "name": "In", "fields": json.loads(_synthetic("null first"))["fields"]}
    kinds = {"records": inner, "lists of records": {"type": "array", "items": inner}, "optional": ["null", inner]}
    return json.dumps({"type": "record", "name": "Uji", "fields": [{"name": "f", "type": kinds[shape]}]})


_SHAPES = ["plain", "null first", "null last", "lists", "lists of optional", "optional lists", "lists of lists"]
SCHEMAS = {
    **{name: kind.schema for name, kind in EVENT_TYPES.items()},
    **{f"partial {name}": spec.partial_schema for name, spec in VIEW_SPECS.items()},
    **{f"figure {name}": spec.figure_schema for name, spec in VIEW_SPECS.items()},
    **{shape: _synthetic(shape) for shape in [*_SHAPES, "records", "lists of records", "optional"]},
}

_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_TIMES = {
    "date": st.integers(_FIRST // 86_400, _LAST // 86_400),
    "timestamp-millis": st.integers(_FIRST * 1000, _LAST * 1000 + 999),
    "timestamp-micros": st.integers(_FIRST * 10**6, _LAST * 10**6 + 999_999),
}
_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(max_size=12),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, list):
        return st.one_of([values_of(branch) for branch in kind])
    if isinstance(kind, str):
        return _PRIMITIVES[kind]
    if kind["type"] == "record":
        return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in kind["fields"]})
    if kind["type"] == "array":
        return st.lists(values_of(kind["items"]), max_size=3)
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    return _TIMES.get(kind.get("logicalType", ""), _PRIMITIVES[kind["type"]])


def without_logical_types(kind: Any) -> Any:
    """Let fastavro read numbers as they are: its own dates end where Python's do."""
    if isinstance(kind, list):
        return [without_logical_types(part) for part in kind]
    if not isinstance(kind, dict):
        return kind
    return {key: without_logical_types(value) for key, value in kind.items() if key != "logicalType"}


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=25)
@given(data=st.data())
def test_columns_rows_and_fastavro_read_the_same_values(name: str, data: st.DataObject) -> None:
    parsed = json.loads(SCHEMAS[name])
    raw = fastavro.parse_schema(without_logical_types(parsed))
    records = data.draw(st.lists(values_of(parsed), min_size=1, max_size=4))
    bodies = [encode(raw, record) for record in records]
    rows = RowDecoder(read_schema(SCHEMAS[name]))
    decoded = BlockDecoder(SCHEMAS[name]).decode(bodies)
    assert not decoded.malformed
    assert decoded.frame[ROW].to_list() == list(range(len(bodies)))
    assert decoded.frame.drop(ROW).to_dicts() == records
    assert [rows.decode(body) for body in bodies] == records
    assert [fastavro.schemaless_reader(io.BytesIO(body), raw, None) for body in bodies] == records


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=25)
@given(data=st.data())
def test_columns_and_rows_agree_on_bytes_that_were_changed(name: str, data: st.DataObject) -> None:
    parsed = json.loads(SCHEMAS[name])
    body = bytearray(encode(fastavro.parse_schema(without_logical_types(parsed)), data.draw(values_of(parsed))))
    whole = bytes(body)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=3)):
        body[at] = value
    rows = RowDecoder(read_schema(SCHEMAS[name]))
    decoded = BlockDecoder(SCHEMAS[name]).decode([whole, bytes(body), whole])
    assert decoded.malformed.get(1) == rows.code(bytes(body))
    assert {0, 2} <= set(decoded.frame[ROW])
    if 1 not in decoded.malformed:
        found = decoded.frame.filter(pl.col(ROW) == 1).drop(ROW).row(0, named=True)
        assert found == rows.decode(bytes(body))


# --- blocks ---

TYPE = event_type("participation")
GOOD: dict[str, Any] = {
    **dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None),
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "tps:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "17.01.01",
    "occurred_at": 1_700_000_000_000_001,
    "recorded_at": 2,
    "published_at": 3,
    "source": "uji.17",
    "mode": "ACTUAL",
    "election": "uji",
    "valid": 7,
}
BODY = encode(TYPE.parsed_schema, GOOD)
BAD = BODY[:-1]
DECODER = BlockDecoder(TYPE.schema)


@settings(max_examples=30)
@given(st.integers(1, 300), st.sets(st.integers(0, 299)))
def test_bad_records_anywhere_in_a_block_are_found_and_the_others_taken(count: int, bad: set[int]) -> None:
    bad = {position for position in bad if position < count}
    decoded = DECODER.decode([BAD if position in bad else BODY for position in range(count)])
    assert decoded.malformed == dict.fromkeys(bad, "record.undecodable")
    assert set(decoded.frame[ROW]) == set(range(count)) - bad
    assert decoded.frame.drop(ROW).unique().height == (len(bad) < count)


@pytest.mark.parametrize("bad", [BAD, b"", BODY + b"x", BODY.replace(b"tps:1", b"\xff" * 5)], ids=len)
def test_a_block_of_bad_records_alone_is_tried_a_few_times_and_not_for_each(
    bad: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    attempt = BlockDecoder._attempt

    def counted(self: BlockDecoder, bodies: list[bytes]) -> Any:
        tries.append(len(bodies))
        return attempt(self, bodies)

    monkeypatch.setattr(BlockDecoder, "_attempt", counted)
    count = 5000
    assert len(DECODER.decode([bad] * count).malformed) == count
    # Halving visits each body once on every level, and there is a level for each time that the block can be halved.
    assert sum(tries) <= count * 9
    assert len(tries) < count / 8


def test_a_panic_or_a_lack_of_memory_is_survived_record_by_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        """What pyruhvro raises: no Exception."""

    decode = pyruhvro.deserialize_array
    for error in (Panic, MemoryError):

        def touchy(bodies: list[bytes], schema: str, error: type[BaseException] = error) -> Any:
            if len(bodies) > 7:
                raise error
            return decode(bodies, schema)

        monkeypatch.setattr(columns.pyruhvro, "deserialize_array", touchy)
        decoded = DECODER.decode([BODY] * 100 + [BAD])
        assert set(decoded.malformed) == {100}
        assert decoded.frame.height == 100


def test_a_request_to_stop_is_never_taken_for_a_bad_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(bodies: list[bytes], schema: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(columns.pyruhvro, "deserialize_array", stop)
    with pytest.raises(KeyboardInterrupt):
        DECODER.decode([BAD])


def test_a_body_that_is_too_large_is_refused_and_its_neighbours_taken() -> None:
    decoded = DECODER.decode([BODY, bytes(MAX_BODY_BYTES + 1), BODY])
    assert decoded.malformed == {1: "record.too_large"}
    assert decoded.frame[ROW].to_list() == [0, 2]


def test_an_empty_block_has_the_columns_of_its_schema() -> None:
    assert DECODER.decode([]).frame.schema == DECODER.decode([BODY]).frame.schema


def test_a_schema_that_columns_do_not_carry_is_refused() -> None:
    with pytest.raises(UncarriedSchema):
        BlockDecoder('{"type":"record","name":"A","fields":[{"name":"f","type":"bytes"}]}')


# --- versions ---


def test_an_older_schema_gives_unknown_for_what_it_did_not_have() -> None:
    frame = pl.DataFrame({"subject": ["a"], "valid": pl.Series([1], dtype=pl.Int32), "extra": [1]})
    current = pl.Schema({"subject": pl.String(), "valid": pl.Int64(), "invalid": pl.Int64()})
    assert conform(frame, current).rows() == [("a", 1, None)]
    assert conform(frame, current).schema == current


def test_records_in_a_list_conform_by_name_as_well() -> None:
    frame = pl.DataFrame({"items": [[{"old": 1, "name": "a", "extra": 2}], []]})
    current = pl.Schema({"items": pl.List(pl.Struct({"name": pl.String(), "new": pl.Int64(), "old": pl.Int64()}))})
    assert conform(frame, current).to_dicts() == [{"items": [{"name": "a", "new": None, "old": 1}]}, {"items": []}]
