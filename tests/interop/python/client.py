"""Contoh klien Simpul dengan confluent-kafka. / A sample client of Simpul with confluent-kafka.

    python client.py publish < permintaan.json     mengirim peristiwa / sends events
    python client.py read    < permintaan.json     membaca peristiwa / reads events

Bentuk permintaan dan jawaban ada di README.md. / README.md tells the form of request and answer.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro.schema import expand_schema

READ_TIMEOUT_SECONDS = 30.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def publish(request: Mapping[str, Any]) -> dict[str, Any]:
    """Mengirim peristiwa; jawabannya tempat setiap catatan. / Send events; the answer is each record's place."""
    registry = SchemaRegistryClient({"url": request["registry_url"]})
    schemas = latest_schemas(registry, {record["topic"] for record in request["records"]})
    # Skema dicari dengan subjek `<topik>-value`, tidak pernah didaftarkan dari sini.
    # The schema is found by the subject `<topic>-value`, never registered from here.
    serializer = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    # Bawaan librdkafka membagi kunci lain dari klien Java; dengan murmur2 satu subjek selalu di satu partisi.
    # librdkafka's default divides keys unlike the Java client; with murmur2 one subject is always on one partition.
    producer = Producer(
        {
            "bootstrap.servers": request["bootstrap_servers"],
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
        }
    )
    records: list[dict[str, Any]] = []

    def on_delivery(error: Any, message: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        records.append({"topic": message.topic(), "partition": message.partition(), "offset": message.offset()})

    for record in request["records"]:
        topic = record["topic"]
        value = convert(schemas[topic], record["value"], int)
        producer.produce(
            topic,
            key=record["key"].encode(),
            headers=[(name, text.encode()) for name, text in record["headers"].items()],
            value=serializer(value, SerializationContext(topic, MessageField.VALUE)),
            on_delivery=on_delivery,
        )
        # Satu per satu, agar urutan jawaban sama; pengirim banyak catatan cukup sekali di akhir.
        # One by one, so that the answer keeps the order; who sends many flushes once at the end.
        producer.flush()
    return {"records": records}


def read(request: Mapping[str, Any]) -> dict[str, Any]:
    """Membaca sejumlah peristiwa mulai dari offset. / Read a number of events from an offset on."""
    registry = SchemaRegistryClient({"url": request["registry_url"]})
    missing = {wanted["topic"]: wanted["count"] for wanted in request["topics"]}
    schemas = latest_schemas(registry, missing)
    deserializer = AvroDeserializer(registry)
    consumer = Consumer(
        {
            "bootstrap.servers": request["bootstrap_servers"],
            "group.id": "contoh-confluent-kafka",  # wajib diisi, tetapi tidak dipakai / demanded, yet not used
            "enable.auto.commit": False,
        }
    )
    records: list[dict[str, Any]] = []
    try:
        consumer.assign([TopicPartition(wanted["topic"], 0, wanted["offset"]) for wanted in request["topics"]])
        for message in messages(consumer, time.monotonic() + READ_TIMEOUT_SECONDS):
            topic = message.topic()
            if not missing[topic]:
                continue
            missing[topic] -= 1
            value = deserializer(message.value(), SerializationContext(topic, MessageField.VALUE))
            records.append(
                {
                    "topic": topic,
                    "offset": message.offset(),
                    "key": message.key().decode(),
                    "headers": {name: text.decode() for name, text in message.headers() or ()},
                    "value": convert(schemas[topic], value, long_text),
                }
            )
            if not any(missing.values()):
                break
    finally:
        consumer.close()
    return {"records": records}


def messages(consumer: Consumer, deadline: float) -> Iterable[Message]:
    """Pesan demi pesan sampai waktu habis. / Message by message until time is out."""
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        yield message
    raise TimeoutError("waktu habis / out of time")


def latest_schemas(registry: SchemaRegistryClient, topics: Iterable[str]) -> dict[str, Any]:
    """Skema terbaru setiap topik menurut subjeknya. / Each topic's latest schema, by its subject."""
    return {
        topic: expand_schema(json.loads(registry.get_latest_version(f"{topic}-value").schema.schema_str))
        for topic in topics
    }


def convert(schema: Any, value: Any, convert_long: Callable[[Any], Any]) -> Any:
    """Ubah setiap `long`: dalam JSON ia teks desimal. / Convert each `long`, which is decimal text in JSON."""
    if value is None:
        return None
    if isinstance(schema, list):
        return convert(next(branch for branch in schema if branch != "null"), value, convert_long)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "long":
        return convert_long(value)
    if kind == "array":
        return [convert(schema["items"], item, convert_long) for item in value]
    if kind == "record":
        return {field["name"]: convert(field["type"], value[field["name"]], convert_long) for field in schema["fields"]}
    return value


def long_text(value: int | datetime) -> str:
    """Teks desimal; waktu menjadi mikrodetik sejak 1970. / Decimal text; a time becomes microseconds since 1970."""
    return str((value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value)


if __name__ == "__main__":
    action = {"publish": publish, "read": read}[sys.argv[1]]
    json.dump(action(json.load(sys.stdin)), sys.stdout, ensure_ascii=False)
