"""The sender: drains the outbox to the broker in order, and leaves nothing behind but what the broker refused.

A row is marked sent by its own delivery only. After any failed delivery the client is thrown away, since it may be
poisoned (see `producer`), and what was not acknowledged is sent again in halves, until the record that is at fault
stands alone; that one is marked refused, the others go on. Sending twice is harmless: the law of the bus.

Order holds per subject among what the broker takes. A record that it refuses for itself is passed by later ones of its
subject, and rightly so: each is a whole statement of its own with a higher revision, so that holding it back would
leave a known newer truth unsaid for an older one that can never arrive. A record that fails for a reason nobody knows
is held, and so is what comes behind it of its subject; other subjects go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simpul_producers.admission import Clock
from simpul_producers.errors import SendFailed
from simpul_producers.outbox import HandedOver, Outbox, OutboxRow, PendingRow
from simpul_producers.producer import Failure, FailureKind, Place, Producer, ProducerFactory, Sending
from simpul_schemas import cloud_events
from simpul_schemas.errors import BrokerUnavailable, RegistryRefused
from simpul_schemas.log import Outgoing
from simpul_schemas.merkle import leaf_hash
from simpul_schemas.registry import Registry
from simpul_schemas.topics import value_subject
from simpul_schemas.wire import frame

_BATCH_ROWS = 10_000
#: Longer than the client's own patience with a record, so that its answer comes first.
_ANSWER_TIMEOUT_SECONDS = 40.0
#: A broker that twice in a row answers nothing at all, also to a new client, is away.
_SILENT_ATTEMPTS = 2
#: So many records that fail for no known reason, and it is not the records.
_MOST_HELD = 3

_SPEC_VERSION, _CONTENT_TYPE = ("ce_specversion", b"1.0"), ("content-type", b"application/avro")

#: Called after every batch with the number of events that the broker has acknowledged so far.
Progress = Callable[[int], None]


@dataclass(slots=True)
class DrainResult:
    """What a drain did: events acknowledged, events refused for themselves, and topics that take nothing, with why.

    The events of a blocked topic stay pending.
    """

    sent: int = 0
    refused: int = 0
    blocked: dict[str, str] = field(default_factory=dict)


class Sender:
    """Sends what an outbox holds; only one sender works on an outbox at a time."""

    def __init__(
        self,
        outbox: Outbox,
        registry: Registry,
        producer_factory: ProducerFactory,
        clock: Clock,
        batch_rows: int = _BATCH_ROWS,
    ) -> None:
        self._outbox = outbox
        self._registry = registry
        self._producer_factory = producer_factory
        self._clock = clock
        self._batch_rows = batch_rows

    def drain(self, *, until_empty: bool = True, progress: Progress | None = None) -> DrainResult:
        """Send what waits: all of it, or one batch.

        Raises `SenderRunning` where another process sends, `BrokerUnavailable` (as `LinkBroken` with the cause by its
        name, where there is one) or `RegistryUnavailable` where nobody answers, `SendFailed` where the broker takes a
        record neither nor refuses it for itself. Whatever was acknowledged before is marked, the rest stays pending.
        """
        with self._outbox.sender_lock():
            run = _Run(self._outbox, self._registry, self._producer_factory, self._clock)
            try:
                after_seq = 0
                rows = self._outbox.pending(self._batch_rows)
                while rows or run.under_way:
                    # While one batch is on its way the next one is made ready and follows it.
                    settled = run.pass_on(rows)
                    if settled and progress is not None:
                        progress(run.result.sent)
                    after_seq = rows[-1].seq if rows else after_seq
                    rows = self._outbox.pending(self._batch_rows, after_seq) if until_empty else []
            finally:
                run.close()
            if run.held:
                raise SendFailed(next(iter(run.held.values())))
            return run.result


class _Framed(NamedTuple):
    row: PendingRow
    record: Outgoing
    handed: HandedOver


class _UnderWay(NamedTuple):
    framed: list[_Framed]
    sending: Sending


class _Run:
    """One drain: its client, the schema ids it has learned, and what came of it."""

    def __init__(self, outbox: Outbox, registry: Registry, producer_factory: ProducerFactory, clock: Clock) -> None:
        self._outbox = outbox
        self._registry = registry
        self._producer_factory = producer_factory
        self._clock = clock
        self._producer: Producer | None = None
        self._schema_ids: dict[tuple[str, str], int] = {}
        self._silent_attempts = 0
        #: Acknowledged, and not noted in the outbox yet: that is done with what is handed over next.
        self._acknowledged: dict[int, Place] = {}
        self._handed_to = 0
        self.result = DrainResult()
        #: Why a subject is held.
        self.held: dict[str, str] = {}
        self.under_way: _UnderWay | None = None

    def close(self) -> None:
        """Note what was acknowledged, and close the client."""
        try:
            self._note(())
        finally:
            self._drop_producer()

    def pass_on(self, rows: Sequence[PendingRow]) -> bool:
        """Put rows on their way, and settle those that were before them; returns whether there were any.

        What fails is delivered by `deliver`, when nothing else is on its way.
        """
        before = self.under_way
        self.under_way = self._start(rows)
        if before is None:
            return False
        failed = self._settle(before)
        if failed:
            later, self.under_way = self.under_way, None
            if later is not None:
                failed += self._settle(later)
            self._drop_producer()
            self._mend(failed, alone=False)
        return True

    def deliver(self, rows: Sequence[PendingRow]) -> None:
        """Get every row acknowledged, or marked refused, or its topic blocked, or its subject held; or raise."""
        started = self._start(rows)
        failed = self._settle(started) if started is not None else []
        if failed:
            self._drop_producer()
            self._mend(failed, alone=len(rows) == 1)

    def _mend(self, all_failed: Sequence[tuple[PendingRow, Failure]], *, alone: bool) -> None:
        """Deliver what failed; `alone` is a row that had a new client to itself."""
        failed = [(row, failure) for row, failure in all_failed if row.row.topic not in self.result.blocked]
        if not failed:
            return
        rest = [row for row, _ in failed]
        if all(failure.kind is FailureKind.UNREACHABLE for _, failure in failed):
            self._silent_attempts += 1
            if self._silent_attempts >= _SILENT_ATTEMPTS:
                raise _stopped_answering(failed[0][1])
            self.deliver(rest)
        elif not alone:
            middle = (len(rest) + 1) // 2
            self.deliver(rest[:middle])
            if rest[middle:]:
                self.deliver(rest[middle:])
        else:
            # Alone in a new client: now the answer is about this record.
            self._settle_alone(*failed[0])

    def _settle_alone(self, row: PendingRow, failure: Failure) -> None:
        if failure.kind is FailureKind.RECORD:
            self._refuse(row, failure)
            return
        self.held[row.row.subject] = failure.reason
        if len(self.held) >= _MOST_HELD:
            raise SendFailed(failure.reason)

    def _start(self, rows: Sequence[PendingRow]) -> _UnderWay | None:
        """Note that rows are handed over, and send them once; None where none of them may be sent."""
        framed = [each for row in rows if (each := self._frame(row)) is not None]
        if not framed:
            return None
        self._note([each.handed for each in framed if each.row.seq > self._handed_to])
        self._handed_to = max(self._handed_to, framed[-1].row.seq)
        if self._producer is None:
            self._producer = self._producer_factory()
        return _UnderWay(framed, self._producer.send_all([each.record for each in framed]))

    def _settle(self, started: _UnderWay) -> list[tuple[PendingRow, Failure]]:
        """Wait for the answers, and return what failed; then the client can no longer be trusted."""
        answers = started.sending.answers(_ANSWER_TIMEOUT_SECONDS)
        failed: list[tuple[PendingRow, Failure]] = []
        acknowledged = 0
        for each, answer in zip(started.framed, answers, strict=True):
            if not isinstance(answer, Failure):
                self._acknowledged[each.row.seq] = answer
                acknowledged += 1
            elif answer.kind is FailureKind.RECORD and answer.kept_back:
                # Never left this machine, so nothing else was harmed and nothing is in doubt.
                self._refuse(each.row, answer)
            else:
                if answer.kind is FailureKind.TOPIC:
                    self.result.blocked.setdefault(each.row.row.topic, answer.reason)
                failed.append((each.row, answer))
        if acknowledged:
            self._silent_attempts = 0
        self.result.sent += acknowledged
        return failed

    def _frame(self, pending: PendingRow) -> _Framed | None:
        """Make the record of a row; None where its topic is blocked or its subject held."""
        seq, row = pending
        if row.topic in self.result.blocked or row.subject in self.held:
            return None
        wire_id = self._schema_ids.get((row.topic, row.schema))
        if wire_id is None:
            try:
                wire_id = self._registry.lookup(value_subject(row.topic), row.schema)
            except RegistryRefused as error:
                self.result.blocked[row.topic] = str(error)
                return None
            self._schema_ids[row.topic, row.schema] = wire_id
        value = frame(wire_id, row.body)
        record = Outgoing(row.topic, row.subject.encode(), value, cloud_event_headers(row))
        return _Framed(pending, record, HandedOver(seq, wire_id, leaf_hash(value)))

    def _note(self, handed: Sequence[HandedOver]) -> None:
        """Write down what was acknowledged and what leaves next, in one transaction: each costs a flush of the disk."""
        if not self._acknowledged and not handed:
            return
        self._outbox.mark_sent(self._acknowledged, self._clock(), self._acknowledged, handed)
        self._acknowledged = {}

    def _refuse(self, row: PendingRow, failure: Failure) -> None:
        self._outbox.mark_refused(row.seq, failure.reason, self._clock())
        self.result.refused += 1

    def _drop_producer(self) -> None:
        """Close the client, if there is one; the next attempt makes a new one."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None


def cloud_event_headers(row: OutboxRow) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of the CloudEvents Kafka binding, in its binary content mode."""
    named = {"event_id": row.event_id, "source": row.source, "occurred_at": row.occurred_at, "subject": row.subject}
    return cloud_events.cloud_event_headers(row.event_type, named)


def _stopped_answering(failure: Failure) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker berhenti menjawab ({failure.reason}); sisa peristiwa aman di kotak keluar, coba lagi nanti.",
        f"The broker stopped answering ({failure.reason}); the other events are safe in the outbox, try again later.",
    )
