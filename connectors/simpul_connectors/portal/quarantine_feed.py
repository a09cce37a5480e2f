"""Follows the provinces' quarantine topics into a `QuarantineBook`, header by header, as long as it is run."""

import asyncio
from collections.abc import Mapping

import aiokafka
from aiokafka.errors import KafkaError

from simpul_connectors.portal.quarantine_book import QuarantineBook
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.quarantine import parse
from simpul_schemas.regions import load_regions
from simpul_schemas.topics import quarantine_topic

_WAIT_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0)
_POLL_MS = 1000
_RECORDS = 500
#: A refusal is up to 2 MiB; so much is fetched at a time from all provinces together.
_FETCH_BYTES = 8 << 20


class QuarantineFeed:
    """Reads from the beginning when it starts, and goes on from where it was after an outage."""

    def __init__(self, bootstrap_servers: str, options: Mapping[str, object], book: QuarantineBook) -> None:
        self._servers = bootstrap_servers
        self._options = options
        self._book = book
        self._next: dict[aiokafka.TopicPartition, int] = {}
        #: Why it does not read just now.
        self.trouble: BrokerUnavailable | None = None

    async def run(self) -> None:
        """Follow until cancelled; an outage is waited out."""
        tries = 0
        while True:
            try:
                await self._follow()
                tries = 0
            except (KafkaError, OSError):
                self.trouble = BrokerUnavailable(
                    "Broker Kafka tidak menjawab; dicoba lagi.", "The Kafka broker does not answer; it is tried again."
                )
            await asyncio.sleep(_WAIT_SECONDS[min(tries, len(_WAIT_SECONDS) - 1)])
            tries += 1

    async def _follow(self) -> None:
        topics = [quarantine_topic(province) for province in load_regions().provinces()]
        consumer = aiokafka.AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._servers,
            enable_auto_commit=False,
            fetch_max_bytes=_FETCH_BYTES,
            **self._options,
        )
        try:
            await consumer.start()
            # A fixed assignment: a subscription without a group would begin anew with every change of the cluster.
            partitions = [
                aiokafka.TopicPartition(topic, number)
                for topic in topics
                for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.unsubscribe()
            consumer.assign(partitions)
            starts = await consumer.beginning_offsets(partitions)
            for partition in partitions:
                consumer.seek(partition, max(self._next.get(partition, 0), starts[partition]))
            self.trouble = None
            while True:
                await self._take(consumer)
        finally:
            await consumer.stop()

    async def _take(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        for partition, records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)).items():
            for record in records:
                # aiokafka tells milliseconds, the bus microseconds.
                item = parse(record.key, record.value, record.headers, record.timestamp * 1000)
                if item is not None:
                    self._book.add(item)
            self._next[partition] = records[-1].offset + 1
            await asyncio.sleep(0)
