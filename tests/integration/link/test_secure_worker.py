"""The bus's own processes over TLS with a login: every connection that they open, Faust's among them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ACLOperation

from simpul_processors.app import WorkerSettings, build_app
from simpul_processors.kafka_snapshots import KafkaSnapshots
from simpul_processors.worker import Limits
from simpul_schemas.connection import client_options
from simpul_schemas.kafka_log import KafkaWriter
from simpul_schemas.log import Outgoing
from simpul_schemas.signing import load_or_make_signer
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic

pytestmark = pytest.mark.stack

TOPIC = event_topic("31", "incident")


@pytest.fixture
def settings(secure_broker: Any) -> Any:
    secure_broker.add_user("pekerja")
    for operation in (ACLOperation.READ, ACLOperation.WRITE):
        secure_broker.allow("pekerja", operation, TOPIC)
    return secure_broker.settings("pekerja")


def test_fausts_own_connection_is_let_in(settings: Any, tmp_path: Path) -> None:
    signer = load_or_make_signer(tmp_path / "key.pem")
    options = client_options(settings)
    worker = WorkerSettings(settings.bootstrap_servers, InMemoryRegistry(), tmp_path, Limits(), signer, options)

    async def go() -> int:
        producer = build_app(worker, []).producer
        await producer.start()
        try:
            return int((await producer.send_and_wait(TOPIC, b"k", b"v", None, None, None)).offset)
        finally:
            await producer.stop()

    assert asyncio.run(go()) >= 0


def test_what_lies_on_topics_is_read_over_the_same_line(settings: Any) -> None:
    options = client_options(settings)

    async def go() -> list[bytes | None]:
        writer = KafkaWriter(settings.bootstrap_servers, **options)
        try:
            await writer.send([Outgoing(TOPIC, b"k", b"ditolak")])
        finally:
            await writer.stop()
        return [one.value async for one in KafkaSnapshots(settings.bootstrap_servers, **options).read([TOPIC])]

    assert b"ditolak" in asyncio.run(go())
