"""The gate over the whole contract: what it compares, how often, and what a push does."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.errors import UnknownGitRef
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.gate import LEVEL, Held, check_alone, check_git, check_held, push, read_git, read_registry
from simpul_schemas.subjects import ContractSchema, contract_schemas, schemas_by_subject
from simpul_schemas.testing import InMemoryRegistry


def schema(*fields: dict[str, Any], name: str = "Uji") -> str:
    return json.dumps({"type": "record", "name": name, "fields": [{"name": "id", "type": "string"}, *fields]})


def count(kind: str = "int", **more: Any) -> dict[str, Any]:
    return {"name": "jumlah", "type": kind, **more}


ONE = ContractSchema("uji", schema(count()), ("a-value", "b-value", "c-value"))


def held(registry: InMemoryRegistry, *entries: ContractSchema) -> Held:
    return read_registry(entries, registry)


# --- the contract's own ---


def test_the_contract_stands_under_one_subject_for_each_topic_and_each_schema_is_listed_once() -> None:
    entries = contract_schemas()
    subjects = [subject for entry in entries for subject in entry.subjects]
    assert len(subjects) == len(set(subjects)) == len(schemas_by_subject())
    assert len({entry.schema for entry in entries}) == len(entries)
    assert schemas_by_subject()["simpul.73.incident.v1-value"] == EVENT_TYPES["incident"].schema
    figures = {f"{view} ({what})" for view in VIEW_SPECS for what in ("partial", "figure")}
    assert {entry.label for entry in entries if not entry.personal_allowed} == {
        *figures,
        "alert (topic)",
        "province (receipt)",
        "completeness",
        "restatement",
        "roster",
    }


def test_every_schema_of_the_contract_passes_the_gate_alone_and_on_an_empty_registry() -> None:
    entries = contract_schemas()
    assert check_alone(entries) == []
    assert check_held(entries, read_registry(entries, InMemoryRegistry())) == []


def test_removing_a_field_that_a_view_uses_is_found_under_all_its_subjects() -> None:
    (entry,) = [entry for entry in contract_schemas() if entry.label == "participation"]
    registry = InMemoryRegistry()
    push([entry], registry, {})
    document = json.loads(entry.schema)
    document["fields"] = [field for field in document["fields"] if field["name"] != "turned_out"]
    smaller = replace(entry, schema=json.dumps(document))
    (found,) = check_held([smaller], held(registry, smaller))
    assert (found.finding.rule, found.finding.path) == ("compat.used_field_removed", "/turned_out")
    assert found.against == tuple(f"{subject} v1" for subject in entry.subjects)


# --- alone ---


def test_a_figure_with_a_personal_field_is_found() -> None:
    figure = replace(ONE, schema=schema({**count("string"), "pii": "nama"}), personal_allowed=False)
    assert [found.finding.rule for found in check_alone([figure])] == ["schema.pii_forbidden"]


def test_a_figure_that_is_made_of_a_personal_field_is_found_whatever_it_calls_it() -> None:
    event = replace(ONE, schema=schema({"name": "pelapor", "type": "string", "pii": "nama"}))
    figure = replace(ONE, label="tampilan", personal_allowed=False, made_of=("uji", frozenset({"id", "pelapor"})))
    (found,) = check_alone([event, figure])
    assert (found.schema, found.finding.path, found.finding.rule) == ("tampilan", "/pelapor", "schema.pii_forbidden")
    assert check_alone([event, replace(figure, made_of=("uji", frozenset({"id"})))]) == []


def test_what_the_decoder_objects_to_is_found_and_an_unsound_schema_is_not_given_to_it() -> None:
    asked: list[str] = []

    def objects(schemas: Sequence[str]) -> list[str]:
        asked.extend(schemas)
        return ["panic"] * len(schemas)

    unsound = replace(ONE, label="lain", schema=schema(count("bytes")))
    found = {located.schema: located.finding for located in check_alone([ONE, unsound], objects)}
    assert asked == [ONE.schema]
    assert (found["uji"].rule, found["uji"].after) == ("schema.not_carried", "panic")
    assert found["lain"].path == "/jumlah"


# --- against a registry ---


def test_every_version_of_every_subject_is_compared_and_one_finding_names_all_that_give_it() -> None:
    registry = InMemoryRegistry()
    registry.register("a-value", schema(count("long")))
    registry.register("a-value", schema(count()))
    registry.register("b-value", schema(count("long")))
    (found,) = check_held([ONE], held(registry, ONE))
    assert (found.finding.rule, found.finding.path) == ("compat.type_narrowed", "/jumlah")
    assert found.against == ("a-value v1", "b-value v1")
    assert found.document() == {
        "path": "/jumlah",
        "rule": "compat.type_narrowed",
        "before": "long",
        "after": "int",
        "fix": found.finding.fix,
        "schema": "uji",
        "against": ["a-value v1", "b-value v1"],
    }


def test_a_version_that_is_no_schema_is_a_finding_and_no_crash() -> None:
    found = check_held([ONE], {"a-value": {7: "[" * 100_000}})
    assert [(located.finding.rule, located.against) for located in found] == [("compat.unreadable", ("a-value v7",))]


def test_a_push_sets_the_level_and_registers_only_what_is_missing_once() -> None:
    registry = InMemoryRegistry()
    registry.register("b-value", json.dumps(json.loads(ONE.schema), indent=4))  # the same schema, spaced otherwise
    first = push([ONE], registry, held(registry, ONE))
    assert (first.level_before, first.registered, first.unchanged) == ("NONE", ("a-value", "c-value"), 1)
    assert registry.compatibility() == LEVEL
    again = push([ONE], registry, held(registry, ONE))
    assert (again.level_before, again.registered, again.unchanged) == (LEVEL, (), 3)
    assert [registry.versions(subject) for subject in ONE.subjects] == [[1], [1], [1]]


# --- against a git ref ---


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for entry in contract_schemas():
        if entry.label in EVENT_TYPES:
            (tmp_path / f"{entry.label}.avsc").write_text(entry.schema, encoding="utf-8")
    (tmp_path / "README.md").write_text("", encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=uji", "-c", "user.email=uji@uji.invalid", "commit", "--quiet", "--message=uji")


def test_the_files_of_a_git_ref_are_read_by_event_type(repository: Path) -> None:
    assert set(read_git("main", repository)) == set(EVENT_TYPES)
    assert json.loads(read_git("HEAD", repository)["report"]) == json.loads(EVENT_TYPES["report"].schema)


def test_an_event_type_that_is_gone_and_a_field_that_changed_are_found(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "gone.avsc").write_text(schema(), encoding="utf-8")
    document = json.loads(EVENT_TYPES["participation"].schema)
    document["fields"].append({"name": "extra", "type": "int"})
    (repository / "participation.avsc").write_text(json.dumps(document), encoding="utf-8")
    commit(repository)
    monkeypatch.setattr("simpul_schemas.gate.read_git", lambda ref: read_git(ref, repository))
    entries = contract_schemas()
    assert [
        (found.schema, found.finding.rule, found.finding.path, found.against) for found in check_git(entries, "main")
    ] == [
        ("gone", "compat.schema_removed", "/", ("main:gone.avsc",)),
        ("participation", "compat.field_removed_without_default", "/extra", ("main:participation.avsc",)),
    ]
    assert check_git(entries, "main~1") == []


@pytest.mark.parametrize("ref", ["tidak-ada", "--output=x", "", "main:README.md", "main..main", "-"])
def test_a_ref_that_is_none_is_named_and_never_an_option_of_git(repository: Path, ref: str) -> None:
    with pytest.raises(UnknownGitRef, match="'--against registry'"):
        read_git(ref, repository)
    assert not (repository / "x").exists()


def test_a_folder_outside_any_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownGitRef):
        read_git("HEAD", tmp_path)
