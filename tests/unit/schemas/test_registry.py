"""The registry client: what it says when the registry refuses or is away, and what it remembers on disk."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from simpul_schemas.errors import RegistryRefused, RegistryUnavailable
from simpul_schemas.registry import CachedRegistry, HttpRegistry
from simpul_schemas.testing import InMemoryRegistry


def answering(status: int, document: object) -> HttpRegistry:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=document))
    return HttpRegistry("http://registri", httpx.Client(transport=transport))


def test_a_refusal_carries_the_registrys_own_code_and_words() -> None:
    with pytest.raises(RegistryRefused, match="Subject not found") as caught:
        answering(404, {"error_code": 40401, "message": "Subject not found"}).lookup("a-value", "{}")
    assert caught.value.error_code == 40401


def test_an_incompatible_schema_is_a_refusal_and_an_error_of_the_server_is_not() -> None:
    with pytest.raises(RegistryRefused):
        answering(409, {"error_code": 409, "message": "Incompatible"}).register("a-value", "{}")
    with pytest.raises(RegistryUnavailable):
        answering(503, {"error_code": 50003, "message": "no leader"}).register("a-value", "{}")


def test_a_registry_that_is_away_is_named_with_a_remedy() -> None:
    with pytest.raises(RegistryUnavailable, match="simpul up"):
        HttpRegistry("http://127.0.0.1:9").schema(1)


def test_what_was_learned_once_is_known_without_the_registry_also_to_a_later_process(tmp_path: Path) -> None:
    inner = InMemoryRegistry()
    schema_id = inner.register("a-value", '"string"')
    first = CachedRegistry(inner, tmp_path, "http://registri")
    assert first.lookup("a-value", '"string"') == schema_id
    assert first.schema(schema_id) == '"string"'
    later = CachedRegistry(HttpRegistry("http://127.0.0.1:9"), tmp_path, "http://registri")
    assert later.lookup("a-value", '"string"') == schema_id
    assert later.schema(schema_id) == '"string"'
    with pytest.raises(RegistryUnavailable):
        later.lookup("b-value", '"string"')


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ids": 1, "schemas": 2}'])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, text: str) -> None:
    inner = InMemoryRegistry()
    schema_id = inner.register("a-value", '"string"')
    CachedRegistry(inner, tmp_path, "http://registri").lookup("a-value", '"string"')
    (file,) = tmp_path.iterdir()
    file.write_text(text, encoding="utf-8")
    assert CachedRegistry(inner, tmp_path, "http://registri").lookup("a-value", '"string"') == schema_id


def test_threads_that_learn_at_once_all_get_answers_and_all_of_them_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = InMemoryRegistry()
    subjects = [f"{number}-value" for number in range(120)]
    ids = {subject: inner.register(subject, f'"{subject}"') for subject in subjects}
    shared = CachedRegistry(inner, tmp_path, "http://registri")
    # Python's own writer of JSON, in many small steps, so that threads take turns in the middle of a document.
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda subject: shared.lookup(subject, f'"{subject}"'), subjects))
    finally:
        sys.setswitchinterval(before)
    assert dict(zip(subjects, found, strict=True)) == ids
    later = CachedRegistry(HttpRegistry("http://127.0.0.1:9"), tmp_path, "http://registri")
    assert {subject: later.lookup(subject, f'"{subject}"') for subject in subjects} == ids
