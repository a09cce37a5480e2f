"""The portal as its readers and operators have it: the real command beside a real worker on a real broker."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer
from tests.contract.test_portal_redriver import an_incident
from typer.testing import CliRunner

from simpul_deploy.bus import prepare
from simpul_deploy.cli import app
from simpul_schemas import rows
from simpul_schemas.contract import event_type
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.topics import event_topic, value_subject
from simpul_schemas.wire import frame

KIND = event_type("incident")
#: A province and a year that no other test writes to.
PROVINCE, REGION = "93", "93.01"
TOPIC = event_topic(PROVINCE, "incident")
IN_2011 = 1_300_000_000_000_000
DEADLINE_SECONDS = 120.0
CLI = [sys.executable, "-m", "simpul_deploy.cli"]


class Portal:
    """The portal's process and a browser without script."""

    def __init__(self, servers: Any, folder: Path) -> None:
        self.environment = {
            "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
            "SIMPUL__REGISTRY__URL": servers.registry_url,
            "SIMPUL__DATA_DIR": str(folder / "data"),
            "SIMPUL__CACHE_DIR": str(folder / "cache"),
        }
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("worker")
        self.start("portal", "--port", "0")
        address = self.wait_for(lambda: re.search(r"Portal: (http://\S+)", (folder / "portal.log").read_text()))
        self.client = httpx.Client(base_url=address[1], timeout=30.0)

    def start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("w") as log:
            process = subprocess.Popen([*CLI, *command], env=os.environ | self.environment, stderr=log)
        self.processes.append(process)

    def command(self, *arguments: str) -> str:
        answer = CliRunner().invoke(app, list(arguments), env=self.environment)
        assert answer.exit_code == 0, f"{answer.stdout}\n{answer.stderr}\n{answer.exception!r}"
        return answer.stdout.strip()

    def wait_for(self, what: Callable[[], Any]) -> Any:
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            if found := what():
                return found
            time.sleep(0.2)
        pytest.fail(f"waited in vain; the portal says: {(self.folder / 'portal.log').read_text()[-2000:]}")

    def incidents(self) -> tuple[int, int]:
        """Return the incidents and the persons killed of the region's year."""
        answer = self.client.get("/api/v1/figures/incident", params={"region": REGION, "period": "2011"})
        figures = answer.json()["figures"] if answer.status_code == 200 else []
        measures = figures[0]["measures"] if figures else {"incidents": 0, "killed": 0}
        return measures["incidents"], measures["killed"]

    def refusals(self) -> tuple[int, int]:
        """Return how many refusals of the province are open, and how many were sent again."""
        reasons = self.client.get(f"/api/v1/quarantine/{PROVINCE}").json()["reasons"]
        return sum(one["open"] for one in reasons), sum(one["redriven"] for one in reasons)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(60)


@pytest.fixture
def portal(servers: Any, tmp_path: Path) -> Iterator[Portal]:
    prepare(servers.bootstrap_servers, HttpRegistry(servers.registry_url))
    portal = Portal(servers, tmp_path)
    yield portal
    portal.stop()


def publish(servers: Any, **changes: Any) -> str:
    """Append an event and return the id that it would have in quarantine."""
    schema_id = HttpRegistry(servers.registry_url).lookup(value_subject(TOPIC), KIND.schema)
    moment = {"occurred_at": IN_2011, "recorded_at": IN_2011, "published_at": IN_2011}
    name = str(uuid.uuid4())
    event = an_incident(event_id=name, subject=f"incident:93:{name}", region=REGION, **moment, **changes)
    producer = KafkaProducer(bootstrap_servers=servers.bootstrap_servers, enable_idempotence=False)
    value = frame(schema_id, rows.encode(KIND.parsed_schema, event))
    told = producer.send(TOPIC, key=event["subject"].encode(), value=value).get(30)
    producer.close()
    return f"{PROVINCE}.incident/{told.partition}@{told.offset}"


@pytest.mark.stack
def test_figures_come_in_and_what_was_refused_is_mended_by_an_operator_and_counts(servers: Any, portal: Portal) -> None:
    # A bus that tests have used before holds what they left.
    portal.wait_for(lambda: portal.client.get("/readyz").status_code == 200)
    (incidents, killed), (open_before, redriven) = portal.incidents(), portal.refusals()
    publish(servers, killed=2)
    name = publish(servers, killed=-1)
    portal.wait_for(lambda: portal.incidents() == (incidents + 1, killed + 2))
    portal.wait_for(lambda: portal.refusals() == (open_before + 1, redriven))
    page = portal.client.get(f"/tampilan/incident/{PROVINCE}?periode=2011").text
    assert "Papua Selatan" in page

    # Who is behind, and how many workers there are, is known from the broker.
    status = portal.wait_for(lambda: portal.client.get("/api/v1/status").json()["stages"])
    assert {"incident.partial", "incident.figure", "completeness"} <= {stage["stage"] for stage in status}
    portal.wait_for(lambda: portal.client.get("/api/v1/status").json()["workers"] >= 1)

    def last_append() -> object:
        topics = portal.client.get("/api/v1/status").json()["topics"]
        return next(one for one in topics if one["topic"] == TOPIC)["last_append"]

    portal.wait_for(last_append)

    # The operator mends the refusal; its event counts, and the quarantine says so.
    key = portal.command("portal", "operator", "create", "--name", "Budi", "--province", PROVINCE)
    assert portal.client.post("/masuk", data={"token": key}).status_code == 303
    where = f"/karantina/{PROVINCE}/catatan"
    record = portal.client.get(where, params={"id": name})
    assert "Budi Santoso" not in record.text
    found = re.search(r'name="csrf" value="([^"]+)"', record.text)
    assert found is not None
    form = {"csrf": found[1], "changes": "killed=1", "reason": "salah ketik", "act": "send"}
    sent = portal.client.post(where, params={"id": name}, data=form)
    assert "Sudah dikirim ulang." in sent.text, sent.text
    portal.wait_for(lambda: portal.incidents() == (incidents + 2, killed + 3))
    portal.wait_for(lambda: portal.refusals() == (open_before, redriven + 1))
    assert "tidak diulang" in portal.client.post(where, params={"id": name}, data=form).text
