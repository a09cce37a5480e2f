"""Codes of regions in the schemes that senders use, and what each code means on a day.

| scheme | who | written |
|---|---|---|
| `kemendagri` | Ministry of Home Affairs; the canonical codes and those they replaced | `73`, `73.71`, `73.71.01` |
| `bps` | Statistics Indonesia, before and after the Papua provinces were split | `73`, `7371`, `7371010` |
| `djpk` | Directorate General of Fiscal Balance (village funds, regional finance) | `20`, `20.01` |

The digits alone never tell the scheme: 175 of the 540 codes that BPS has for kabupaten and kota are another region in
Kemendagri. Validity is half-open (`valid_from <= day < valid_to`), and None is open. Sources and doubts:
`data/regions.md`.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType

from simpul_schemas.regions import NATION, RegionTable, load_regions


class Scheme(StrEnum):
    """How a region is written; `name` is a name inside a parent, all others are codes."""

    KEMENDAGRI = "kemendagri"
    BPS = "bps"
    DJPK = "djpk"
    NAME = "name"


#: How many digits each level takes in a code. The number of digits tells the level, so the dots may be left out.
_DIGITS: Mapping[Scheme, tuple[int, ...]] = MappingProxyType(
    {Scheme.KEMENDAGRI: (2, 2, 2), Scheme.BPS: (2, 2, 3), Scheme.DJPK: (2, 2)}
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means from one day until before another: the canonical code of a region."""

    region: str
    valid_from: date | None = None
    valid_to: date | None = None

    def begun(self, on: date) -> bool:
        """Return whether the first day of validity has come."""
        return self.valid_from is None or self.valid_from <= on

    def ended(self, on: date) -> bool:
        """Return whether the last day of validity is over."""
        return self.valid_to is not None and self.valid_to <= on


@dataclass(frozen=True, slots=True)
class Superseded:
    """A Kemendagri code that is no longer the code of its region: the code, the region, its name then, the day."""

    code: str
    region: str
    name: str
    valid_to: date


@dataclass(frozen=True)
class RegionHistory:
    """What the tables say about the past, and in other schemes."""

    #: For each scheme the meanings of a code, by its digits.
    meanings: Mapping[Scheme, Mapping[str, tuple[Meaning, ...]]]
    superseded: tuple[Superseded, ...]
    #: First day of a canonical code, where it is known not to be older.
    begins: Mapping[str, date]
    #: The day on which a region lost a part of its area and kept its code.
    shrank: Mapping[str, date]
    #: Names that a region has in other tables (BPS, superseded, short and former names).
    names: Mapping[str, tuple[str, ...]]
    #: Of Kemendagri codes, by their digits: what another numbering, in use until a decree, meant by them.
    contested: Mapping[str, Meaning]
    #: Every Kemendagri code that a region ever had, the canonical one first.
    own_codes: Mapping[str, tuple[str, ...]]

    def former_children(self, parent: str) -> tuple[Superseded, ...]:
        """Return the regions one level below a region that have left it."""
        return tuple(row for row in self.superseded if _parent(row.code) == parent and _parent(row.region) != parent)

    def lies_in(self, region: str, parent: str) -> bool:
        """Return whether a region lies in another one, or did."""
        return parent == NATION or any(f"{code}.".startswith(f"{parent}.") for code in self.own_codes[region])


def digits_of(scheme: Scheme, text: str) -> str | None:
    """Return the digits of a code, or None where it is not written as the scheme's codes are.

    Dots may stand where the levels meet, or nowhere. A missing leading or trailing zero is not put back: `11.1` may
    be a damaged 11.10 as well as 11.01.
    """
    widths = _DIGITS[scheme]
    parts = text.strip().split(".")
    digits = "".join(parts)
    if not (digits.isascii() and digits.isdigit()):
        return None
    if len(parts) == 1:
        lengths = {sum(widths[:depth]) for depth in range(1, len(widths) + 1)}
        return digits if len(digits) in lengths else None
    return digits if tuple(map(len, parts)) == widths[: len(parts)] else None


@cache
def load_history() -> RegionHistory:
    """Read the tables that the contract carries beside the regions themselves; read once a process."""
    regions, aliases = load_regions(), _table("region_aliases")
    superseded = tuple(
        Superseded(row["code"], row["region"], row["name"], date.fromisoformat(row["valid_to"]))
        for row in aliases
        if row["scheme"] == Scheme.KEMENDAGRI
    )
    begins = _begins(regions, superseded)
    rows = [(Scheme(row["scheme"]), row["code"], _meaning(row)) for row in aliases]
    rows += [(Scheme.DJPK, row["code"], Meaning(row["region"])) for row in _table("djpk_codes")]
    # An interim code that is no code today has one meaning; one that is, has two at the same time.
    interim = {row["code"]: Meaning(row["region"], None, _day(row["valid_to"])) for row in _table("interim_codes")}
    rows += [(Scheme.KEMENDAGRI, code, meaning) for code, meaning in interim.items() if code not in regions]
    rows += [(Scheme.KEMENDAGRI, code, Meaning(code, begins.get(code))) for code in regions.codes()]
    own_codes: dict[str, tuple[str, ...]] = {code: (code,) for code in regions.codes()}
    for old in superseded:
        own_codes[old.region] += (old.code,)
    return RegionHistory(
        meanings=_by_code(rows),
        superseded=superseded,
        begins=begins,
        shrank=_shrank(regions, superseded),
        names=_names([*aliases, *_table("region_names")]),
        contested={code.replace(".", ""): meaning for code, meaning in interim.items() if code in regions},
        own_codes=own_codes,
    )


def _table(name: str) -> list[dict[str, str]]:
    text = resources.files("simpul_schemas").joinpath(f"data/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _meaning(row: Mapping[str, str]) -> Meaning:
    return Meaning(row["region"], _day(row["valid_from"]), _day(row["valid_to"]))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _by_code(rows: Iterable[tuple[Scheme, str, Meaning]]) -> dict[Scheme, dict[str, tuple[Meaning, ...]]]:
    found: dict[Scheme, dict[str, tuple[Meaning, ...]]] = {scheme: {} for scheme in _DIGITS}
    for scheme, code, meaning in rows:
        codes = found[scheme]
        digits = code.replace(".", "")
        codes[digits] = (*codes.get(digits, ()), meaning)
    return found


def _names(rows: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(row["region"], {})[row["name"]] = None
    return {region: tuple(names) for region, names in found.items()}


def _begins(regions: RegionTable, superseded: Iterable[Superseded]) -> dict[str, date]:
    """Return since when canonical codes can exist.

    A code begins when the one it replaced ends, and is never older than the code of its parent, which it contains. A
    province replaces nothing; it begins with the first of its kabupaten and kota where all of them are known.
    """
    begins: dict[str, date] = {}
    for old in superseded:
        begins[old.region] = max(old.valid_to, begins.get(old.region, date.min))
    for province in regions.provinces():
        children = [begins.get(child.code) for child in regions.children(province)]
        known = [day for day in children if day is not None]
        if len(known) == len(children):
            begins[province] = min(known)
    # Parents come before their children in the order of the codes.
    for code in sorted(regions.codes()):
        above = begins.get(_parent(code))
        if above is not None:
            begins[code] = max(above, begins.get(code, date.min))
    return begins


def _shrank(regions: RegionTable, superseded: Iterable[Superseded]) -> dict[str, date]:
    """Return the provinces and kabupaten that live on, although regions below them have moved elsewhere."""
    found: dict[str, date] = {}
    for old in superseded:
        parent = _parent(old.code)
        if parent in regions and _parent(old.region) != parent:
            found[parent] = max(old.valid_to, found.get(parent, date.min))
    return found


def _parent(code: str) -> str:
    return code.rpartition(".")[0]
