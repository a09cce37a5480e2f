"""What a mapping can say beyond a column a field: conditions, tables of words, lists, groups, names of files."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from simpul_producers.errors import MappingError, TableError
from simpul_producers.imports.check import check_mapping
from simpul_producers.imports.mapping import parse_mapping
from simpul_producers.imports.reference import reference_markdown, reference_rows
from simpul_producers.imports.refusals import RefusalReport
from simpul_producers.imports.run import Importer, ImportResult
from simpul_producers.testing import InMemoryOutbox
from simpul_schemas.contract import event_type
from simpul_schemas.rows import decode

NOW = 1_775_000_000_000_000
GUIDE = Path(__file__).parents[4] / "docs/publish.md"
BAST = """
event_type: aid_handover
table: {trim: true}
skip:
  - {reason: blank, when: {blank: true}}
  - {reason: total, when: {column: barang, matches: '^(?i:jumlah)'}}
  - {reason: notes, when: {column: barang, equals: Catatan}, rest: true}
refuse:
  - {code: not_certain, when: {column: satuan, one_of: ['?']}, reason_id: Satuan., reason_en: The unit.}
parts:
  goods: {column: barang, lookup: goods, default: '*'}
numbers:
  thousandths: {style: indonesian, times: 1000}
  sen: {style: indonesian, units: [rb, jt], times: 100}
times:
  day: {column: tanggal, format: '%d %b %Y', timezone: region, filler: [01 Jan 2024]}
regions:
  place: {day: '2024-06-01', parent: '35.12', steps: [{scheme: name, given: '{kecamatan}'}]}
lookups:
  goods: {BRS: Beras, COOL BOX 120L: Cool box 120 liter}
group: {by: [nomor], add_up: quantity_thousandths}
fields:
  subject: {template: 'bast:{place}:{nomor}'}
  region: {region: place}
  occurred_at: {time: day}
  recorded_at: {now: true}
  source: {constant: perikanan.35.12}
  status: {constant: HANDED_OVER}
  aid_kind: {constant: GOODS}
  bast_number: {column: nomor}
  handover_date: {date: day}
  second_party_organisation:
    - {template: 'Kelompok {kelompok}', when: {column: kelompok, empty: false}}
    - {constant: Perorangan}
  recipient_count: {rows: true}
  items:
    items:
      - fields:
          name: {column: goods}
          quantity_thousandths: {column: jumlah, number: thousandths, empty: ['-']}
          unit: {column: satuan}
          unit_value_sen: {column: harga, number: sen}
"""
HEADER = "nomor,tanggal,kecamatan,kelompok,barang,jumlah,satuan,harga"


def run(
    tmp_path: Path, mapping: str, rows: list[str], name: str = "t.csv", header: str = HEADER
) -> tuple[ImportResult, RefusalReport, list[dict[str, Any]]]:
    path = tmp_path / name
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    outbox, report, result = InMemoryOutbox(), RefusalReport(None), ImportResult()
    spec = parse_mapping(mapping, "map.yaml")
    Importer(spec, "map.yaml", outbox, report, lambda: NOW, batch_rows=2).run(path, result)
    assert result.rows_read == result.acceptable + result.refused + result.merged + result.skipped.total()
    schema = event_type(spec.event_type).parsed_schema
    return result, report, [decode(schema, waiting.row.body) for waiting in outbox.pending(100)]


def test_rows_of_one_paper_are_one_handover_with_its_list(tmp_path: Path) -> None:
    rows = [
        'B-1,13 Des 2023,Suboh,Laut,BRS,"2,5",kg,10 rb',
        "B-2,24 Agu 2024,Besuki,,COOL BOX 120L,1,Unit,1 jt",
        'B-1,13 Des 2023,Suboh,Laut,Beras,"1,5",kg,10 rb',
        "B-1,13 Des 2023,Suboh,Laut,Jala,3,Unit,",
    ]
    result, report, events = run(tmp_path, BAST, rows)
    assert (result.acceptable, result.merged, report.by_code) == (2, 2, {})
    first = next(each for each in events if each["bast_number"] == "B-1")
    assert (first["region"], first["handover_date"], first["recipient_count"]) == ("35.12.03", "2023-12-13", 3)
    assert first["second_party_organisation"] == "Kelompok Laut"
    found = [(each["name"], each["quantity_thousandths"], each["unit_value_sen"]) for each in first["items"]]
    # The two spellings of rice at one price are one line, whose quantities are added.
    assert found == [("Beras", 4000, 1_000_000), ("Jala", 3000, None)]
    second = next(each for each in events if each["bast_number"] == "B-2")
    assert second["second_party_organisation"] == "Perorangan"


def test_an_unknown_quantity_makes_an_unknown_sum(tmp_path: Path) -> None:
    rows = ["B-1,13 Des 2023,Suboh,Laut,Jala,3,Unit,", "B-1,13 Des 2023,Suboh,Laut,Jala,-,Unit,"]
    _, _, ((event),) = run(tmp_path, BAST, rows)
    assert [each["quantity_thousandths"] for each in event["items"]] == [None]


def test_rows_that_disagree_beyond_the_list_are_refused_and_the_others_stand(tmp_path: Path) -> None:
    rows = ["B-1,13 Des 2023,Suboh,Laut,Jala,3,Unit,", "B-1,14 Des 2023,Suboh,Laut,Jala,3,Unit,"]
    result, report, events = run(tmp_path, BAST, rows)
    assert report.by_code == {"import.group_disagrees": 1}
    assert (result.refused, len(events), events[0]["recipient_count"]) == (1, 1, 1)


def test_a_refused_group_counts_all_its_rows(tmp_path: Path) -> None:
    rows = ["B-1,13 Des 2023,Suboh,Laut,Jala,3,Unit,"] * 3
    result, report, events = run(tmp_path, BAST.replace("  bast_number: {column: nomor}\n", ""), rows)
    assert report.by_code == {"aid_handover.number_missing": 3}
    assert (result.refused, events, report.examples["aid_handover.number_missing"].rows) == (3, [], 3)


def test_skipped_rows_are_counted_by_reason_and_refused_ones_by_code(tmp_path: Path) -> None:
    rows = [
        ",,,,,,,",
        ",,,,JUMLAH,9,,",
        "B-1,13 Des 2023,Suboh,Laut,Jala,3,?,",
        "B-2,01 Jan 2024,Suboh,Laut,Jala,3,Unit,",
        ",,,,Catatan,,,",
        "B-3,13 Des 2023,Suboh,Laut,Jala,3,Unit,",
    ]
    result, report, events = run(tmp_path, BAST, rows)
    assert result.skipped == {"blank": 1, "total": 1, "notes": 2}
    assert report.by_code == {"import.not_certain": 1, "import.date_is_filler": 1}
    assert report.examples["import.not_certain"].value == "satuan = ?"
    assert events == []


INCIDENT = """
event_type: incident
file: 'banjir-(?P<kode>[0-9.]{5})-(?P<tahun>[0-9]{4})'
times: {year: {column: tahun, format: '%Y', timezone: wib}}
regions: {place: {day_from: year, steps: [{scheme: kemendagri, given: '{kode}'}]}}
lookups: {severity: {ringan: MINOR, berat: SEVERE}}
fields:
  subject: {template: 'x:{tahun}:{no}'}
  region: {region: place}
  occurred_at: {time: year}
  recorded_at: {now: true}
  source: {constant: bpbd}
  kind: {constant: DISASTER}
  category: {constant: banjir}
  severity: {column: tingkat, lookup: severity, default: UNKNOWN}
  verification: {constant: UNVERIFIED}
  time_precision: {constant: YEAR}
  buildings_damaged: {sum: [rumah, kantor]}
  agencies: {split: instansi, separator: ;}
"""


def test_pieces_of_the_name_of_a_file_are_columns(tmp_path: Path) -> None:
    rows = ["1,ringan,2,3,BPBD; TNI", "2,?,2,,"]
    _, _, events = run(tmp_path, INCIDENT, rows, "banjir-53.13-2015.csv", "no,tingkat,rumah,kantor,instansi")
    assert [each["subject"] for each in events] == ["x:2015:1", "x:2015:2"]
    assert [each["severity"] for each in events] == ["MINOR", "UNKNOWN"]
    # A sum with an unknown in it is unknown.
    assert [each["buildings_damaged"] for each in events] == [5, None]
    assert [each["agencies"] for each in events] == [["BPBD", "TNI"], None]
    with pytest.raises(TableError, match="rename the file"):
        run(tmp_path, INCIDENT, rows, "lain.csv", "no,tingkat,rumah,kantor,instansi")


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("lookup: goods, default", "lookup: gods, default", "parts.goods.lookup", "did you mean 'goods'"),
        ("units: [rb, jt]", "units: [rb, jtt]", "numbers.sen", "did you mean 'jt'"),
        ("parent: '35.12'", "parent: '35.99'", "regions.place", "no canonical code"),
        ("day: '2024-06-01'", "day: '2024-6-1'", "regions.place.day", "write as"),
        ("region: place}", "region: plce}", "fields.region.region", "did you mean 'place'"),
        ("number: sen}", "number: sens}", "fields.items.items.unit_value_sen.number", "did you mean 'sen'"),
        ("          name: {column: goods}\n", "", "fields.items.items.name", "must be mapped"),
        ("unit: {column", "unt: {column", "fields.items.items.unt", "did you mean 'unit'"),
        ("scheme: name", "scheme: nama", "regions.place.steps.0.scheme", "does not fit"),
        ("reason: blank", "alasan: blank", "skip.0.alasan", "did you mean 'reason'"),
        ("{blank: true}", "{blnk: true}", "skip.0.when.blnk", "did you mean 'blank'"),
        ("add_up: quantity_thousandths", "add_up: quantity", "group.add_up", "no field of a list"),
        (
            "recipient_count: {rows: true}",
            "recipient_count: {items: []}",
            "fields.recipient_count",
            "can only come from",
        ),
    ],
)
def test_a_wrong_mapping_names_the_key_and_the_remedy(old: str, new: str, key: str, words: str) -> None:
    assert old in BAST
    with pytest.raises(MappingError) as caught:
        check_mapping(parse_mapping(BAST.replace(old, new, 1), "map.yaml"), event_type("aid_handover"), "map.yaml")
    assert caught.value.key == key
    assert words in caught.value.message_en


def test_the_example_of_the_guide_does_what_the_guide_says(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8").partition("### A mapping of your own")[2]
    table, mapping = (block.partition("\n")[2] for block in text.split("```")[1:4:2])
    path = tmp_path / "banjir-53.13.csv"
    path.write_text(table, encoding="utf-8")
    outbox, report, result = InMemoryOutbox(), RefusalReport(None), ImportResult()
    Importer(parse_mapping(mapping, "peta.yaml"), "peta.yaml", outbox, report, lambda: NOW).run(path, result)
    assert (result.acceptable, report.by_code, result.skipped) == (2, {}, {"total": 1})
    schema = event_type("incident").parsed_schema
    found = [decode(schema, waiting.row.body) for waiting in outbox.pending(9)]
    assert [(each["region"], each["killed"], each["loss_idr"]) for each in found] == [
        ("53.13.05", None, 2_500_000),
        ("53.13.03", 1, 1_250_750_000),
    ]
    assert yaml.safe_load(mapping)["event_type"] == "incident"


def test_every_key_of_a_mapping_has_its_meaning_in_the_reference() -> None:
    rows = reference_rows()
    assert [row for row in rows if not row["meaning"]] == []
    assert {"not", "otherwise", "add_up"} <= {row["key"] for row in rows}
    assert "| `event_type` | text | required |" in reference_markdown()
    assert json.dumps(rows)


def test_a_report_for_spreadsheets_holds_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER}\n=1+1,x,Suboh,Laut,Jala,3,Unit,\n", encoding="utf-8")
    with RefusalReport(tmp_path / "ditolak.csv") as report:
        spec = parse_mapping(BAST.replace("{column: tanggal", "{column: nomor"), "map.yaml")
        Importer(spec, "map.yaml", None, report, lambda: NOW).run(path, ImportResult())
    text = (tmp_path / "ditolak.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith("file,row,field,value,code,message_id")
    assert ",'=1+1,import.time_unreadable," in text
