"""Incidents by the million: real events of the contract, encoded in columns, the same for the same seed.

A week of the nation: every event is of one kabupaten/kota and of one of seven days. Three of ten correct an earlier
event of their province; of the corrections one in twenty withdraws it. One in a hundred events is a copy of another
one, one in a hundred an older revision that comes late, one in a hundred an exercise. One in ten thousand says that
fewer than no people were killed: the contract refuses it, and the peers, which have no contract, leave it out by
this one test.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyruhvro

from simpul_schemas.avro_types import plain_schema, read_schema
from simpul_schemas.contract import event_type
from simpul_schemas.regions import Level, level_of, load_regions
from simpul_schemas.topics import event_topic
from simpul_schemas.wire import frame

TYPE = event_type("incident")
#: 2025-03-03, a Monday, 00:00 UTC.
FIRST_DAY_MICROS = 1_740_960_000_000_000
DAYS = 7
_DAY_MICROS = 86_400_000_000
_EMPTY = frozenset({"reason", "village", "latitude", "longitude", "geo_precision", "issue", "form", "conflict_source",
    "parties", "chronology", "source_kind", "urgency", "certainty", "conflict_status", "conflict_status_from",
    "conflict_status_until", "response", "agencies"})  # fmt: skip
_KINDS = pl.Series(["CONFLICT", "DISASTER", "DISTURBANCE"])
_CATEGORIES = pl.Series(["bentrokan", "banjir", "unjuk rasa"])
_PHASES = pl.Series(["PENCEGAHAN", "PENGHENTIAN", "PEMULIHAN"])
_SEVERITIES = pl.Series(["UNKNOWN", "MINOR", "MODERATE", "SEVERE", "EXTREME"])


@dataclass(frozen=True)
class Lane:
    """The records of one province, in the order in which they are published."""

    topic: str
    keys: list[bytes]
    values: list[bytes]


@dataclass(frozen=True)
class Mix:
    """How events are drawn: of all events so many are corrections of a subject that was drawn before.

    `subjects` limits the subjects of the nation; `first_revision` sets a later log apart from an earlier one, whose
    subjects it then goes on with. `plain` leaves out copies, exercises and what is refused.
    """

    corrections: float = 0.3
    subjects: int | None = None
    first_revision: int = FIRST_DAY_MICROS
    known: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Drawn:
    """The events of one province, in the order in which they are published."""

    province: str
    events: pl.DataFrame

    def lane(self, schema_id: int, prefix: str = "", topic: str = "") -> Lane:
        """Encode them, for their own topic, one of the same name behind a prefix, or any other."""
        own = event_topic(self.province, TYPE.name)
        return Lane(topic or (f"{prefix}.{own}" if prefix else own), *_encode(self.events, schema_id))


def draw(events: int, seed: int = 1, mix: Mix | None = None, among: Sequence[str] = ()) -> Iterator[Drawn]:
    """Draw events and deal them out to the provinces (by default all), each the same number."""
    regions = load_regions()
    provinces = sorted(among or regions.provinces())
    mix = mix or Mix()
    per_lane = [events // len(provinces) + (at < events % len(provinces)) for at in range(len(provinces))]
    for at, (province, count) in enumerate(zip(provinces, per_lane, strict=True)):
        places = sorted(c for c in regions.codes() if c.startswith(f"{province}.") and level_of(c) is Level.REGENCY)
        limit = None if mix.subjects is None else max(mix.subjects // len(provinces), 1)
        yield Drawn(province, _draw(np.random.default_rng([seed, at]), province, places, count, limit, mix))


def lanes(events: int, schema_id: int, seed: int = 1, mix: Mix | None = None) -> Iterator[Lane]:
    """Draw events and encode them for their own topics."""
    return (drawn.lane(schema_id) for drawn in draw(events, seed, mix))


def _draw(
    chance: np.random.Generator, province: str, places: list[str], count: int, limit: int | None, mix: Mix
) -> pl.DataFrame:
    rows = np.arange(count)
    odd = not mix.plain
    corrects = chance.random(count) < mix.corrections
    corrects[0] = False
    # A new event opens the next subject; a correction goes back to one that is open already.
    opened = np.cumsum(~corrects)
    subject = np.where(corrects, (chance.random(count) * opened).astype(np.int64), opened - 1)
    if limit is not None:
        subject = chance.integers(0, limit, count) if mix.known else subject % limit
    revision = mix.first_revision + rows * 1000
    late = corrects & (chance.random(count) < 0.033)
    revision = np.where(late, mix.first_revision - 1 - rows, revision)
    place = pl.Series(places)
    kind = chance.integers(0, 3, count)
    days = chance.integers(0, DAYS, count)
    occurred = FIRST_DAY_MICROS + days * _DAY_MICROS + chance.integers(0, 86_400, count) * 1_000_000 // 2
    counts = {
        name: _sometimes(chance, chance.integers(0, most, count), 0.6)
        for name, most in (("killed", 4), ("injured", 9), ("displaced", 900), ("buildings_damaged", 50))
    }
    counts["killed"] = pl.select(
        pl.when(pl.Series(chance.random(count) < 0.0001 * odd)).then(pl.lit(-1, pl.Int64)).otherwise(counts["killed"])
    ).to_series()
    where = place.gather(subject % len(places))
    named = pl.select(pl.format("kejadian:{}:{}", where, pl.Series(subject))).to_series()
    phase = pl.select(pl.when(pl.Series(kind == 0)).then(_PHASES.gather(chance.integers(0, 3, count)))).to_series()
    found = pl.DataFrame(
        {
            "event_id": _uuids(chance, count, mix.first_revision),
            "subject": named,
            "revision": revision,
            "action": pl.Series(["SUBMIT", "WITHDRAW"]).gather((corrects & (chance.random(count) < 0.05)).astype(int)),
            "region": where,
            "occurred_at": occurred,
            "recorded_at": occurred + 3_600_000_000,
            "published_at": occurred + 7_200_000_000,
            "source": pl.Series([f"siaga.{province}"]).gather(np.zeros(count, int)),
            "mode": pl.Series(["ACTUAL", "EXERCISE"]).gather((chance.random(count) < 0.01 * odd).astype(int)),
            "kind": _KINDS.gather(kind),
            "category": _CATEGORIES.gather(kind),
            "phase": phase,
            "severity": _SEVERITIES.gather(chance.integers(0, 5, count)),
            "verification": pl.Series(["UNVERIFIED", "VERIFIED"]).gather(chance.integers(0, 2, count)),
            "time_precision": pl.Series(["MINUTE", "DAY"]).gather(chance.integers(0, 2, count)),
            **counts,
            "loss_idr": _sometimes(chance, chance.integers(0, 10**10, count), 0.3),
            "resolved_at": _sometimes(chance, occurred + _DAY_MICROS, 0.3),
        }
    )  # fmt: skip
    copies = chance.random(count) < 0.01 * odd
    return found[np.where(copies, (chance.random(count) * (rows + 1)).astype(np.int64), rows)]


def _sometimes(chance: np.random.Generator, values: np.ndarray, share: float) -> pl.Series:
    return pl.select(pl.when(pl.Series(chance.random(len(values)) < share)).then(pl.Series(values))).to_series()


def _uuids(chance: np.random.Generator, count: int, micros: int) -> list[str]:
    """Draw UUIDv7s of rising milliseconds."""
    tails = chance.integers(0, 2**62, count).tolist()
    start = micros // 1000
    return [str(uuid.UUID(int=(start + at << 80) | (7 << 76) | (2 << 62) | tail)) for at, tail in enumerate(tails)]


def _encode(events: pl.DataFrame, schema_id: int) -> tuple[list[bytes], list[bytes]]:
    import pyarrow as pa

    plain = plain_schema(read_schema(TYPE.schema))
    arrow = pyruhvro.deserialize_array([], plain).schema
    columns = [
        pa.nulls(len(events), field.type) if field.name in _EMPTY else events[field.name].to_arrow().cast(field.type)
        for field in arrow
    ]
    bodies = pyruhvro.serialize_record_batch(pa.RecordBatch.from_arrays(columns, schema=arrow), plain, 1)[0]
    head = frame(schema_id, b"")
    return [text.encode() for text in events["subject"].to_list()], [head + body for body in bodies.to_pylist()]
