package id.go.simpul.contoh;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/**
 * Nilai Avro dari JSON dan sebaliknya; {@code long} ditulis sebagai teks desimal, sebab JSON di banyak bahasa hanya
 * tepat sampai 2^53. / Avro values from JSON and back; a {@code long} is written as decimal text, since JSON is exact
 * up to 2^53 only in many languages.
 */
final class AvroJson {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private AvroJson() {}

    static Object toAvro(Schema schema, JsonNode value) {
        return switch (schema.getType()) {
            case NULL -> null;
            case BOOLEAN -> value.booleanValue();
            case INT -> value.intValue();
            case LONG -> Long.parseLong(value.textValue());
            case DOUBLE -> value.doubleValue();
            case STRING -> value.textValue();
            case ENUM -> new GenericData.EnumSymbol(schema, value.textValue());
            case UNION -> toAvro(branch(schema, value.isNull()), value);
            case ARRAY -> {
                List<Object> items = new ArrayList<>();
                value.forEach(item -> items.add(toAvro(schema.getElementType(), item)));
                yield items;
            }
            case RECORD -> {
                GenericRecord record = new GenericData.Record(schema);
                for (Schema.Field field : schema.getFields()) {
                    record.put(field.name(), toAvro(field.schema(), value.get(field.name())));
                }
                yield record;
            }
            default -> throw new IllegalArgumentException(schema.toString());
        };
    }

    static JsonNode toJson(Schema schema, Object value) {
        return switch (schema.getType()) {
            case NULL -> NODES.nullNode();
            case BOOLEAN -> NODES.booleanNode((Boolean) value);
            case INT -> NODES.numberNode((Integer) value);
            case LONG -> NODES.textNode(value.toString());
            case DOUBLE -> NODES.numberNode((Double) value);
            case STRING, ENUM -> NODES.textNode(value.toString());
            case UNION -> toJson(branch(schema, value == null), value);
            case ARRAY -> {
                ArrayNode items = NODES.arrayNode();
                ((Iterable<?>) value).forEach(item -> items.add(toJson(schema.getElementType(), item)));
                yield items;
            }
            case RECORD -> {
                ObjectNode record = NODES.objectNode();
                for (Schema.Field field : schema.getFields()) {
                    record.set(field.name(), toJson(field.schema(), ((GenericRecord) value).get(field.name())));
                }
                yield record;
            }
            default -> throw new IllegalArgumentException(schema.toString());
        };
    }

    /** Kontrak hanya memakai gabungan "null atau sesuatu". / The contract uses unions of "null or something" only. */
    private static Schema branch(Schema union, boolean isNull) {
        return union.getTypes().stream()
                .filter(branch -> (branch.getType() == Schema.Type.NULL) == isNull)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(union.toString()));
    }
}
