// Contoh klien Simpul dengan kafkajs dan @kafkajs/confluent-schema-registry.
// A sample client of Simpul with kafkajs and @kafkajs/confluent-schema-registry.
//
//   node client.js publish < permintaan.json     mengirim peristiwa / sends events
//   node client.js read    < permintaan.json     membaca peristiwa / reads events
//
// Bentuk permintaan dan jawaban ada di README.md. / README.md tells the form of request and answer.
'use strict';

const { types } = require('avsc');
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry');
const { Kafka, Partitioners, logLevel } = require('kafkajs');

const READ_TIMEOUT_MS = 30_000;

// Bilangan JavaScript tepat hanya sampai 2^53, sedangkan `long` Avro memakai 64 bit: di sini ia menjadi BigInt.
// Dalam JSON, `long` ditulis sebagai teks desimal.
// JavaScript's numbers are exact up to 2^53 only, an Avro `long` has 64 bits: here it becomes a BigInt.
// In JSON a `long` is written as decimal text.
const exactLong = types.LongType.__with({
  fromBuffer: (bytes) => bytes.readBigInt64LE(),
  toBuffer: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  isValid: (value) => typeof value === 'bigint' || (typeof value === 'string' && /^-?\d+$/.test(value)),
  fromJSON: BigInt,
  toJSON: String,
  compare: (one, other) => (one < other ? -1 : Number(one > other)),
});

function toJson(document) {
  return JSON.stringify(document, (_name, value) => (typeof value === 'bigint' ? String(value) : value));
}

function connect(request) {
  const kafka = new Kafka({
    clientId: 'contoh-kafkajs',
    brokers: request.bootstrap_servers.split(','),
    logLevel: logLevel.ERROR,
  });
  const typeHook = (schema) => (schema === 'long' || schema.type === 'long' ? exactLong : undefined);
  const registry = new SchemaRegistry({ host: request.registry_url }, { [SchemaType.AVRO]: { typeHook } });
  return { kafka, registry };
}

async function publish(request) {
  const { kafka, registry } = connect(request);
  // Skema dicari dengan subjek `<topik>-value`, tidak pernah didaftarkan dari sini.
  // The schema is found by the subject `<topic>-value`, never registered from here.
  const schemaIds = new Map();
  for (const topic of new Set(request.records.map((record) => record.topic))) {
    schemaIds.set(topic, await registry.getLatestSchemaId(`${topic}-value`));
  }
  // DefaultPartitioner membagi kunci seperti klien Java: satu subjek selalu di satu partisi.
  // DefaultPartitioner divides keys as the Java client does: one subject is always on one partition.
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
  await producer.connect();
  try {
    const records = [];
    for (const { topic, key, headers, value } of request.records) {
      const message = { key, headers, value: await registry.encode(schemaIds.get(topic), value) };
      const [placed] = await producer.send({ topic, acks: -1, messages: [message] });
      records.push({ topic, partition: placed.partition, offset: Number(placed.baseOffset) });
    }
    return { records };
  } finally {
    await producer.disconnect();
  }
}

async function read(request) {
  const { kafka, registry } = connect(request);
  const missing = new Map(request.topics.map(({ topic, count }) => [topic, count]));
  const consumer = kafka.consumer({ groupId: `contoh-kafkajs-${process.pid}-${Date.now()}` });
  await consumer.connect();
  let timer;
  try {
    await consumer.subscribe({ topics: [...missing.keys()], fromBeginning: true });
    const records = [];
    await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('waktu habis / out of time')), READ_TIMEOUT_MS);
      const eachMessage = async ({ topic, message }) => {
        if (missing.get(topic) === 0) return;
        const value = await registry.decode(message.value);
        const headers = Object.entries(message.headers).map(([name, bytes]) => [name, bytes.toString()]);
        records.push({
          topic,
          offset: Number(message.offset),
          key: message.key.toString(),
          headers: Object.fromEntries(headers),
          value,
        });
        missing.set(topic, missing.get(topic) - 1);
        if ([...missing.values()].every((count) => count === 0)) resolve();
      };
      // Kesalahan saat membaca menghentikan program; bawaan kafkajs: mencoba lagi tanpa akhir.
      // An error while reading ends the program; by default kafkajs would try again for ever.
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({ autoCommit: false, eachMessage }).catch(reject);
      for (const { topic, offset } of request.topics) consumer.seek({ topic, partition: 0, offset: String(offset) });
    });
    return { records };
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
}

async function main() {
  const action = { publish, read }[process.argv[2]];
  if (!action) throw new Error('node client.js publish|read');
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  process.stdout.write(`${toJson(await action(JSON.parse(text)))}\n`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
