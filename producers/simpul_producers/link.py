"""A publisher with everything around it, as the settings say: outbox, background sender, receipts.

with open_publisher("sitimdu.53.13") as publisher:
    answer = publisher.publish(Draft(...))
    print(publisher.wait(answer.event_id, seconds=30).standing)
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from simpul_producers.background import BackgroundSender, keep_of
from simpul_producers.kafka_producer import kafka_producer_factory, quiet_client
from simpul_producers.outbox import Outbox
from simpul_producers.publisher import Publisher
from simpul_producers.receipts_kafka import KafkaReceiptLog
from simpul_producers.receipts_taker import ReceiptTaker, key_ring_of
from simpul_producers.sender import Sender
from simpul_producers.sqlite_outbox import SqliteOutbox
from simpul_producers.sqlite_upkeep import Limits
from simpul_schemas.connection import client_options, open_registry
from simpul_schemas.errors import BrokerUnavailable, RegistryUnavailable, SettingsError
from simpul_schemas.registry import CachedRegistry
from simpul_schemas.settings import Settings, load_settings

OUTBOX_FILE = "outbox.db"


def now_micros() -> int:
    """Return the clock of this machine, microseconds since the epoch."""
    return time.time_ns() // 1000


@contextmanager
def open_outbox(settings: Settings) -> Iterator[SqliteOutbox]:
    """Open the outbox that the settings name, within their limits."""
    outbox = SqliteOutbox(settings.data_dir / OUTBOX_FILE, Limits.of(settings.outbox))
    try:
        yield outbox
    finally:
        outbox.close()


@contextmanager
def open_publisher(
    source: str = "", settings: Settings | None = None, *, background: bool = True
) -> Iterator[Publisher]:
    """Open a publisher on the outbox of the settings (`SIMPUL_CONFIG`, environment), and send in the background.

    `source` is the name of the publishing system; left out, the settings name it (`publisher.source`). Without
    `background` events only wait: another process sends them.
    """
    known = settings or load_settings()
    name = source or known.publisher.source
    if not name:
        raise SettingsError(
            "Nama sistem belum ada; isi publisher.source, atau jalankan 'simpul connect'.",
            "The system has no name yet; set publisher.source, or run 'simpul connect'.",
        )
    with ExitStack() as stack:
        outbox = stack.enter_context(open_outbox(known))
        sending = stack.enter_context(open_background(outbox, known)) if background else None
        yield Publisher(outbox, name, now_micros, sending=sending)


@contextmanager
def open_background(outbox: Outbox, settings: Settings) -> Iterator[BackgroundSender]:
    """Run the background sender of an outbox. The settings are looked at now, the network only by the thread."""
    with ExitStack() as stack:
        make_sender = stack.enter_context(sender_factory(outbox, settings))
        taker = receipt_taker(outbox, settings)
        yield stack.enter_context(BackgroundSender(outbox, make_sender, taker, now_micros, keep_of(settings.outbox)))


@contextmanager
def sender_factory(outbox: Outbox, settings: Settings) -> Iterator["SenderFactory"]:
    """Return what makes senders of an outbox; raises `SettingsError` or its like where an address is missing."""
    if not settings.kafka.bootstrap_servers:
        raise BrokerUnavailable(
            "Alamat broker belum diatur (kafka.bootstrap_servers); peristiwa aman di kotak keluar.",
            "No broker is configured (kafka.bootstrap_servers); events are safe in the outbox.",
        )
    if not settings.registry.url:
        raise RegistryUnavailable(
            "Alamat registri skema belum diatur (registry.url); peristiwa aman di kotak keluar.",
            "No schema registry is configured (registry.url); events are safe in the outbox.",
        )
    quiet_client()
    registry = open_registry(settings.registry)
    try:
        yield SenderFactory(outbox, CachedRegistry(registry, settings.cache_dir, settings.registry.url), settings)
    finally:
        registry.close()


class SenderFactory:
    """Makes senders of one outbox; calling it gives one."""

    def __init__(self, outbox: Outbox, registry: CachedRegistry, settings: Settings) -> None:
        self._outbox = outbox
        self._registry = registry
        options = client_options(settings.kafka)
        self._connect = kafka_producer_factory(settings.kafka.bootstrap_servers, **options)

    def __call__(self) -> Sender:
        """Return a sender."""
        return Sender(self._outbox, self._registry, self._connect, now_micros)


def receipt_taker(outbox: Outbox, settings: Settings) -> ReceiptTaker:
    """Return what takes receipts into an outbox, as the settings say."""
    options = client_options(settings.kafka)

    def connect() -> KafkaReceiptLog:
        return KafkaReceiptLog(settings.kafka.bootstrap_servers, options)

    return ReceiptTaker(outbox, connect, key_ring_of(settings), now_micros)
