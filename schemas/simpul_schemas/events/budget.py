"""Ceiling, cash plan and realisation of one account line of a work unit, as SIPD holds them.

SIPD stores money as floating point; here it is whole sen, so that sums over a nation are exact.
"""

from enum import StrEnum

from simpul_schemas.calendars import PERIOD_SHAPES, PeriodKind
from simpul_schemas.events.envelope import Event, Int, Long
from simpul_schemas.events.shared import empty
from simpul_schemas.expressions import Field, Predicate
from simpul_schemas.rules import Rule, Text, any_of, envelope_rules, reject, warn

AMOUNTS = ("ceiling_original_sen", "ceiling_sen", "cash_plan_sen", "realisation_sen")
#: Fully done, in hundredths of a percent.
_ALL_DONE = 10_000
#: Rp 1,000 trillion: more than any region has, and a hundred of it still fit into the 64 bits of a sum.
MAX_AMOUNT_SEN = 10**17
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


class AccountLevel(StrEnum):
    """How deep an account code goes (Permendagri 90/2019)."""

    AKUN = "AKUN"
    KELOMPOK = "KELOMPOK"
    JENIS = "JENIS"
    OBJEK = "OBJEK"
    RINCIAN_OBJEK = "RINCIAN_OBJEK"
    SUB_RINCIAN_OBJEK = "SUB_RINCIAN_OBJEK"


#: What each level adds to the code above it; the last has three digits in Permendagri 90/2019, four in later tables.
_LEVEL_PARTS = ("[1-9]", "[.][1-9]", "[.][0-9]{2}", "[.][0-9]{2}", "[.][0-9]{2}", "[.][0-9]{3,4}")
#: The shape of an account code of each level.
ACCOUNT_SHAPES = {level: "".join(_LEVEL_PARTS[: depth + 1]) for depth, level in enumerate(AccountLevel)}

_OUTSIDE_YEAR = Predicate("period_outside_year", lambda period, year: period[:4] != f"{year:04d}")


class Budget(Event):
    """Money is sen, exact; None is unknown, never 0."""

    budget_year: Int
    period: str | None = None
    skpd_code: str
    skpd_name: str | None = None
    sub_skpd_code: str | None = None
    sub_skpd_name: str | None = None
    affair_code: str | None = None
    affair_name: str | None = None
    affair_field_code: str | None = None
    affair_field_name: str | None = None
    programme_code: str | None = None
    programme_name: str | None = None
    activity_code: str | None = None
    activity_name: str | None = None
    sub_activity_code: str | None = None
    sub_activity_name: str | None = None
    account_level: AccountLevel
    account_code: str
    account_name: str | None = None
    fund_code: str | None = None
    fund_name: str | None = None
    detail: str | None = None
    ceiling_original_sen: Long | None = None
    ceiling_sen: Long | None = None
    cash_plan_sen: Long | None = None
    realisation_sen: Long | None = None
    physical_basis_points: Int | None = None


def _rules() -> tuple[Rule, ...]:
    return (
        *envelope_rules(),
        reject(
            "budget.amount_negative",
            AMOUNTS,
            any_of([Field(name) < 0 for name in AMOUNTS]),
            Text("Ada nilai uang yang negatif.", "An amount is negative."),
            Text("Isi dengan 0 atau lebih; kosongkan bila tidak diketahui.", "Give 0 or more; leave empty if unknown."),
        ),
        reject(
            "budget.amount_above_limit",
            AMOUNTS,
            any_of([Field(name) > MAX_AMOUNT_SEN for name in AMOUNTS]),
            Text("Ada nilai uang di atas Rp 1.000 triliun.", "An amount is above Rp 1,000 trillion."),
            Text("Periksa satuan: sen, bukan rupiah kali seribu.", "Check the unit: sen, not thousands of rupiah."),
        ),
        empty("budget", "skpd_code", "Kode SKPD", "The code of the work unit"),
        *_time_rules(),
        *_code_rules(),
        reject(
            "budget.physical_out_of_range",
            ("physical_basis_points",),
            (Field("physical_basis_points") < 0) | (Field("physical_basis_points") > _ALL_DONE),
            Text("Realisasi fisik di luar 0 sampai 100 persen.", "Physical realisation is not from 0 to 100 percent."),
            Text("Tulis perseratus persen: 45,5 % adalah 4550.", "Give hundredths of a percent: 45.5 % is 4550."),
        ),
        *_ceiling_rules(),
    )


def _time_rules() -> tuple[Rule, ...]:
    year, period = Field("budget_year"), Field("period")
    return (
        reject(
            "budget.year_out_of_range",
            ("budget_year",),
            (year < _FIRST_YEAR) | (year > _LAST_YEAR),
            Text("Tahun anggaran mustahil.", "The budget year cannot be."),
            Text("Tulis empat digit, misalnya 2024.", "Write four digits, such as 2024."),
        ),
        reject(
            "budget.period_malformed",
            ("period",),
            ~period.matches(PERIOD_SHAPES[PeriodKind.MONTH]),
            Text("Periode bukan bulan.", "The period is no month."),
            Text("Tulis misalnya 2024-05.", "Write as 2024-05."),
        ),
        reject(
            "budget.period_outside_year",
            ("period", "budget_year"),
            _OUTSIDE_YEAR.of(period, year),
            Text("Bulan di luar tahun anggaran.", "The month is not in the budget year."),
            Text("Cocokkan bulan dengan tahun anggaran.", "Compare the month with the budget year."),
        ),
        reject(
            "budget.realisation_without_period",
            ("realisation_sen", "cash_plan_sen", "physical_basis_points", "period"),
            ~period.known()
            & (
                Field("realisation_sen").known()
                | Field("cash_plan_sen").known()
                | Field("physical_basis_points").known()
            ),
            Text("Realisasi atau rencana kas tanpa bulan.", "A realisation or cash plan without its month."),
            Text("Isi bulannya, misalnya 2024-05.", "Give the month, such as 2024-05."),
        ),
    )


def _code_rules() -> tuple[Rule, ...]:
    level, account = Field("account_level"), Field("account_code")
    nested = (
        ("affair_code", "affair_field_code"),
        ("programme_code", "activity_code"),
        ("activity_code", "sub_activity_code"),
    )
    return (
        reject(
            "budget.account_code_malformed",
            ("account_code", "account_level"),
            any_of([level.equals(name.value) & ~account.matches(shape) for name, shape in ACCOUNT_SHAPES.items()]),
            Text("Kode akun tidak sesuai dengan levelnya.", "The account code does not have the shape of its level."),
            Text("Contoh: 5, 5.1, 5.1.01, sampai 5.1.01.01.01.001.", "Examples: 5, 5.1, 5.1.01, to 5.1.01.01.01.001."),
        ),
        warn(
            "budget.code_outside_parent",
            tuple(dict.fromkeys(name for pair in nested for name in pair)),
            any_of([~Field(child).begins_with(Field(parent)) for parent, child in nested]),
            Text("Kode tidak dimulai dengan kode di atasnya.", "A code does not begin with the one above it."),
            Text("Periksa kode urusan, program, kegiatan, dan sub kegiatan.", "Check the codes, from affair down."),
        ),
    )


def _ceiling_rules() -> tuple[Rule, ...]:
    """Return the comparisons with the ceiling, which warn and do not refuse.

    Spending over the ceiling happens, and is what an auditor looks for; refused, it would be out of sight, and the
    sum of what was spent too low. Income (4) above its target is welcome, so only spending (5, 6.2) is compared.
    """
    spending = Field("account_code").matches("(5|6[.]2)([.][0-9.]*)?")
    ceiling = Field("ceiling_sen")
    return (
        warn(
            "budget.realisation_above_ceiling",
            ("realisation_sen", "ceiling_sen"),
            spending & (Field("realisation_sen") > ceiling),
            Text("Realisasi melebihi pagu.", "The realisation is above the ceiling."),
            Text("Periksa realisasi, atau kirim pagu perubahan.", "Check it, or send the changed ceiling."),
        ),
        warn(
            "budget.cash_plan_above_ceiling",
            ("cash_plan_sen", "ceiling_sen"),
            spending & (Field("cash_plan_sen") > ceiling),
            Text("Rencana kas satu bulan melebihi pagu.", "The cash plan of a month is above the ceiling."),
            Text("Periksa rencana kas dan pagu.", "Check the cash plan and the ceiling."),
        ),
    )


RULES = _rules()
