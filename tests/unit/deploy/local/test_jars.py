"""The lock of jars."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from simpul_deploy.local.jars import Pinned, load_lock, parse_lock

SHA = "a" * 64
GOOD = f"""
kafka_version = "4.3.1"
registry_version = "3.3.3"
[[kafka]]
coordinate = "org.example.group:thing:1.0"
sha256 = "{SHA}"
size_bytes = 3
[[registry]]
coordinate = "org.example:app:2.0:tar.gz:all"
sha256 = "{SHA}"
size_bytes = 4
"""


def test_a_plain_coordinate_is_a_jar_below_its_group() -> None:
    assert parse_lock(GOOD).kafka[0].path == PurePosixPath("org/example/group/thing/1.0/thing-1.0.jar")


def test_packaging_and_classifier_are_part_of_the_file_name() -> None:
    assert parse_lock(GOOD).registry.path == PurePosixPath("org/example/app/2.0/app-2.0-all.tar.gz")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (SHA, "A" * 64),
        (SHA, "a" * 63),
        ("size_bytes = 3", "size_bytes = 0"),
        ("thing:1.0", "../thing:1.0"),
        ("thing:1.0", "thing"),
        ("thing:1.0", "thing:..:x"),
        ("kafka_version", "other_version"),
        ("[[registry]]", "[[registries]]"),
    ],
)
def test_an_entry_that_is_not_well_formed_is_refused(good: str, bad: str) -> None:
    with pytest.raises(ValueError, match=r"lock|sha256|coordinate"):
        parse_lock(GOOD.replace(good, bad, 1))


def test_a_file_named_twice_is_refused() -> None:
    entry = GOOD[GOOD.index("[[kafka]]") : GOOD.index("[[registry]]")]
    with pytest.raises(ValueError, match="twice"):
        parse_lock(GOOD + entry)


def test_the_shipped_lock_has_one_kafka_version_and_a_way_for_it_to_log() -> None:
    lock = load_lock()
    kafka = [pin.coordinate for pin in lock.kafka if pin.coordinate.startswith("org.apache.kafka:")]
    assert {coordinate.rpartition(":")[2] for coordinate in kafka} == {lock.kafka_version}
    assert any(":log4j-slf4j-impl:" in pin.coordinate for pin in lock.kafka)
    assert lock.registry.coordinate.split(":")[2] == lock.registry_version


def test_our_paths_are_those_of_the_maven_library() -> None:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=Path("unused"))
    for pin in (*load_lock().kafka, load_lock().registry):
        group, name, version, *rest = pin.coordinate.split(":")
        packaging, classifier = (rest[0], rest[1]) if rest else ("jar", "")
        artifact = context.project(group, name).at_version(version).artifact(classifier, packaging)
        assert str(pin.path) == f"{artifact.component.path_prefix}/{artifact.filename}"


def test_a_pin_can_be_made_by_hand() -> None:
    assert Pinned("g:a:1", SHA, 1).path == PurePosixPath("g/a/1/a-1.jar")
