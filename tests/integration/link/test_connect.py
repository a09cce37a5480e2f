"""From nothing to the first receipt on real servers; the fold is played by a thread that signs what arrives."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from simpul_deploy.bus import ensure_topics
from simpul_producers.kafka_producer import kafka_producer_factory
from simpul_producers.outbox import Counts, OutboxRow
from simpul_producers.sender import DrainResult, Sender
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.merkle import leaf_hash, merkle_root
from simpul_schemas.receipts import RECEIPT_SCHEMA, RefusedRecord, Statement, write_receipt
from simpul_schemas.registry import HttpRegistry
from simpul_schemas.signing import load_or_make_signer
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, event_topic_spec, receipt_topic, receipt_topic_spec, value_subject
from simpul_schemas.wire import frame

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform == "win32", reason="the local broker does not run on Windows"),
]

ROOT = Path(__file__).parents[3]
#: A province that no other test writes to.
REGION, PROVINCE = "95.01", "95"
TYPES = ("report", "incident")
RECEIPTS = receipt_topic(PROVINCE)


class Fold:
    """Signs a receipt for each record of a province that arrives while it runs; `refuse` names codes for all."""

    def __init__(self, servers: Any, key: Path) -> None:
        self._signer = load_or_make_signer(key)
        key.with_name("receipts.pub.pem").write_bytes(self._signer.public_pem)
        with closing(HttpRegistry(servers.registry_url)) as registry:
            self._wire_id = registry.register(value_subject(RECEIPTS), RECEIPT_SCHEMA)
            for name in TYPES:
                registry.register(value_subject(event_topic(PROVINCE, name)), event_type(name).schema)
        self._consumer = KafkaConsumer(bootstrap_servers=servers.bootstrap_servers)
        self._producer = KafkaProducer(bootstrap_servers=servers.bootstrap_servers)
        places = [TopicPartition(event_topic(PROVINCE, name), 0) for name in TYPES]
        self._consumer.assign(places)
        for place, end in self._consumer.end_offsets(places).items():
            self._consumer.seek(place, end)
        self.refuse: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        self._producer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for place, records in self._consumer.poll(timeout_ms=100).items():
                for record in records:
                    self._answer(place, record)

    def _answer(self, place: Any, record: Any) -> None:
        event_id = dict(record.headers)["ce_id"].decode()
        refused = (RefusedRecord(record.offset, event_id, self.refuse),) if self.refuse else ()
        leaves = [] if refused else [leaf_hash(record.value)]
        statement = Statement(
            place.topic, 0, record.offset, record.offset + 1, 1, len(leaves), (), refused, merkle_root(leaves).hex()
        )
        body = write_receipt(statement, leaves, self._signer)
        self._producer.send(RECEIPTS, frame(self._wire_id, body), key=b"k").get(10)


@pytest.fixture
def prepared(servers: Any) -> Any:
    specs = [*(event_topic_spec(PROVINCE, name) for name in TYPES), receipt_topic_spec(PROVINCE)]
    ensure_topics(servers.bootstrap_servers, specs)
    with closing(HttpRegistry(servers.registry_url)) as registry:
        for name in TYPES:
            registry.register(value_subject(event_topic(PROVINCE, name)), event_type(name).schema)
    return servers


@pytest.fixture
def fold(prepared: Any, tmp_path: Path) -> Iterator[Fold]:
    running = Fold(prepared, tmp_path / "data" / "keys" / "receipts.pem")
    yield running
    running.close()


@pytest.fixture
def simpul(prepared: Any, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL")} | {
        "SIMPUL__DATA_DIR": str(tmp_path / "data"),
        "SIMPUL__CACHE_DIR": str(tmp_path / "cache"),
    }

    def run(*arguments: object, program: Any = ("-m", "simpul_deploy.cli"), **more: str) -> Any:
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            env=environment | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


def link(servers: Any) -> tuple[str, ...]:
    return ("--broker", servers.bootstrap_servers, "--registry", servers.registry_url)


def test_a_region_connects_gets_its_receipt_and_publishes_on_with_what_was_written(
    simpul: Any, fold: Fold, prepared: Any, tmp_path: Path
) -> None:
    done = simpul("connect", "--region", REGION, "--system", "uji.95", *link(prepared), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert {step["grade"] for step in document["steps"]} == {"ok"}
    assert (document["receipt"]["standing"], document["receipt"]["verified"]) == ("accepted", True)
    written = yaml.safe_load((tmp_path / "simpul.yaml").read_text())
    assert written["publisher"] == {"region": REGION, "source": "uji.95"}

    # The runnable sample in Python, with nothing but that file.
    config = {"SIMPUL_CONFIG": str(tmp_path / "simpul.yaml")}
    sample = simpul(REGION, "kejadian:uji-1", program=(str(ROOT / "samples/python/kirim.py"),), **config)
    assert sample.returncode == 0, sample.stdout + sample.stderr
    event_id = sample.stdout.split()[0]
    assert simpul("receipts", "prove", event_id, "--out", "bukti.json", **config).returncode == 0
    assert simpul("receipts", "verify", "bukti.json", **config).returncode == 0
    assert simpul("receipts", "verify", event_id, **config).stdout.startswith(event_id)


def test_a_refused_event_is_told_with_its_codes_and_remedy(
    simpul: Any, fold: Fold, prepared: Any, tmp_path: Path
) -> None:
    fold.refuse = ("report.period_malformed",)
    done = simpul("connect", "--region", REGION, "--system", "uji.95", *link(prepared), "--no-save", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    receipt = json.loads(done.stdout)["receipt"]
    assert (receipt["standing"], receipt["codes"]) == ("refused", ["report.period_malformed"])
    assert receipt["remedy"]["id"]
    assert not (tmp_path / "simpul.yaml").exists()


def test_without_a_worker_the_wait_ends_and_says_so(simpul: Any, prepared: Any) -> None:
    done = simpul("connect", "--region", REGION, "--system", "uji.95", *link(prepared), "--wait-seconds", "1")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "simpul worker" in done.stderr
    assert "sent" in done.stdout


def test_a_broken_link_ends_with_its_name_and_exit_3(simpul: Any, prepared: Any, tmp_path: Path) -> None:
    wrong = ("--broker", "127.0.0.1:1", "--registry", prepared.registry_url)
    done = simpul("connect", "--region", REGION, "--system", "uji.95", *wrong)
    assert done.returncode == 3
    assert "tcp.refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "simpul.yaml").exists()
    assert not (tmp_path / "data" / "outbox.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--system", "x"), "--region"),
        (("--region", "53.13"), "--system"),
        (("--region", "99.99", "--system", "x"), "99.99"),
        (("--region", "53.13", "--system", "x", "--broker", "bus.go.id:9092"), "--registry"),
    ],
)
def test_what_is_missing_is_named_and_never_asked_without_a_terminal(
    simpul: Any, arguments: tuple[str, ...], said: str
) -> None:
    done = simpul("connect", *arguments, SIMPUL_INSTANCE="tidak-ada")
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr


def test_a_password_in_the_environment_never_shows_and_is_never_written(
    simpul: Any, prepared: Any, tmp_path: Path
) -> None:
    done = simpul(
        *("connect", "--region", REGION, "--system", "uji.95", *link(prepared), "--user", "w.95"),
        SIMPUL__KAFKA__PASSWORD="rahasia-kenari",
    )
    assert done.returncode == 3
    assert "tls.not_tls" in done.stderr
    assert "rahasia-kenari" not in done.stdout + done.stderr
    assert not any(
        "rahasia-kenari" in file.read_text("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file()
    )


def row(number: int, topic: str, size: int = 40) -> OutboxRow:
    return OutboxRow(f"e-{number}", "incident", f"s:{number % 7}", number, topic, "uji.95", 5, '"bytes"', bytes(size))


def test_what_the_broker_finds_too_large_is_refused_alone_and_all_else_arrives_in_order(
    servers: Any, tmp_path: Path
) -> None:
    topic = f"simpul.uji.kecil.{time.time_ns()}"
    with closing(KafkaAdminClient(bootstrap_servers=servers.bootstrap_servers)) as admin:
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "3000"})])
    registry = InMemoryRegistry()
    registry.register(value_subject(topic), '"bytes"')
    outbox = SqliteOutbox(tmp_path / "outbox.db")
    large = {3, 40, 41, 99}
    outbox.add([row(number, topic, 5_000 if number in large else 40) for number in range(100)], 1)
    outbox.add([row(100, topic, 2_000_000)], 1)
    sender = Sender(outbox, registry, kafka_producer_factory(servers.bootstrap_servers), lambda: 7)
    assert sender.drain() == DrainResult(sent=96, refused=5)
    assert outbox.counts() == Counts(96, 0, 5)
    assert {refused.event_id for refused in outbox.refused(9)} == {f"e-{number}" for number in {*large, 100}}
    assert all("TooLarge" in refused.reason for refused in outbox.refused(9))
    places = {number: outbox.record(f"e-{number}").place for number in range(100) if number not in large}  # type: ignore[union-attr]  # they are there
    outbox.close()
    consumer = KafkaConsumer(bootstrap_servers=servers.bootstrap_servers)
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek_to_beginning()
    found: list[Any] = []
    while len(found) < 96:
        found += consumer.poll(timeout_ms=5_000).get(place, [])
    consumer.close()
    ids = [dict(record.headers)["ce_id"].decode() for record in found]
    assert ids == [f"e-{number}" for number in range(100) if number not in large]
    # Each event is noted where it really lies.
    assert {f"e-{number}": place.offset for number, place in places.items()} == {
        event_id: record.offset for event_id, record in zip(ids, found, strict=True)
    }
