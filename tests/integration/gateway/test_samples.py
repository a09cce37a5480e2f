"""The samples under `samples/`, run as they stand against a live gateway."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PHP = ROOT / "samples" / "php" / "kirim.php"
CURL = ROOT / "samples" / "curl" / "kirim.sh"
_TIMEOUT_SECONDS = 120


def need(program: str) -> str:
    """Return a program's path; without it the test is skipped, but in CI it fails."""
    found = shutil.which(program)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{program} is not installed")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture(scope="module")
def live(gateway_with: Callable[..., Any]) -> Iterator[Any]:
    with gateway_with(body_bytes=60_000) as running:
        yield running


@pytest.fixture
def php(tmp_path: Path) -> Callable[..., str]:
    """Run lines of PHP that have included the sample, with the outgoing folder in `$folder`."""

    def run(lines: str, url: str, key: str) -> str:
        script = tmp_path / "aplikasi.php"
        script.write_text(
            f"<?php require '{PHP}'; $folder = '{tmp_path / 'keluar'}';"
            f" $kirim = new Kirim('{url}', '{key}', $folder, 3, 0.05);\n{lines}\n"
        )
        done = subprocess.run(
            [need("php"), str(script)], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Warning" not in done.stdout + done.stderr
        return done.stdout

    return run


EVENT = """['subject' => "php:$prefix:$ke", 'occurred_at' => '2026-03-28T16:30:00+08:00', 'kind' => 'DISASTER',
 'category' => 'banjir', 'severity' => 'MINOR', 'verification' => 'UNVERIFIED', 'time_precision' => 'DAY',
 'displaced' => $ke]"""


def save(prefix: str, count: int) -> str:
    return f"$prefix = '{prefix}'; for ($ke = 0; $ke < {count}; $ke++) {{ $kirim->simpan('incident', {EVENT}); }}"


def subjects(live: Any, prefix: str) -> list[str]:
    from simpul_producers.sqlite_outbox import SqliteOutbox

    outbox = SqliteOutbox(live.settings.data_dir / "outbox.db")
    try:
        found = [waiting.row.subject for waiting in outbox.pending(100_000)]
    finally:
        outbox.close()
    return [subject for subject in found if subject.startswith(f"php:{prefix}:")]


def test_php_sends_what_it_kept_in_order_and_keeps_nothing_more(
    live: Any, php: Callable[..., str], tmp_path: Path
) -> None:
    said = php(save("order", 250) + " echo json_encode($kirim->kirim());", live.url, live.key)
    assert json.loads(said) == {"diterima": 250, "ditolak": 0, "menunggu": 0}
    assert subjects(live, "order") == [f"php:order:{number}" for number in range(250)]
    assert list((tmp_path / "keluar").glob("*.json")) == []


def test_php_loses_nothing_while_the_gateway_is_away(live: Any, php: Callable[..., str]) -> None:
    away = php(save("away", 5) + " echo json_encode($kirim->kirim());", "http://127.0.0.1:9", live.key)
    assert json.loads(away) == {"diterima": 0, "ditolak": 0, "menunggu": 5}
    back = php("echo json_encode($kirim->kirim());", live.url, live.key)
    assert json.loads(back) == {"diterima": 5, "ditolak": 0, "menunggu": 0}
    assert len(subjects(live, "away")) == 5


def test_php_puts_refused_events_aside_with_the_reason_and_the_others_go(
    live: Any, php: Callable[..., str], tmp_path: Path
) -> None:
    bad = "$ke = -1; $prefix = 'mixed'; $kirim->simpan('incident', " + EVENT + "); "
    said = php(bad + save("mixed", 3) + " echo json_encode($kirim->kirim());", live.url, live.key)
    assert json.loads(said) == {"diterima": 3, "ditolak": 1, "menunggu": 0}
    (reason,) = (tmp_path / "keluar" / "ditolak").glob("*.alasan")
    assert json.loads(reason.read_text())["code"] == "incident.count_negative"
    assert len(subjects(live, "mixed")) == 3


def test_php_sends_again_without_doubling_when_the_answer_was_lost(
    live: Any, php: Callable[..., str], tmp_path: Path
) -> None:
    php(
        save("lost", 4) + ' mkdir("$folder/salinan"); foreach (glob("$folder/*.json") as $satu)'
        ' copy($satu, "$folder/salinan/" . basename($satu)); $kirim->kirim();',
        live.url,
        live.key,
    )
    for copy in (tmp_path / "keluar" / "salinan").iterdir():
        copy.rename(tmp_path / "keluar" / copy.name)
    said = php("echo json_encode($kirim->kirim());", live.url, live.key)
    assert json.loads(said)["diterima"] == 4
    assert len(subjects(live, "lost")) == 4


def test_php_splits_what_is_too_large_for_one_request(live: Any, php: Callable[..., str]) -> None:
    big = save("big", 40).replace("'displaced'", "'chronology' => str_repeat('x', 5000), 'displaced'")
    said = php(big + " echo json_encode($kirim->kirim());", live.url, live.key)
    assert json.loads(said) == {"diterima": 40, "ditolak": 0, "menunggu": 0}
    assert subjects(live, "big") == [f"php:big:{number}" for number in range(40)]


def test_php_from_cron_reads_its_key_from_a_file_and_says_by_its_exit_code_what_happened(
    live: Any, php: Callable[..., str], tmp_path: Path
) -> None:
    php(save("cron", 2), live.url, live.key)
    key = tmp_path / "kunci"
    key.write_text(live.key + "\n")

    def cron(url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [need("php"), str(PHP), url, str(tmp_path / "keluar")],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            env={**os.environ, "SIMPUL_KEY_FILE": str(key)},
            check=False,
        )

    sent = cron(live.url)
    assert (sent.returncode, json.loads(sent.stdout)["diterima"]) == (0, 2)
    key.write_text("salah.salah")
    php(save("cron", 1), live.url, live.key)
    wrong = cron(live.url)
    assert wrong.returncode == 3
    assert "Kunci tidak dikenal" in wrong.stderr


def test_the_curl_sample_sends_an_event_and_shows_what_became_of_it(live: Any, tmp_path: Path) -> None:
    need("curl")
    key = tmp_path / "kunci"
    key.write_text(live.key + "\n")
    done = subprocess.run(
        ["sh", str(CURL), live.url],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        env={**os.environ, "SIMPUL_KEY_FILE": str(key)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["accepted"], second["status"]) == (1, "pending")


@pytest.mark.parametrize(("program", "file"), [("node", "node/kirim.mjs"), ("java", "java/Kirim.java")])
def test_node_and_java_send_a_file_and_sending_it_again_doubles_nothing(
    live: Any, make_events: Callable[..., Any], tmp_path: Path, program: str, file: str
) -> None:
    # A source file is compiled as it is run, which a bare JRE cannot.
    need("javac" if program == "java" else program)
    events = [event | {"event_id": str(uuid.uuid4())} for event in make_events(30, f"php:{program}")]
    bad = make_events(1, "x")[0] | {"event_id": str(uuid.uuid4()), "severity": "SALAH"}
    (tmp_path / "kunci.txt").write_text(live.key + "\n")
    (tmp_path / "baik.json").write_text(json.dumps(events))
    (tmp_path / "campur.json").write_text(json.dumps([*events[:3], bad]))

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, str(ROOT / "samples" / file), live.url, "incident", str(tmp_path / name)],
            env={**os.environ, "SIMPUL_KEY_FILE": str(tmp_path / "kunci.txt")},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )

    for _ in range(2):
        done = run("baik.json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert subjects(live, program) == [f"php:{program}:{number}" for number in range(30)]
    refused = run("campur.json")
    assert refused.returncode == 1
    assert bad["event_id"] in refused.stdout
