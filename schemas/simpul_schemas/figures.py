"""What a view publishes: the dimensions and measures of its figures, and the Avro schemas of its two topics.

A partial figure is the sum over one input partition, a figure the sum over all, at every level. Measures can only be
counts and sums, since only these can be subtracted when a correction comes; rates are derived by the reader.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from simpul_schemas.errors import UnknownView
from simpul_schemas.regions import NATION, Level

#: Order of the columns before the dimensions of a view.
PARTIAL_HEAD = ("region", "origin", "revision")
FIGURE_HEAD = ("level", "region", "revision")


@dataclass(frozen=True)
class Named:
    """A dimension or measure: its name in topics and tables, and what it means."""

    name: str
    doc: str


@dataclass(frozen=True)
class ViewSpec:
    """A view as its readers see it.

    `coverage` names the measures (reported, expected) that must stand beside every number; `rates` are quotients that
    a reader derives, by name: (numerator, denominator).
    """

    name: str
    event_type: str
    doc: str
    dimensions: tuple[Named, ...]
    measures: tuple[Named, ...]
    coverage: tuple[str, str]
    rates: Mapping[str, tuple[str, str]]

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The names of the dimensions, without region and level."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The names of the measures."""
        return tuple(measure.name for measure in self.measures)

    @cached_property
    def partial_schema(self) -> str:
        """The Avro schema of a partial figure."""
        head = [
            _field("region", "Region as the events name it, 1 to 3 levels."),
            _field("origin", "Input partition that this is the sum of: topic/partition."),
            _field("revision", "Input position: the figure is the sum of all records before this offset.", "long"),
        ]
        return self._schema("Partial", head)

    @cached_property
    def figure_schema(self) -> str:
        """The Avro schema of a figure."""
        level = {"type": "enum", "name": "Level", "symbols": [level.value for level in Level]}
        head = [
            _field("level", "Level of the region.", level),
            _field("region", f"Canonical code of the region; {NATION} is the nation."),
            _field("revision", "Position in the partial topic: the figure holds all records before it.", "long"),
        ]
        return self._schema("Figure", head)

    def _schema(self, suffix: str, head: list[dict[str, object]]) -> str:
        fields = [
            *head,
            *(_field(dimension.name, dimension.doc) for dimension in self.dimensions),
            *(_field(measure.name, measure.doc, "long") for measure in self.measures),
        ]
        name = "".join(word.capitalize() for word in self.name.split("_")) + suffix
        return json.dumps(
            {"type": "record", "name": name, "namespace": "id.go.simpul.v1", "doc": self.doc, "fields": fields}
        )


def _field(name: str, doc: str, kind: object = "string") -> dict[str, object]:
    return {"name": name, "type": kind, "doc": doc}


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
        Named("rate_registered", "Registered voters of the stations that gave both registered and turned out."),
        Named("rate_turned_out", "Voters who came to the stations that gave both registered and turned out."),
    ),
    coverage=("stations_reported", "stations"),
    rates=MappingProxyType({"participation": ("rate_turned_out", "rate_registered")}),
)

#: Every view by its name.
VIEW_SPECS: Mapping[str, ViewSpec] = MappingProxyType({PARTICIPATION.name: PARTICIPATION})


def view_spec(name: str) -> ViewSpec:
    """Return a view by its name, or raise `UnknownView` naming those that exist."""
    found = VIEW_SPECS.get(name)
    if found is None:
        known = ", ".join(VIEW_SPECS)
        raise UnknownView(
            f"Tampilan '{name}' tidak dikenal; yang ada: {known}.", f"There is no view '{name}'; there are: {known}."
        )
    return found
