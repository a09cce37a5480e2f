"""The fields of a roster entry: from texts to values, with what is wrong and how to mend it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.events.report import CLAIMABLE
from simpul_schemas.regions import load_regions

#: The columns of the file, in their order.
COLUMNS = ("unit", "name", "region", "event_type", "period_kind", "valid_from", "valid_to", "days_allowed")
_UNIT_BYTES = 200
_YEAR_LOW, _YEAR_HIGH, _DAYS_HIGH = 2000, 2199, 366


class FieldProblem(Exception):
    """One field that cannot be used."""

    def __init__(self, field: str, message_id: str, message_en: str) -> None:
        super().__init__(field, message_id, message_en)
        self.field = field
        self.message_id = message_id
        self.message_en = message_en


def read_fields(row: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of an entry by name, or raise `FieldProblem` for the first field that is wrong."""
    texts = {name: (row.get(name) or "").strip() for name in COLUMNS}
    valid_from = _day("valid_from", texts["valid_from"])
    valid_to = _day("valid_to", texts["valid_to"]) if texts["valid_to"] else None
    if valid_to is not None and valid_to <= valid_from:
        raise FieldProblem(
            "valid_to",
            "Harus sesudah valid_from; kosongkan bila tanpa akhir.",
            "It must be after valid_from; leave it empty where there is no end.",
        )
    return {
        "unit": _unit(texts["unit"]),
        "name": texts["name"] or texts["unit"],
        "region": _region(texts["region"]),
        "event_type": _one_of("event_type", texts["event_type"], sorted(CLAIMABLE)),
        "period_kind": PeriodKind(_one_of("period_kind", texts["period_kind"], [kind.value for kind in PeriodKind])),
        "valid_from": valid_from,
        "valid_to": valid_to,
        "days_allowed": _days(texts["days_allowed"]),
    }


def _unit(text: str) -> str:
    if not text or len(text.encode()) > _UNIT_BYTES:
        raise FieldProblem(
            "unit",
            f"Isi nama unit seperti dalam laporannya, paling banyak {_UNIT_BYTES} bita.",
            f"Give the unit as its reports name it, at most {_UNIT_BYTES} bytes.",
        )
    return text


def _region(text: str) -> str:
    if text not in load_regions():
        raise FieldProblem(
            "region",
            f"Wilayah '{text}' tidak ada; cari kodenya dengan 'simpul regions resolve'.",
            f"There is no region '{text}'; find its code by 'simpul regions resolve'.",
        )
    return text


def _one_of(field: str, text: str, known: list[str]) -> str:
    if text not in known:
        listed = ", ".join(known)
        raise FieldProblem(field, f"'{text}' tidak dikenal; yang ada: {listed}.", f"No '{text}'; there are: {listed}.")
    return text


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text) if len(text) == len("2024-01-01") else None
    except ValueError:
        day = None
    if day is None or not _YEAR_LOW <= day.year <= _YEAR_HIGH:
        raise FieldProblem(
            field,
            f"'{text}' bukan tanggal; tulis seperti 2024-01-31, tahun {_YEAR_LOW} sampai {_YEAR_HIGH}.",
            f"'{text}' is no date; write it like 2024-01-31, years {_YEAR_LOW} to {_YEAR_HIGH}.",
        )
    return day


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _DAYS_HIGH):
        raise FieldProblem(
            "days_allowed",
            f"'{text}' bukan jumlah hari; tulis 0 sampai {_DAYS_HIGH}.",
            f"'{text}' is no number of days; write 0 to {_DAYS_HIGH}.",
        )
    return int(text)
