"""A figure as its readers get it: measures, dimensions, and the coverage that stands beside every number."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from simpul_connectors.errors import NoSuchName
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.figures import Coverage, ViewSpec, view_spec
from simpul_schemas.regions import load_regions


@dataclass(frozen=True, slots=True)
class FigureCoverage:
    """Who was expected to report on the place and period of a figure, and who did.

    The counts are None where no roster knows the place (`state` is NONE). `missing` names at most 20 units, how many
    there are is `expected - reported`. `as_of` is the broker's time of the newest record that was counted,
    microseconds since the epoch.
    """

    state: Coverage
    expected: int | None
    reported: int | None
    on_time: int | None
    late: int | None
    missing: tuple[str, ...]
    as_of: int

    @property
    def share(self) -> float | None:
        """Reported of expected, 0 to 1; None where it is not known, or nobody was expected."""
        if self.expected is None or self.reported is None or self.expected <= 0:
            return None
        return self.reported / self.expected

    def reaches(self, share: float) -> bool:
        """Return whether so many of those expected have reported; never where that is not known."""
        found = self.share
        return found is not None and found >= share

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "state": self.state.value,
            "expected": self.expected,
            "reported": self.reported,
            "on_time": self.on_time,
            "late": self.late,
            "share": self.share,
            "missing": list(self.missing),
            "as_of": from_micros(self.as_of).isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a view, of one place, period and set of dimensions.

    `revision` is only to be compared, with that of another figure of the same `key`: the higher one is right. Where
    `withheld`, the reader has asked for more coverage than there is, and every measure is None.
    """

    view: str
    level: str
    region: str
    period_kind: str
    period: str
    dimensions: Mapping[str, str]
    measures: Mapping[str, int | None]
    coverage: FigureCoverage
    revision: int
    withheld: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """What the figure is of: level, region, kind of period, period, and its dimensions."""
        return (self.level, self.region, self.period_kind, self.period, *self.dimensions.values())

    @property
    def region_name(self) -> str:
        """The official name of the region."""
        return load_regions().name(self.region)

    @property
    def rates(self) -> Mapping[str, float | None]:
        """The quotients that the view names, each from the right pair of measures; None where it cannot be told."""
        return MappingProxyType({name: self.rate(name) for name in self._spec.rates})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it: what was counted has been withdrawn or corrected away."""
        return not self.withheld and not any(self.measures.values())

    def value(self, measure: str) -> int | None:
        """Return a measure; None where it is withheld. A name that the view does not have raises `NoSuchName`."""
        if measure not in self.measures:
            raise NoSuchName(self.view, measure, list(self.measures))
        return self.measures[measure]

    def rate(self, name: str) -> float | None:
        """Return a rate; None where it is withheld or its denominator is 0. An unknown name raises `NoSuchName`."""
        rates = self._spec.rates
        if name not in rates:
            raise NoSuchName(self.view, name, list(rates))
        part, whole = (self.measures[measure] for measure in rates[name])
        return part / whole if whole and part is not None else None

    def withhold_below(self, min_coverage: float | None) -> "Figure":
        """Return the figure, without a single number where its coverage is lower or not known."""
        if min_coverage is None or self.coverage.reaches(min_coverage):
            return self
        return replace(self, measures=MappingProxyType(dict.fromkeys(self.measures)), withheld=True)

    def document(self) -> dict[str, Any]:
        """Return the figure as JSON has it."""
        return {
            "view": self.view,
            "level": self.level,
            "region": self.region,
            "region_name": self.region_name,
            "period_kind": self.period_kind,
            "period": self.period,
            "dimensions": dict(self.dimensions),
            "measures": dict(self.measures),
            "rates": dict(self.rates),
            "coverage": self.coverage.document(),
            "withheld": self.withheld,
            "revision": self.revision,
        }

    @property
    def _spec(self) -> ViewSpec:
        return view_spec(self.view)
