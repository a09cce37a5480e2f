"""An early warning as its readers see it: one record for each alert on the compacted topic `simpul.alert.v1`.

Key is the alert's id: rule, region and the first day of the window in which it was raised. The highest revision wins,
as everywhere. A revision is made of the day on which was judged and of the position in the input up to which was read,
so that two that judge the same say the same.
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

import fastavro

from simpul_schemas.regions import NATION, Level
from simpul_schemas.rows import decode, encode

#: Pieces of evidence that one alert names at most.
EVIDENCE_AT_MOST = 50
#: Bits of a revision below the day: positions in the input topic.
_POSITION_BITS = 40


class AlertState(StrEnum):
    """Whether an alert stands."""

    RAISED = "RAISED"
    CLEARED = "CLEARED"


class Evidence(NamedTuple):
    """What an alert rests on: the key of a figure with its value, or a unit that is silent with 1."""

    what: str
    value: int


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `since` is the first day of its window, `day` the local day on which it was judged, both ISO 8601.

    `count` reached `threshold` within `within_days` days: a sum of figures, or the days that nothing came.
    """

    rule: str
    region: str
    since: str
    level: str
    state: AlertState
    day: str
    count: int
    threshold: int
    within_days: int
    evidence: tuple[Evidence, ...]
    text_id: str
    text_en: str
    revision: int = 0

    @property
    def id(self) -> str:
        """What it is called by: the same for everybody who judges the same."""
        return f"{self.rule}/{self.region}/{self.since}"

    def says_the_same(self, other: "Alert") -> bool:
        """Return whether two alerts differ in nothing but their revision."""
        return replace(self, revision=0) == replace(other, revision=0)

    def body(self) -> bytes:
        """Return it as an Avro body of `ALERT_SCHEMA`."""
        evidence = [one._asdict() for one in self.evidence]
        return encode(_PARSED, {"alert": self.id, **asdict(self), "state": self.state.value, "evidence": evidence})


def read_alert(body: bytes) -> Alert:
    """Read an Avro body of `ALERT_SCHEMA`, or raise `MalformedRecord`."""
    record = decode(_PARSED, body)
    del record["alert"]
    evidence = tuple(Evidence(**one) for one in record.pop("evidence"))
    return Alert(**record | {"state": AlertState(record["state"])}, evidence=evidence)


def revision_of(day_ordinal: int, position: int) -> int:
    """Return the revision of what was judged on a day with the input read up to a position."""
    return (day_ordinal << _POSITION_BITS) + position


def _field(name: str, doc: str, kind: object = "string") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


_LEVEL = {"type": "enum", "name": "Level", "symbols": [level.value for level in Level]}
_STATE = {"type": "enum", "name": "AlertState", "symbols": [state.value for state in AlertState]}
_EVIDENCE = {
    "type": "record",
    "name": "AlertEvidence",
    "fields": [
        _field("what", "Kunci angka, atau nama unit. Key of a figure on its view's topic, or a unit's name."),
        _field("value", "Nilainya. Its value; 1 for a unit.", "long"),
    ],
}
#: The Avro schema of the topic of alerts.
ALERT_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Alert",
        "namespace": "id.go.simpul.v1",
        "doc": "Peringatan dini. An early warning, raised or cleared.",
        "fields": [
            _field("alert", "Pengenal, juga kunci. Its id, also the key: rule/region/since."),
            _field("rule", "Nama aturan. Name of the rule."),
            _field("region", f"Kode wilayah. Canonical code of the region; {NATION} is the nation."),
            _field("since", "Hari pertama jendela. First day of the window, ISO 8601."),
            _field("level", "Tingkat wilayah. Level of the region.", _LEVEL),
            _field("state", "Keadaan. Whether it stands.", _STATE),
            _field("day", "Hari penilaian. Local day on which it was judged, ISO 8601."),
            _field("count", "Jumlah yang terhitung. What was counted.", "long"),
            _field("threshold", "Ambang. From where on it is raised.", "long"),
            _field("within_days", "Lebar jendela, hari. Length of the window in days.", "long"),
            _field("evidence", "Bukti, paling banyak 50. What it rests on.", {"type": "array", "items": _EVIDENCE}),
            _field("text_id", "Kalimat dalam bahasa Indonesia. The sentence in Indonesian."),
            _field("text_en", "Kalimat dalam bahasa Inggris. The sentence in English."),
            _field("revision", "Urutan penilaian. Day and input position; higher is newer, per alert.", "long"),
        ],
    },
    ensure_ascii=False,
)
_PARSED: Any = fastavro.parse_schema(json.loads(ALERT_SCHEMA))
