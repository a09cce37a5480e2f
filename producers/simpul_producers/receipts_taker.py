"""The receipt taker: reads what the bus says became of our events, and notes it in the outbox.

The position in each province's receipts is the outbox's own, noted in the same transaction as the fates, as everywhere
on the bus. Receipts whose signature is wrong are passed over and counted; where no public key is known, what they say
is noted as not verified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from simpul_producers.admission import Clock
from simpul_producers.errors import ReceiptsNotReadable
from simpul_producers.outbox import Outbox, Settlement
from simpul_producers.receipts import settlement
from simpul_schemas.errors import MalformedRecord
from simpul_schemas.receipts import Verify, read_receipt
from simpul_schemas.settings import Settings
from simpul_schemas.signing import load_key_ring
from simpul_schemas.topics import province_of_topic, receipt_topic
from simpul_schemas.wire import unframe


class Taken(NamedTuple):
    """What lies in a receipt topic from an offset on, and the offset to go on from; no values means the end."""

    values: Sequence[bytes]
    next_offset: int


class ReceiptLog(Protocol):
    """The receipts of the provinces; `receipts_kafka` is the real one."""

    @property
    def cluster(self) -> str:
        """Whose log this is: offsets of another cluster mean nothing here."""

    def read(self, topic: str, offset: int) -> Taken:
        """Return some receipts from an offset on (or from the first that is still kept), without waiting for more.

        Raises `ReceiptsNotReadable` where one may not, `BrokerUnavailable` where nobody answers.
        """

    def close(self) -> None:
        """Disconnect; harmless when called twice."""


@dataclass(slots=True)
class TakeResult:
    """What one round brought: events whose fate is known now, receipts that were not believed, topics not readable."""

    settled: int = 0
    disbelieved: int = 0
    not_readable: dict[str, ReceiptsNotReadable] = field(default_factory=dict)


class ReceiptTaker:
    """Takes receipts into an outbox. `verify` is asked for anew each round, as keys may come later."""

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[], ReceiptLog],
        verify: Callable[[], Verify | None],
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self._verify = verify
        self._clock = clock
        self._log: ReceiptLog | None = None

    def take(self) -> TakeResult:
        """Read all receipts that are there now of the provinces whose events wait for one."""
        result = TakeResult()
        topics = sorted({receipt_topic(province) for topic in self._outbox.awaiting()
                         if (province := province_of_topic(topic)) is not None})  # fmt: skip
        if not topics:
            return result
        verify = self._verify()
        try:
            if self._log is None:
                self._log = self._connect()
            for topic in topics:
                self._take_topic(self._log, topic, verify, result)
        except BaseException:
            self.close()
            raise
        return result

    def close(self) -> None:
        """Disconnect; harmless when called twice."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _take_topic(self, log: ReceiptLog, topic: str, verify: Verify | None, result: TakeResult) -> None:
        name = f"{log.cluster}/{topic}"
        offset = self._outbox.receipts_read(name)
        while True:
            try:
                taken = log.read(topic, offset)
            except ReceiptsNotReadable as error:
                result.not_readable[topic] = error
                return
            if not taken.values and taken.next_offset == offset:
                return
            offset = taken.next_offset
            said = [each for value in taken.values if (each := self._believed(value, topic, verify, result))]
            result.settled += self._outbox.settle(said, name, offset, self._clock())

    def _believed(self, value: bytes, topic: str, verify: Verify | None, result: TakeResult) -> Settlement | None:
        try:
            _, body = unframe(value)
            receipt = read_receipt(body)
            if verify is not None and not receipt.genuine(verify):
                result.disbelieved += 1
                return None
            said = settlement(receipt, body, verified=verify is not None)
        except MalformedRecord:
            result.disbelieved += 1
            return None
        province = province_of_topic(said.topic)
        # What stands in one province's receipts says nothing of another's events.
        if province is None or receipt_topic(province) != topic:
            result.disbelieved += 1
            return None
        return said


def keys_file(settings: Settings) -> Path:
    """Return the file of public keys whose receipts are believed."""
    return settings.receipts.public_keys_file or settings.data_dir / "keys" / "receipts.pub.pem"


def key_ring_of(settings: Settings) -> Callable[[], Verify | None]:
    """Return what reads the public keys: None where no file was named and none lies at its usual place."""

    def read() -> Verify | None:
        file = keys_file(settings)
        if settings.receipts.public_keys_file is None and not file.exists():
            return None
        return load_key_ring(file)

    return read
