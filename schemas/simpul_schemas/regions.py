"""The regions of Indonesia: canonical Kemendagri codes, one to three levels deep, and the nation above them.

Source: Kepmendagri 300.2.2-2430/2025, 38 provinces, 514 kabupaten/kota, 7,285 kecamatan (`data/regions.csv`).
A code is two digits a level, joined by dots: `73`, `73.71`, `73.71.01`. A code that is not in the table is refused,
never guessed: the same digits mean other regions in other schemes and years.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

#: The nation's place in a figure; no event carries it.
NATION = "ID"


class Level(StrEnum):
    """Administrative levels, from the smallest upwards; kabupaten and kota are one level, told apart by their names."""

    DISTRICT = "district"
    REGENCY = "regency"
    PROVINCE = "province"
    NATION = "nation"


@dataclass(frozen=True, slots=True)
class Region:
    """One region: its code, official name, level, the code of the region above it, and its IANA time zone."""

    code: str
    name: str
    level: Level
    parent: str
    timezone: str


class RegionTable:
    """All regions by code; read-only."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code: Mapping[str, Region] = {region.code: region for region in regions}
        self._children: dict[str, list[Region]] = {}
        for region in sorted(self._by_code.values(), key=lambda region: region.code):
            self._children.setdefault(region.parent or NATION, []).append(region)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __len__(self) -> int:
        return len(self._by_code)

    def get(self, code: str) -> Region | None:
        """Return the region of a canonical code, or None where there is none."""
        return self._by_code.get(code)

    def codes(self) -> frozenset[str]:
        """Return every canonical code."""
        return frozenset(self._by_code)

    def provinces(self) -> list[str]:
        """Return the two-digit codes of all provinces, in order."""
        return [region.code for region in self.children(NATION)]

    def children(self, parent: str) -> tuple[Region, ...]:
        """Return the regions directly inside another one, or inside the nation, in order; none below a kecamatan."""
        return tuple(self._children.get(parent, ()))

    def name(self, code: str) -> str:
        """Return the official name of a code; the nation is `Indonesia`, an unknown code stands for itself."""
        if code == NATION:
            return "Indonesia"
        region = self._by_code.get(code)
        return region.name if region else code


def province_of(code: str) -> str:
    """Return the province part of a region code: its first two characters."""
    return code[:2]


def level_of(code: str) -> Level:
    """Return the level that a code's shape says, without looking whether the region exists."""
    if code == NATION:
        return Level.NATION
    return (Level.PROVINCE, Level.REGENCY, Level.DISTRICT)[min(code.count("."), 2)]


def _level(word: str) -> Level:
    return Level.REGENCY if word == "city" else Level(word)


@cache
def load_regions() -> RegionTable:
    """Read the region table that the contract carries; read once a process."""
    text = resources.files("simpul_schemas").joinpath("data/regions.csv").read_text(encoding="utf-8")
    return RegionTable(
        Region(row["code"], row["name"], _level(row["level"]), row["parent"], row["timezone"])
        for row in csv.DictReader(text.splitlines())
    )
