"""Voter participation by election; an election has its day in its name, so its figures are of no period."""

from types import MappingProxyType

from simpul_schemas.events.participation import COUNTS
from simpul_schemas.figures.spec import Named, ViewSpec

PARTICIPATION = ViewSpec(
    name="participation",
    event_type="participation",
    doc="Partisipasi pemilih. Voter participation by election and region.",
    dimensions=(Named("election", "Pemilu. The election."),),
    measures=(
        Named("stations", "TPS. Stations with an accepted statement."),
        Named("stations_reported", "TPS yang melapor. Stations of which at least one count is known."),
        Named("registered", "Pemilih terdaftar (DPT). Registered voters, over stations that gave the number."),
        Named("turned_out", "Pengguna hak pilih. Voters who came, over stations that gave the number."),
        Named("valid", "Suara sah. Valid votes, over stations that gave the number."),
        Named("invalid", "Suara tidak sah. Invalid votes, over stations that gave the number."),
        Named(
            "rate_registered",
            "DPT di TPS yang memberi kedua angka. Registered voters of the stations that gave both registered and "
            "turned out.",
        ),
        Named(
            "rate_turned_out",
            "Pengguna hak pilih di TPS yang memberi kedua angka. Voters who came to the stations that gave both "
            "registered and turned out.",
        ),
    ),
    coverage=("stations_reported", "stations"),
    fields=frozenset({"election", *COUNTS}),
    rates=MappingProxyType({"participation": ("rate_turned_out", "rate_registered")}),
    periods=(),
)
