"""Sending over TLS with a login: it works, and what breaks it in mid stream is named and loses nothing."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.errors import LinkBroken, ReceiptsNotReadable
from simpul_producers.kafka_producer import kafka_producer_factory
from simpul_producers.outbox import OutboxRow
from simpul_producers.receipts_kafka import KafkaReceiptLog
from simpul_producers.sender import DrainResult, Sender
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_schemas.connection import client_options
from simpul_schemas.kafka_log import AssignedReader, KafkaWriter
from simpul_schemas.log import Outgoing, Partition
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, receipt_topic, value_subject

pytestmark = pytest.mark.stack

MINE, FOREIGN = event_topic("53", "incident"), event_topic("31", "incident")
PATIENCE_SECONDS = 60.0


def row(number: int, topic: str = MINE) -> OutboxRow:
    return OutboxRow(
        f"e-{number}", "incident", f"s:{number}", number, topic, "uji.53", 5, '"bytes"', b"body-%d" % number
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Any:
    box = SqliteOutbox(tmp_path / "outbox.db")
    yield box
    box.close()


def sender(broker: Any, outbox: SqliteOutbox, user: str, **changes: Any) -> Sender:
    registry = InMemoryRegistry()
    for topic in (MINE, FOREIGN):
        registry.register(value_subject(topic), '"bytes"')
    settings = broker.settings(user, **changes)
    connect = kafka_producer_factory(settings.bootstrap_servers, **client_options(settings))
    return Sender(outbox, registry, connect, lambda: 7)


def test_a_region_sends_over_tls_with_its_login(secure_broker: Any, outbox: SqliteOutbox) -> None:
    before = secure_broker.end_offset(MINE)
    outbox.add([row(number) for number in range(3)], 1)
    assert sender(secure_broker, outbox, "w.53.kesbangpol").drain() == DrainResult(sent=3)
    assert secure_broker.end_offset(MINE) == before + 3
    assert outbox.record("e-2").place == (0, before + 2)  # type: ignore[union-attr]  # it is there


def test_a_wrong_password_is_named_and_the_events_stay(secure_broker: Any, outbox: SqliteOutbox) -> None:
    outbox.add([row(1)], 1)
    with pytest.raises(LinkBroken) as caught:
        sender(secure_broker, outbox, "w.53.kesbangpol", password="salah").drain()
    assert caught.value.finding.code == "login.refused"
    assert "w.53.kesbangpol" in caught.value.message_id
    assert "salah" not in str(caught.value).replace("kata sandi salah", "")
    assert outbox.counts().pending == 1


def test_a_province_that_one_may_not_write_to_keeps_its_events_and_others_go_on(
    secure_broker: Any, outbox: SqliteOutbox
) -> None:
    outbox.add([row(1, FOREIGN), row(2), row(3, FOREIGN), row(4)], 1)
    result = sender(secure_broker, outbox, "w.53.kesbangpol").drain()
    assert result.sent == 2
    assert list(result.blocked) == [FOREIGN]
    assert "ACL" in result.blocked[FOREIGN]
    assert outbox.counts().pending == 2


def test_a_credential_that_is_revoked_in_mid_stream_is_named_and_nothing_is_lost(
    secure_broker: Any, outbox: SqliteOutbox
) -> None:
    from kafka.admin import ACLOperation

    secure_broker.add_user("w.53.dicabut")
    secure_broker.allow("w.53.dicabut", ACLOperation.WRITE, MINE)
    before = secure_broker.end_offset(MINE)
    outbox.add([row(number) for number in range(20_000)], 1)
    sending = Sender(outbox, *_parts(secure_broker, "w.53.dicabut"), lambda: 7, batch_rows=50)

    def revoke(acknowledged: int) -> None:
        if acknowledged == 50:
            secure_broker.revoke("w.53.dicabut")
        # A session lives on until it has to log in anew; sending so slowly sees that moment in mid stream.
        time.sleep(0.1)

    with pytest.raises(LinkBroken) as caught:
        sending.drain(progress=revoke)
    assert caught.value.finding.code == "login.refused"
    counts = outbox.counts()
    assert 50 <= counts.published < 20_000
    assert counts.published + counts.pending == 20_000
    assert secure_broker.end_offset(MINE) - before >= counts.published
    secure_broker.add_user("w.53.dicabut")
    _until(lambda: _drained(sender(secure_broker, outbox, "w.53.dicabut")))
    assert outbox.counts().published == 20_000


def test_a_broker_that_freezes_in_mid_stream_is_named_and_nothing_is_lost(
    secure_broker: Any, outbox: SqliteOutbox
) -> None:
    before = secure_broker.end_offset(MINE)
    outbox.add([row(number) for number in range(2_000)], 1)
    sending = Sender(outbox, *_parts(secure_broker, "w.53.kesbangpol"), lambda: 7, batch_rows=100)

    def freeze(acknowledged: int) -> None:
        if acknowledged == 300:
            secure_broker.process.send_signal(signal.SIGSTOP)

    try:
        with pytest.raises(LinkBroken) as caught:
            sending.drain(progress=freeze)
    finally:
        secure_broker.process.send_signal(signal.SIGCONT)
    assert caught.value.finding.code == "kafka.silent"
    assert outbox.counts().published in {300, 400}  # the next batch was on its way already
    _until(lambda: _drained(sender(secure_broker, outbox, "w.53.kesbangpol")))
    assert outbox.counts().published == 2_000
    # What was on its way while the broker froze may be there twice; by its id and revision it counts once.
    assert 2_000 <= secure_broker.end_offset(MINE) - before <= 2_200


def _parts(broker: Any, user: str) -> tuple[Any, Any]:
    registry = InMemoryRegistry()
    registry.register(value_subject(MINE), '"bytes"')
    settings = broker.settings(user)
    return registry, kafka_producer_factory(settings.bootstrap_servers, **client_options(settings))


def _drained(sending: Sender) -> bool:
    try:
        sending.drain()
    except LinkBroken:
        return False
    return True


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_receipts_that_may_not_be_read_are_told_apart_from_none(secure_broker: Any) -> None:
    settings = secure_broker.settings("w.53.kesbangpol")
    log = KafkaReceiptLog(settings.bootstrap_servers, client_options(settings))
    try:
        assert log.cluster
        assert log.read(receipt_topic("53"), 0) == ((), 0)
        with pytest.raises(ReceiptsNotReadable):
            log.read(receipt_topic("31"), 0)
    finally:
        log.close()


def test_the_same_options_carry_the_asynchronous_client(secure_broker: Any) -> None:
    import asyncio

    from kafka.admin import ACLOperation, NewTopic

    topic = "simpul.uji.async"
    secure_broker.admin.create_topics([NewTopic(topic, 1, 1)])
    for operation in (ACLOperation.WRITE, ACLOperation.READ):
        secure_broker.allow("w.53.kesbangpol", operation, topic)
    settings = secure_broker.settings("w.53.kesbangpol")
    options = client_options(settings)

    async def there_and_back() -> list[bytes | None]:
        writer = KafkaWriter(settings.bootstrap_servers, **options)
        await writer.send([Outgoing(topic, b"k", b"isi")])
        await writer.stop()
        reader = AssignedReader(settings.bootstrap_servers, [topic], lambda _: 0, **options)
        await reader.start()
        try:
            while not (blocks := await reader.read(10, 1.0)):
                pass
            assert blocks[0].partition == Partition(topic, 0)
            return list(blocks[0].values)
        finally:
            await reader.stop()

    assert asyncio.run(asyncio.wait_for(there_and_back(), PATIENCE_SECONDS)) == [b"isi"]
