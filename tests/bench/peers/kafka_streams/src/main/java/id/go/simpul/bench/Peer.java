package id.go.simpul.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The fold as Kafka Streams would have it: the newest revision of each subject in a KTable, and from there the sums of
 * each group, which a correction is first taken off.
 *
 * <p>Its one argument is a file of properties: those of Kafka Streams, and those of the bench under {@code bench.}. It
 * tells on stdout when the first record came (milliseconds since the epoch), and ends when nothing more happens.
 */
public final class Peer {
  private static final Serde<String> TEXT = Serdes.String();
  private static final Serde<byte[]> BYTES = Serdes.ByteArray();
  private static final AtomicLong READ = new AtomicLong();
  private static final int QUIET_TENTHS = 30;

  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    try (var reader = Files.newBufferedReader(Path.of(arguments[0]))) {
      settings.load(reader);
    }
    long events = Long.parseLong(settings.getProperty("bench.events"));
    List<String> topics = Arrays.asList(settings.getProperty("bench.topics").split(","));
    Schema schema = new Schema.Parser().parse(Files.readString(Path.of(settings.getProperty("bench.schema"))));
    ThreadLocal<Contribution.Reader> readers =
        ThreadLocal.withInitial(() -> new Contribution.Reader(schema, settings.getProperty("bench.eastern")));

    StreamsBuilder builder = new StreamsBuilder();
    if (Boolean.parseBoolean(settings.getProperty("bench.split"))) {
      // A subject and a group are of one province, so each topic can have tables of its own.
      topics.forEach(topic -> build(builder, List.of(topic), readers, settings.getProperty("bench.output")));
    } else {
      build(builder, topics, readers, settings.getProperty("bench.output"));
    }
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    waitUntilQuiet(streams, events);
    Runtime.getRuntime().halt(0);
  }

  private static void build(
      StreamsBuilder builder, List<String> topics, ThreadLocal<Contribution.Reader> readers, String output) {
    KTable<String, byte[]> newest =
        builder.stream(topics, Consumed.with(TEXT, BYTES))
            .mapValues(value -> read(readers.get(), value))
            .filter((subject, contribution) -> contribution.length > 0)
            .groupByKey(Grouped.with(TEXT, BYTES))
            .reduce(
                (old, next) -> Contribution.revision(next) > Contribution.revision(old) ? next : old,
                Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>with(TEXT, BYTES));
    newest
        .groupBy(
            (subject, contribution) -> KeyValue.pair(Contribution.group(contribution), contribution),
            Grouped.with(TEXT, BYTES))
        .aggregate(
            Contribution::nothing,
            (group, contribution, sums) -> Contribution.add(sums, contribution, 1),
            (group, contribution, sums) -> Contribution.add(sums, contribution, -1),
            Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>with(TEXT, BYTES))
        .toStream()
        .to(output, Produced.with(TEXT, BYTES));
  }

  private static byte[] read(Contribution.Reader reader, byte[] value) {
    if (READ.getAndIncrement() == 0) {
      System.out.println(System.currentTimeMillis());
      System.out.flush();
    }
    try {
      return reader.read(value);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** All is done when every event was read and no task has processed anything for three seconds. */
  private static void waitUntilQuiet(KafkaStreams streams, long events) throws InterruptedException {
    double before = -1;
    int quiet = 0;
    while (quiet < QUIET_TENTHS) {
      Thread.sleep(100);
      double processed =
          streams.metrics().values().stream()
              .filter(metric -> metric.metricName().name().equals("process-total"))
              .filter(metric -> metric.metricName().group().equals("stream-task-metrics"))
              .mapToDouble(metric -> (Double) metric.metricValue())
              .sum();
      quiet = READ.get() >= events && processed == before ? quiet + 1 : 0;
      before = processed;
    }
  }

  private Peer() {}
}
