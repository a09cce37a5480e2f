"""The sender: drains the outbox to the broker in order, and leaves nothing behind but what the broker refused.

A row is marked sent by its own delivery only. After any failed delivery the client is thrown away, since it may be
poisoned (see `producer`), and what was not acknowledged is sent again in halves, until the record that is at fault
stands alone; that one is marked refused, the others go on. Sending twice is harmless: the law of the bus.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simpul_producers.admission import Clock
from simpul_producers.errors import SendFailed
from simpul_producers.outbox import Outbox, OutboxRow, PendingRow
from simpul_producers.producer import Delivery, Failure, FailureKind, Producer, ProducerFactory
from simpul_schemas import cloud_events
from simpul_schemas.errors import BrokerUnavailable, RegistryRefused
from simpul_schemas.log import Outgoing
from simpul_schemas.registry import Registry
from simpul_schemas.topics import value_subject
from simpul_schemas.wire import frame

_BATCH_ROWS = 4000
#: Longer than the client's own patience with a record, so that its answer comes first.
_ANSWER_TIMEOUT_SECONDS = 40.0
#: A broker that twice in a row answers nothing at all, also to a new client, is away.
_SILENT_ATTEMPTS = 2

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

        Raises `SenderRunning` where another process sends, `BrokerUnavailable` or `RegistryUnavailable` where nobody
        answers, `SendFailed` where the broker takes a record neither nor refuses it for itself. Whatever was
        acknowledged before is marked, the rest stays pending.
        """
        with self._outbox.sender_lock():
            run = _Run(self._outbox, self._registry, self._producer_factory, self._clock)
            try:
                after_seq = 0
                while rows := self._outbox.pending(self._batch_rows, after_seq):
                    after_seq = rows[-1].seq
                    run.deliver(rows)
                    if progress is not None:
                        progress(run.result.sent)
                    if not until_empty:
                        break
            finally:
                run.drop_producer()
            return run.result


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
        self.result = DrainResult()

    def drop_producer(self) -> None:
        """Close the client, if there is one; the next attempt makes a new one."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def deliver(self, rows: Sequence[PendingRow]) -> None:
        """Get every row acknowledged, or marked refused, or its topic blocked; or raise."""
        failed = [(row, failure) for row, failure in self._attempt(rows) if row.row.topic not in self.result.blocked]
        if not failed:
            return
        rest = [row for row, _ in failed]
        if all(failure.kind is FailureKind.UNREACHABLE for _, failure in failed):
            self._silent_attempts += 1
            if self._silent_attempts >= _SILENT_ATTEMPTS:
                raise _stopped_answering(failed[0][1])
            self.deliver(rest)
        elif len(rows) > 1:
            middle = (len(rest) + 1) // 2
            self.deliver(rest[:middle])
            if rest[middle:]:
                self.deliver(rest[middle:])
        else:
            # Alone in a new client: now the answer is about this record.
            self._settle_alone(*failed[0])

    def _settle_alone(self, row: PendingRow, failure: Failure) -> None:
        if failure.kind is not FailureKind.RECORD:
            raise SendFailed(failure.reason)
        self._refuse(row, failure)

    def _attempt(self, rows: Sequence[PendingRow]) -> list[tuple[PendingRow, Failure]]:
        """Send rows once, mark those that were acknowledged, and return the others; a client that failed is closed."""
        under_way: list[tuple[PendingRow, Delivery]] = []
        failed: list[tuple[PendingRow, Failure]] = []
        gone: Failure | None = None
        for row in rows:
            answer = gone or self._send(row)
            if not isinstance(answer, Failure):
                under_way.append((row, answer))
            elif answer.kind is FailureKind.RECORD:
                # Never left this machine, so nothing else was harmed and nothing is in doubt.
                self._refuse(row, answer)
            else:
                self._note_topic(row, answer)
                failed.append((row, answer))
                if answer.kind is FailureKind.UNREACHABLE:
                    gone = answer
        answered = self._answers(under_way)
        sent = [row.seq for row, failure in answered if failure is None]
        if sent:
            self._outbox.mark_sent(sent, self._clock())
            self.result.sent += len(sent)
            self._silent_attempts = 0
        refused = [(row, failure) for row, failure in answered if failure is not None]
        for row, failure in refused:
            self._note_topic(row, failure)
        if refused or gone:
            self.drop_producer()
        return sorted(failed + refused, key=lambda pair: pair[0].seq)

    def _send(self, row: PendingRow) -> Delivery | Failure:
        blocked = self.result.blocked.get(row.row.topic)
        if blocked is not None:
            return Failure(FailureKind.TOPIC, blocked)
        try:
            record = self._outgoing(row.row)
        except RegistryRefused as error:
            return Failure(FailureKind.TOPIC, str(error))
        if self._producer is None:
            self._producer = self._producer_factory()
        return self._producer.send(record)

    def _answers(self, under_way: list[tuple[PendingRow, Delivery]]) -> list[tuple[PendingRow, Failure | None]]:
        if not under_way or self._producer is None:
            return []
        # A flush pushes, but its end says little: a batch that the client had to split goes on afterwards. So each
        # delivery is asked for its own answer, all within the same time.
        deadline = time.monotonic() + _ANSWER_TIMEOUT_SECONDS
        self._producer.flush(_ANSWER_TIMEOUT_SECONDS)
        return [(row, delivery.failure(max(deadline - time.monotonic(), 0.0))) for row, delivery in under_way]

    def _outgoing(self, row: OutboxRow) -> Outgoing:
        schema_id = self._schema_ids.get((row.topic, row.schema))
        if schema_id is None:
            schema_id = self._registry.lookup(value_subject(row.topic), row.schema)
            self._schema_ids[row.topic, row.schema] = schema_id
        return Outgoing(row.topic, row.subject.encode(), frame(schema_id, row.body), cloud_event_headers(row))

    def _refuse(self, row: PendingRow, failure: Failure) -> None:
        self._outbox.mark_refused(row.seq, failure.reason, self._clock())
        self.result.refused += 1

    def _note_topic(self, row: PendingRow, failure: Failure) -> None:
        if failure.kind is FailureKind.TOPIC:
            self.result.blocked.setdefault(row.row.topic, failure.reason)


def cloud_event_headers(row: OutboxRow) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of the CloudEvents Kafka binding, in its binary content mode."""
    named = {"event_id": row.event_id, "source": row.source, "occurred_at": row.occurred_at, "subject": row.subject}
    return cloud_events.cloud_event_headers(row.event_type, named)


def _stopped_answering(failure: Failure) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"Broker berhenti menjawab ({failure.reason}); sisa peristiwa aman di kotak keluar, coba lagi nanti.",
        f"The broker stopped answering ({failure.reason}); the other events are safe in the outbox, try again later.",
    )
