"""Restatements as their readers see them: what changed in a figure after its place was closed.

On the topics `simpul.restatement.<view>.v1`, one record for each time that a closed figure was published with other
measures. Key and revision name a restatement: one that comes twice is the same.
"""

import json
from enum import StrEnum

from simpul_schemas.regions import NATION, Level


class Why(StrEnum):
    """What a restatement comes from, as far as the figures tell."""

    LATE = "LATE"
    CORRECTION = "CORRECTION"


def _field(name: str, doc: str, kind: object = "string") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


_LEVEL = {"type": "enum", "name": "Level", "symbols": [level.value for level in Level]}
_WHY = {"type": "enum", "name": "RestatementCause", "symbols": [why.value for why in Why]}
_DIMENSION = {
    "type": "record",
    "name": "RestatedDimension",
    "doc": "Dimensi. One dimension of the figure.",
    "fields": [_field("name", "Nama. Name of the dimension."), _field("value", "Nilai. Its value.")],
}
_CHANGE = {
    "type": "record",
    "name": "RestatedMeasure",
    "doc": "Perubahan. One measure that has changed.",
    "fields": [
        _field("measure", "Ukuran. Name of the measure."),
        _field("before", "Sebelum. What the closed figure said.", "long"),
        _field("after", "Sesudah. What it says now.", "long"),
        _field("difference", "Selisih. After less before.", "long"),
    ],
}

#: The Avro schema of the restatement topics.
RESTATEMENT_SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Restatement",
        "namespace": "id.go.simpul.v1",
        "doc": "Ralat angka. What changed in a figure after its place was closed.",
        "fields": [
            _field("view", "Tampilan. Name of the view."),
            _field("level", "Tingkat wilayah. Level of the region.", _LEVEL),
            _field("region", f"Kode wilayah. Canonical code of the region; {NATION} is the nation."),
            _field("period_kind", "Jenis periode. Kind of the period."),
            _field("period", "Periode. The period."),
            _field("dimensions", "Dimensi. The dimensions of the figure.", {"type": "array", "items": _DIMENSION}),
            _field("revision", "Revisi angka. Revision of the figure that says something new.", "long"),
            _field("revision_before", "Revisi sebelumnya. Revision of the figure that it replaces.", "long"),
            _field("changes", "Perubahan. The measures that have changed.", {"type": "array", "items": _CHANGE}),
            _field(
                "why",
                "Sebab. LATE where more units have reported than the older figure knew; otherwise CORRECTION.",
                _WHY,
            ),
            _field(
                "at",
                "Waktu. Broker's time of the figure that says something new, microseconds, UTC.",
                {"type": "long", "logicalType": "timestamp-micros"},
            ),
        ],
    },
    ensure_ascii=False,
)
