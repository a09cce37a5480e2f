"""What a mapping file may say, and what it is told when it says something else."""

from pathlib import Path

import pytest

from simpul_producers.errors import MappingError
from simpul_producers.imports.check import check_mapping
from simpul_producers.imports.mapping import load_mapping, mapping_names, parse_mapping
from simpul_schemas.contract import event_type
from simpul_schemas.errors import UnknownEventType

GOOD = """
event_type: incident
table: {encoding: windows-1252, delimiter: ;}
parts:
  code: {column: kode, pattern: '^(\\d{2})'}
times:
  day: {column: tanggal, format: '%Y-%m-%d', timezone: Asia/Jayapura}
fields:
  subject: {template: 'incident:{code}:{nomor}'}
  revision: {time: day}
  region: {template: '{code}'}
  occurred_at: {time: day}
  recorded_at: {time: day}
  source: {constant: bpbd.91}
  kind: {constant: DISASTER}
  category: {column: jenis}
  severity: {column: tingkat}
  verification: {constant: UNVERIFIED}
  time_precision: {constant: DAY}
  latitude: {column: lintang}
  killed: {column: meninggal}
"""


def refused(text: str) -> MappingError:
    with pytest.raises(MappingError) as caught:
        read_and_check(text)
    return caught.value


def read_and_check(text: str) -> None:
    spec = parse_mapping(text, "map.yaml")
    check_mapping(spec, event_type(spec.event_type), "map.yaml")


def test_a_good_mapping_is_read_and_fits_its_event_type() -> None:
    spec = parse_mapping(GOOD, "map.yaml")
    check_mapping(spec, event_type("incident"), "map.yaml")
    assert spec.table.delimiter == ";"


@pytest.mark.parametrize("name", mapping_names())
def test_every_mapping_of_the_package_fits_its_event_type(name: str) -> None:
    spec = load_mapping(name)
    check_mapping(spec, event_type(spec.event_type), name)


def test_the_polling_stations_of_2024_are_found_by_name() -> None:
    assert "pilpres2024_tps" in mapping_names()


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("event_type:", "event_tipe:", "event_tipe", "did you mean 'event_type'"),
        ("delimiter: ;", "delimeter: ;", "table.delimeter", "did you mean 'delimiter'"),
        ("column: kode,", "colum: kode,", "parts.code.colum", "did you mean 'column'"),
        ("{time: day}", "{tme: day}", "fields.revision.tme", "did you mean 'time'"),
        ("{time: day}", "{time: dai}", "fields.revision.time", "did you mean 'day'"),
        ("  killed:", "  kiled:", "fields.kiled", "did you mean 'killed'"),
        ("  killed:", "  event_id:", "fields.event_id", "made by the import"),
        ("  subject: {template: 'incident:{code}:{nomor}'}\n", "", "fields.subject", "must be mapped"),
        ("windows-1252", "windows-9999", "table", "no encoding"),
        ("delimiter: ;", "delimiter: ;;", "table", "one character, or auto"),
        ("(\\d{2})", "\\d{2}", "parts.code.pattern", "needs a group"),
        ("(\\d{2})", "(\\d{2}", "parts.code.pattern", "no regular expression"),
        ("Asia/Jayapura", "Asia/Jaypura", "times.day", "no time zone"),
        (", timezone: Asia/Jayapura", "", "times.day", "timezone or %z"),
        ("{column: jenis}", "{column: jenis, constant: banjir}", "fields.category", "exactly one"),
        ("{column: jenis}", "{}", "fields.category", "exactly one"),
        ("incident:{code}", "incident:{code", "fields.subject.template", "does not fit"),
        ("incident:{code}", "incident:{}", "fields.subject.template", "just a name"),
        ("{constant: DISASTER}", "{constant: disaster}", "fields.kind.constant", "CONFLICT, DISASTER"),
        ("{column: meninggal}", "{constant: '3'}", "fields.killed.constant", "is no int"),
        ("{column: meninggal}", "{date: day}", "fields.killed", "can only come from"),
        ("occurred_at: {time: day}", "occurred_at: {column: tanggal}", "fields.occurred_at", "can only come from"),
        ("  source: {constant: bpbd.91}", "  source: {constant: a}\n  source: {constant: b}", "", "given twice"),
    ],
)
def test_a_wrong_mapping_names_the_key_and_the_remedy(old: str, new: str, key: str, words: str) -> None:
    assert old in GOOD
    error = refused(GOOD.replace(old, new, 1))
    assert (error.file, error.key) == ("map.yaml", key)
    assert words in error.message_en
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "text", ["", "- a list", "just words", "{unclosed: ", "fields: {}", "? [a]\n: b", "a: &a [*a]", "1: 2"]
)
def test_a_text_that_is_no_mapping_is_said(text: str) -> None:
    assert "map.yaml" in str(refused(text))


def test_an_unknown_event_type_is_said() -> None:
    spec = parse_mapping(GOOD.replace("event_type: incident", "event_type: kejadian"), "map.yaml")
    with pytest.raises(UnknownEventType):
        event_type(spec.event_type)


def test_a_mapping_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="pilpres2024_tps"):
        load_mapping(str(tmp_path / "nowhere.yaml"))


def test_a_folder_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        load_mapping(str(tmp_path))


def test_a_mapping_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_mapping(str(path)).event_type == "incident"
