"""The figures that everybody must come to, and those that somebody has come to, as one mapping each."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from simpul_processors.views import VIEWS
from simpul_schemas.calendars import utc_offset_hours
from simpul_schemas.events.incident import COUNTS
from simpul_schemas.intake import RecordIntake
from simpul_schemas.log import Block
from simpul_schemas.regions import load_regions
from simpul_schemas.registry import Registry

#: For the text of each group its measures; groups that add up to nothing are left out.
Figures = Mapping[str, tuple[int, ...]]

SPEC = VIEWS["incident"].spec


def zones() -> str:
    """Write the hours east of Greenwich of every province, for the peers: `11:7,...`."""
    return ",".join(f"{code}:{utc_offset_hours(code)}" for code in load_regions().provinces())


def expected(events: Iterable[pl.DataFrame]) -> Figures:
    """Recompute the figures in plain group-bys, without the fold; a frame holds all events of its subjects."""
    hours = {code: utc_offset_hours(code) for code in load_regions().provinces()}
    found: dict[str, tuple[int, ...]] = {}
    for frame in events:
        sound = frame.filter(pl.col("killed").is_null() | (pl.col("killed") >= 0))
        newest = sound.sort("revision").unique("subject", keep="last")
        counted = newest.filter((pl.col("action") == "SUBMIT") & (pl.col("mode") == "ACTUAL"))
        offset = pl.col("region").str.head(2).replace_strict(hours, return_dtype=pl.Int64) * 3_600_000_000
        day = (pl.col("occurred_at") + offset).cast(pl.Datetime("us")).dt.date().cast(pl.String)
        grouped = counted.group_by("region", day.alias("day"), "kind", pl.col("phase").fill_null("-"), "severity").agg(
            pl.len().alias("incidents"),
            (pl.col("verification") == "VERIFIED").sum().alias("verified"),
            pl.col("resolved_at").count().alias("resolved"),
            pl.any_horizontal(pl.col(COUNTS).is_not_null()).sum().alias("assessed"),
            *(pl.col(name).sum().alias(f"sum_{name}") for name in COUNTS),
            *(pl.col(name).count().alias(f"{name}_known") for name in COUNTS),
        )
        for region, date, kind, phase, severity, *measures in grouped.iter_rows():
            found[f'["{region}","DAY","{date}","{kind}","{phase}","{severity}"]'] = tuple(measures)
    return found


def of_partials(blocks: Sequence[Block], registry: Registry) -> Figures:
    """Read our partial figures: of each group the one with the highest revision."""
    taken = RecordIntake(SPEC.partial_schema, registry).take(blocks)
    assert not taken.refused
    names = ["region", *SPEC.dimension_names]
    newest = taken.frame.sort("revision").unique([*names, "origin"], keep="last")
    return _something(
        (json.dumps(row[: len(names)], separators=(",", ":")), row[len(names) :])
        for row in newest.select(*names, *SPEC.measure_names).iter_rows()
    )


def of_packed(blocks: Sequence[Block]) -> Figures:
    """Read figures whose key is the group's text and whose value is packed longs; the last one of a key counts."""
    form = struct.Struct(f">{len(SPEC.measure_names)}q")
    last = {key: value for block in blocks for key, value in zip(block.keys, block.values, strict=True)}
    return _something(((key or b"").decode(), form.unpack(value or b"")) for key, value in last.items())


def of_file(path: Path) -> Figures:
    """Read figures that a peer wrote as JSON."""
    return _something((group, measures) for group, measures in json.loads(path.read_text(encoding="utf-8")).items())


def _something(rows: Iterable[tuple[str, Sequence[int]]]) -> Figures:
    return {group: tuple(measures) for group, measures in rows if any(measures)}


def check(who: str, found: Figures, right: Figures) -> None:
    """Stop where somebody has come to other figures; names the first difference."""
    for group in found.keys() | right.keys():
        if found.get(group) != right.get(group):
            message = f"{who}: {group}: {found.get(group)} instead of {right.get(group)}"
            raise AssertionError(message)
