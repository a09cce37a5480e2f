"""How far sinks are behind, asked of a real Kafka broker by aiokafka.

The age of the oldest record that waits is read from that record: one small fetch for each partition that is behind.
"""

import asyncio
from collections.abc import Mapping, Sequence

import aiokafka
from aiokafka.errors import KafkaError

from simpul_connectors.control.lag import Waiting
from simpul_schemas.errors import BrokerUnavailable
from simpul_schemas.fetched import in_runs
from simpul_schemas.log import Partition

#: A broker sends at least one batch, however large it is.
_FETCH_BYTES = 16 << 10
#: How long all partitions together are waited for.
_FETCH_SECONDS = 5.0


class KafkaLagMeter:
    """See `simpul_connectors.control.lag.LagMeter`."""

    def __init__(self, bootstrap_servers: str, **options: object) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._options = options

    async def measure(self, topics: Sequence[str], stored: Mapping[Partition, int]) -> Mapping[Partition, Waiting]:
        """See `simpul_connectors.control.lag.LagMeter`."""
        consumer = aiokafka.AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            max_partition_fetch_bytes=_FETCH_BYTES,
            key_deserializer=in_runs,
            **self._options,
        )
        try:
            await consumer.start()
            return await _measure(consumer, topics, stored)
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(
                f"Broker Kafka di {self._bootstrap_servers} tidak menjawab; ketertinggalan tidak diketahui.",
                f"No Kafka broker answers at {self._bootstrap_servers}; the lag is not known.",
            ) from error
        finally:
            await consumer.stop()


async def _measure(
    consumer: aiokafka.AIOKafkaConsumer, topics: Sequence[str], stored: Mapping[Partition, int]
) -> Mapping[Partition, Waiting]:
    partitions = [
        aiokafka.TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    consumer.unsubscribe()
    if not partitions:
        return {}
    ends, begins = await asyncio.gather(consumer.end_offsets(partitions), consumer.beginning_offsets(partitions))
    found: dict[Partition, Waiting] = {}
    behind: dict[aiokafka.TopicPartition, int] = {}
    for one in partitions:
        partition = Partition(one.topic, one.partition)
        start = max(stored.get(partition, 0), begins[one])
        found[partition] = Waiting(max(0, ends[one] - start))
        if start < ends[one]:
            behind[one] = start
    if behind:
        found |= await _oldest(consumer, behind, found)
    return found


async def _oldest(
    consumer: aiokafka.AIOKafkaConsumer,
    behind: Mapping[aiokafka.TopicPartition, int],
    found: Mapping[Partition, Waiting],
) -> Mapping[Partition, Waiting]:
    """Read the first waiting record of each partition, for as long as we have."""
    consumer.assign(list(behind))
    for one, start in behind.items():
        consumer.seek(one, start)
    loop = asyncio.get_running_loop()
    end, left = loop.time() + _FETCH_SECONDS, set(behind)
    told: dict[Partition, Waiting] = {}
    while left and (seconds := end - loop.time()) > 0:
        fetched = await consumer.getmany(*left, timeout_ms=int(seconds * 1000), max_records=1)
        for one, runs in fetched.items():
            partition = Partition(one.topic, one.partition)
            told[partition] = Waiting(found[partition].records, runs[0].timestamps[0])
            left.discard(one)
    return told
