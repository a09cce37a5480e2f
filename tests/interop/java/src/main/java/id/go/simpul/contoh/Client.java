package id.go.simpul.contoh;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.resolver.config.SchemaResolverConfig;
import io.apicurio.registry.serde.Default4ByteIdHandler;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.config.IdOption;
import io.apicurio.registry.serde.config.SerdeConfig;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Contoh klien Simpul dengan serde Avro dari Apicurio. / A sample client of Simpul with Apicurio's Avro serde.
 *
 * <p>Argumen: {@code publish} atau {@code read}; permintaan JSON di stdin, jawaban di stdout (lihat README.md). /
 * Argument: {@code publish} or {@code read}; a JSON request on stdin, the answer on stdout (see README.md).
 */
public final class Client {
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(30);
    private static final ObjectMapper JSON = new ObjectMapper();

    private Client() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode request = JSON.readTree(System.in);
        JsonNode answer =
                switch (arguments.length == 1 ? arguments[0] : "") {
                    case "publish" -> publish(request);
                    case "read" -> read(request);
                    default -> throw new IllegalArgumentException("publish | read");
                };
        System.out.write((JSON.writeValueAsString(answer) + "\n").getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    /** Mengirim peristiwa; jawabannya tempat setiap catatan. / Sends events; the answer is each record's place. */
    private static JsonNode publish(JsonNode request) throws Exception {
        Map<String, Object> settings = serde(request);
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, request.get("bootstrap_servers").textValue());
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, AvroKafkaSerializer.class);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        Map<String, Schema> schemas = new HashMap<>();
        for (JsonNode record : request.get("records")) {
            String topic = record.get("topic").textValue();
            if (!schemas.containsKey(topic)) {
                schemas.put(topic, latestSchema(request.get("registry_url").textValue(), topic));
            }
        }
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode placed = answer.putArray("records");
        try (KafkaProducer<String, GenericRecord> producer = new KafkaProducer<>(settings)) {
            for (JsonNode record : request.get("records")) {
                String topic = record.get("topic").textValue();
                GenericRecord value = (GenericRecord) AvroJson.toAvro(schemas.get(topic), record.get("value"));
                var message = new ProducerRecord<>(topic, record.get("key").textValue(), value);
                for (var header : record.get("headers").properties()) {
                    message.headers().add(header.getKey(), header.getValue().textValue().getBytes(StandardCharsets.UTF_8));
                }
                // Menunggu satu per satu agar sederhana; pengirim banyak catatan memakai callback.
                // Waits one by one to stay simple; who sends many uses the callback.
                var metadata = producer.send(message).get();
                placed.addObject()
                        .put("topic", topic)
                        .put("partition", metadata.partition())
                        .put("offset", metadata.offset());
            }
        }
        return answer;
    }

    /** Membaca sejumlah peristiwa mulai dari offset. / Reads a number of events from an offset on. */
    private static JsonNode read(JsonNode request) {
        Map<String, Object> settings = serde(request);
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, request.get("bootstrap_servers").textValue());
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, AvroKafkaDeserializer.class);
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        Map<String, Integer> missing = new HashMap<>();
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode records = answer.putArray("records");
        try (KafkaConsumer<String, GenericRecord> consumer = new KafkaConsumer<>(settings)) {
            Map<TopicPartition, Long> starts = new HashMap<>();
            for (JsonNode wanted : request.get("topics")) {
                String topic = wanted.get("topic").textValue();
                missing.put(topic, wanted.get("count").intValue());
                starts.put(new TopicPartition(topic, 0), wanted.get("offset").longValue());
            }
            consumer.assign(starts.keySet());
            starts.forEach(consumer::seek);
            long deadline = System.nanoTime() + READ_TIMEOUT.toNanos();
            while (missing.values().stream().anyMatch(count -> count > 0)) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("waktu habis / out of time");
                }
                for (var message : consumer.poll(Duration.ofMillis(500))) {
                    if (missing.merge(message.topic(), -1, Integer::sum) < 0) {
                        continue;
                    }
                    ObjectNode record = records.addObject();
                    record.put("topic", message.topic());
                    record.put("offset", message.offset());
                    record.put("key", message.key());
                    ObjectNode headers = record.putObject("headers");
                    message.headers().forEach(header ->
                            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8)));
                    record.set("value", AvroJson.toJson(message.value().getSchema(), message.value()));
                }
            }
        }
        return answer;
    }

    /**
     * Setelan serde: bingkai yang sama dengan klien Confluent (bita 0, lalu id 4 bita), dan skema hanya dicari.
     *
     * <p>The serde's settings: the same frame as Confluent's clients (byte 0, then an id of 4 bytes), and schemas are
     * only looked up. The serde speaks Apicurio's own interface, which lies beside the Confluent one.
     */
    private static Map<String, Object> serde(JsonNode request) {
        String url = request.get("registry_url").textValue().replace("/apis/ccompat/v7", "/apis/registry/v3");
        return new HashMap<>(Map.of(
                SchemaResolverConfig.REGISTRY_URL, url,
                SchemaResolverConfig.AUTO_REGISTER_ARTIFACT, false,
                SchemaResolverConfig.FIND_LATEST_ARTIFACT, true,
                SerdeConfig.ID_HANDLER, Default4ByteIdHandler.class.getName(),
                SerdeConfig.USE_ID, IdOption.contentId.name()));
    }

    /** Skema terbaru subjek {@code <topik>-value}. / The latest schema of the subject {@code <topic>-value}. */
    private static Schema latestSchema(String registryUrl, String topic) throws IOException, InterruptedException {
        URI address = URI.create(registryUrl + "/subjects/" + topic + "-value/versions/latest");
        HttpResponse<String> answer = HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException("registri skema / schema registry: " + answer.statusCode() + " " + answer.body());
        }
        return new Schema.Parser().parse(JSON.readTree(answer.body()).get("schema").textValue());
    }
}
