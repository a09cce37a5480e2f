"""`simpul subscribe` as an analyst uses it, on a real broker and registry: pipes, kill -9, a cursor, Parquet."""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simpul_connectors.testing import FigureBus
from simpul_deploy.bus import ensure_topics
from simpul_schemas.connection import connect
from simpul_schemas.figures import view_spec
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.settings import load_settings
from simpul_schemas.topics import value_subject, view_topic, view_topic_spec
from simpul_schemas.wire import HEADER_SIZE, frame

pytestmark = pytest.mark.stack

SIMPUL = Path(sys.executable).with_name("simpul")
VIEW = "aid"
TOPIC = view_topic(VIEW)
#: Nothing takes so long unless something is wrong.
PATIENCE_SECONDS = 120.0


class Analyst:
    """Publishes figures of a kind of aid that is his own, and reads them with the command."""

    def __init__(self, servers: Any, home: Path) -> None:
        self.kind = f"uji-{uuid.uuid4().hex}"
        self.environment = {
            "SIMPUL__KAFKA__BOOTSTRAP_SERVERS": servers.bootstrap_servers,
            "SIMPUL__REGISTRY__URL": servers.registry_url,
            "SIMPUL__CACHE_DIR": str(home / "cache"),
        }
        self._servers = servers.bootstrap_servers
        self._registry = connect(load_settings(self.environment)).registry
        self._memory = FigureBus()
        ensure_topics(self._servers, [view_topic_spec(VIEW)])

    def publish(self, revisions: range, **fields: Any) -> None:
        """Append figures in the order of their revisions; each stands for the month of its number modulo 12."""
        log = self._memory.log.topics[TOPIC]
        begin = len(log)
        for revision in revisions:
            month = {"period_kind": "MONTH", "period": f"2024-{revision % 12 + 1:02}"}
            self._memory.publish(VIEW, "73", revision, **month, aid_kind=self.kind, handovers=revision, **fields)
        number = self._registry.register(value_subject(TOPIC), view_spec(VIEW).figure_schema)
        records = [
            record._replace(value=frame(number, (record.value or b"")[HEADER_SIZE:])) for record, _ in log[begin:]
        ]

        async def send() -> None:
            writer = KafkaWriter(self._servers)
            await writer.send(records)
            await writer.stop()

        asyncio.run(send())

    def command(self, *arguments: str) -> list[str]:
        return [str(SIMPUL), "subscribe", VIEW, "--where", f"aid_kind={self.kind}", *arguments]

    def once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | self.environment
        command = self.command("--once", *arguments)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )

    @contextmanager
    def following(self, *arguments: str, to: Any = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            self.command(*arguments), env=os.environ | self.environment, stdout=to, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture
def analyst(servers: Any, tmp_path: Path) -> Analyst:
    return Analyst(servers, tmp_path)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def newest(*texts: str) -> dict[str, int]:
    """What a reader holds who keeps the highest revision of each month; the last line may be torn by a kill."""
    held: dict[str, int] = {}
    for text in texts:
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                figure = json.loads(line)
                assert figure["measures"]["handovers"] == figure["revision"]
                held[figure["period"]] = max(figure["revision"], held.get(figure["period"], 0))
    return held


def test_whoever_is_killed_while_figures_change_and_goes_on_holds_what_the_bus_says(
    analyst: Analyst, tmp_path: Path
) -> None:
    cursor, first = tmp_path / "kursor", tmp_path / "first.jsonl"
    analyst.publish(range(1, 301))
    with first.open("w") as to, analyst.following("--json", "--cursor", str(cursor), to=to) as process:
        until(lambda: len(newest(first.read_text())) == 12)
        analyst.publish(range(301, 601))
        until(lambda: max(newest(first.read_text()).values()) > 300)
        process.kill()
        process.wait(PATIENCE_SECONDS)
    analyst.publish(range(601, 650))
    second = analyst.once("--json", "--cursor", str(cursor))
    assert second.returncode == 0, second.stderr
    truth = {f"2024-{number % 12 + 1:02}": number for number in range(638, 650)}
    assert newest(first.read_text(), second.stdout) == truth


def test_a_pipe_that_is_closed_ends_it_without_a_word_and_parquet_is_read_by_others(
    analyst: Analyst, tmp_path: Path
) -> None:
    analyst.publish(range(1, 13), expected=4, reported=2, on_time=2, late=0, coverage="CLOSED", missing=["Bone"])
    with analyst.following() as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["coverage"]["share"] == 0.5
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 0, "also while no figure comes"
        assert process.stderr is not None
        said = process.stderr.read()
        assert "Traceback" not in said
        assert "Broken pipe" not in said

    with analyst.following("--once") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == "", "nothing is said of figures that nobody took"

    path = tmp_path / "bantuan.parquet"
    done = analyst.once("--parquet", str(path), "--min-coverage", "0.5")
    assert done.returncode == 0, done.stderr
    asked = f"SELECT count(*), sum(handovers), max(missing[1]), bool_or(withheld) FROM '{path}'"
    assert duckdb.sql(asked).fetchall() == [(12, 78, "Bone", False)]
