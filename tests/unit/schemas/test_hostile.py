"""Hostile bytes: rows and columns give each the code that was written down for it, in bounded time and memory.

The cases lie in `hostile/`, described there. Run as a program, this file does a piece of `WORK` and says what it took.
"""

import io
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import numpy as np
import pytest

from simpul_schemas.avro_types import read_schema
from simpul_schemas.columns import ROW, BlockDecoder
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.intake import RecordIntake
from simpul_schemas.kafka_log import READ_BYTES, weights
from simpul_schemas.log import Block, Partition
from simpul_schemas.rows import RowDecoder
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.wire import HEADER_SIZE, MALFORMED, MAX_ITEMS, unframe

STATUS = Path("/proc/self/status")
FOLDER = Path(__file__).with_name("hostile")
OK = "ok"
MEGABYTE = 1 << 20


class Case(NamedTuple):
    family: str
    name: str
    schema: str
    words: str
    code: str

    @property
    def body(self) -> bytes:
        """Made when asked for: some have a megabyte, and memory is measured here."""
        return read_bytes(self.words)

    @property
    def is_long(self) -> bool:
        return re.search(r"\*\d{5}", self.words) is not None


# --- the language of the cases ---


def zigzag(number: int) -> bytes:
    """Encode an Avro integer, as the specification says it and independent of the code under test."""
    rest, encoded = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])


_WORD = re.compile(
    r"\s*(?:\((?P<group>[^)]*)\)|'(?P<text>[^']*)'|z(?P<number>-?\d+)|(?P<hex>(?:[0-9a-f]{2})+))(?:\*(\d+))?"
)


def read_bytes(text: str) -> bytes:
    found, at, text = b"", 0, "" if text == "-" else text.rstrip()
    while at < len(text):
        word = _WORD.match(text, at)
        assert word is not None, text[at:]
        if word["group"] is not None:
            piece = read_bytes(word["group"])
        elif word["text"] is not None:
            piece = word["text"].encode("ascii")
        else:
            piece = zigzag(int(word["number"])) if word["number"] else bytes.fromhex(word["hex"])
        found += piece * int(word[5] or 1)
        at = word.end()
    return found


def read_cases(family: str) -> list[Case]:
    lines = FOLDER.joinpath(f"{family}.txt").read_text(encoding="utf-8").splitlines()
    split = [[part.strip() for part in line.split("|")] for line in lines]
    return [Case(family, name, schema, words, code) for name, schema, words, code in split]


BODIES = [
    case
    for family in ("integers", "booleans", "indexes", "texts", "numbers", "times", "lists", "sizes")
    for case in read_cases(family)
]
FRAMES = read_cases("frames")
ENVELOPE = read_cases("envelope")
KINDS = json.loads(FOLDER.joinpath("schemas.json").read_text(encoding="utf-8"))


@cache
def synthetic(name: str) -> str:
    return json.dumps({"type": "record", "name": "Case", "fields": [{"name": "f", "type": KINDS[name]}]})


# --- whole events ---


def golden_value(kind: Any) -> Any:
    """Fill everything that a type can hold: no null, two items in a list."""
    if isinstance(kind, list):
        return golden_value(next(branch for branch in kind if branch != "null"))
    if isinstance(kind, str):
        return {"string": "Kab. Siák", "boolean": True, "float": 0.5, "double": -6.25}.get(kind, 1234)
    if kind["type"] == "record":
        return {field["name"]: golden_value(field["type"]) for field in kind["fields"]}
    if kind["type"] == "array":
        return [golden_value(kind["items"])] * 2
    if kind["type"] == "enum":
        return kind["symbols"][-1]
    return 19_675 if kind["type"] == "int" else 1_700_000_000_000_001


def encoded(kind: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(kind, named_schemas={}), value)
    return stream.getvalue()


def golden_fields(schema: str) -> dict[str, bytes]:
    """The bytes of each field of a golden message."""
    parsed = json.loads(schema)
    value = golden_value(parsed)
    return {field["name"]: encoded(field["type"], value[field["name"]]) for field in parsed["fields"]}


def golden(schema: str) -> bytes:
    return b"".join(golden_fields(schema).values())


def in_event(case: Case, schema: str) -> bytes:
    return b"".join((golden_fields(schema) | {case.schema: case.body}).values())


def row_code(decoder: RowDecoder, body: bytes) -> str:
    return decoder.code(body) or OK


def column_codes(decoder: BlockDecoder, bodies: list[bytes]) -> list[str]:
    decoded = decoder.decode(bodies)
    taken = decoded.frame[ROW].to_list()
    assert sorted([*taken, *decoded.malformed]) == list(range(len(bodies)))
    return [decoded.malformed.get(position, OK) for position in range(len(bodies))]


def both(schema: str, body: bytes) -> tuple[str, str]:
    return row_code(RowDecoder(read_schema(schema)), body), column_codes(BlockDecoder(schema), [body])[0]


def named(case: Case) -> str:
    return f"{case.family}: {case.name}"


# --- the facts ---


def test_there_are_three_hundred_cases_by_hand_and_every_code_of_a_body_is_among_them() -> None:
    cases = [*BODIES, *FRAMES, *ENVELOPE]
    assert len({(case.family, case.schema, case.words) for case in cases}) >= 400
    assert sum(case.code != OK for case in cases) >= 300
    by_the_log = {"record.empty", "record.batch_too_large"}  # no bytes at all, and bytes that are no single record
    assert {case.code for case in cases} == MALFORMED.keys() - by_the_log | {OK}


@pytest.mark.parametrize("case", BODIES, ids=named)
def test_a_hostile_body_gets_its_code_from_rows_and_from_columns(case: Case) -> None:
    assert both(synthetic(case.schema), case.body) == (case.code, case.code)


@pytest.mark.parametrize("schema", KINDS)
def test_hostile_bodies_in_one_block_get_their_codes_and_spoil_no_neighbour(schema: str) -> None:
    cases = [case for case in BODIES if case.schema == schema and not case.is_long]
    good = next(case for case in cases if case.code == OK)
    mixed = [good, *(neighbour for case in cases for neighbour in (case, good))]
    expected = [case.code for case in mixed]
    assert column_codes(BlockDecoder(synthetic(schema)), [case.body for case in mixed]) == expected


@pytest.mark.parametrize("schema", KINDS)
def test_what_is_accepted_of_hostile_bodies_is_the_same_value_in_rows_and_columns(schema: str) -> None:
    bodies = [case.body for case in BODIES if case.schema == schema and case.code == OK]
    rows = RowDecoder(read_schema(synthetic(schema)))
    assert BlockDecoder(synthetic(schema)).decode(bodies).frame.sort(ROW).drop(ROW).to_dicts() == [
        rows.decode(body) for body in bodies
    ]


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_a_hostile_field_in_the_envelope_of_an_event_gets_its_code(kind: Any) -> None:
    bodies = [in_event(case, kind.schema) for case in ENVELOPE]
    expected = [case.code for case in ENVELOPE]
    rows = RowDecoder(read_schema(kind.schema))
    assert [row_code(rows, body) for body in bodies] == expected
    assert column_codes(BlockDecoder(kind.schema), bodies) == expected


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_every_prefix_of_an_event_gets_its_code(kind: Any) -> None:
    whole = golden(kind.schema)
    prefixes = [whole[:length] for length in range(len(whole))]
    rows = RowDecoder(read_schema(kind.schema))
    assert {row_code(rows, body) for body in prefixes} == {"record.undecodable"}
    assert set(column_codes(BlockDecoder(kind.schema), prefixes)) == {"record.undecodable"}
    assert {both(kind.schema, body) for body in prefixes[::7]} == {("record.undecodable",) * 2}
    assert both(kind.schema, whole) == (OK, OK)

    registry = InMemoryRegistry()
    framed = b"\0" + registry.register("s", kind.schema).to_bytes(4) + whole
    cut = [framed[:length] for length in range(len(framed))]
    codes = ["record.truncated"] * HEADER_SIZE + ["record.undecodable"] * len(whole)
    assert intake_codes(RecordIntake(kind.schema, registry), [*cut, framed]) == [*codes, OK]


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_rows_and_columns_agree_on_events_with_flipped_bytes(kind: Any) -> None:
    chance = random.Random(f"simpul {kind.name}")
    rows, columns = RowDecoder(read_schema(kind.schema)), BlockDecoder(kind.schema)
    seen = set()
    whole = golden(kind.schema)
    for _ in range(1500):
        body = bytearray(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            body[chance.randrange(len(body))] = chance.choice([0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        code = row_code(rows, bytes(body))
        decoded = columns.decode([bytes(body)])
        assert decoded.malformed.get(0, OK) == code, body.hex()
        if code == OK:
            assert decoded.frame.drop(ROW).row(0, named=True) == rows.decode(bytes(body))
        seen.add(code)
    assert {OK, "record.undecodable"} <= seen


# --- frames, and schemas that a registry may hold ---


def _known(*fields: str, name: str = "Known") -> str:
    return f'{{"type":"record","namespace":"uji","name":"{name}","fields":[{",".join(fields)}]}}'


def _field(name: str, kind: str, default: str = "") -> str:
    return f'{{"name":"{name}","type":{kind}{default and ","}{default}}}'


_WHEN = _field("when", '{"type":"long","logicalType":"timestamp-micros"}')
_COLOURS = '{{"type":"enum","name":"Colour","symbols":[{}]}}'
CURRENT = _known(_WHEN, _field("colour", _COLOURS.format('"RED","GREEN"'), '"default":"RED"'))


def _nested(depth: int) -> str:
    return '{"type":"array","items":' * depth + '"int"' + "}" * depth


def _doubling(levels: int) -> str:
    """Nest records that hold the next one twice."""
    kind = again = '"int"'
    for level in range(levels):
        fields = _field("a", kind), _field("b", again)
        kind, again = f'{{"type":"record","name":"D{level}","fields":[{",".join(fields)}]}}', f'"D{level}"'
    return kind


#: By their ids in `frames.txt`, from 1.
SCHEMAS = [
    _known(_WHEN),
    _known(_WHEN, name="Other"),
    _known(_field("colour", _COLOURS.format('"RED"'))),
    _known(_WHEN, _field("next", '["null","Known"]')),
    _known(_WHEN, _field("bomb", '{"type":"array","items":"null"}')),
    _known(_WHEN, _field("raw", '"bytes"')),
    _known(_WHEN, _field("map", '{"type":"map","values":"int"}')),
    _known(_WHEN, _field("wide", '["null","int","string"]')),
    _known(_WHEN, _field("deep", _nested(17))),
    _known(_WHEN, _field("deep", _nested(100_000))),
    "}{",
    "7",
    _known(_WHEN, _field("a; drop table b", '"int"')),
    _known(_WHEN, _WHEN),
    _known(_field("when", '{"type":"long","logicalType":"timestamp-millis"}')),
    _known(_field("when", '["null",{"type":"long","logicalType":"timestamp-micros"}]')),
    _known(_WHEN, _field("colour", _COLOURS.format('"RED","BLACK"'))),
    _known(_WHEN, _field("laughs", _doubling(14))),
    '"Known"',
    _known(_WHEN, _field("money", '{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}')),
    _known(_WHEN, _field("one", _COLOURS.format('"RED"')), _field("two", _COLOURS.format('"BLUE"'))),
    _known(_WHEN, f'{{"name":"long","type":"int","doc":"{"a" * 1_000_000}"}}'),
]


@pytest.fixture(scope="module")
def intake() -> RecordIntake:
    return an_intake()


def an_intake() -> RecordIntake:
    registry = InMemoryRegistry()
    assert [registry.register("uji-value", schema) for schema in SCHEMAS] == list(range(1, len(SCHEMAS) + 1))
    return RecordIntake(CURRENT, registry)


def intake_codes(intake: RecordIntake, values: list[bytes]) -> list[str]:
    count = len(values)
    taken = intake.take([Block(Partition("uji", 0), values, [None] * count, range(count), [0] * count)])
    codes = {record.offset: record.codes[0] for record in taken.refused}
    assert sorted([*codes, *taken.frame[ROW]]) == list(range(count))
    return [codes.get(offset, OK) for offset in range(count)]


@pytest.mark.parametrize("case", FRAMES, ids=named)
def test_a_hostile_record_gets_its_code(case: Case, intake: RecordIntake) -> None:
    assert intake_codes(intake, [case.body]) == [case.code]


def test_hostile_records_in_one_block_get_their_codes(intake: RecordIntake) -> None:
    assert intake_codes(intake, [case.body for case in FRAMES]) == [case.code for case in FRAMES]


@pytest.mark.parametrize("case", [case for case in FRAMES if case.code.startswith(("record.t", "record.m"))], ids=named)
def test_a_frame_that_is_wrong_is_refused_before_anything_is_asked(case: Case) -> None:
    with pytest.raises(MalformedRecord) as caught:
        unframe(case.body)
    assert caught.value.code == case.code


# --- time and memory ---


def everything() -> list[str]:
    """Decode every case, every prefix and the worst expansions; return what did not get its code."""
    wrong = [named(case) for case in BODIES if both(synthetic(case.schema), case.body) != (case.code, case.code)]
    for schema in KINDS:
        cases = [case for case in BODIES if case.schema == schema and not case.is_long]
        codes = column_codes(BlockDecoder(synthetic(schema)), [case.body for case in cases])
        wrong += [named(case) for case, code in zip(cases, codes, strict=True) if code != case.code]
    intake = an_intake()
    wrong += [named(case) for case in FRAMES if intake_codes(intake, [case.body]) != [case.code]]
    for kind in EVENT_TYPES.values():
        whole = golden(kind.schema)
        hostile = [whole[:length] for length in range(len(whole))] + [in_event(case, kind.schema) for case in ENVELOPE]
        expected = ["record.undecodable"] * len(whole) + [case.code for case in ENVELOPE]
        if column_codes(BlockDecoder(kind.schema), hostile) != expected:
            wrong.append(kind.name)
        wrong += [f"{kind.name}: {code}" for code in longest_lists(kind.schema)]
    return wrong


def largest_blocks(form: str, count: int = MAX_ITEMS) -> list[str]:
    """Decode as much as a reader hands out at once, in lists of so many items; return wrong codes.

    In `one` block of the list it is for columns, in blocks of one item each (`many`) for the referee.
    """
    schema = EVENT_TYPES["report"].schema
    items = {"one": zigzag(count) + b"\0\0" * count, "many": b"\2\0\0" * count}[form]
    body = b"".join((golden_fields(schema) | {"claims": items + b"\0"}).values())
    block = [body] * (READ_BYTES // int(weights(np.array([len(body)]))[0]))
    return [code for code in column_codes(BlockDecoder(schema), block) if code != OK]


def longest_lists(schema: str) -> list[str]:
    """Put as many of the smallest items as a record has room for into each list of an event; return wrong codes."""
    fields = golden_fields(schema)
    wrong = []
    for field in json.loads(schema)["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for index, branch in enumerate(branches):
            if not isinstance(branch, dict) or branch["type"] != "array":
                continue
            for width in range(1, 9):
                items = zigzag(10**6 // width) + b"\0" * 10**6
                body = (b"" if len(branches) == 1 else zigzag(index)) + items
                codes = both(schema, b"".join((fields | {field["name"]: body}).values()))
                wrong += [f"{field['name']} {width}: {code}" for code in codes if code != "record.too_large"]
    return wrong


WORK: dict[str, Callable[[], list[str]]] = {
    "every case": everything,
    "the largest block": partial(largest_blocks, "one"),
    "the largest block of records that weigh no more than they are long": partial(largest_blocks, "one", 60),
    "the largest block, written as nobody writes it": partial(largest_blocks, "many"),
}


@pytest.mark.parametrize("work", WORK)
def test_hostile_bytes_stay_under_256_mib_and_a_minute(work: str) -> None:
    if not STATUS.exists():
        pytest.skip("only Linux tells a process the peak of its own memory")
    child = subprocess.run([sys.executable, __file__, work], capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    found = json.loads(child.stdout)
    assert found["wrong"] == []
    assert found["peak_bytes"] < 256 * MEGABYTE


def _main(work: Callable[[], list[str]]) -> None:
    import resource

    # A runaway gets an error instead of the machine's memory.
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    start = time.perf_counter()
    wrong = work()
    # Not `ru_maxrss`: a child inherits it from whoever started it.
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1]) * 1024  # type: ignore[index]  # Linux has it
    sys.stdout.write(json.dumps({"wrong": wrong, "peak_bytes": peak, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    _main(WORK[sys.argv[1]])
