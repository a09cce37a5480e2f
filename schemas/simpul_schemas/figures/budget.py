"""Budget and what was spent of it.

A realisation is counted from 1 January to the end of its month and a ceiling is stated anew each month, so months are
never added up. And a line of an account level is part of the lines above it, so levels are never added up either.
"""

from types import MappingProxyType

from simpul_schemas.calendars import PeriodKind
from simpul_schemas.events.budget import AMOUNTS
from simpul_schemas.figures.spec import Named, ViewSpec

_CALLED = {
    "ceiling_original_sen": ("Pagu murni", "Ceiling before any change"),
    "ceiling_sen": ("Pagu berlaku", "Ceiling in force"),
    "cash_plan_sen": ("Rencana anggaran kas bulan itu", "Planned cash of the month"),
    "realisation_sen": ("Realisasi sejak 1 Januari", "Spent from 1 January to the end of the month"),
}

BUDGET = ViewSpec(
    name="budget",
    event_type="budget",
    doc="Anggaran dan realisasi. Budget plan and realisation by account level; a month stands for itself, and so does "
    "an account level: neither is ever added up.",
    dimensions=(
        Named("account_level", "Level akun. How deep the account codes go; a line is part of the lines above it."),
        Named(
            "account_group",
            "Kelompok akun. First two parts of the account code: 4.1 PAD, 5.1 belanja operasi, 6.2 pembiayaan keluar; "
            "at the level AKUN the first. Income, spending and financing are not to be added.",
        ),
    ),
    measures=(
        Named("lines", "Baris anggaran. Account lines."),
        Named("lines_realised", "Baris dengan realisasi. Lines that gave their realisation."),
        *(
            Named(name, f"{indonesian}, sen (1/100 rupiah). {english}, over the lines that gave it.")
            for name, (indonesian, english) in ((name, _CALLED[name]) for name in AMOUNTS)
        ),
        *(Named(f"{name}_known", f"Baris yang memberi angka itu. Lines that gave '{name}'.") for name in AMOUNTS[:3]),
        Named("rate_ceiling_sen", "Pagu baris yang memberi pagu dan realisasi. Ceiling of lines that gave both."),
        Named("rate_realisation_sen", "Realisasi baris itu. Realisation of the lines that gave both."),
    ),
    coverage=("lines_realised", "lines"),
    fields=frozenset({"budget_year", "period", "account_level", "account_code", *AMOUNTS}),
    rates=MappingProxyType({"absorption": ("rate_realisation_sen", "rate_ceiling_sen")}),
    periods=(PeriodKind.MONTH, PeriodKind.YEAR),
    adds_up=False,
)
