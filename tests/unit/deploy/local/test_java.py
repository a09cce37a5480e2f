"""Finding Java."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simpul_deploy.errors import NoJava
from simpul_deploy.local import java as java_module
from simpul_deploy.local.java import Java, find_java, major

if TYPE_CHECKING:
    from pathlib import Path


def runtime(folder: Path, version: str) -> Path:
    """A folder that looks like an installed Java of this version."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.fixture
def no_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java_module, "_bundled", lambda: None)


@pytest.mark.parametrize(
    ("version", "number"), [("25.0.2", 25), ("21", 21), ("17.0.15", 17), ("1.8.0_392", 8), ("24-ea", 24), ("?", 0)]
)
def test_the_major_number_is_read_as_java_means_it(version: str, number: int) -> None:
    assert major(version) == number


def test_simpul_java_comes_first_as_program_or_as_folder(tmp_path: Path) -> None:
    wished, home = runtime(tmp_path / "wished", "21.0.1"), runtime(tmp_path / "home", "25")
    for wish in (wished, wished / "bin" / "java"):
        assert find_java({"SIMPUL_JAVA": str(wish), "JAVA_HOME": str(home)}).version == "21.0.1"


def test_java_home_comes_before_the_bundled_one_when_it_is_new_enough(tmp_path: Path) -> None:
    home = runtime(tmp_path / "home", "22.0.1")
    assert find_java({"JAVA_HOME": str(home)}).executable == home / "bin" / "java"


def test_an_old_java_home_is_passed_over(tmp_path: Path) -> None:
    home = runtime(tmp_path / "home", "17.0.15")
    assert major(find_java({"JAVA_HOME": str(home)}).version) >= 21


def test_the_bundled_java_needs_no_setting() -> None:
    assert find_java({}).executable.name == "java"


def test_an_old_simpul_java_is_told_rather_than_passed_over(tmp_path: Path) -> None:
    with pytest.raises(NoJava, match=r"17\.0\.15"):
        find_java({"SIMPUL_JAVA": str(runtime(tmp_path / "old", "17.0.15"))})


def test_a_simpul_java_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoJava, match="bukan Java"):
        find_java({"SIMPUL_JAVA": str(tmp_path)})


@pytest.mark.usefixtures("no_bundled")
def test_without_any_java_the_sentence_says_what_to_do() -> None:
    with pytest.raises(NoJava, match=r'pip install "simpul\[deploy\]".*SIMPUL_JAVA'):
        find_java({})


def test_a_java_without_a_release_file_is_asked(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.4\" 2024' >&2\n")
    program.chmod(0o755)
    assert find_java({"SIMPUL_JAVA": str(program)}).version == "21.0.4"


def test_only_a_java_that_knows_the_option_is_told_to_keep_quiet_about_unsafe(tmp_path: Path) -> None:
    assert not any("unsafe" in option for option in Java(tmp_path, "21.0.1").quiet_options)
    assert any("unsafe" in option for option in Java(tmp_path, "25.0.2").quiet_options)
