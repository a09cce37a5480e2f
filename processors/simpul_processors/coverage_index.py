"""The coverage of figures: which row of completeness stands beside a figure, and which figures a row stands beside.

A figure has the row of its own region and period. Where there is none, it has the nearest row of a longer period or of
a region above that a unit of the roster itself stands for: a kecamatan's day has its kabupaten's month. A row that is
only a sum of others never serves for what is below it, since it says nothing of it.

Layout in a figure stage's store, beside that of the fold, whose names are shorter: `coverage|` region, kind, period to
the row as JSON; `figures|` region, kind, period to the numbers of the groups that lie in that month or longer period.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simpul_processors.fold import Words
from simpul_processors.store import Snapshot, Space, Transaction
from simpul_schemas.calendars import PeriodKind
from simpul_schemas.coverage import candidates, is_known, month_of
from simpul_schemas.figures import FIGURE_COVERAGE, MISSING_AT_MOST, Coverage
from simpul_schemas.periods import NO_KIND, Period, containing, periods_between
from simpul_schemas.regions import NATION, load_regions

#: Bits of a figure's revision below the rank of its coverage.
_RANK_SHIFT = 47
_OWN_RANK = 31
_ANY = b"coverage|any"
_NOTHING: Mapping[str, Any] = dict.fromkeys(FIGURE_COVERAGE) | {
    "coverage": Coverage.NONE.value,
    "missing": [],
}
_SHORT = frozenset({PeriodKind.DAY.value, PeriodKind.WEEK.value})


class Spot(NamedTuple):
    """Where a figure or a row is: region, period kind and period."""

    region: str
    period_kind: str
    period: str


def store_rows(transaction: Transaction, rows: Iterable[Mapping[str, Any]]) -> list[tuple[Spot, bool]]:
    """Keep those rows that are newer than what is there; returns where they are, and whether a unit stands for it."""
    newest: dict[Spot, Mapping[str, Any]] = {}
    for row in rows:
        spot = Spot(row["region"], row["period_kind"], row["period"])
        if is_known(row["revision"]) and (spot not in newest or row["revision"] > newest[spot]["revision"]):
            newest[spot] = row
    known = _rows_at(transaction, newest)
    fresh = {
        spot: row for spot, row in newest.items() if spot not in known or row["revision"] > known[spot]["revision"]
    }
    transaction.put(Space.NAMES, sorted((_row_key(spot), _kept(row)) for spot, row in fresh.items()))
    if fresh:
        transaction.put(Space.NAMES, [(_ANY, b"1")])
    return [(spot, bool(row["direct"])) for spot, row in fresh.items()]


def register(transaction: Transaction, texts: Sequence[str], numbers: Words) -> None:
    """Note groups that are new, so that they are found when the coverage of their place changes."""
    found: dict[bytes, list[int]] = {}
    for text, number in zip(texts, numbers.tolist(), strict=True):
        bucket = _bucket(spot_of(text))
        if bucket is not None:
            found.setdefault(_bucket_key(bucket), []).append(number)
    keys = sorted(found)
    stored = transaction.get(Space.NAMES, keys)
    put = [(key, stored.get(key, b"") + np.array(found[key], "<u8").tobytes()) for key in keys]
    transaction.put(Space.NAMES, put)


def groups_below(snapshot: Snapshot, spots: Iterable[tuple[Spot, bool]]) -> Words:
    """Return the groups that rows may stand beside: those of the place, and where a unit stands for it those in it."""
    buckets = {bucket for spot, direct in spots for bucket in _buckets_in(spot, direct=direct)}
    found = snapshot.get(Space.NAMES, sorted(map(_bucket_key, buckets)))
    return np.unique(np.frombuffer(b"".join(found.values()), "<u8"))


def attach(snapshot: Snapshot, spots: pl.DataFrame) -> pl.DataFrame:
    """Return the coverage of figures, a row for each: the fields of `FIGURE_COVERAGE`, and `rank`.

    `rank` is to be added to the figure's revision: it grows when the row does and when a nearer one comes.
    """
    if not snapshot.get(Space.NAMES, [_ANY]):
        nothing = pl.DataFrame([[*_NOTHING.values(), 0]], dict(_SCHEMA), orient="row")
        return nothing[[0] * len(spots)]
    distinct = spots.unique(maintain_order=True)
    wanted = {Spot(*row): _candidates(Spot(*row)) for row in distinct.iter_rows()}
    rows = _rows_at(snapshot, {spot for near in wanted.values() for spot in near})
    found = {spot: _chosen(near, rows) for spot, near in wanted.items()}
    columns = [list(spot) + list(row.values()) for spot, row in found.items()]
    names = [*spots.columns, *_SCHEMA]
    looked_up = pl.DataFrame(columns, {name: _SCHEMA.get(name, pl.String()) for name in names}, orient="row")
    return spots.join(looked_up, on=spots.columns, how="left", maintain_order="left").select(*_SCHEMA)


def spot_of(text: str) -> Spot:
    """Return where the group of a text is."""
    _, _, _, region, _, kind, _, period, _ = text.split('"', 8)
    return Spot(region, kind, period)


_SCHEMA: Mapping[str, pl.DataType] = {
    "expected": pl.Int64(),
    "reported": pl.Int64(),
    "on_time": pl.Int64(),
    "late": pl.Int64(),
    "coverage": pl.String(),
    "missing": pl.List(pl.String()),
    "rank": pl.Int64(),
}


def _chosen(near: Sequence[Spot], rows: Mapping[Spot, Mapping[str, Any]]) -> dict[str, Any]:
    for distance, spot in enumerate(near):
        row = rows.get(spot)
        if row is not None and (distance == 0 or row["direct"]):
            rank = ((_OWN_RANK - distance) << _RANK_SHIFT) + row["revision"]
            return {name: row[name] for name in FIGURE_COVERAGE} | {"rank": rank}
    return dict(_NOTHING) | {"rank": 0}


@lru_cache(1 << 16)
def _candidates(spot: Spot) -> tuple[Spot, ...]:
    if spot.period_kind == NO_KIND:
        return ()
    return tuple(Spot(*one) for one in candidates(*spot))


@lru_cache(1 << 16)
def _bucket(spot: Spot) -> Spot | None:
    """Return the month or longer period in whose list a figure is; None for a figure without a period."""
    if spot.period_kind == NO_KIND:
        return None
    if spot.period_kind in _SHORT:
        return Spot(spot.region, PeriodKind.MONTH.value, month_of(spot.period_kind, spot.period))
    return spot


def _buckets_in(spot: Spot, *, direct: bool) -> Iterator[Spot]:
    """Give the lists of the figures that a row may stand beside."""
    own = _bucket(spot)
    assert own is not None  # noqa: S101  # a row always has a period
    yield own
    if not direct:
        return
    periods = [(own.period_kind, own.period), *_shorter(own.period_kind, own.period)]
    for region in (NATION,) if spot.region == NATION else _subtree(spot.region):
        for kind, period in periods:
            yield Spot(region, kind, period)


@lru_cache(1 << 10)
def _subtree(region: str) -> tuple[str, ...]:
    children = load_regions().children(region)
    return (region, *(below for child in children for below in _subtree(child.code)))


@lru_cache(1 << 10)
def _shorter(kind: str, period: str) -> tuple[tuple[str, str], ...]:
    """Return the periods of months and more that lie in a longer one."""
    whole = Period.read(kind, period)
    end = whole.next().first
    kinds = (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.CATURWULAN, PeriodKind.SEMESTER)
    return tuple(
        (shorter.value, one.text)
        for shorter in kinds
        for one in periods_between(shorter, whole.first, end)
        if one.first < end and (kind, period) in containing(shorter.value, one.text)[1:]
    )


def _rows_at(snapshot: Snapshot, spots: Iterable[Spot]) -> dict[Spot, dict[str, Any]]:
    keys = {_row_key(spot): spot for spot in spots}
    found = snapshot.get(Space.NAMES, sorted(keys))
    return {keys[key]: json.loads(value) for key, value in found.items()}


def _kept(row: Mapping[str, Any]) -> bytes:
    kept = {name: row[name] for name in ("revision", "direct", "expected", "reported", "on_time", "late")} | {
        "coverage": (Coverage.CLOSED if row["closed"] else Coverage.OPEN).value,
        "missing": list(row["missing"])[:MISSING_AT_MOST],
    }
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _row_key(spot: Spot) -> bytes:
    return "|".join(("coverage", *spot)).encode()


def _bucket_key(spot: Spot) -> bytes:
    return "|".join(("figures", *spot)).encode()
