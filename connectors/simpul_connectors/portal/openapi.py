"""The portal's API as OpenAPI 3.1, with examples. Written by hand: it says what programs may rely on."""

from typing import Any

from simpul_schemas.contract import EVENT_TYPES
from simpul_schemas.figures import VIEW_SPECS
from simpul_schemas.portal_settings import PortalLimits

_FIGURE = {
    "view": "incident",
    "level": "province",
    "region": "73",
    "region_name": "Sulawesi Selatan",
    "period_kind": "MONTH",
    "period": "2024-02",
    "dimensions": {"kind": "DISASTER", "phase": "-", "severity": "MINOR"},
    "measures": {"incidents": 12, "killed": 0, "killed_known": 9},
    "rates": {"verified": 0.75, "resolved": 0.5},
    "coverage": {
        "state": "CLOSED",
        "expected": 24,
        "reported": 22,
        "on_time": 21,
        "late": 1,
        "share": 0.9166666666666666,
        "missing": ["kesbangpol.73.09", "kesbangpol.73.15"],
        "as_of": "2024-03-11T02:00:00+00:00",
    },
    "withheld": False,
    "revision": 48211,
}
_COMPLETENESS = {
    "level": "province",
    "region": "73",
    "region_name": "Sulawesi Selatan",
    "period_kind": "MONTH",
    "period": "2024-02",
    "expected": 24,
    "reported": 22,
    "on_time": 21,
    "late": 1,
    "silent": 2,
    "nil": 1,
    "unexpected": 0,
    "closed": True,
    "share": 0.9166666666666666,
    "missing": ["kesbangpol.73.09", "kesbangpol.73.15"],
    "silent_units": ["kesbangpol.73.09", "kesbangpol.73.15"],
    "late_units": ["kesbangpol.73.02"],
    "as_of": "2024-03-11T02:00:00Z",
}
_RESTATEMENT = {
    "level": "province",
    "region": "73",
    "region_name": "Sulawesi Selatan",
    "period_kind": "MONTH",
    "period": "2024-02",
    "dimensions": {"kind": "DISASTER", "phase": "-", "severity": "MINOR"},
    "changes": [{"measure": "incidents", "before": 12, "after": 14, "difference": 2}],
    "why": "LATE",
    "at": "2024-03-14T03:12:00Z",
    "revision": 48377,
}
_REASON = {
    "code": "region.unknown",
    "kind": "refusal",
    "event_type": "incident",
    "open": 3,
    "redriven": 1,
    "first": "2024-02-14T01:00:00Z",
    "last": "2024-02-20T07:30:00Z",
    "message": {"id": "…", "en": "…"},
    "remedy": {"id": "…", "en": "…"},
}
_STATUS = {
    "sampled_seconds_ago": 2.1,
    "workers": 2,
    "stages": [
        {
            "stage": "incident.partial",
            "lag_seconds": 0.0,
            "is_at_least": False,
            "lag_records": 0,
            "workers": 2,
            "last_hour_seconds": [0.0, 5.1, 0.0],
        }
    ],
    "topics": [{"topic": "simpul.view.incident.v1", "records": 48211, "last_append": "2024-03-14T03:12:00Z"}],
}
_PROBLEM = {
    "type": "urn:simpul:problem:portal.unknown",
    "title": "Not Found",
    "status": 404,
    "code": "portal.unknown",
    "detail": "There is no view 'kejadian'; there are: incident, aid.",
}

#: Of queries that are no texts.
_SCHEMAS: dict[str, dict[str, Any]] = {
    "children": {"type": "boolean"},
    "offset": {"type": "integer", "minimum": 0},
    "limit": {"type": "integer", "minimum": 1},
}


def openapi_document(limits: PortalLimits) -> dict[str, Any]:
    """Return the description of the API."""
    region = _query("region", "Kode Kemendagri; bawaan ID. / Region code; default ID, the nation.", "73")
    period = _query("period", "Periode; bawaan yang terbaru. / Period; default the newest.", "2024-02")
    children = _query("children", "true: juga wilayah di dalamnya. / Also the regions inside.", "true")
    view = _path("view", list(VIEW_SPECS))
    paging = [
        _query("offset", "Mulai dari figur ke-. / First figure.", "0"),
        _query("limit", f"Paling banyak {limits.figures_per_answer}. / At most so many.", "100"),
    ]
    paths = {
        "/api/v1/views": _get("Tampilan dan periodenya. / Views and their periods.", [], [{"view": "incident"}]),
        "/api/v1/figures/{view}": _get(
            "Angka per kelompok. / Figures by group; a dimension's own name as a query chooses one value of it.",
            [view, region, period, children, *paging],
            {
                "view": "incident",
                "period_kind": "MONTH",
                "period": "2024-02",
                "total": 1,
                "next_offset": None,
                "figures": [_FIGURE],
            },
        ),
        "/api/v1/completeness/{event_type}": _get(
            "Siapa yang melapor. / Who has reported.",
            [
                _path("event_type", ["incident", *(name for name in EVENT_TYPES if name != "incident")]),
                region,
                period,
                children,
            ],
            {"event_type": "incident", "rows": [_COMPLETENESS]},
        ),
        "/api/v1/restatements/{view}": _get(
            "Ralat, terbaru dulu. / Restatements, newest first, of a region and all inside it.",
            [view, region, _query("limit", "Paling banyak 500. / At most 500.", "100")],
            {"view": "incident", "restatements": [_RESTATEMENT]},
        ),
        "/api/v1/quarantine/{province}": _get(
            "Yang ditolak, menurut sebab. / What was refused, by reason.",
            [_path("province", ["11", "73"])],
            {"province": "73", "is_cut": False, "reasons": [_REASON]},
        ),
        "/api/v1/status": _get("Keadaan bus. / How the bus is.", [], _STATUS),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Simpul: angka daerah / figures of the regions",
            "version": "1",
            "description": "Angka publik tanpa kunci. Tiap jawaban punya ETag; kirim If-None-Match. / Public figures, "
            "no key needed. Each answer has an ETag; send If-None-Match. Unknown is null and never 0; a figure stands "
            "with its coverage.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["type", "title", "status", "code", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }


def _get(summary: str, parameters: list[dict[str, Any]], example: object) -> dict[str, Any]:
    kind = "array" if isinstance(example, list) else "object"
    problem = {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _PROBLEM},
    }
    return {
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": "OK",
                    "headers": {"ETag": {"schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"type": kind}, "example": example}},
                },
                "304": {"description": "Tidak berubah. / Not changed."},
                "400": {
                    "description": "Angka atau pilihan yang salah. / A number or switch that is none.",
                    "content": problem,
                },
                "404": {"description": "Tidak ada; jawabannya menyebut yang ada. / Unknown.", "content": problem},
            },
        }
    }


def _query(name: str, about: str, example: str) -> dict[str, Any]:
    schema = _SCHEMAS.get(name, {"type": "string"})
    return {"name": name, "in": "query", "description": about, "schema": schema, "example": example}


def _path(name: str, values: list[str]) -> dict[str, Any]:
    schema = {"type": "string", "examples": values}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": values[0]}
