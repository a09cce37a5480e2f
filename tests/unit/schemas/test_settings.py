"""Settings: defaults < file < environment, unknown keys refused with the nearest name."""

from pathlib import Path

import pytest

from simpul_schemas.connection import connect_from_settings
from simpul_schemas.errors import SettingsError
from simpul_schemas.settings import load_settings


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "simpul.yaml"
    file.write_text("kafka: {bootstrap_servers: berkas:1}\nregistry: {url: berkas:2}\n", encoding="utf-8")
    found = load_settings({"SIMPUL_CONFIG": str(file), "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": "lingkungan:1"})
    assert found.kafka.bootstrap_servers == "lingkungan:1"
    assert found.registry.url == "berkas:2"
    assert found.database.url == ""


@pytest.mark.parametrize(
    ("variable", "near"),
    [("SIMPUL__KAFKA__BOOTSTRAP_SERVER", "kafka.bootstrap_servers"), ("SIMPUL__REGISTRI__URL", "registry.url")],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(variable: str, near: str) -> None:
    with pytest.raises(SettingsError, match=near):
        load_settings({variable: "x"})


@pytest.mark.parametrize("text", ["- a\n- b\n", "kafka: [", "kafka: {bootstrap_servers: [1]}"])
def test_a_file_that_is_no_settings_file_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "simpul.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        load_settings({"SIMPUL_CONFIG": str(file)})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"tidak-ada\.yaml"):
        load_settings({"SIMPUL_CONFIG": "tidak-ada.yaml"})


def test_connecting_without_an_address_says_which_setting_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", "SIMPUL__REGISTRY__URL", "SIMPUL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"kafka\.bootstrap_servers"):
        connect_from_settings()
