"""The gate and a real registry judge the same changes alike, but for differences that the corpus gives reasons for."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simpul_schemas.errors import RegistryRefused
from simpul_schemas.gate import LEVEL
from simpul_schemas.registry import HttpRegistry

CORPUS = Path(__file__).parents[1] / "unit" / "schemas" / "corpus"
PAIRS = [path for path in sorted(CORPUS.glob("*.json")) if not path.stem.startswith("history_")]


@pytest.fixture(scope="module")
def client(servers: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=servers.registry_url, timeout=30) as found:
        yield found


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_registrys_full_verdict_is_as_the_corpus_says(client: httpx.Client, path: Path) -> None:
    pair = json.loads(path.read_text(encoding="utf-8"))
    subject = f"uji.{uuid.uuid4().hex}-value"
    client.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(pair["before"])}).raise_for_status()
    client.put(f"/config/{subject}", json={"compatibility": "FULL"}).raise_for_status()
    answer = client.post(
        f"/compatibility/subjects/{subject}/versions/latest", json={"schema": json.dumps(pair["after"])}
    )
    answer.raise_for_status()
    verdict = "compatible" if answer.json()["is_compatible"] else "incompatible"
    assert verdict == pair["registry"]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_gate_differs_from_the_registry_only_where_it_is_stricter_and_says_why(path: Path) -> None:
    pair = json.loads(path.read_text(encoding="utf-8"))
    gate = "incompatible" if pair["expected"] else "compatible"
    assert (gate != pair["registry"]) == ("differs_because" in pair)
    assert (gate, pair["registry"]) != ("compatible", "incompatible")


def test_once_the_gates_level_is_set_the_registry_itself_refuses_what_only_the_version_before_the_last_forbids(
    servers: Any,
) -> None:
    registry, subject = HttpRegistry(servers.registry_url), f"uji.{uuid.uuid4().hex}-value"
    registry.set_compatibility(LEVEL)
    history = json.loads(
        (CORPUS / "history_field_removed_then_added_with_another_type.json").read_text(encoding="utf-8")
    )
    for version in history["versions"]:
        registry.register(subject, json.dumps(version))
    with pytest.raises(RegistryRefused):
        registry.register(subject, json.dumps(history["after"]))
    assert registry.versions(subject) == [1, 2]
