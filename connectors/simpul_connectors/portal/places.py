"""Where the provinces stand on the tile map, and the style sheet that puts them there. Pure."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

#: On a phone the map is cut here: what is east of it stands below the west.
_EAST_FROM = 10
_EAST_PROVINCES = ("7", "8", "9")
_WEST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A province on the map: its code, a short name for the tile, column and row from 0."""

    code: str
    short: str
    column: int
    row: int

    @property
    def is_east(self) -> bool:
        """Whether it stands below the west on a phone: Sulawesi, Maluku and Papua."""
        return self.code.startswith(_EAST_PROVINCES)


@cache
def tile_places() -> Mapping[str, Place]:
    """Return the place of each province by its code."""
    text = resources.files("simpul_connectors.portal").joinpath("data/provinces.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    found = (Place(row["code"], row["short"], int(row["column"]), int(row["row"])) for row in rows)
    return MappingProxyType({place.code: place for place in found})


@cache
def map_style() -> str:
    """Return the rules that place each tile, since a page may hold no style of its own."""
    wide = [f".p{place.code}{{grid-area:{place.row + 1}/{place.column + 1}}}" for place in tile_places().values()]
    narrow = [
        f".p{place.code}{{grid-area:{place.row + _WEST_ROWS + 1}/{place.column - _EAST_FROM + 1}}}"
        for place in tile_places().values()
        if place.is_east
    ]
    return "\n".join([*wide, "@media (max-width: 46rem) {", *narrow, "}", ""])
