"""The settings of the link: no open line by accident, secrets in files that are not for everybody."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from simpul_schemas.connection import client_options, is_loopback, registry_client, server_list
from simpul_schemas.errors import SettingsError
from simpul_schemas.link_settings import KafkaSettings, Mechanism, RegistrySettings, Security, read_secret
from simpul_schemas.settings import load_settings

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such bits")


def kafka(**values: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=values.pop("servers", "bus.go.id:9093"), **values)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "sandi"
    file.write_text("rahasia-kenari\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("servers", ["127.0.0.1:9092", "localhost:9092,[::1]:9092", "LOCALHOST"])
def test_on_this_machine_a_line_needs_no_tls(servers: str) -> None:
    assert client_options(kafka(servers=servers)) == {}


@pytest.mark.parametrize("servers", ["bus.go.id:9092", "127.0.0.1:9092,10.0.0.5:9092"])
def test_off_this_machine_a_line_without_tls_must_be_said(servers: str) -> None:
    with pytest.raises(SettingsError, match="allow_plaintext"):
        client_options(kafka(servers=servers))
    assert client_options(kafka(servers=servers, allow_plaintext=True)) == {}


def test_a_login_gives_the_same_options_to_every_client(secret: Path) -> None:
    options = client_options(kafka(security=Security.SASL_SSL, user="w.53", password_file=secret))
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "w.53",
        "sasl_plain_password": "rahasia-kenari",
    }


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "kafka.user"),
        ({"user": "w.53"}, "kafka.password_file"),
        ({"mechanism": Mechanism.OAUTHBEARER}, "kafka.token_file"),
        ({"user": "w.53", "password": "x", "ca_file": Path("tidak-ada.pem")}, "ca_file"),
        ({"user": "w.53", "password": "x", "certificate_file": Path("tidak-ada.pem")}, "certificate_file"),
    ],
)
def test_what_is_missing_for_a_login_is_named(values: dict[str, Any], missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        client_options(kafka(security=Security.SASL_SSL, **values))


def test_a_token_is_read_anew_at_every_login(secret: Path) -> None:
    settings = kafka(security=Security.SASL_SSL, mechanism=Mechanism.OAUTHBEARER, token_file=secret)
    provider = client_options(settings)["sasl_oauth_token_provider"]
    assert provider.token() == "rahasia-kenari"
    secret.write_text("token-baru", encoding="utf-8")
    assert (provider.token(), provider.extensions()) == ("token-baru", {})


@posix
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_secret_file_for_everybody_is_refused_with_the_remedy(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_secret(SecretStr(""), secret, "kafka.password_file")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_secret_file_of_its_owner_and_group_is_read(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    assert read_secret(SecretStr("x"), secret, "kafka.password_file").get_secret_value() == "rahasia-kenari"


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tidak-ada"):
        read_secret(SecretStr(""), tmp_path / "tidak-ada", "kafka.password_file")


def test_no_secret_shows_where_settings_are_printed(secret: Path) -> None:
    settings = load_settings({"SIMPUL__KAFKA__PASSWORD": "rahasia-kenari", "SIMPUL__REGISTRY__PASSWORD": "rahasia-dua"})
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "rahasia" not in text


def test_every_key_of_the_link_has_its_variable(secret: Path) -> None:
    settings = load_settings(
        {
            "SIMPUL__KAFKA__SECURITY": "SASL_SSL",
            "SIMPUL__KAFKA__MECHANISM": "PLAIN",
            "SIMPUL__KAFKA__ALLOW_PLAINTEXT": "true",
            "SIMPUL__KAFKA__PASSWORD_FILE": str(secret),
            "SIMPUL__OUTBOX__MAX_WAITING_EVENTS": "5",
        }
    )
    assert settings.kafka.security is Security.SASL_SSL
    assert settings.kafka.mechanism is Mechanism.PLAIN
    assert settings.kafka.allow_plaintext
    assert settings.kafka.password_file == secret
    assert settings.outbox.max_waiting_events == 5


def test_a_login_without_tls_is_not_offered() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.security"):
        load_settings({"SIMPUL__KAFKA__SECURITY": "SASL_PLAINTEXT"})


@pytest.mark.parametrize("servers", ["bus:x", "bus:0", ":9092", "bus:70000"])
def test_an_address_that_is_none_is_named(servers: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        server_list(servers)


def test_addresses_of_every_shape_are_read() -> None:
    assert server_list("bus.go.id:9093, [::1]:9092,bus2,[::1]") == [
        ("bus.go.id", 9093),
        ("::1", 9092),
        ("bus2", 9092),
        ("::1", 9092),
    ]


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("bus", False)]
)
def test_this_machine_is_known_by_name_and_number(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_registrys_login_is_not_sent_openly() -> None:
    with pytest.raises(SettingsError, match="https"):
        registry_client(RegistrySettings(url="http://registry.go.id/api", user="w", password=SecretStr("x")))
    for url in ("http://127.0.0.1:8081", "https://registry.go.id/api"):
        registry_client(RegistrySettings(url=url, user="w", password=SecretStr("x"))).close()
