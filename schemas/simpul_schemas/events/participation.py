"""Voter participation of a polling station or of an area above it, as KPU's C.Hasil form counts it."""

from simpul_schemas.events.envelope import Event, Int
from simpul_schemas.expressions import Field
from simpul_schemas.rules import Rule, Text, counts_not_negative, envelope_rules, reject, warn

#: Every count of the form; a station whose counts are all unknown has not reported.
COUNTS = (
    "registered",
    "registered_male",
    "registered_female",
    "voted_dpt",
    "voted_dpt_male",
    "voted_dpt_female",
    "voted_dptb",
    "voted_dptb_male",
    "voted_dptb_female",
    "voted_dpk",
    "voted_dpk_male",
    "voted_dpk_female",
    "turned_out",
    "turned_out_male",
    "turned_out_female",
    "valid",
    "invalid",
    "votes_total",
)


class Participation(Event):
    """Counts are persons or votes; None is unknown, never 0."""

    election: str
    village: str | None = None
    station: str | None = None
    registered: Int | None = None
    registered_male: Int | None = None
    registered_female: Int | None = None
    voted_dpt: Int | None = None
    voted_dpt_male: Int | None = None
    voted_dpt_female: Int | None = None
    voted_dptb: Int | None = None
    voted_dptb_male: Int | None = None
    voted_dptb_female: Int | None = None
    voted_dpk: Int | None = None
    voted_dpk_male: Int | None = None
    voted_dpk_female: Int | None = None
    turned_out: Int | None = None
    turned_out_male: Int | None = None
    turned_out_female: Int | None = None
    valid: Int | None = None
    invalid: Int | None = None
    votes_total: Int | None = None


def _rules() -> tuple[Rule, ...]:
    registered, turned_out = Field("registered"), Field("turned_out")
    at_station = Field("station").known()
    return (
        *envelope_rules(),
        counts_not_negative("participation", COUNTS),
        reject(
            "participation.registered_above_limit",
            ("registered",),
            at_station & (registered > 1000),
            Text("Pemilih terdaftar di satu TPS lebih dari 1.000.", "More than 1,000 registered at one station."),
            Text("Periksa digit DPT pada formulir C.Hasil.", "Check the digits of the DPT on form C.Hasil."),
        ),
        # 1.2 as a ratio of whole numbers: a float would decide the boundary by rounding.
        reject(
            "participation.turnout_above_limit",
            ("turned_out", "registered"),
            turned_out * 10 > registered * 12,
            Text("Pengguna hak pilih melebihi 1,2 kali DPT.", "Turnout is above 1.2 times the registered voters."),
            Text("Periksa jumlah pengguna hak pilih dan DPT.", "Check the turnout and the DPT."),
        ),
        reject(
            "participation.votes_do_not_sum",
            ("valid", "invalid", "votes_total"),
            (Field("valid") + Field("invalid")).differs(Field("votes_total")),
            Text(
                "Suara sah + tidak sah tidak sama dengan jumlah seluruh suara.",
                "Valid + invalid differ from the total.",
            ),
            Text("Cocokkan ketiga angka dengan formulir.", "Compare the three numbers with the form."),
        ),
        warn(
            "participation.turnout_above_registered",
            ("turned_out", "registered"),
            turned_out > registered,
            Text("Pengguna hak pilih melebihi DPT.", "Turnout is above the registered voters."),
            Text("Wajar bila ada DPTb dan DPK; periksa.", "Voters of DPTb and DPK may explain it; check."),
        ),
    )


RULES = _rules()
