"""`simpul poll`: an application's own table, from the command line."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simpul_deploy.cli import app
from simpul_producers.errors import PollError
from simpul_producers.poller.spec import load_poll

POLL = """
mapping: tps.yaml
database: {url_file: alamat}
table: tps
key: [id]
cursor: diubah
sweep: {every_seconds: 3600, max_missing_percent: 100}
"""
MAPPING = """
event_type: participation
times:
  updated: {column: diubah, format: '%Y-%m-%d %H:%M:%S', timezone: Asia/Jakarta}
fields:
  subject: {template: 'tps:{id}'}
  revision: {time: updated}
  region: {constant: '17.01.01'}
  occurred_at: {time: updated}
  recorded_at: {time: updated}
  source: {constant: aplikasi.17}
  election: {constant: pilkada-2024}
  turned_out: {column: hadir}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMPUL__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SIMPUL__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    (tmp_path / "poll.yaml").write_text(POLL, encoding="utf-8")
    (tmp_path / "tps.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "alamat").write_text(f"sqlite:///{tmp_path / 'app.db'}\n", encoding="utf-8")
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE tps (id INTEGER PRIMARY KEY, diubah TEXT, hadir TEXT)")
        connection.executemany("INSERT INTO tps VALUES (?, '2024-11-27 13:00:00', ?)", [(1, "200"), (2, "x"), (3, "9")])
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    found = CliRunner().invoke(app, ["poll", str(folder / "poll.yaml"), "--once", "--no-send", "--json", *arguments])
    return found.exit_code, json.loads(found.stdout or "{}"), found.stderr


def test_a_table_becomes_events_once_and_refused_rows_are_reported(folder: Path) -> None:
    code, document, _ = run(folder)
    assert code == 1
    assert document["refused_by_code"] == {"import.not_a_number": 1}
    assert document["outbox"] == {"published": 0, "pending": 2, "refused_by_broker": 0}
    (line,) = Path(str(document["report"])).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["file"] == 'tps ["2"]'
    code, document, _ = run(folder)
    assert code == 0
    assert document["outbox"] == {"published": 0, "pending": 2, "refused_by_broker": 0}


def test_a_row_that_is_gone_is_withdrawn_by_the_sweep_that_was_asked_for(folder: Path) -> None:
    run(folder)
    with sqlite3.connect(folder / "app.db") as connection:
        connection.execute("DELETE FROM tps WHERE id = 1")
    assert run(folder)[1]["result"]["withdrawn"] == 0  # type: ignore[index]
    _, document, _ = run(folder, "--sweep")
    assert document["swept"] is True
    assert document["result"]["withdrawn"] == 1  # type: ignore[index]


def test_what_is_wrong_outside_is_one_sentence_without_a_traceback(folder: Path) -> None:
    (folder / "alamat").write_text("sqlite:////nowhere/at/all.db", encoding="utf-8")
    code, _, words = run(folder)
    assert code == 3
    assert "cannot be read" in words
    assert "Traceback" not in words
    (folder / "alamat").unlink()
    code, _, words = run(folder)
    assert code == 2
    assert "alamat" in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("cursor: diubah", "kursor: diubah"), "unknown key 'kursor'; did you mean 'cursor'?"),
        (("cursor: diubah", ""), "the key 'cursor' is required"),
        (("{url_file: alamat}", "{}"), "give either url_file or url_variable"),
        (("{url_file: alamat}", "{url: postgresql://x:rahasia@h/b}"), "did you mean 'url_"),
        (("key: [id]", "key: []"), "'key'"),
        (("every_seconds: 3600", "every_seconds: 0"), "'sweep.every_seconds'"),
        ((POLL, "- satu"), "must hold keys and values"),
        ((POLL, "a: [1"), "cannot be read"),
    ],
)
def test_a_poll_file_that_says_something_else_is_explained(folder: Path, change: tuple[str, str], words: str) -> None:
    path = folder / "poll.yaml"
    path.write_text(POLL.replace(*change), encoding="utf-8")
    with pytest.raises(PollError) as caught:
        load_poll(path)
    assert words in caught.value.message_en
