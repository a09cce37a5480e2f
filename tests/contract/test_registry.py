"""The registry port: the twin in memory and a real registry keep the same promises."""

import json
import uuid

import pytest

from simpul_schemas.errors import RegistryRefused
from simpul_schemas.gate import LEVEL, push, read_registry
from simpul_schemas.registry import NOT_FOUND_CODES, HttpRegistry, VersionedRegistry
from simpul_schemas.subjects import ContractSchema
from simpul_schemas.testing import InMemoryRegistry


@pytest.fixture(params=["memory", "apicurio"])
def registry(request: pytest.FixtureRequest) -> VersionedRegistry:
    if request.param == "memory":
        return InMemoryRegistry()
    return HttpRegistry(request.getfixturevalue("servers").registry_url)


@pytest.fixture
def subject() -> str:
    return f"uji.{uuid.uuid4().hex}-value"


def schema(*fields: str) -> str:
    """Return a schema that no other test has, with nullable fields."""
    return json.dumps(
        {
            "type": "record",
            "name": "Uji",
            "fields": [{"name": name, "type": ["null", "string"], "default": None} for name in fields],
        },
    )


def test_a_schema_that_was_registered_has_an_id_and_is_found_by_it(registry: VersionedRegistry, subject: str) -> None:
    text = schema(f"f_{uuid.uuid4().hex}")
    number = registry.register(subject, text)
    assert json.loads(registry.schema(number)) == json.loads(text)
    assert registry.lookup(subject, text) == number


def test_registering_again_gives_the_same_id_and_no_new_version(registry: VersionedRegistry, subject: str) -> None:
    text = schema("a")
    assert registry.register(subject, text) == registry.register(subject, text)
    assert registry.versions(subject) == [1]


def test_the_same_schema_has_one_id_under_all_subjects(registry: VersionedRegistry, subject: str) -> None:
    text = schema("a")
    assert registry.register(subject, text) == registry.register(f"lain-{subject}", text)


def test_versions_are_numbered_from_one_and_each_can_be_read(registry: VersionedRegistry, subject: str) -> None:
    texts = [schema("a"), schema("a", "b"), schema("a", "b", "c")]
    for text in texts:
        registry.register(subject, text)
    assert registry.versions(subject) == [1, 2, 3]
    assert [json.loads(registry.version(subject, number)) for number in (1, 2, 3)] == list(map(json.loads, texts))


def test_a_subject_is_listed_once_it_has_a_schema(registry: VersionedRegistry, subject: str) -> None:
    assert subject not in registry.subjects()
    registry.register(subject, schema("a"))
    assert subject in registry.subjects()


def test_what_is_not_there_is_refused_with_a_code_of_its_own(registry: VersionedRegistry, subject: str) -> None:
    def code(error: pytest.ExceptionInfo[RegistryRefused]) -> int:
        return error.value.error_code

    with pytest.raises(RegistryRefused) as no_subject:
        registry.versions(subject)
    with pytest.raises(RegistryRefused) as no_subject_of_version:
        registry.version(subject, 1)
    with pytest.raises(RegistryRefused) as no_lookup:
        registry.lookup(subject, schema("a"))
    registry.register(subject, schema("a"))
    with pytest.raises(RegistryRefused) as no_version:
        registry.version(subject, 2)
    with pytest.raises(RegistryRefused) as no_schema:
        registry.lookup(subject, schema("b"))
    with pytest.raises(RegistryRefused) as no_id:
        registry.schema(2_000_000_000)
    assert [code(no_subject), code(no_subject_of_version), code(no_lookup)] == [40401, 40401, 40401]
    assert code(no_version) == 40402
    assert {code(no_schema), code(no_id)} <= NOT_FOUND_CODES


def test_the_level_that_was_set_is_the_level(registry: VersionedRegistry) -> None:
    registry.set_compatibility(LEVEL)
    assert registry.compatibility() == LEVEL


def test_a_push_registers_what_is_missing_and_a_second_one_nothing(registry: VersionedRegistry, subject: str) -> None:
    entry = ContractSchema("uji", schema("a", "b"), (subject, f"lain-{subject}"))
    registry.register(subject, schema("a"))
    first = push([entry], registry, read_registry([entry], registry))
    again = push([entry], registry, read_registry([entry], registry))
    assert (first.registered, first.unchanged) == (entry.subjects, 0)
    assert (again.level_before, again.registered, again.unchanged) == (LEVEL, (), 2)
    assert [registry.versions(name) for name in entry.subjects] == [[1, 2], [1]]
