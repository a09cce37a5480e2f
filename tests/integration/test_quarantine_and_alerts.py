"""Quarantine and early warning as their users have them: commands and a real worker on a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from simpul_deploy.bus import prepare
from simpul_deploy.cli import app
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import event_topic, value_subject
from simpul_schemas.wire import frame

KIND = event_type("incident")
#: A province that no other test writes to.
PROVINCE, REGION = "95", "95.01"
TOPIC = event_topic(PROVINCE, "incident")
DEADLINE_SECONDS = 120.0


class Region:
    """A regional publisher of ours, and the commands on the same bus."""

    def __init__(self, servers: Any, folder: Path) -> None:
        self.environment = {
            "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
            "SIMPUL__REGISTRY__URL": servers.registry_url,
            "SIMPUL__DATA_DIR": str(folder / "data"),
            "SIMPUL__CACHE_DIR": str(folder / "cache"),
            "COLUMNS": "200",
        }
        self.producer = KafkaProducer(bootstrap_servers=servers.bootstrap_servers, enable_idempotence=False)
        registry = HttpRegistry(servers.registry_url)
        prepare(servers.bootstrap_servers, registry)
        self.schema_id = registry.lookup(value_subject(TOPIC), KIND.schema)
        self.workers: list[subprocess.Popen[bytes]] = []

    def publish(self, record: dict[str, Any]) -> str:
        """Append an event and return the id that it would have in quarantine."""
        value = frame(self.schema_id, rows.encode(KIND.parsed_schema, record))
        return self.append(value, record["subject"].encode())

    def append(self, value: bytes, key: bytes) -> str:
        told = self.producer.send(TOPIC, key=key, value=value).get(30)
        return f"{PROVINCE}.incident/{told.partition}@{told.offset}"

    def command(self, *arguments: str, exit_code: int = 0) -> str:
        answer = CliRunner().invoke(app, list(arguments), env=self.environment)
        assert answer.exit_code == exit_code, f"{answer.stdout}\n{answer.stderr}\n{answer.exception!r}"
        return answer.stdout

    def exit_code(self, *arguments: str) -> int:
        return CliRunner().invoke(app, list(arguments), env=self.environment).exit_code

    def document(self, *arguments: str, exit_code: int = 0) -> Any:
        return json.loads(self.command(*arguments, "--json", exit_code=exit_code))

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "simpul_deploy.cli", "worker"]
        worker = subprocess.Popen(command, env=os.environ | self.environment, stdout=subprocess.DEVNULL)
        self.workers.append(worker)
        return worker

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """Ask again until there is an answer."""
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.2)
        pytest.fail(f"nothing within {DEADLINE_SECONDS:.0f} s")

    def alert(self, name: str, state: str) -> Any:
        """Wait for an alert of our region in a state."""

        def look() -> Any:
            found = self.document("alerts", "list", "--all", "--region", REGION)["alerts"]
            return [alert for alert in found if alert["rule"] == name and alert["state"] == state]

        (alert,) = self.wait_for(look)
        return alert


@pytest.fixture(scope="module")
def region(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    found = Region(servers, tmp_path_factory.mktemp("region"))
    yield found
    found.producer.close()
    for worker in found.workers:
        worker.kill()
        worker.wait()


def an_incident(**changes: Any) -> dict[str, Any]:
    now = time.time_ns() // 1000
    record: dict[str, Any] = dict.fromkeys((field["name"] for field in KIND.parsed_schema["fields"]), None)
    return record | {
        "event_id": str(uuid.uuid4()),
        "subject": f"incident:{REGION}:{uuid.uuid4()}",
        "revision": now,
        "action": "SUBMIT",
        "region": REGION,
        "occurred_at": now,
        "recorded_at": now,
        "published_at": now,
        "source": "uji.95",
        "mode": "ACTUAL",
        "kind": "DISASTER",
        "category": "banjir",
        "severity": "MINOR",
        "verification": "UNVERIFIED",
        "time_precision": "MINUTE",
        **changes,
    }


def test_what_is_refused_goes_home_is_repaired_once_and_then_raises_its_alert(region: Region, tmp_path: Path) -> None:
    start = datetime.now(UTC).isoformat()
    region.start_worker()
    wrong = an_incident(killed=-1, severity="EXTREME")
    name = region.publish(wrong)
    garbage = region.append(b'{"json": 1}', b"k")

    # By their own ids, since the bus may hold what an earlier run left.
    for one in (name, garbage):
        region.wait_for(lambda one=one: region.exit_code("quarantine", "show", one) == 0)
    document = region.document("quarantine", "list", "--province", PROVINCE, "--since", start)
    groups = {group["code"]: group for group in document["groups"]}
    assert groups["incident.count_negative"]["source"] == "uji.95"
    assert groups["record.magic_byte_wrong"]["example"] == garbage
    assert "count_negative" in region.command("quarantine", "list", "--province", PROVINCE)

    shown = region.document("quarantine", "show", name)
    assert (shown["state"], shown["origin"]["topic"], shown["event"]["killed"]) == ("open", TOPIC, -1)
    assert "jumlah yang negatif" in region.command("quarantine", "show", name)
    assert region.document("quarantine", "show", garbage)["event"] is None

    repair = ("quarantine", "redrive", "--id", name, "--set", "killed=1", "--reason", "salah ketik", "--by", "rina")
    dry = region.document(*repair, "--dry-run")
    assert {"field": "killed", "before": -1, "after": 1} in dry["sent"][0]["changes"]
    assert region.document("quarantine", "show", name)["state"] == "open"
    sent = region.document(*repair)["sent"][0]
    assert (sent["topic"], sent["subject"], sent["revision"]) == (TOPIC, wrong["subject"], wrong["revision"])

    again = region.document(*repair)
    assert again["sent"] == []
    assert again["already_redriven"][0]["event_id"] == sent["event_id"]
    assert region.document("quarantine", "show", name)["redriven"]["by"] == "rina"

    script = tmp_path / "fix.py"
    script.write_text("def repair(event):\n    return event | {'killed': 0}\n", encoding="utf-8")
    everything = (
        "quarantine",
        "redrive",
        "--script",
        str(script),
        "--province",
        PROVINCE,
        "--since",
        start,
        "--reason",
        "semua",
    )
    result = region.document(*everything, exit_code=1)
    assert (result["sent"], result["unreadable"]) == ([], [garbage])

    raised = region.alert("extreme_incident", "RAISED")
    assert raised["count"] >= 1  # of today, also of an earlier run on the same bus
    assert raised["text_id"].startswith("Kejadian berat")
    assert sum(one["value"] for one in raised["evidence"]) == raised["count"]


def test_an_alert_outlives_its_worker_and_another_one_clears_it(region: Region) -> None:
    first = region.start_worker()
    conflicts = [an_incident(kind="CONFLICT") for _ in range(3)]
    for record in conflicts:
        region.publish(record)
    raised = region.alert("conflict_cluster", "RAISED")
    for worker in region.workers:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert first.returncode == -signal.SIGKILL
    region.start_worker()
    for old in conflicts:
        region.publish(old | {"action": "WITHDRAW", "revision": old["revision"] + 1, "event_id": str(uuid.uuid4())})
    cleared = region.alert("conflict_cluster", "CLEARED")
    assert cleared["alert"] == raised["alert"]
    assert cleared["revision"] > raised["revision"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("quarantine", "list", "--province", "99"), 2, "99"),
        (("quarantine", "list", "--since", "kemarin"), 2, "kemarin"),
        (("quarantine", "list", "--type", "insiden"), 2, "insiden"),
        (("quarantine", "show", "x"), 2, "53.incident/0@1234"),
        (("quarantine", "show", f"{PROVINCE}.report/0@999"), 2, "999"),
        (("quarantine", "redrive", "--reason", "x"), 2, "--script"),
        (("quarantine", "redrive", "--reason", " ", "--id", "x"), 2, "--reason"),
        (("quarantine", "redrive", "--reason", "x", "--id", "x", "--edit", "tidak-ada.json"), 2, "tidak-ada.json"),
        (("alerts", "lint", "tidak-ada.yaml"), 1, "tidak-ada.yaml"),
    ],
)
def test_what_is_asked_wrongly_is_answered_with_what_would_be_right(
    region: Region, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    answer = CliRunner().invoke(app, list(arguments), env=region.environment)
    assert answer.exit_code == exit_code
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_a_broker_the_commands_say_so(region: Region) -> None:
    nowhere = region.environment | {"SIMPUL__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    for arguments in (["quarantine", "list"], ["quarantine", "show", "95.incident/0@0"], ["alerts", "list"]):
        answer = CliRunner().invoke(app, arguments, env=nowhere)
        assert answer.exit_code == 3, answer.stderr
        assert "127.0.0.1:9" in answer.stderr
