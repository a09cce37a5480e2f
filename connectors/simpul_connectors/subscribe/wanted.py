"""Which figures of a view a reader wants. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from simpul_connectors.errors import NoSuchName
from simpul_schemas.calendars import PERIOD_SHAPES, period_is_missing
from simpul_schemas.errors import InvalidPeriod, InvalidRegion
from simpul_schemas.figures import ViewSpec
from simpul_schemas.periods import NO_PERIOD
from simpul_schemas.regions import NATION, load_regions


@dataclass(frozen=True)
class Wanted:
    """A choice of figures; None takes all.

    A region without a level is that very region. With a level it is all regions of that level which lie in it: levels
    contain each other, so a reader who adds up must have chosen one.

    Args:
        region: Canonical code, or `ID`.
        level: nation, province, regency or district.
        period_kind: DAY to YEAR, or NONE.
        period: As it is written: 2024-02-14, 2024-W07, 2024-02.
        where: Values that dimensions must have.
    """

    region: str | None = None
    level: str | None = None
    period_kind: str | None = None
    period: str | None = None
    where: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def check(self, spec: ViewSpec) -> None:
        """Raise where nothing can ever be found: a region, period or dimension that does not exist."""
        if self.region is not None and self.region != NATION and self.region not in load_regions():
            raise InvalidRegion(self.region)
        if self.period is not None and not _is_period(self.period):
            raise InvalidPeriod(self.period)
        own = spec.dimension_names[2:]
        for name in self.where:
            if name not in own:
                raise NoSuchName(spec.name, name, own)

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that are wanted."""
        exact = {"level": self.level, "period_kind": self.period_kind, "period": self.period, **self.where}
        asked = [pl.col(name) == value for name, value in exact.items() if value is not None]
        if self.region is not None and self.level is None:
            asked.append(pl.col("region") == self.region)
        elif self.region not in {None, NATION}:
            inside = pl.col("region").str.starts_with(f"{self.region}.")
            asked.append((pl.col("region") == self.region) | inside)
        return frame.filter(*asked) if asked else frame


def _is_period(text: str) -> bool:
    if text == NO_PERIOD:
        return True
    return any(re.fullmatch(shape, text) and not period_is_missing(kind, text) for kind, shape in PERIOD_SHAPES.items())
