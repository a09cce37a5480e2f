"""What a change breaks: a corpus of pairs with their findings, and the law behind it, with fastavro as the reader."""

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simpul_schemas.avro_tree import read_tree
from simpul_schemas.columns_probe import samples
from simpul_schemas.compatibility import compare, compare_history
from simpul_schemas.findings import ADVICE

CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.json"))
PAIRS = [path for path in CORPUS if not path.stem.startswith("history_")]
HISTORIES = [path for path in CORPUS if path.stem.startswith("history_")]
#: What is used now, personal now or claimed by an alias now is a matter of direction; all else is not.
SYMMETRIC = [path for path in PAIRS if not re.search('"(used|pii|aliases)"', path.read_text(encoding="utf-8"))]


def case(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def stem(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", PAIRS, ids=stem)
def test_a_pair_of_the_corpus_gives_its_findings(path: Path) -> None:
    pair = case(path)
    found = compare(json.dumps(pair["before"]), json.dumps(pair["after"]), pair.get("used", ()))
    assert sorted((finding.rule, finding.path) for finding in found) == sorted(map(tuple, pair["expected"]))


@pytest.mark.parametrize("path", HISTORIES, ids=stem)
def test_a_history_of_the_corpus_gives_its_findings_against_all_versions_each_once(path: Path) -> None:
    history = case(path)
    versions = [json.dumps(version) for version in history["versions"]]
    found = compare_history(versions, json.dumps(history["after"]), history.get("used", ()))
    assert sorted((finding.rule, finding.path) for finding in found) == sorted(map(tuple, history["expected"]))


@pytest.mark.parametrize("path", SYMMETRIC, ids=stem)
def test_the_reverse_of_a_change_is_as_compatible_as_the_change(path: Path) -> None:
    pair = case(path)
    back = compare(json.dumps(pair["after"]), json.dumps(pair["before"]))
    assert bool(back) == bool(pair["expected"])


def test_the_corpus_shows_every_rule_about_changes_but_those_of_schemas_that_are_gone_or_unreadable() -> None:
    shown = {rule for path in CORPUS for rule, _ in case(path)["expected"]}
    assert {rule for rule in ADVICE if rule.startswith("compat.")} - shown == {
        "compat.unreadable",
        "compat.schema_removed",
    }
    assert len(PAIRS) >= 60


def test_a_finding_has_both_fragments_and_a_fix_of_one_line_in_both_languages() -> None:
    before = '{"type":"record","name":"R","fields":[{"name":"x","type":"int","doc":"d"}]}'
    after = '{"type":"record","name":"R","fields":[{"name":"x","type":"long"},{"name":"y","type":"int","doc":"d"}]}'
    widened, added = (finding.document() for finding in compare(before, after))
    assert widened == {
        "path": "/x",
        "rule": "compat.type_widened",
        "before": "int",
        "after": "long",
        "fix": str(ADVICE["compat.type_widened"].fix),
    }
    assert (added["before"], added["after"]) == (None, {"name": "y", "type": "int"})
    assert added["fix"] == str(ADVICE["compat.field_added_without_default"].fix)


@pytest.mark.parametrize("code", ADVICE)
def test_every_rule_of_the_gate_speaks_both_languages_in_one_line(code: str) -> None:
    advice = ADVICE[code]
    for text in (advice.meaning, advice.fix):
        assert "" != text.indonesian != text.english != ""
        assert "\n" not in str(text)


@pytest.mark.parametrize("before", ["", "[]", '"int', '{"type":"record","name":"R"}', "[" * 100_000])
def test_an_earlier_version_that_is_no_schema_is_one_finding(before: str) -> None:
    after = '{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}'
    assert [(finding.rule, finding.path) for finding in compare(before, after)] == [("compat.unreadable", "/")]


# --- the law: where nothing is found, each side reads what the other wrote ---

NAMES = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.sampled_from(
    ["int", "long", "float", "double", "boolean", "string", {"type": "long", "logicalType": "timestamp-micros"}]
)


@st.composite
def types(draw: st.DrawFn, depth: int = 2) -> Any:
    kind = draw(st.sampled_from(["leaf", "enum", "enum", "optional", "array", "record"] if depth else ["leaf", "enum"]))
    if kind == "leaf":
        return draw(LEAVES)
    if kind == "enum":
        symbols = draw(st.lists(st.sampled_from(["P", "Q", "R"]), min_size=1, unique=True))
        return {"type": "enum", "name": "E", "symbols": symbols, **draw(st.sampled_from([{}, {"default": symbols[0]}]))}
    if kind == "array":
        return {"type": "array", "items": draw(types(depth=depth - 1))}
    if kind == "optional":
        inner = draw(types(depth=0))
        return draw(st.sampled_from([["null", inner], [inner, "null"]]))
    return {"type": "record", "name": "N", "fields": draw(fields(depth - 1))}


@st.composite
def fields(draw: st.DrawFn, depth: int) -> list[Any]:
    found = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        field = {"name": name, "type": draw(types(depth=depth))}
        if draw(st.booleans()):
            tree, _ = read_tree(json.dumps(unique_names(field["type"])))
            field["default"] = samples(tree)[0] if tree else None
        found.append(field)
    return found


def unique_names(source: Any, path: str = "T") -> Any:
    """Name every named type after its place, so that no name is defined twice."""
    if isinstance(source, list):
        return [unique_names(branch, path) for branch in source]
    if not isinstance(source, dict):
        return source
    found = dict(source)
    if found.get("type") == "array":
        found["items"] = unique_names(found["items"], path)
    if "symbols" in found:
        found["name"] = path
    if "fields" in found:
        found["name"] = path
        found["fields"] = [
            {**field, "type": unique_names(field["type"], f"{path}_{field['name']}")} for field in found["fields"]
        ]
    return found


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """A schema and one that differs in one field: removed, added, or of another type, default or not."""
    before = {"type": "record", "name": "R", "fields": draw(fields(2))}
    after = copy.deepcopy(before)
    other = {**draw(fields(2))[0], "name": draw(st.sampled_from([field["name"] for field in before["fields"]] + ["d"]))}
    others = [field for field in after["fields"] if field["name"] != other["name"]]
    after["fields"] = draw(st.sampled_from([after["fields"], others, [*others, other], [other, *others]]))
    assume(after["fields"])
    return unique_names(before), unique_names(after)


@settings(max_examples=400)
@given(pairs())
def test_where_nothing_is_found_each_side_reads_every_record_of_the_other(pair: tuple[Any, Any]) -> None:
    before, after = pair
    texts = json.dumps(before), json.dumps(after)
    assert compare(texts[0], texts[0]) == []
    assert bool(compare(*texts)) == bool(compare(texts[1], texts[0]))
    if compare(*texts):
        return
    for writer, reader in ((before, after), (after, before)):
        tree, _ = read_tree(json.dumps(writer))
        assert tree is not None
        parsed = fastavro.parse_schema(copy.deepcopy(writer))
        for record in samples(tree):
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, parsed, record)
            stream.seek(0)
            read: Any = fastavro.schemaless_reader(stream, parsed, fastavro.parse_schema(copy.deepcopy(reader)))
            assert set(read) == {field["name"] for field in reader["fields"]}
