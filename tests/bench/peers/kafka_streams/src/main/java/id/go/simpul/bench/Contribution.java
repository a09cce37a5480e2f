package id.go.simpul.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/** What one event adds to its group, packed: revision, measures, and the group's text. */
final class Contribution {
  private static final List<String> COUNTS =
      List.of("killed", "injured", "displaced", "buildings_damaged", "loss_idr");
  private static final int MEASURES = 4 + 2 * COUNTS.size();
  private static final int GROUP_AT = Long.BYTES * (1 + MEASURES);
  private static final int FRAME = 5;
  private static final long HOUR = 3_600_000_000L;
  private static final long DAY = 24 * HOUR;

  static long revision(byte[] contribution) {
    return ByteBuffer.wrap(contribution).getLong();
  }

  static String group(byte[] contribution) {
    return new String(contribution, GROUP_AT, contribution.length - GROUP_AT, StandardCharsets.UTF_8);
  }

  static byte[] nothing() {
    return new byte[Long.BYTES * MEASURES];
  }

  static byte[] add(byte[] sums, byte[] contribution, int sign) {
    ByteBuffer old = ByteBuffer.wrap(sums);
    ByteBuffer one = ByteBuffer.wrap(contribution, Long.BYTES, Long.BYTES * MEASURES);
    ByteBuffer found = ByteBuffer.allocate(Long.BYTES * MEASURES);
    for (int measure = 0; measure < MEASURES; measure++) {
      found.putLong(old.getLong() + sign * one.getLong());
    }
    return found.array();
  }

  /** Reads framed events; not safe for several threads. */
  static final class Reader {
    private final GenericDatumReader<GenericRecord> reader;
    private final Map<String, Integer> hours = new HashMap<>();
    private final Map<Long, String> days = new HashMap<>();
    private BinaryDecoder decoder;
    private GenericRecord record;

    /** {@code zones} are the hours east of Greenwich of provinces: {@code 73:8,91:9}; all others have 7. */
    Reader(Schema schema, String zones) {
      reader = new GenericDatumReader<>(schema);
      for (String zone : zones.split(",")) {
        String[] parts = zone.split(":");
        hours.put(parts[0], Integer.parseInt(parts[1]));
      }
    }

    /** Return the contribution of an event, or nothing for one that the contract would refuse. */
    byte[] read(byte[] value) throws IOException {
      decoder = DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, decoder);
      record = reader.read(record, decoder);
      Integer killed = (Integer) record.get("killed");
      if (killed != null && killed < 0) {
        return new byte[0];
      }
      byte[] group = group().getBytes(StandardCharsets.UTF_8);
      ByteBuffer found = ByteBuffer.allocate(GROUP_AT + group.length);
      found.putLong((Long) record.get("revision"));
      if (text("action").equals("SUBMIT") && text("mode").equals("ACTUAL")) {
        measures(found);
      }
      return found.position(GROUP_AT).put(group).array();
    }

    private void measures(ByteBuffer found) {
      found.putLong(1);
      found.putLong(text("verification").equals("VERIFIED") ? 1 : 0);
      found.putLong(record.get("resolved_at") != null ? 1 : 0);
      found.putLong(COUNTS.stream().anyMatch(name -> record.get(name) != null) ? 1 : 0);
      for (String name : COUNTS) {
        Number number = (Number) record.get(name);
        found.putLong(number == null ? 0 : number.longValue());
      }
      for (String name : COUNTS) {
        found.putLong(record.get(name) != null ? 1 : 0);
      }
    }

    private String group() {
      String region = text("region");
      long hour = hours.getOrDefault(region.substring(0, 2), 7);
      long day = Math.floorDiv((Long) record.get("occurred_at") + hour * HOUR, DAY);
      String date = days.computeIfAbsent(day, number -> LocalDate.ofEpochDay(number).toString());
      Object phase = record.get("phase");
      return "[\"" + region + "\",\"DAY\",\"" + date + "\",\"" + text("kind") + "\",\"" + (phase == null ? "-" : phase)
          + "\",\"" + text("severity") + "\"]";
    }

    private String text(String name) {
      return record.get(name).toString();
    }
  }

  private Contribution() {}
}
