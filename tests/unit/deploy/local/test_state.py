"""What an instance remembers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from simpul_deploy.errors import StateDamaged, WrongUsage
from simpul_deploy.local.ports import PREFERRED
from simpul_deploy.local.processes import Identity
from simpul_deploy.local.state import Folders, State, load, ports_of_others, save

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(tmp_path / "simpul", "satu")
    made.make()
    return made


def test_what_is_saved_is_loaded(folders: Folders) -> None:
    state = State("a", "b", PREFERRED, {"kafka": Identity(7, 1.5)})
    save(folders, state)
    assert load(folders) == state


def test_the_passwords_can_be_read_by_the_owner_only(folders: Folders) -> None:
    save(folders, State.new())
    assert folders.state.stat().st_mode & 0o777 == 0o600
    assert folders.data.stat().st_mode & 0o777 == 0o700


def test_two_instances_have_different_passwords() -> None:
    one, other = State.new(), State.new()
    assert len({one.owner_password, one.admin_password, other.owner_password, other.admin_password}) == 4


def test_an_instance_that_never_ran_has_no_memory(folders: Folders) -> None:
    assert load(folders) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "ports": {"kafka": 1}}'])
def test_a_damaged_memory_is_told_with_the_way_out(folders: Folders, text: str) -> None:
    folders.state.write_text(text)
    with pytest.raises(StateDamaged, match=r"simpul down --instance satu --purge"):
        load(folders)


def test_data_without_its_memory_is_damage_and_not_a_fresh_start(folders: Folders) -> None:
    (folders.data / "kafka").mkdir()
    with pytest.raises(StateDamaged):
        load(folders)


def test_saving_leaves_no_other_file_behind(folders: Folders) -> None:
    save(folders, State.new())
    save(folders, State.new())
    assert sorted(path.name for path in folders.data.iterdir()) == ["logs", "state.json"]


def test_a_process_can_be_remembered_and_forgotten() -> None:
    state = State("a", "b").with_process("kafka", Identity(1, 2.0))
    assert state.processes == {"kafka": Identity(1, 2.0)}
    assert state.with_process("kafka", None).processes == {}


def test_other_instances_keep_their_ports_even_beside_a_damaged_one(folders: Folders) -> None:
    save(folders, State("a", "b", PREFERRED))
    other = Folders(folders.root, "dua")
    other.make()
    (folders.root / "tiga").mkdir()
    (folders.root / "tiga" / "state.json").write_text(json.dumps(["?"]))
    assert ports_of_others(other) == {PREFERRED.kafka, PREFERRED.controller, PREFERRED.registry, PREFERRED.postgresql}
    assert ports_of_others(folders) == set()


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "-a", "a" * 33, "a\n"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUsage):
        Folders(tmp_path, name)
