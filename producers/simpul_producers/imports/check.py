"""Whether a mapping fits its event type, without looking at any file."""

from collections.abc import Mapping, Sequence
from datetime import date

from simpul_producers.errors import MappingError
from simpul_producers.imports.contract_fields import INT_LIMITS, AvroField, avro_fields
from simpul_producers.imports.mapping import nearest
from simpul_producers.imports.model import REGION_ZONE, FieldSpec, MappingSpec, RegionSpec
from simpul_producers.imports.numbers import UNITS, unit_named
from simpul_producers.imports.values import alternatives
from simpul_schemas.contract import EventType
from simpul_schemas.regions import load_regions

#: Made by the import for every event.
MADE_HERE = ("event_id", "published_at")
#: What a mapping may leave out though the contract wants it; the revision then comes from the outbox.
MAY_BE_LEFT_OUT = (*MADE_HERE, "action", "mode", "revision")

_TEXT = ("column", "template", "constant")
#: Which sources can fill a field of which type.
_SOURCES: Mapping[str, Sequence[str]] = {
    "string": (*_TEXT, "date", "region"),
    "enum": _TEXT,
    "int": ("column", "template", "constant", "sum", "rows"),
    "long": ("column", "template", "constant", "sum", "rows", "time"),
    "double": ("column", "constant"),
    "timestamp-micros": ("time", "now"),
    "array": ("split", "items"),
}


def check_mapping(spec: MappingSpec, event_type: EventType, mapping: str) -> None:
    """Raise `MappingError` where a mapping does not fit its event type; `mapping` is what it calls the mapping."""
    _Check(spec, event_type, mapping).run()


class _Check:
    def __init__(self, spec: MappingSpec, event_type: EventType, mapping: str) -> None:
        self._spec = spec
        self._event_type = event_type
        self._mapping = mapping

    def run(self) -> None:
        self._sections()
        fields = avro_fields(self._event_type)
        for name, source in self._spec.fields.items():
            if name in MADE_HERE:
                self._fail(f"fields.{name}", "dibuat oleh impor; hapus.", "is made by the import; remove.")
            self._field(f"fields.{name}", name, fields, alternatives(source))
        for name, field in fields.items():
            if field.required and name not in self._spec.fields and name not in MAY_BE_LEFT_OUT:
                self._fail(f"fields.{name}", "isian ini wajib dipetakan.", "this field must be mapped.")
        self._group(fields)

    def _sections(self) -> None:
        spec = self._spec
        for name, part in spec.parts.items():
            self._named(f"parts.{name}.lookup", part.lookup, spec.lookups, "lookups")
        for name, number in spec.numbers.items():
            for unit in [*number.units, *([number.unit] if number.unit is not None else ())]:
                if unit_named(unit) is None:
                    self._unknown(f"numbers.{name}", unit, UNITS)
        for name, time in spec.times.items():
            if time.timezone == REGION_ZONE and not spec.regions:
                self._fail(
                    f"times.{name}.timezone",
                    "'region' memerlukan wilayah di regions.",
                    "'region' needs a region under regions.",
                )
        for name, region in spec.regions.items():
            self._region(f"regions.{name}", region)

    def _region(self, key: str, region: RegionSpec) -> None:
        spec = self._spec
        self._named(f"{key}.day_from", region.day_from, spec.times, "times")
        if region.day_from is not None and spec.times[region.day_from].timezone == REGION_ZONE:
            self._fail(
                f"{key}.day_from",
                "waktu ini memerlukan zona wilayah yang dicari.",
                "this time needs the zone of the region that is looked for.",
            )
        if region.day is not None and not _is_day(region.day):
            self._fail(f"{key}.day", "tulis seperti 2024-02-14.", "write as 2024-02-14.")
        boxes = [box.region for step in region.steps for box in step.boxes]
        for code in [*boxes, *([region.parent] if region.parent is not None else ())]:
            if code not in load_regions():
                self._fail(key, f"'{code}' bukan kode Kemendagri.", f"'{code}' is no canonical code.")
        for number, step in enumerate(region.steps):
            self._named(f"{key}.steps.{number}.lookup", step.lookup, spec.lookups, "lookups")

    def _field(self, key: str, name: str, declared: Mapping[str, AvroField], sources: Sequence[FieldSpec]) -> None:
        if name not in declared:
            near = nearest(name, declared)
            self._fail(
                key,
                f"'{self._event_type.name}' tidak punya isian ini; mungkin '{near}'?",
                f"'{self._event_type.name}' has no such field; did you mean '{near}'?",
            )
        for source in sources:
            self._source(key, declared[name], source)

    def _source(self, key: str, field: AvroField, source: FieldSpec) -> None:
        allowed = _SOURCES.get(field.kind, ())
        if source.source not in allowed:
            ways = ", ".join(allowed) or "-"
            self._fail(
                key, f"isian {field.kind} hanya bisa dari: {ways}.", f"a {field.kind} can only come from: {ways}."
            )
        spec = self._spec
        self._named(f"{key}.time", source.time, spec.times, "times")
        self._named(f"{key}.date", source.date, spec.times, "times")
        self._named(f"{key}.region", source.region, spec.regions, "regions")
        self._named(f"{key}.number", source.number, spec.numbers, "numbers")
        self._named(f"{key}.lookup", source.lookup, spec.lookups, "lookups")
        if source.constant is not None and not _fits(field, source.constant):
            choices = f" ({', '.join(field.symbols)})" if field.symbols else ""
            self._fail(
                f"{key}.constant",
                f"'{source.constant}' bukan {field.kind}{choices}.",
                f"'{source.constant}' is no {field.kind}{choices}.",
            )
        if source.rows and spec.group is None:
            self._fail(f"{key}.rows", "hanya bersama group.", "goes with group only.")
        self._words(field, source)
        if source.items is not None:
            self._items(key, field, source)
        elif field.kind == "array" and field.item != "string":
            self._fail(key, "daftar rekaman memerlukan items.", "a list of records needs items.")

    def _words(self, field: AvroField, source: FieldSpec) -> None:
        """Check that what a table gives is a word of the field."""
        if field.kind != "enum" or source.lookup is None:
            return
        for word in [*self._spec.lookups[source.lookup].values(), *([source.default] if source.default else ())]:
            if word and word not in field.symbols:
                self._unknown(f"lookups.{source.lookup}", word, field.symbols)

    def _items(self, key: str, field: AvroField, source: FieldSpec) -> None:
        if field.item != "record":
            self._fail(f"{key}.items", "isian ini daftar teks; pakai split.", "this is a list of texts; use split.")
        for item in source.items or ():
            for name, inner in item.fields.items():
                self._field(f"{key}.items.{name}", name, field.item_fields, [inner])
            for name, declared in field.item_fields.items():
                if declared.required and not declared.nullable and name not in item.fields:
                    self._fail(f"{key}.items.{name}", "isian ini wajib dipetakan.", "this field must be mapped.")

    def _group(self, fields: Mapping[str, AvroField]) -> None:
        group = self._spec.group
        if group is None:
            return
        lists = [name for name in self._spec.fields if fields[name].kind == "array"]
        if group.add_up is not None and not any(group.add_up in fields[name].item_fields for name in lists):
            self._fail("group.add_up", "bukan isian rincian yang dipetakan.", "is no field of a list that is mapped.")
        if self._spec.repeats:
            self._fail("repeats", "tidak bisa bersama group.", "does not go with group.")
        if "revision" in self._spec.fields:
            self._fail("group", "tidak bisa bersama fields.revision.", "does not go with fields.revision.")

    def _named(self, key: str, name: str | None, section: Mapping[str, object], title: str) -> None:
        if name is None or name in section:
            return
        near = nearest(name, section)
        self._fail(
            key,
            f"tidak ada '{name}' di {title}; mungkin '{near}'?",
            f"there is no '{name}' under {title}; did you mean '{near}'?",
        )

    def _unknown(self, key: str, word: str, words: Sequence[str] | Mapping[str, object]) -> None:
        near = nearest(word, words)
        self._fail(key, f"'{word}' tidak dikenal; mungkin '{near}'?", f"'{word}' is unknown; did you mean '{near}'?")

    def _fail(self, key: str, message_id: str, message_en: str) -> None:
        raise MappingError(self._mapping, key, message_id, message_en)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _fits(field: AvroField, value: float | str) -> bool:
    match field.kind:
        case "string":
            return isinstance(value, str)
        case "enum":
            return value in field.symbols
        case "double":
            return isinstance(value, float)
        case kind:
            limit = INT_LIMITS.get(kind, 0)
            return isinstance(value, int) and -limit <= value < limit
