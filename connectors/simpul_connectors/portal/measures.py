"""How the portal reads a view: what each measure is called, its unit, when it is unknown, and what is never added up.

All of it follows from the view's own declaration, besides what stands in the tables here; a new view is shown without
any of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType

from simpul_schemas.catalogue.fields import split_doc
from simpul_schemas.figures import ViewSpec, view_spec
from simpul_schemas.rules import Text


class Unit(Enum):
    """What a value counts."""

    COUNT = "count"
    RUPIAH = "rupiah"
    SEN = "sen"
    THOUSANDTHS = "thousandths"
    SHARE = "share"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that a page can show: a measure of the view, or a rate that is derived from two.

    `known` is the measure that counts how many gave the number: where it is 0, nobody did, and the value is unknown.
    `over` are numerator and denominator of a rate.
    """

    name: str
    title: Text
    unit: Unit
    known: str | None = None
    over: tuple[str, str] | None = None


#: Measures that say how many gave a number, where its name does not tell.
_KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "aid.value_sen": "valued",
        "aid_items.quantity_thousandths": "lines_counted",
        "aid_items.value_sen": "lines_valued",
        "budget.realisation_sen": "lines_realised",
        "budget.rate_ceiling_sen": "lines_realised",
        "budget.rate_realisation_sen": "lines_realised",
        "participation.registered": "stations_reported",
        "participation.turned_out": "stations_reported",
        "participation.valid": "stations_reported",
        "participation.invalid": "stations_reported",
    }
)
#: What people ask a view first; for others it is the first measure.
_FIRST: Mapping[str, str] = MappingProxyType({"participation": "participation", "budget": "absorption"})
_RATES: Mapping[str, Text] = MappingProxyType(
    {
        "verified": Text("Terverifikasi", "Verified"),
        "resolved": Text("Selesai ditangani", "Resolved"),
        "responded": Text("Ditindaklanjuti", "Acted on"),
        "became_incident": Text("Menjadi kejadian", "Became incidents"),
        "participation": Text("Partisipasi pemilih", "Voter turnout"),
        "absorption": Text("Serapan anggaran", "Budget absorption"),
        "nil": Text("Laporan nihil", "Nil reports"),
        "recipients_per_handover": Text("Penerima per serah terima", "Recipients a handover"),
        "mean_response_working_days": Text("Rata-rata hari kerja sampai dijawab", "Mean working days to an answer"),
        "mean_verification_working_days": Text(
            "Rata-rata hari kerja sampai diverifikasi", "Mean working days to verification"
        ),
        "mean_answer_working_days": Text(
            "Rata-rata hari kerja jawaban instansi", "Mean working days of the agency's answer"
        ),
        "mean_closing_working_days": Text("Rata-rata hari kerja sampai ditutup", "Mean working days to closing"),
    }
)
#: Names that their `doc` says too long for a heading.
_TITLES: Mapping[str, Text] = MappingProxyType(
    {
        "stations": Text("TPS", "Polling stations"),
        "stations_reported": Text("TPS yang melapor", "Stations reported"),
        "registered": Text("Pemilih terdaftar (DPT)", "Registered voters"),
        "turned_out": Text("Pengguna hak pilih", "Voters who came"),
        "rate_registered": Text("Pemilih terdaftar, TPS dengan kedua angka", "Registered, stations with both"),
        "rate_turned_out": Text("Pengguna hak pilih, TPS dengan kedua angka", "Voters, stations with both"),
        "loss_idr": Text("Kerugian", "Loss"),
        "value_sen": Text("Nilai", "Value"),
        "quantity_thousandths": Text("Jumlah", "Quantity"),
    }
)
#: Dimensions of which one value must be chosen, since their values are not to be added: each contains others, or is
#: of another unit.
ONE_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "participation": ("election",),
        "budget": ("account_level", "account_group"),
        "aid_items": ("unit",),
        "report": ("report_kind",),
    }
)
#: Values that are in no sum unless they are asked for: what is planned is not handed over.
LEFT_OUT: Mapping[tuple[str, str], frozenset[str]] = MappingProxyType(
    {("aid", "status"): frozenset({"PLANNED"}), ("aid_items", "status"): frozenset({"PLANNED"})}
)


def measures_of(spec: ViewSpec) -> Mapping[str, Measure]:
    """Return what a page can show of a view by name: the rates under `rate.<name>`, behind the measures."""
    return _measures(spec.name)


@cache
def _measures(view: str) -> Mapping[str, Measure]:
    spec = view_spec(view)
    found = {name: _measure(spec, name, doc) for name, doc in ((one.name, one.doc) for one in spec.measures)}
    for name, pair in spec.rates.items():
        unit = Unit.MEAN if name.startswith("mean_") or "_per_" in name else Unit.SHARE
        title = _RATES.get(name, Text(_spaced(name), _spaced(name)))
        found[f"rate.{name}"] = Measure(f"rate.{name}", title, unit, over=pair)
    return MappingProxyType(found)


def first_measure(spec: ViewSpec) -> str:
    """Return the name of what is shown of a view where nothing was asked for."""
    rate = f"rate.{_FIRST.get(spec.name, '')}"
    return rate if rate in measures_of(spec) else spec.measures[0].name


def headline(spec: ViewSpec) -> tuple[str, ...]:
    """Return what a place says first: a few numbers that stand for the view."""
    shown = [one.name for one in spec.measures if not _is_footing(one.name)]
    rates = [name for name in measures_of(spec) if name.startswith("rate.")]
    return tuple(shown[:6] + rates[:2])


def _is_footing(name: str) -> bool:
    """Whether a measure only says how many gave another number, or is a part of a rate."""
    return name.endswith(("_known", "_count")) or name.startswith("rate_") or name in {"assessed", "valued", "listed"}


def _measure(spec: ViewSpec, name: str, doc: str) -> Measure:
    names = spec.measure_names
    known = _KNOWN.get(f"{spec.name}.{name}")
    stem = name.removesuffix("_working_days").removesuffix("_late")
    for candidate in (f"{name}_known", f"{stem}_count"):
        if known is None and candidate in names and candidate != name:
            known = candidate
    return Measure(name, _title(name, doc), _unit(name), known)


def _title(name: str, doc: str) -> Text:
    if name in _TITLES:
        return _TITLES[name]
    halves = split_doc(doc)
    english = halves.english.split(".", maxsplit=1)[0]
    for mark in (", ", "; ", " over ", " whose ", " that "):
        english = english.split(mark, maxsplit=1)[0] if len(english) > 24 else english
    return Text(halves.indonesian.split(",", maxsplit=1)[0], english or halves.indonesian)


def _unit(name: str) -> Unit:
    if name.endswith("_sen"):
        return Unit.SEN
    if name.endswith("_idr"):
        return Unit.RUPIAH
    return Unit.THOUSANDTHS if name.endswith("_thousandths") else Unit.COUNT


def _spaced(name: str) -> str:
    return name.replace("_", " ").capitalize()
