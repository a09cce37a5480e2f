"""What the contract does not say about a form: how a clerk writes a thing down, and which columns name it.

For each event type a `FormFacts`. Lists become what is natural on paper: the lines of a BAST are rows below each other,
claims have a column for each event type, candidates one for each number, few things (attachments, parties) numbered
columns, plain lists one cell with semicolons.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from simpul_schemas.rules import Text

#: The parts of a subject behind its prefix, from a document's values by column; None where one is missing.
Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExtraColumn:
    """A column that is no field of the payload: `occurred_at`, or a number of the agency's own register."""

    name: str
    title: Text
    kind: str
    example: str


@dataclass(frozen=True, slots=True)
class FormFacts:
    """The form of one event type.

    `key` are the columns that name the document, in the order of the subject; `occurred` is the column that tells when
    (a moment, a day or a period); `required` are columns that the contract leaves open and a form cannot. `rows_of` is
    the list whose items are rows; `numbered` gives the number of columns for the items of a list, `keyed` the values
    of the first field of its items, one column each.
    """

    key: tuple[str, ...]
    occurred: str
    subject: Callable[[Values], str]
    extra: tuple[ExtraColumn, ...] = ()
    required: frozenset[str] = frozenset()
    rows_of: str = ""
    numbered: Mapping[str, int] = field(default_factory=dict)
    keyed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


OCCURRED = "occurred_at"
AGENCY, NUMBER = "_agency", "_number"
_AGENCY_TITLE = Text(
    "Instansi pencatat", "Agency that keeps the register; always written alike, since it is part of the id"
)
_NUMBER_MEANING = "Number in that agency's own register, never used twice"


def regency_of(region: str) -> str:
    """Return the kabupaten/kota of a region code, or the province where the code ends there."""
    return region[:5]


def slug(text: str) -> str:
    """Return a name as a part of a subject: `Dinas Sosial` and `DINAS  SOSIAL` are `dinas-sosial`."""
    return "-".join(re.findall(r"\w+", text.casefold()))


def _handover(values: Values) -> str:
    number, year = values["bast_number"], values["handover_date"][:4]
    dated = number if year in number else f"{number}/{year}"
    return f"bast:{regency_of(values['region'])}.{slug(values['first_party_agency'])}:{dated}"


def _register(prefix: str) -> Callable[[Values], str]:
    return lambda values: f"{prefix}:{slug(values[AGENCY])}.{regency_of(values['region'])}:{values[NUMBER]}"


def _station(values: Values) -> str:
    place = [values["region"], values.get("village"), values.get("station")]
    return f"tps:{values['election']}:{'.'.join(part for part in place if part)}"


def _account(values: Values) -> str:
    unit = values.get("sub_skpd_code") or values["skpd_code"]
    work = next((values[name] for name in _WORK if values.get(name)), "-")
    fund, period = values.get("fund_code") or "-", values.get("period") or "-"
    return f"anggaran:{values['region']}:{values['budget_year']}:{unit}:{work}:{values['account_code']}:{fund}:{period}"


_WORK = ("sub_activity_code", "activity_code", "programme_code")
_EVENT_TYPES = ("report", "incident", "aid_handover", "aspiration", "prevention", "participation", "budget")
#: Ballots of the national parties and of Aceh's own have at most so many numbers.
_CANDIDATES = tuple(f"{number:02}" for number in range(1, 25))

FACTS: Mapping[str, FormFacts] = MappingProxyType(
    {
        "report": FormFacts(
            key=("unit", "period"),
            occurred="period",
            subject=lambda values: f"laporan:{values['unit']}:{values['period']}",
            keyed=MappingProxyType({"claims": _EVENT_TYPES}),
        ),
        "incident": FormFacts(
            key=("region", AGENCY, NUMBER),
            occurred=OCCURRED,
            subject=_register("kejadian"),
            extra=(
                ExtraColumn(AGENCY, _AGENCY_TITLE, "text", "Kesbangpol Kota Makassar"),
                ExtraColumn(NUMBER, Text("Nomor kejadian", _NUMBER_MEANING), "text", "2026-0014"),
                ExtraColumn(OCCURRED, Text("Waktu kejadian", "When it happened"), "moment", "2026-03-28T16:30:00"),
            ),
            numbered=MappingProxyType({"parties": 4}),
        ),
        "aid_handover": FormFacts(
            key=("first_party_agency", "bast_number", "handover_date"),
            occurred="handover_date",
            subject=_handover,
            required=frozenset({"first_party_agency", "bast_number", "handover_date"}),
            rows_of="items",
            numbered=MappingProxyType({"attachments": 3}),
        ),
        "aspiration": FormFacts(
            key=("region", "tracking_id"),
            occurred=OCCURRED,
            subject=lambda values: f"aspirasi:{regency_of(values['region'])}:{values['tracking_id']}",
            extra=(
                ExtraColumn(OCCURRED, Text("Tanggal kejadian", "When it happened"), "moment", "2026-03-07T07:00:00"),
            ),
            required=frozenset({"tracking_id"}),
            numbered=MappingProxyType({"attachments": 2}),
        ),
        "prevention": FormFacts(
            key=("region", AGENCY, NUMBER),
            occurred=OCCURRED,
            subject=_register("temuan"),
            extra=(
                ExtraColumn(AGENCY, _AGENCY_TITLE, "text", "FKDM Kota Makassar"),
                ExtraColumn(NUMBER, Text("Nomor temuan", _NUMBER_MEANING), "text", "2026-0031"),
                ExtraColumn(OCCURRED, Text("Waktu temuan", "When it happened"), "moment", "2026-03-11T19:00:00"),
            ),
        ),
        "participation": FormFacts(
            key=("election", "region", "village", "station"),
            occurred=OCCURRED,
            subject=_station,
            extra=(
                ExtraColumn(
                    OCCURRED,
                    Text("Tanggal pemungutan suara", "Day of the vote"),
                    "moment",
                    "2024-02-14T13:00:00",
                ),
            ),
            keyed=MappingProxyType({"candidates": _CANDIDATES}),
        ),
        "budget": FormFacts(
            key=("region", "budget_year", "skpd_code", "sub_skpd_code", *_WORK, "account_code", "fund_code", "period"),
            occurred=OCCURRED,
            subject=_account,
            extra=(
                ExtraColumn(
                    OCCURRED,
                    Text("Tanggal data", "Day on which these figures stood so"),
                    "moment",
                    "2026-03-31T00:00:00",
                ),
            ),
        ),
    }
)
