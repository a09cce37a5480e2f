from pathlib import Path

import pytest

from simpul_connectors.errors import OperatorRefused, OperatorsUnreadable
from simpul_connectors.portal.operators import SESSION_SECONDS, OperatorFile, Sessions

_DAY = 86_400_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> OperatorFile:
    return OperatorFile(tmp_path / "operators.json", b"pepper of a test", clock)


def test_a_key_opens_for_its_operator_until_it_expires(file: OperatorFile, clock: Clock) -> None:
    made, key = file.create("Budi", ["53"], 30)
    assert file.of_key(f" {key}\n") == made
    assert made.may("53")
    assert not made.may("73")
    clock.now += 30 * _DAY
    assert file.of_key(key) is None


@pytest.mark.parametrize("keep", [slice(0, -1), slice(1, None), slice(0, 12), slice(0, 0)])
def test_any_other_text_opens_nothing(file: OperatorFile, keep: slice) -> None:
    _, key = file.create("Budi", [], 30)
    assert file.of_key(key[keep]) is None
    assert file.of_key(key[:-2] + ("AA" if key[-2:] != "AA" else "BB")) is None


def test_only_a_keyed_hash_is_kept_and_nobody_else_may_read_it(file: OperatorFile, tmp_path: Path) -> None:
    _, key = file.create("Budi", [], 30)
    text = (tmp_path / "operators.json").read_text()
    assert key.partition(".")[2] not in text
    assert (tmp_path / "operators.json").stat().st_mode & 0o077 == 0
    assert OperatorFile(tmp_path / "operators.json", b"another pepper..", lambda: 0).of_key(key) is None


def test_a_file_that_others_may_read_or_that_is_no_list_is_refused(file: OperatorFile, tmp_path: Path) -> None:
    _, key = file.create("Budi", [], 30)
    path = tmp_path / "operators.json"
    path.chmod(0o644)
    with pytest.raises(OperatorsUnreadable):
        OperatorFile(path, b"pepper of a test", lambda: 0).of_key(key)
    path.chmod(0o600)
    path.write_text('{"not": "a list"}')
    with pytest.raises(OperatorsUnreadable):
        file.of_key(key)


def test_a_revoked_operator_is_out_at_once_also_in_an_open_session(file: OperatorFile) -> None:
    made, key = file.create("Budi", [], 30)
    other, _ = file.create("Sari", [], 30)
    sessions = Sessions(file, lambda: 0.0)
    opened = sessions.sign_in(key)
    assert opened is not None
    assert sessions.of(opened[0]) is not None
    file.revoke(made.key_id)
    assert sessions.of(opened[0]) is None
    assert file.all() == [other]
    with pytest.raises(OperatorRefused):
        file.revoke(made.key_id)


def test_a_session_ends_when_it_is_idle(file: OperatorFile) -> None:
    now = [0.0]
    _, key = file.create("Budi", [], 30)
    sessions = Sessions(file, lambda: now[0])
    opened = sessions.sign_in(key)
    assert opened is not None
    now[0] = SESSION_SECONDS - 1
    assert sessions.of(opened[0]) is not None
    now[0] += SESSION_SECONDS - 1
    assert sessions.of(opened[0]) is not None
    now[0] += SESSION_SECONDS
    assert sessions.of(opened[0]) is None
    assert sessions.of(None) is None


@pytest.mark.parametrize(("name", "provinces"), [("", []), ("a\nb", []), ("Budi", ["99"])])
def test_an_operator_without_a_proper_name_or_province_is_not_made(
    file: OperatorFile, name: str, provinces: list[str]
) -> None:
    with pytest.raises(OperatorRefused):
        file.create(name, provinces, 30)
