"""The families of topics: their addresses, keys, how long they are kept, and what their records say."""

from collections.abc import Iterator
from dataclasses import dataclass

from simpul_schemas.alerts import ALERT_SCHEMA
from simpul_schemas.catalogue.fields import record_doc
from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.coverage import COVERAGE_SCHEMA
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.receipts import RECEIPT_SCHEMA
from simpul_schemas.restatement import RESTATEMENT_SCHEMA
from simpul_schemas.roster import ROSTER_SCHEMA
from simpul_schemas.rules import Text
from simpul_schemas.topics import (
    TopicSpec,
    alert_topic_spec,
    coverage_topic_spec,
    event_topic_spec,
    partial_topic_spec,
    quarantine_topic_spec,
    receipt_topic_spec,
    restatement_topic_spec,
    roster_topic_spec,
    sink_quarantine_topic_spec,
    view_topic_spec,
)

#: Stands for a province's code in the address of a family.
PROVINCE_PARAMETER = "{province}"

_DAY_MS = 24 * 3600 * 1000
_SUBJECT_KEY = Text("subjek peristiwa", "the event's subject")


@dataclass(frozen=True, slots=True)
class Family:
    """Topics that differ by province only: a channel of the AsyncAPI document.

    `schema` is the Avro schema of the values, None where they are a refused record's original bytes.
    """

    name: str
    what: Text
    key: Text
    spec: TopicSpec
    schema: str | None
    event_type: str | None = None
    view: str | None = None

    @property
    def address(self) -> str:
        """The name of the topics, with the province as a parameter."""
        return self.spec.name

    @property
    def by_province(self) -> bool:
        """Whether every province has such a topic of its own."""
        return PROVINCE_PARAMETER in self.address

    @property
    def kept(self) -> Text:
        """How long the records are kept, in words."""
        return kept(self.spec)


def kept(spec: TopicSpec) -> Text:
    """Return how long a topic keeps its records, in words."""
    if spec.config["cleanup.policy"] == "compact":
        days = int(spec.config["min.compaction.lag.ms"]) // _DAY_MS
        return Text(
            f"dipadatkan: nilai terakhir tiap kunci, selamanya; yang lama hilang paling cepat setelah {days} hari",
            f"compacted: the last value of each key, for ever; older ones go after {days} days at the earliest",
        )
    retention = int(spec.config["retention.ms"])
    if retention < 0:
        return Text("selamanya", "for ever")
    return Text(f"{retention // _DAY_MS} hari", f"{retention // _DAY_MS} days")


def event_family(name: str) -> Family:
    """Return the topics of an event type."""
    schema = EVENT_TYPES[name].schema
    spec = event_topic_spec(PROVINCE_PARAMETER, name)
    return Family(name, record_doc(schema), _SUBJECT_KEY, spec, schema, event_type=name)


def view_families(name: str) -> tuple[Family, Family, Family]:
    """Return the topics of a view: figures, the partial figures that they are the sum of, and what was restated."""
    view = VIEW_SPECS[name]
    figures = Family(
        f"view_{name}",
        Text("Angka untuk tiap wilayah dan tingkat", "Figures of every region and level"),
        Text("kelompok", "the group"),
        view_topic_spec(name),
        view.figure_schema,
        view=name,
    )
    partial = Family(
        f"partial_{name}",
        Text("Angka sebagian, jumlah atas satu partisi masukan", "Partial figures, the sum over one input partition"),
        Text("kelompok dan partisi masukan", "the group and the input partition"),
        partial_topic_spec(name),
        view.partial_schema,
        view=name,
    )
    restated = Family(
        f"restatement_{name}",
        Text("Selisih angka yang berubah setelah ditutup", "What changed in figures after they were closed"),
        Text("kelompok", "the group"),
        restatement_topic_spec(name),
        RESTATEMENT_SCHEMA,
        view=name,
    )
    return figures, partial, restated


def families() -> Iterator[Family]:
    """Return every family of topics: events, what was refused, receipts, figures."""
    yield from map(event_family, EVENT_TYPES)
    yield Family(
        "quarantine",
        Text("Catatan yang ditolak, bita aslinya", "Refused records, their original bytes"),
        Text("kunci asli", "the original key"),
        quarantine_topic_spec(PROVINCE_PARAMETER),
        None,
    )
    yield Family(
        "sink_quarantine",
        Text("Angka yang ditolak basis data kementerian", "Figures that a ministry's database refused"),
        Text("kunci asli", "the original key"),
        sink_quarantine_topic_spec(),
        None,
    )
    yield Family(
        "receipt",
        Text("Tanda terima: nasib tiap catatan, ditandatangani", "Receipts: what became of each record, signed"),
        Text("topik dan partisi", "topic and partition"),
        receipt_topic_spec(PROVINCE_PARAMETER),
        RECEIPT_SCHEMA,
    )
    for name in VIEW_SPECS:
        yield from view_families(name)
    yield Family(
        "roster",
        Text("Daftar satuan yang wajib melapor, dan detak jam", "Who must report, and ticks of the clock"),
        Text("jenis peristiwa, jenis masa, awal berlaku dan satuan", "event type, kind of period, first day, unit"),
        roster_topic_spec(),
        ROSTER_SCHEMA,
    )
    yield Family(
        "completeness",
        Text(
            "Kelengkapan: siapa wajib, sudah, terlambat dan belum",
            "Completeness: who must, did, was late and is silent",
        ),
        Text("jenis peristiwa, wilayah dan masa", "event type, region and period"),
        coverage_topic_spec(),
        COVERAGE_SCHEMA,
    )
    yield Family(
        "alert",
        Text("Peringatan dini", "Early warnings"),
        Text("pengenal peringatan", "the alert's id"),
        alert_topic_spec(),
        ALERT_SCHEMA,
    )
