"""The receipt taker and the background sender, with broker and disk in memory and real threads."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simpul_producers.background import BackgroundSender
from simpul_producers.outbox import Outbox
from simpul_producers.publisher import Draft, Publisher
from simpul_producers.receipts import Standing
from simpul_producers.receipts_taker import ReceiptTaker
from simpul_producers.sender import Sender
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.testing import FakeBroker, InMemoryOutbox, InMemoryReceiptLog
from simpul_schemas.contract import event_type
from simpul_schemas.log import Outgoing
from simpul_schemas.merkle import leaf_hash, merkle_root
from simpul_schemas.receipts import RefusedRecord, Statement, write_receipt
from simpul_schemas.signing import Ed25519Signer, KeyRing, new_signer
from simpul_schemas.testing import InMemoryRegistry
from simpul_schemas.topics import event_topic, receipt_topic, value_subject
from simpul_schemas.wire import frame

SIGNER, STRANGER = new_signer(), new_signer()
KEYS = KeyRing([SIGNER._key.public_key()])
EVENTS, RECEIPTS = event_topic("17", "participation"), receipt_topic("17")
PATIENCE_SECONDS = 20.0


class Stage:
    """A publisher with its sender and taker, and a fold that answers when it is told to."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox, self.broker, self.registry = outbox, FakeBroker(), InMemoryRegistry()
        self.registry.register(value_subject(EVENTS), event_type("participation").schema)
        self.now = 1_710_000_000_000_000
        self.log = InMemoryReceiptLog(self.broker)
        self.keys: Any = KEYS
        self.sender = Sender(outbox, self.registry, self.broker.connect, self.clock)
        self.taker = ReceiptTaker(outbox, lambda: self.log, lambda: self.keys, self.clock)
        self.publisher = Publisher(outbox, "uji.17", self.clock)

    def clock(self) -> int:
        self.now += 1
        return self.now

    def publish(self, subject: str = "tps:1") -> str:
        draft = Draft("participation", subject, "17.01.01", datetime(2024, 2, 14, tzinfo=UTC), {"election": "x"})
        return self.publisher.publish(draft).event_id

    def fold(
        self,
        *,
        superseded: tuple[int, ...] = (),
        refused: tuple[RefusedRecord, ...] = (),
        signer: Ed25519Signer = SIGNER,
        topic: str = RECEIPTS,
    ) -> None:
        """Write one receipt of all that lies on the event topic."""
        values = [record.value or b"" for record, _ in self.broker.log.topics[EVENTS]]
        out = {record.offset for record in refused}
        leaves = [leaf_hash(value) for offset, value in enumerate(values) if offset not in out]
        count = len(values)
        statement = Statement(EVENTS, 0, 0, count, count, len(leaves), superseded, refused, merkle_root(leaves).hex())
        self.broker.log.append(Outgoing(topic, b"k", frame(1, write_receipt(statement, leaves, signer))))

    def standing(self, event_id: str) -> Standing:
        return self.publisher.receipt(event_id).standing


@pytest.fixture(params=["memory", "sqlite"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    outbox: Any = InMemoryOutbox() if request.param == "memory" else SqliteOutbox(tmp_path / "outbox.db")
    yield Stage(outbox)
    outbox.close()


def test_an_event_goes_its_way_from_waiting_to_accepted(stage: Stage) -> None:
    event_id = stage.publish()
    assert stage.standing(event_id) is Standing.WAITING
    stage.sender.drain()
    assert stage.standing(event_id) is Standing.SENT
    assert stage.taker.take().settled == 0
    stage.fold()
    assert stage.taker.take().settled == 1
    assert stage.standing(event_id) is Standing.ACCEPTED
    assert stage.publisher.receipt(event_id).verified
    assert stage.standing("never taken") is Standing.UNKNOWN


def test_refused_and_superseded_events_are_told_with_their_codes(stage: Stage) -> None:
    ids = [stage.publish(f"tps:{number}") for number in range(3)]
    stage.sender.drain()
    stage.fold(superseded=(2,), refused=(RefusedRecord(1, ids[1], ("participation.turnout_above_limit",)),))
    stage.taker.take()
    assert [stage.standing(event_id) for event_id in ids] == [
        Standing.ACCEPTED,
        Standing.REFUSED,
        Standing.SUPERSEDED,
    ]
    answer = stage.publisher.receipt(ids[1])
    assert answer.codes == ("participation.turnout_above_limit",)
    assert answer.remedy_id


def test_receipts_are_read_on_from_where_one_was(stage: Stage) -> None:
    first = stage.publish("tps:1")
    stage.sender.drain()
    for _ in range(5):
        stage.fold()
    assert stage.taker.take().settled == 1
    assert stage.outbox.receipts_read(f"memory/{RECEIPTS}") == 5
    second = stage.publish("tps:2")
    stage.sender.drain()
    stage.fold()
    assert stage.taker.take().settled == 1
    assert {stage.standing(first), stage.standing(second)} == {Standing.ACCEPTED}


def test_what_is_not_signed_by_a_known_key_is_not_believed(stage: Stage) -> None:
    event_id = stage.publish()
    stage.sender.drain()
    stage.fold(signer=STRANGER)
    stage.broker.log.append(Outgoing(RECEIPTS, b"k", b"nonsense"))
    result = stage.taker.take()
    assert (result.settled, result.disbelieved) == (0, 2)
    assert stage.standing(event_id) is Standing.SENT
    stage.fold()
    assert stage.taker.take().settled == 1


def test_without_keys_a_fate_is_noted_as_not_verified(stage: Stage) -> None:
    event_id = stage.publish()
    stage.sender.drain()
    stage.keys = None
    stage.fold()
    stage.taker.take()
    answer = stage.publisher.receipt(event_id)
    assert (answer.standing, answer.verified) == (Standing.ACCEPTED, False)


def test_a_receipt_in_the_wrong_provinces_topic_is_not_believed(stage: Stage) -> None:
    stage.publish()
    stage.sender.drain()
    values = [record.value or b"" for record, _ in stage.broker.log.topics[EVENTS]]
    foreign = Statement(
        event_topic("31", "participation"), 0, 0, 1, 1, 1, (), (), merkle_root([leaf_hash(values[0])]).hex()
    )
    body = write_receipt(foreign, [leaf_hash(values[0])], SIGNER)
    stage.broker.log.append(Outgoing(RECEIPTS, b"k", frame(1, body)))
    assert stage.taker.take().disbelieved == 1


def test_receipts_that_may_not_be_read_are_told_and_sending_goes_on(stage: Stage) -> None:
    event_id = stage.publish()
    stage.log.forbidden.add(RECEIPTS)
    with BackgroundSender(stage.outbox, lambda: stage.sender, stage.taker, stage.clock) as sending:
        publisher = Publisher(stage.outbox, "uji.17", stage.clock, sending=sending)
        assert publisher.flush(PATIENCE_SECONDS)
        assert sending.wait_for(lambda: sending.health.receipts is not None, PATIENCE_SECONDS)
        answer = publisher.receipt(event_id)
    assert answer.standing is Standing.SENT
    assert "READ" in answer.message_en


def test_the_background_sends_what_is_published_and_takes_its_receipt(stage: Stage) -> None:
    with BackgroundSender(stage.outbox, lambda: stage.sender, stage.taker, stage.clock) as sending:
        publisher = Publisher(stage.outbox, "uji.17", stage.clock, sending=sending)
        stage.publisher = publisher
        event_id = stage.publish()
        assert publisher.flush(PATIENCE_SECONDS)
        stage.fold()
        assert publisher.wait(event_id, PATIENCE_SECONDS).standing is Standing.ACCEPTED
    assert threading.active_count() == 1 or not any(t.name == "simpul-sender" for t in threading.enumerate())


def test_a_broken_link_is_told_with_what_waits_and_mended_by_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simpul_producers.background._RETRY_SECONDS", (0.01,))
    stage.broker.reachable = False
    with BackgroundSender(stage.outbox, lambda: stage.sender, None, stage.clock) as sending:
        publisher = Publisher(stage.outbox, "uji.17", stage.clock, sending=sending)
        stage.publisher = publisher
        event_id = stage.publish()
        assert sending.wait_for(lambda: sending.health.trouble is not None, PATIENCE_SECONDS)
        assert not publisher.flush(0.0)
        answer = publisher.receipt(event_id)
        assert (answer.standing, answer.final) == (Standing.WAITING, False)
        assert "does not answer" in answer.message_en
        stage.broker.reachable = True
        assert publisher.flush(PATIENCE_SECONDS)
        assert sending.wait_for(lambda: sending.health.trouble is None, PATIENCE_SECONDS)


def test_two_backgrounds_share_an_outbox_and_lose_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simpul_producers.background._RETRY_SECONDS", (0.01,))

    def sending() -> BackgroundSender:
        return BackgroundSender(stage.outbox, lambda: stage.sender, None, stage.clock)

    with sending() as one, sending() as other:
        ids = [stage.publish(f"tps:{number}") for number in range(30)]
        one.wake()
        assert other.wait_for(lambda: not stage.outbox.counts().pending, PATIENCE_SECONDS)
    assert {record.key for record in stage.broker.records()} == {b"tps:%d" % number for number in range(30)}
    assert len(ids) == 30


def test_stopping_and_starting_again_goes_on(stage: Stage) -> None:
    sending = BackgroundSender(stage.outbox, lambda: stage.sender, None, stage.clock)
    for number in range(3):
        sending.start()
        sending.start()
        stage.publish(f"tps:{number}")
        assert sending.wait_for(lambda: not stage.outbox.counts().pending, PATIENCE_SECONDS)
        sending.stop()
        sending.stop()
    stage.publish("tps:9")
    assert not sending.wait_for(_never(stage), 0.05)


def _never(stage: Stage) -> Callable[[], bool]:
    return lambda: not stage.outbox.counts().pending
