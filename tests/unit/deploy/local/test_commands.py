"""The commands' manners: streams, exit codes, no traceback; with a stack that only pretends."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from simpul_deploy import bus
from simpul_deploy.errors import PortTaken, from_os_error, guarded
from simpul_deploy.local import commands, stack
from simpul_deploy.local.report import DownResult, Endpoints, ServiceStatus, Step, UpResult
from simpul_schemas.errors import SimpulError

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINTS = Endpoints(
    "127.0.0.1:1", "http://127.0.0.1:2/apis/ccompat/v7", "postgresql://simpul:x@127.0.0.1:3/kementerian"
)
app = typer.Typer()
for command in (commands.up, commands.down, commands.status):
    app.command()(guarded(command))


class Pretended:
    """Stands in for Stack."""

    error: BaseException | None = None
    already = False
    states: tuple[Any, ...] = ("running", "running", "running")
    purged: bool | None = None

    def __init__(self, instance: str) -> None:
        self.instance = instance

    def up(self, on_step: Callable[[Step], None], _ports: object) -> UpResult:
        if self.error:
            raise self.error
        on_step(Step("plan", files=47, total_bytes=203_613_667))
        on_step(Step("download", done_bytes=1, total_bytes=2))
        on_step(Step("ready", "kafka", seconds=2.4))
        return UpResult(ENDPOINTS, self.already, () if self.already else ("kafka", "registry", "postgresql"))

    def down(self, _on_step: Callable[[Step], None], *, purge: bool) -> DownResult:
        type(self).purged = purge
        return DownResult(("kafka",), (), purge)

    def status(self) -> list[ServiceStatus]:
        names: tuple[Any, ...] = ("kafka", "registry", "postgresql")
        return [
            ServiceStatus(name, state, 7, 1, "127.0.0.1:1", "1.0", 5.0, Path("/log"))
            for name, state in zip(names, self.states, strict=True)
        ]


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> type[Pretended]:
    class Fresh(Pretended):
        pass

    monkeypatch.setattr(stack, "Stack", Fresh)
    monkeypatch.setattr(bus, "prepare", lambda *_: None)
    return Fresh


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_up_prints_endpoints_to_stdout_and_words_to_stderr(pretended: type[Pretended]) -> None:
    result = run("up")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["Kafka", "127.0.0.1:1"]
    assert "203.6 MB" in result.stderr
    assert "simpul down" in result.stderr


def test_up_json_is_one_document(pretended: type[Pretended]) -> None:
    document = json.loads(run("up", "--json", "--instance", "uji").stdout)
    assert document["bootstrap_servers"] == ENDPOINTS.bootstrap_servers
    assert document["postgresql_url"] == ENDPOINTS.postgresql_url
    assert (document["instance"], document["already_running"]) == ("uji", False)


def test_up_twice_says_so_and_succeeds(pretended: type[Pretended]) -> None:
    pretended.already = True
    result = run("up")
    assert result.exit_code == 0
    assert "sudah berjalan" in result.stderr


def test_an_error_is_its_sentence_and_exit_code_without_a_traceback(pretended: type[Pretended]) -> None:
    pretended.error = PortTaken("registry", 8081)
    result = run("up", "--registry-port", "8081")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == f"{pretended.error}\n"


@pytest.mark.parametrize(("number", "word"), [(errno.ENOSPC, "penuh|habis"), (errno.EACCES, "menulis")])
def test_errors_of_the_operating_system_become_sentences(pretended: type[Pretended], number: int, word: str) -> None:
    pretended.error = OSError(number, "as the system says it", "/there")
    result = run("up")
    assert result.exit_code == 3
    assert any(each in result.stderr for each in word.split("|"))
    assert "/there" in result.stderr


def test_a_missing_package_of_the_extra_says_what_to_install(pretended: type[Pretended]) -> None:
    pretended.error = ModuleNotFoundError("no", name="kafka.admin")
    result = run("up")
    assert result.exit_code == 3
    assert 'pip install "simpul[producers]"' in result.stderr


def test_a_mistake_of_ours_is_not_dressed_up() -> None:
    def fail(mistake: BaseException) -> None:
        raise mistake

    for mistake in (OSError(errno.EBADF, "x"), ModuleNotFoundError("x", name="other"), ValueError("x")):
        with pytest.raises(type(mistake)):
            guarded(fail)(mistake)


def test_status_exits_0_only_when_all_run(pretended: type[Pretended]) -> None:
    assert run("status").exit_code == 0
    pretended.states = ("running", "failed", "stopped")
    result = run("status")
    assert result.exit_code == 3
    assert "gagal / failed" in result.stdout
    assert [service["state"] for service in json.loads(run("status", "--json").stdout)["services"]] == [
        "running", "failed", "stopped",
    ]  # fmt: skip


def test_purge_without_a_terminal_wants_a_yes(pretended: type[Pretended]) -> None:
    assert run("down", "--purge").exit_code == 2
    assert pretended.purged is None
    assert run("down", "--purge", "--yes").exit_code == 0
    assert pretended.purged is True


def test_an_instance_name_that_cannot_be_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert run("status", "--instance", "A/b").exit_code == 2


def test_windows_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    result = run("up")
    assert result.exit_code == 2
    assert "Windows" in result.stderr


def test_every_error_has_both_languages_and_an_exit_code() -> None:
    error = from_os_error(OSError(errno.ENOSPC, "x", "/there"))
    assert isinstance(error, SimpulError)
    assert str(error) == f"{error.message_id} / {error.message_en}"
    assert error.exit_code == 3
