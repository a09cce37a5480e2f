"""Raw consumption by aiokafka: every record is fetched and dropped. Prints milliseconds of first and last record."""

import asyncio
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition


async def main(bootstrap_servers: str, events: int, topics: list[str]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_bytes=64 << 20,
        max_partition_fetch_bytes=8 << 20,
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0) for topic in topics])
    count, started = 0, 0.0
    while count < events:
        found = await consumer.getmany(timeout_ms=500, max_records=20_000)
        started = started or (time.time() if found else 0.0)
        count += sum(map(len, found.values()))
    sys.stdout.write(f"{started * 1000:.0f} {time.time() * 1000:.0f}\n")
    await consumer.stop()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")))
