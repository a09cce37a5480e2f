"""Voter participation of a polling station or of an area above it, as KPU's C.Hasil form counts it."""

from enum import StrEnum

from pydantic import BaseModel

from simpul_schemas.events.envelope import PART, Event, Int, Long
from simpul_schemas.events.shared import empty, village_rule
from simpul_schemas.expressions import Field, Items
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


#: Counts that the form gives for all voters, men and women.
_BY_SEX = {
    "registered": "DPT",
    "voted_dpt": "pengguna DPT",
    "voted_dptb": "pengguna DPTb",
    "voted_dpk": "pengguna DPK",
    "turned_out": "pengguna hak pilih",
}
#: No contest has more votes for one candidate; with this bound their sum fits any column.
_MOST_VOTES = 10**12


class VoteKind(StrEnum):
    """Whether it is the vote as planned, or a repeat vote (pemungutan suara ulang)."""

    REGULAR = "REGULAR"
    PSU = "PSU"


class CandidateVotes(BaseModel):
    """Votes of one candidate or list."""

    model_config = PART

    candidate: str
    votes: Long | None = None


class Participation(Event):
    """Counts are persons or votes; None is unknown, never 0."""

    election: str
    village: str | None = None
    station: str | None = None
    vote_kind: VoteKind | None = None
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
    candidates: tuple[CandidateVotes, ...] | None = None


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
        empty("participation", "election", "Pemilu", "The election"),
        village_rule("participation"),
        *_candidate_rules(),
        *_sum_warnings(),
    )


def _candidate_rules() -> tuple[Rule, ...]:
    candidates, votes = Items("candidates"), Field("votes")
    return (
        reject(
            "participation.candidate_votes_out_of_range",
            ("candidates.votes",),
            candidates.any((votes < 0) | (votes > _MOST_VOTES)),
            Text("Perolehan suara calon negatif atau mustahil.", "A candidate's votes are negative or impossible."),
            Text("Periksa perolehan suara tiap calon.", "Check the votes of each candidate."),
        ),
        warn(
            "participation.candidates_do_not_sum",
            ("candidates.votes", "valid"),
            (candidates.count() > 0) & candidates.sum(votes.within(0, _MOST_VOTES)).differs(Field("valid")),
            Text(
                "Jumlah suara calon tidak sama dengan suara sah.", "The candidates' votes differ from the valid ones."
            ),
            Text("Cocokkan perolehan suara dengan formulir.", "Compare the candidates' votes with the form."),
        ),
    )


def _sum_warnings() -> tuple[Rule, ...]:
    """Return the sums that hold on a form filled in without a slip; real forms break them often, so they warn."""
    turned_out = Field("turned_out")
    by_list = ("voted_dpt", "voted_dptb", "voted_dpk")
    return (
        warn(
            "participation.lists_do_not_sum",
            ("turned_out", *by_list),
            (Field("voted_dpt") + Field("voted_dptb") + Field("voted_dpk")).differs(turned_out),
            Text("Pengguna DPT + DPTb + DPK tidak sama dengan jumlahnya.", "DPT + DPTb + DPK differ from the turnout."),
            Text("Cocokkan keempat angka dengan formulir.", "Compare the four numbers with the form."),
        ),
        *(
            warn(
                f"participation.{name}_sexes_do_not_sum",
                (name, f"{name}_male", f"{name}_female"),
                (Field(f"{name}_male") + Field(f"{name}_female")).differs(Field(name)),
                Text(f"Laki-laki + perempuan tidak sama dengan {term}.", f"Men + women differ from {name}."),
                Text("Cocokkan ketiga angka dengan formulir.", "Compare the three numbers with the form."),
            )
            for name, term in _BY_SEX.items()
        ),
        warn(
            "participation.turnout_differs_from_votes",
            ("turned_out", "votes_total"),
            turned_out.differs(Field("votes_total")),
            Text("Pengguna hak pilih tidak sama dengan jumlah suara.", "The turnout differs from the votes."),
            Text("Cocokkan kedua angka dengan formulir.", "Compare both numbers with the form."),
        ),
    )


RULES = _rules()
