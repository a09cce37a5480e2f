"""The command `simpul completeness`: who was expected to report, who did, and who is silent."""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from simpul_schemas.calendars import PERIOD_SHAPES, PeriodKind, period_is_missing
from simpul_schemas.connection import connect_from_settings
from simpul_schemas.contract import event_type as checked_event_type
from simpul_schemas.coverage import COVERAGE_SCHEMA, NAMES_AT_MOST, Place
from simpul_schemas.errors import InvalidPeriod, InvalidRegion
from simpul_schemas.events.envelope import from_micros
from simpul_schemas.regions import NATION, level_of, load_regions
from simpul_schemas.topics import COVERAGE_TOPIC

_FINDINGS = 1
_WIB = timedelta(hours=7)


def completeness(
    event_type: Annotated[str, typer.Argument(help="Jenis peristiwa. / Event type, for example incident.")],
    period: Annotated[str, typer.Option(help="2024-02-14, 2024-W07, 2024-02, 2024-Q1, 2024-C1, 2024-S1, 2024.")],
    region: Annotated[str, typer.Option(help="Kode wilayah; bawaan negara. / Region; default the nation.")] = NATION,
    json_output: Annotated[bool, typer.Option("--json", help="Hasil sebagai JSON. / The result as JSON.")] = False,  # noqa: FBT002  # an option of the command line
) -> None:
    """Siapa yang ditunggu, siapa yang melapor, siapa yang diam. / Who was expected, who reported, who is silent.

    Reads the topic of completeness; exits with 1 where it has no such place. Examples:
    simpul completeness incident --period 2024-02 | simpul completeness incident --period 2024-C1 --region 53 --json
    """
    checked_event_type(event_type)
    if region != NATION and region not in load_regions():
        raise InvalidRegion(region)
    kind = kind_of(period)
    from simpul_processors.topic_rows import topic_rows  # noqa: PLC0415  # heavy; only when it is run

    place = Place(event_type, level_of(region).value, region, kind.value, period)
    rows = asyncio.run(topic_rows(connect_from_settings(), COVERAGE_TOPIC, COVERAGE_SCHEMA, place.key.encode()))
    row = max(rows, key=lambda one: one["revision"], default=None)
    if row is None:
        sys.stderr.write(
            f"Belum ada kelengkapan {event_type} {period} untuk {region}; lihat 'simpul roster list'. / "
            f"No completeness of {event_type} {period} for {region} yet; see 'simpul roster list'.\n"
        )
        raise typer.Exit(_FINDINGS)
    if json_output:
        typer.echo(json.dumps(row | {"as_of": from_micros(row["as_of"]).isoformat()}, ensure_ascii=False))
    else:
        typer.echo("\n".join(described(row)))


def kind_of(period: str) -> PeriodKind:
    """Return of which kind a period's text is, or raise `InvalidPeriod`."""
    for kind, shape in PERIOD_SHAPES.items():
        if re.fullmatch(shape, period) and not period_is_missing(kind, period):
            return kind
    raise InvalidPeriod(period)


def described(row: Mapping[str, Any]) -> list[str]:
    """Return a row in words, Indonesian first."""
    expected = row["expected"]
    state = "ditutup / closed" if row["closed"] else "masih terbuka / still open"
    lines = [
        f"{row['event_type']} · {load_regions().name(row['region'])} · {row['period']} · {state}",
        f"  melapor / reported      {row['reported']:>6} / {expected}{_share(row['reported'], expected)}",
        f"  tepat waktu / on time   {row['on_time']:>6} / {expected}{_share(row['on_time'], expected)}",
        f"  terlambat / late        {row['late']:>6}",
        f"  nihil / nil             {row['nil']:>6}",
        f"  diam / silent           {row['silent']:>6}",
        f"  jumlah kendali / claims {row['claimed']:>6}",
        f"  di luar daftar / unexpected {row['unexpected']:>2}",
        f"  per / as of             {from_micros(row['as_of']) + _WIB:%Y-%m-%d %H:%M} WIB",
    ]
    waiting = [name for name in row["missing"] if name not in set(row["silent_units"])]
    lines += _named("Diam / Silent", row["silent_units"])
    lines += _named("Terlambat / Late", row["late_units"])
    lines += _named("Ditunggu / Not due yet", waiting)
    if len(row["missing"]) == NAMES_AT_MOST:
        lines.append(
            f"(paling banyak {NAMES_AT_MOST} nama; pakai --region / at most {NAMES_AT_MOST} names; use --region)"
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"  {100 * part / whole:.1f} %" if whole else ""


def _named(title: str, names: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {name}" for name in names)] if names else []
