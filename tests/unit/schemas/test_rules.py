"""The rules: one verdict for a row and for a column, and the boundaries that the rules for polling stations name."""

from dataclasses import fields
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simpul_schemas.columns import BlockDecoder, judge
from simpul_schemas.contract import EVENT_TYPES, event_type
from simpul_schemas.expressions import Aggregate, Expression, Field
from simpul_schemas.rows import encode
from simpul_schemas.rules import NOW, PROVINCE, Severity

TYPE = event_type("participation")
CLEAN: dict[str, Any] = {
    **dict.fromkeys((field["name"] for field in TYPE.parsed_schema["fields"]), None),
    "event_id": "018e0000-0000-7000-8000-000000000001",
    "subject": "tps:1",
    "revision": 1,
    "action": "SUBMIT",
    "region": "17.01.01",
    "occurred_at": 1_700_000_000_000_000,
    "recorded_at": 1_700_000_000_000_000,
    "published_at": 1_700_000_000_000_000,
    "source": "uji.17",
    "mode": "ACTUAL",
    "election": "uji",
    "station": "001",
}


def codes(**changes: Any) -> tuple[str, ...]:
    return TYPE.rules.codes(TYPE.rules.judge(CLEAN | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"registered": 1000}, ()),
        ({"registered": 1001}, ("participation.registered_above_limit",)),
        ({"registered": 1001, "station": None}, ()),
        ({"registered": 100, "turned_out": 100}, ()),
        ({"registered": 100, "turned_out": 101}, ("participation.turnout_above_registered",)),
        ({"registered": 100, "turned_out": 120}, ("participation.turnout_above_registered",)),
        (
            {"registered": 100, "turned_out": 121},
            ("participation.turnout_above_limit", "participation.turnout_above_registered"),
        ),
        ({"registered": None, "turned_out": 5000}, ()),
        ({"registered": 5, "turned_out": None}, ()),
        ({"valid": 1, "invalid": 2, "votes_total": 3}, ()),
        ({"valid": 1, "invalid": 2, "votes_total": 4}, ("participation.votes_do_not_sum",)),
        ({"valid": 1, "invalid": None, "votes_total": 4}, ()),
        ({"valid": -1}, ("participation.count_negative",)),
        ({"region": "99.01.01"}, ("region.unknown",)),
        ({"region": "17.01.01.2001"}, ("region.unknown",)),
        ({"region": "17.01.01", PROVINCE: "18"}, ("region.outside_province",)),
        ({"region": "17.01.01", PROVINCE: "17"}, ()),
        ({"occurred_at": 631_152_000_000_000}, ()),
        ({"occurred_at": 631_151_999_999_999}, ("envelope.occurred_too_early",)),
        ({NOW: 1_700_000_000_000_000 - 86_400_000_000}, ()),
        ({NOW: 1_700_000_000_000_000 - 86_400_000_001}, ("envelope.occurred_in_future",)),
        ({"subject": ""}, ("envelope.subject_malformed",)),
        ({"subject": "é" * 100}, ()),
        ({"subject": "é" * 101}, ("envelope.subject_malformed",)),
        ({"event_id": CLEAN["event_id"].upper().replace("E", "F")}, ("envelope.event_id_malformed",)),
        ({"subject": "tps\0"}, ("envelope.subject_malformed",)),
        ({"subject": "tps\n"}, ("envelope.subject_malformed",)),
        ({"event_id": CLEAN["event_id"] + "\n"}, ("envelope.event_id_malformed",)),
        ({"revision": 0}, ("envelope.revision_not_positive",)),
        ({"source": ""}, ("envelope.source_missing",)),
    ],
)
def test_a_rule_is_broken_beyond_its_boundary_and_not_on_it(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert codes(**changes) == expected


def test_a_warning_does_not_refuse_and_stands_behind_every_refusal() -> None:
    verdict = TYPE.rules.judge(CLEAN | {"registered": 10, "turned_out": 11})
    assert verdict
    assert not TYPE.rules.refuses(verdict)
    severities = [rule.severity for rule in TYPE.rules.broken_rules((1 << len(TYPE.rules.rules)) - 1)]
    assert severities == sorted(severities, key=[Severity.REJECT, Severity.WARN].index)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_codes_are_unique_and_every_rule_speaks_both_languages(kind: Any) -> None:
    rules = kind.rules.rules
    assert len({rule.code for rule in rules}) == len(rules) <= 63
    for rule in rules:
        assert all((rule.message.indonesian, rule.message.english, rule.remedy.indonesian, rule.remedy.english))
        assert rule.message.indonesian != rule.message.english
        assert rule.fields
        assert set(rule.fields) <= set(kind.rules.kinds)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_no_rule_asks_for_a_field_that_its_event_does_not_have(kind: Any) -> None:
    known = set(kind.rules.kinds) | {PROVINCE, NOW}
    for rule in kind.rules.rules:
        assert set(asked(rule.broken)) <= known, rule.code


def asked(node: Any, path: str = "") -> list[str]:
    """Return the paths of all fields that an expression asks for."""
    match node:
        case Field(name):
            return [path + name]
        case Aggregate(array, _, each):
            return [path + array, *asked(each, f"{path}{array}.")]
        case tuple():
            return [name for part in node for name in asked(part, path)]
        case Expression():
            return [name for slot in fields(node) for name in asked(getattr(node, slot.name), path)]  # type: ignore[arg-type]  # every node is a dataclass
    return []


#: Values around the boundaries of the rules, for fields that have a shape of their own.
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "region": st.sampled_from(["17", "17.01", "17.01.01", "31.71", "99.01.01", "", "17.1"]) | st.text(max_size=8),
    "event_id": st.uuids().map(str) | st.text(max_size=40),
    "period": st.sampled_from(["2024", "2024-02", "2024-13", "2024-W07", "2024-W54", "2024-C1", "2024-02-30"]),
}
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "int": st.sampled_from([-1, 0, 100, 101, 120, 121, 1000, 1001]) | st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(max_size=5) | st.text(min_size=190, max_size=210),
}


def _values(name: str, declared: Any) -> st.SearchStrategy[Any]:
    """Draw values of a field: around the boundaries of the rules, and any other of its type."""
    match declared:
        case ["null", inner]:
            return st.none() | _values(name, inner)
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"type": "array", "items": items}:
            return st.lists(_values("", items), max_size=3)
        case {"type": "record", "fields": parts}:
            return st.fixed_dictionaries({part["name"]: _values(part["name"], part["type"]) for part in parts})
        case str():
            return _BY_NAME.get(name, _BY_TYPE[declared])
    return st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999) | st.integers(0, 1_900_000_000_000_000)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_rows_and_columns_get_the_same_verdict_to_the_bit(kind: Any, data: st.DataObject) -> None:
    record = _values("", kind.parsed_schema)
    outside = st.fixed_dictionaries(
        {PROVINCE: st.none() | st.sampled_from(["17", "31"]), NOW: st.none() | st.just(1_700_000_000_000_000)}
    )
    drawn = data.draw(st.lists(st.tuples(record, outside), min_size=1, max_size=5))
    decoded = BlockDecoder(kind.schema).decode([encode(kind.parsed_schema, row) for row, _ in drawn])
    assert not decoded.malformed
    frame = decoded.frame.with_columns(
        pl.Series(PROVINCE, [extra[PROVINCE] for _, extra in drawn], pl.String),
        pl.Series(NOW, [extra[NOW] for _, extra in drawn], pl.Int64),
    )
    assert judge(frame, kind.rules).to_list() == [kind.rules.judge(row | extra) for row, extra in drawn]
