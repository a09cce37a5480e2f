"""What the services are told; pure, without starting any."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpul_deploy.errors import OutsideError
from simpul_deploy.local import postgresql
from simpul_deploy.local.files import last_line
from simpul_deploy.local.java import Java
from simpul_deploy.local.kafka import Kafka, server_properties
from simpul_deploy.local.ports import PREFERRED
from simpul_deploy.local.postgresql import Passwords, PostgreSQL, home_for
from simpul_deploy.local.registry import Registry, settings
from simpul_deploy.local.services import Tools

TOOLS = Tools(Java(Path("/java"), "25.0.2"), (Path("/a.jar"), Path("/b.jar")), Path("/registry"))


def test_the_broker_listens_on_the_loopback_address_only() -> None:
    lines = dict(line.split("=", 1) for line in server_properties(PREFERRED, Path("/data")).splitlines())
    assert lines["listeners"] == "BROKER://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert lines["advertised.listeners"] == "BROKER://127.0.0.1:19092"
    assert lines["controller.quorum.voters"] == "1@127.0.0.1:19093"
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["log.message.timestamp.type"] == "LogAppendTime"


def test_the_registry_listens_on_the_loopback_address_only_and_writes_before_it_answers() -> None:
    told = settings(18081, Path("/data/registry"))
    assert told["QUARKUS_HTTP_HOST"] == told["QUARKUS_MANAGEMENT_HOST"] == "127.0.0.1"
    assert told["APICURIO_DATASOURCE_URL"] == "jdbc:h2:file:/data/registry;WRITE_DELAY=0"


def test_each_service_carries_its_mark_as_one_argument(tmp_path: Path) -> None:
    log = tmp_path / "log"
    postgres = PostgreSQL(home_for(tmp_path / "p", as_root=False), log, PREFERRED, Passwords("a", "b"))
    for service in (
        Kafka(tmp_path / "k", log, PREFERRED, "1"),
        Registry(tmp_path / "r", log, PREFERRED, "1"),
        postgres,
    ):
        assert service.mark in service.command(TOOLS).argv
        assert str(tmp_path) in service.mark


def test_postgresql_opens_no_socket_file_and_no_outside_address(tmp_path: Path) -> None:
    service = PostgreSQL(home_for(tmp_path, as_root=False), tmp_path / "log", PREFERRED, Passwords("a", "b"))
    argv = service.command(TOOLS).argv
    assert "listen_addresses=127.0.0.1" in argv
    assert "unix_socket_directories=" in argv
    assert not any("password" in argument for argument in argv)


def test_a_user_runs_postgresql_as_itself_inside_the_instance(tmp_path: Path) -> None:
    home = home_for(tmp_path, as_root=False)
    assert (home.folder, home.account) == (tmp_path, None)


def test_root_runs_postgresql_as_another_account_outside_its_closed_home(tmp_path: Path) -> None:
    home = home_for(tmp_path / "postgresql", as_root=True, root_home=tmp_path / "var")
    assert home.account is not None
    assert home.account.uid != 0
    assert home.folder.parent == tmp_path / "var"
    assert home.folder != home_for(tmp_path / "other", as_root=True, root_home=tmp_path / "var").folder


def test_root_without_an_account_to_lend_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgresql, "_UNPRIVILEGED", "no-such-user-here")
    with pytest.raises(OutsideError, match="root"):
        home_for(tmp_path, as_root=True)


@pytest.mark.parametrize("text", ["", "999999999\n/x\n", "1\n/x\n", "not a number\n"])
def test_a_stale_pid_file_of_the_database_does_not_stop_it(tmp_path: Path, text: str) -> None:
    service = PostgreSQL(home_for(tmp_path, as_root=False), tmp_path / "log", PREFERRED, Passwords("a", "b"))
    file = tmp_path / "data" / "postmaster.pid"
    file.parent.mkdir()
    file.write_text(text)
    service._drop_stale_pid()
    assert file.exists() == (not text[:1].isdigit())


def test_the_last_line_of_a_log_is_the_cause_and_not_a_stack_frame(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "fine\nCaused by: java.net.BindException: Address already in use\n\tat a.b.C(D.java:1)\n\t... 18 more\n"
    )
    assert last_line(log) == "Caused by: java.net.BindException: Address already in use"
    assert last_line(tmp_path / "none") == ""
